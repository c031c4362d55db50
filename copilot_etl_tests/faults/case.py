"""A fault, how it is played, and the four things that are true when the run has ended."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Literal

from copilot_etl.sandbox import Fault

DAY = dt.date(2026, 11, 10)
NEXT = dt.date(2026, 11, 11)
YOUNG = dt.date(2026, 11, 20)
"""Four days before the sandbox's today: a day that may still come, or be restated."""

AT = f"octo-org {DAY}"

Record = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A fault in words, which are the test's id, and what it does to one day of octo-org.

    How it is played: `faults` are the sandbox's; `publish` makes what is served out of what would have been; `earlier`
    says whether another version was loaded before. `days` are loaded from `day` on, for `scopes`. `sandbox`, `limits`,
    `client` and `environ` change how the fake, the bounds, the client and the environment are set up.

    What is true then: `rows` are those that GitHub serves now, those of the earlier version, or none (`anything` leaves
    them to `holds`, queries and their rows); `state` is the ledger's, and `also` that of other scopes and days;
    `exit_code` and `line`, the last one on stderr, are what a person gets (`…` stands for a moment); `asked` are the
    statuses of the API's answers and `fetched` those of the file host, 0 for a connection that gave none; `waits` are
    the seconds that were slept, `logged` is what is warned of once.

    With `heals` the day is loaded once more without the fault, and is whole then.
    """

    name: str
    faults: Sequence[Fault] = ()
    _: KW_ONLY
    publish: Callable[[list[Record]], Sequence[Record] | Sequence[bytes]] | None = None
    earlier: bool = True
    day: dt.date = DAY
    days: int = 1
    scopes: Sequence[str] = ("octo-org",)
    sandbox: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, Any] = field(default_factory=dict)
    client: Mapping[str, Any] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    rows: Literal["served", "earlier", "none", "anything"] = "served"
    state: str = "loaded"
    also: Mapping[tuple[str, dt.date], str] = field(default_factory=dict)
    exit_code: int = 0
    line: str = ""
    asked: Sequence[int] = (200,)
    fetched: Sequence[int] = (200,)
    waits: Sequence[int] = ()
    logged: str = ""
    holds: Mapping[str, Sequence[tuple[Any, ...]]] = field(default_factory=dict)
    heals: bool = False


def always(kind: str, **options: Any) -> tuple[Fault]:
    """The fault on every request."""
    return (once(kind, times=None, **options),)


def once(kind: str, **options: Any) -> Fault:
    """The fault on the first request; what is none of a fault's own options is an argument of its kind."""
    own = {name: options.pop(name) for name in ("scope", "day", "side", "part", "times", "skip") if name in options}
    return Fault(kind, args=options, **own)


def failed(name: str, *faults: Fault, **changes: Any) -> Case:
    """A fault that keeps the day out: the earlier version stays, and another run asks again."""
    return Case(name, faults, **{"rows": "earlier", "state": "failed", "exit_code": 1, "fetched": (), **changes})


def quarantined(name: str, *faults: Fault, line: str, **changes: Any) -> Case:
    """A file that cannot be trusted, in one part: `line` is where and why."""
    said = f"quarantined: {AT}: {line}. Not loaded; the bytes are kept."
    return Case(name, faults, **{"rows": "earlier", "state": "quarantined", "exit_code": 1, "line": said, **changes})
