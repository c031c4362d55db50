"""What goes wrong between a run and GitHub: for each of a run's requests a fault, or none, by chance."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from copilot_etl.sandbox import Fault
from copilot_etl.sandbox.faults import CONTENT

Kind = tuple[str, Mapping[str, Any]]

# Left out: a link to the trap, which this machine's own addresses are allowed for here, and a limit that names no wait,
# after which a minute is waited for.
ANSWERS: Sequence[Kind] = (
    *((name, {}) for name in ("bad_token", "policy_off", "no_role", "sso", "forbidden", "not_found", "gone")),
    *((name, {}) for name in ("unprocessable", "no_content", "empty_body", "garbled", "html")),
    *((name, {}) for name in ("extra_fields", "dup_link")),
    *((name, {}) for name in ("links_empty", "links_missing", "links_null", "links_bad_type", "wrong_report_day")),
    *((name, {}) for name in ("foreign_link", "scheme_link", "body_null", "body_empty_string", "body_string")),
    *(("status", {"code": code}) for code in (408, 500, 502, 503, 504, 521, 501, 418, 302)),
    *(("redirect", {"to": to}) for to in ("same", "loop", "trap")),
    *(("rate_primary", {"status": status}) for status in (403, 429)),
    *(("rate_secondary", {"told": told}) for told in ("seconds", "date")),
)
FILES: Sequence[Kind] = (
    *((name, {}) for name in ("expired", "blob_not_found", "server_busy", "bad_md5", "gzip", "html", "redirect")),
    *(("status", {"code": code}) for code in (408, 429, 500, 503, 418, 302)),
)
CONTENTS: Sequence[Kind] = tuple(
    (
        name,
        {
            "value": "2026-01-01" if name == "set_day" else 3,
            "bytes": 9 * 2**20,
            "keep_every": 2,
            "fields": {"used_chat": 3},
            "content": b"nothing",
        },
    )
    for name in CONTENT
    if name != "set_login"
)
LINE: Sequence[Kind] = (
    *((name, {}) for name in ("close", "reset", "truncate", "chunk_cut", "eof_cut")),
    ("reset", {"at": 0.5}),
    ("delay", {"seconds": 0.1}),
)
SLOW: Sequence[Kind] = (("hang", {"seconds": 1.1}), ("drip", {"every": 0.02}))

_DEEP = 8  # requests of one kind that a run makes for a day at most, or nearly so


def forecast(
    random: Random, scopes: Sequence[str], days: Sequence[dt.date], *, parts: int, chance: float, slow: bool
) -> list[Fault]:
    """The faults of one run, in which each request meets one with this `chance`."""
    faults = []
    slowly = SLOW if slow else ()
    for scope in scopes:
        for day in days:
            for number in range(_DEEP):
                if random.random() < chance:
                    kind, args = random.choice((*ANSWERS, *LINE, *slowly))
                    faults.append(Fault(kind, scope, str(day), side="api", skip=number, args=args))
                for part in range(parts):
                    if random.random() < chance:
                        # The file's host fails more often than the file, or hardly any day would load.
                        kinds = random.choices(((*FILES, *LINE, *slowly), CONTENTS), (3, 1))[0]
                        kind, args = random.choice(kinds)
                        faults.append(Fault(kind, scope, str(day), side="blob", part=part, skip=number, args=args))
    return faults
