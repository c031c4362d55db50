"""What stands in a file, line by line: what is tolerated, and what keeps the whole day out."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from copilot_etl.sandbox.faults import CONTENT
from copilot_etl_tests.conftest import Line
from copilot_etl_tests.faults.case import DAY, Case, always, quarantined
from copilot_etl_tests.faults.conftest import Play

COUNT = "code_generation_activity_count"
FIRST = f"select {COUNT} from raw.user_day order by user_id limit 1"


def first(**fields: Any) -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    """The day with some fields of its first record set otherwise."""
    return lambda records: [{**records[0], **fields}, *records[1:]]


def refused(name: str, kind: str, line: str, *, heals: bool = False, **options: Any) -> Case:
    """A file of eight people, changed on its way out of the file host."""
    return quarantined(
        name, *always(kind, **options), heals=heals, line=f"part 1{'' if line.startswith(':') else ' '}{line}"
    )


def tolerated(name: str, kind: str, **options: Any) -> Case:
    """Another form of the file, with the same rows in it."""
    return Case(name, always(kind, **options))


def in_lines(records: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


TEXTS = (
    "=cmd|'/c calc'!A0",
    "'; drop table raw.user_day --",
    "<script>alert(1)</script>",
    "\x1b[2J\x07",
    "\u202egnp.exe",
    "a\u2028b\u0085c",
    "😀",
    "\x00",
    "x" * 10_000,
)

REFUSED = [
    # no NDJSON at all
    quarantined(
        "a page instead of a file",
        *always("html", side="blob"),
        line="part 1 line 1: not valid JSON",
        heals=True,
    ),
    refused("an error in XML", "replaced", "line 1: not valid JSON", content=b"<?xml version='1.0'?><Error/>"),
    refused("bytes of something else", "replaced", "line 1: not UTF-8", content=bytes(range(128, 256)) * 40),
    refused("an array that is cut", "replaced", ": not NDJSON, and not a valid JSON array", content=b'[{"day": '),
    refused("a wrapped report", "replaced", "line 1: user_id is missing", content=b'{"day_totals": []}'),
    refused("a gzip that is cut", "damaged_gzip", ": damaged gzip"),
    # no line at all
    refused("a last line of which half is there", "half_last_line", "line 8: not valid JSON", heals=True),
    refused("a line that ends in the middle", "malformed_line", "line 9: not valid JSON"),
    refused("a line that is no object", "not_an_object", "line 9: expected an object, got an array"),
    refused("a line that is not UTF-8", "bad_utf8", "line 9: not UTF-8"),
    refused("a line with a NUL byte", "nul_byte", "line 9: not valid JSON"),
    refused("a line that is nested 20,000 deep", "deep", "line 9: nested too deeply"),
    refused("a line with a key that stands twice", "duplicate_keys", "line 1: a key stands twice in one object"),
    refused("a line of 9 MiB", "huge_line", ": line 9 is longer than 8 MiB", bytes=9 * 2**20),
    refused("a bomb of spaces", "gzip_bomb", ": line 1 is longer than 8 MiB", of=" ", mebibytes=32),
    refused("a bomb of empty lines", "gzip_bomb", ": gzip that grows more than 100-fold", mebibytes=32),
    # somebody else's line
    refused("a record of another day", "set_day", "line 1: day is not the day of the report", value="2026-11-09"),
    refused(
        "a file of another day",
        "set_in_all",
        "line 1: day is not the day of the report",
        fields={"day": "2026-11-09"},
    ),
    refused(
        "a record of another organization",
        "set_org",
        "line 1: organization_id is not that of the other records and days",
        heals=True,
        value="4242002",
    ),
    refused(
        "a file of another organization",
        "set_in_all",
        "line 1: organization_id is not that of the other records and days",
        fields={"organization_id": "4242002"},
    ),
    # a value that cannot be
    refused("a record without its person", "missing_id", "line 1: user_id is missing"),
    refused("a record without its day", "set_day", "line 1: day is missing", value=None),
    *(
        refused(f"a count that is {words}", "raw_value", f"line 1: {reason}", value=value)
        for words, value, reason in (
            ("a text", '"5"', f"{COUNT}: expected a number, got a string"),
            ("a flag", "true", f"{COUNT}: expected a number, got a boolean"),
            ("an object", "{}", f"{COUNT}: expected a number, got an object"),
            ("a list", "[5]", f"{COUNT}: expected a number, got an array"),
            ("a fraction", "3.5", f"{COUNT}: expected a whole number"),
            ("negative", "-1", f"{COUNT}: negative"),
            ("beyond 64 bits", "9223372036854775808", f"{COUNT}: beyond 64 bits"),
            ("endless", "1e999", "not valid JSON"),
            ("no number", "NaN", "not valid JSON"),
            ("infinite", "-Infinity", "not valid JSON"),
        )
    ),
    refused(
        "two records of one person that differ",
        "conflicting_rows",
        "line 9: a second, different record of one user_id",
    ),
    refused(
        "an unknown field with a terminal's escape in its name, beside a fault",
        "new_field",
        "line 1: totals_by_ide: expected an array, got a string",
        fields={"\x1b[31m\u202e": 1, "totals_by_ide": "\x1b]0;title\x07"},
    ),
]

TOLERATED = [
    tolerated("a byte order mark", "bom"),
    tolerated("line ends of Windows", "crlf"),
    tolerated("blank lines", "blank_lines"),
    tolerated("no newline at the end", "no_final_newline"),
    tolerated("an array around the records", "json_array"),
    tolerated("gzip under another name", "gzip_content"),
    tolerated("a record that stands twice", "duplicate_rows"),
    Case(
        "a header that names another character set",
        always("headers", side="blob", headers={"Content-Type": "text/plain; charset=latin-1"}),
        publish=first(user_login="zoë"),
    ),
    Case("an empty file beside a full one", publish=lambda records: [in_lines(records), b""], fetched=(200, 200)),
    Case("a whole number written as a fraction", publish=first(**{COUNT: 7.0}), holds={FIRST: [(7,)]}),
    Case("a count that is null is not 0", publish=first(**{COUNT: None}), holds={FIRST: [(None,)]}),
    Case("a count that is 0 is not null", publish=first(**{COUNT: 0}), holds={FIRST: [(0,)]}),
    Case(
        "a count that is missing is null",
        publish=lambda records: [{k: v for k, v in record.items() if k != COUNT} for record in records],
        holds={f"select count({COUNT}), count(*) > 5 from raw.user_day": [(0, True)]},
    ),
    Case(
        "a null for a list is a list of nothing, and told apart from it",
        publish=first(totals_by_ide=None),
        holds={"select totals_by_ide_count from raw.user_day order by user_id limit 1": [(None,)]},
    ),
    Case(
        "an id that is sent as a text",
        always("set_in_all", fields={"organization_id": 4242001}),
        publish=lambda records: [{**record, "organization_id": "4242001"} for record in records],
    ),
    Case(
        "a field that is new",
        publish=first(new_field={"a": [1]}),
        line="new field: new_field, kept in raw.*.unknown_fields; see marts.schema_drift.",
        holds={
            "select unknown_fields from ops.report_days": [(1,)],
            "select unknown_fields from raw.user_day where unknown_fields is not null": [('{"new_field":{"a":[1]}}',)],
        },
    ),
    Case(
        "a field whose name would paint the terminal red",
        publish=first(**{"\x1b[31m\u202ered": 1}),
        line="new field: ?[31m?red, kept in raw.*.unknown_fields; see marts.schema_drift.",
    ),
    Case(
        "a nested field that is new, on every record",
        publish=lambda records: [
            {**record, "totals_by_feature": [{**item, "new": 1} for item in record["totals_by_feature"]]}
            for record in records
        ],
        line="new field: totals_by_feature[].new, kept in raw.*.unknown_fields; see marts.schema_drift.",
        holds={"select unknown_fields >= 5 from ops.report_days": [(True,)]},
    ),
    Case(
        "names that nobody knows yet",
        publish=first(
            totals_by_ide=[{"ide": "emacs 41", COUNT: 1}],
            totals_by_model_feature=[{"model": "gpt-9", "feature": "telepathy", COUNT: 1}],
        ),
        holds={"select count(*) from raw.user_day_model_feature where feature = 'telepathy'": [(1,)]},
    ),
    Case(
        "sums that do not add up",
        publish=first(loc_added_sum=10**6),
        holds={"select count(*) from raw.user_day where loc_added_sum = 1000000": [(1,)]},
    ),
    Case(
        "texts of every kind, which stay as they are",
        publish=first(totals_by_language_feature=[{"language": text, "feature": "x", COUNT: 1} for text in TEXTS]),
        holds={
            "select language from raw.user_day_language_feature where feature = 'x' order by 1": [
                (text,) for text in sorted(TEXTS)
            ]
        },
    ),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_a_line_that_cannot_be_trusted(play: Play, case: Case) -> None:
    play(case)


@pytest.mark.parametrize("case", TOLERATED, ids=lambda case: case.name)
def test_a_line_that_is_tolerated(play: Play, case: Case) -> None:
    play(case)


@pytest.mark.parametrize(
    ("kind", "options"),
    [("huge_line", {"bytes": 100 * 2**20}), ("gzip_bomb", {"of": " ", "mebibytes": 256})],
    ids=["a line of 100 MiB", "a bomb of 256 MiB"],
)
def test_what_is_too_large_is_not_read_into_memory(
    line: Callable[..., Line], tmp_path: Path, kind: str, options: dict[str, Any]
) -> None:
    made = line(parts=1)
    served = made.github._report("octo-org", str(DAY)) or []
    file = tmp_path / "large"
    file.write_bytes(CONTENT[kind](served[0], options))  # type: ignore[arg-type]
    made.github.publish("octo-org", DAY, [file])

    tracemalloc.start()
    outcome = made.load(DAY)[0]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert outcome.state == "quarantined"
    assert peak < 96 * 2**20
