"""The error tree: each class says what the caller can do next, and carries its exit code.

CopilotEtlError
├── ConfigError      a person must change a setting                    exit 2
├── NotReady         GitHub has no report for this day (yet)           marked, exit 0
├── Refused          GitHub will not serve this: token, policy, role   exit 3
├── Unavailable      worth another try; carries retry_after            exit 1
├── Unexpected       an answer outside GitHub's contract               exit 1
├── Quarantined      bytes are kept aside, the day is not loaded       exit 1
└── WarehouseBusy    another process holds the file                    exit 75

Every message is one line that names scope, day, cause and remedy, and is safe to print: no URL with a
query, no token, no login and no text of a report line.
"""

from __future__ import annotations


class CopilotEtlError(Exception):
    """Something this project raises on purpose; `str(error)` is the one line to show a person."""

    exit_code = 1


class ConfigError(CopilotEtlError):
    """A person must change a setting before this can work."""

    exit_code = 2


class NotReady(CopilotEtlError):
    """GitHub has no report for this day (yet); never to be read as zero usage."""

    exit_code = 0


class Refused(CopilotEtlError):
    """GitHub will not serve this, and asking again gets the same answer.

    `whole_run` is true when the next scope would be refused too (a bad token), false when only this
    scope is (its policy is off, the token lacks a role in it).
    """

    exit_code = 3

    def __init__(self, message: str, *, whole_run: bool = False) -> None:
        super().__init__(message)
        self.whole_run = whole_run


class Unavailable(CopilotEtlError):
    """Worth another try; `retry_after` is the server's own wait in seconds, when it named one.

    `whole_run` is true for a wait that is the token's, not a day's: the run ends when it is too long to be waited for;
    `whole_scope` for one that is this scope's alone, since it has a token of its own.
    """

    def __init__(
        self, message: str, *, retry_after: float | None = None, whole_run: bool = False, whole_scope: bool = False
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.whole_run = whole_run
        self.whole_scope = whole_scope


class Unexpected(CopilotEtlError):
    """GitHub answered outside its documented contract; a retry would not help."""


class Quarantined(CopilotEtlError):
    """The day's bytes were kept aside because they cannot be trusted; what was loaded before stays."""


class WarehouseBusy(CopilotEtlError):
    """Another process holds the warehouse file; nothing was lost, try again later."""

    exit_code = 75


def raise_if_interrupted(error: Exception) -> None:
    """Raises KeyboardInterrupt for what DuckDB makes of one that a signal's handler raises while it works."""
    if type(error) is RuntimeError and str(error) == "Query interrupted":
        raise KeyboardInterrupt from None
