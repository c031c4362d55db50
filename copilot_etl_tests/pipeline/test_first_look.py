"""The last 28 days at once, in one request a scope: marked, and replaced by each day's own file as it comes."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import duckdb
import pytest

from copilot_etl import coverage, landing, pipeline
from copilot_etl.errors import NotReady, Quarantined, Refused
from copilot_etl.github import NotFound
from copilot_etl.pipeline import Outcome
from copilot_etl.reports import USERS_1_DAY, Scope
from copilot_etl.sandbox import Fault, Organization
from copilot_etl_tests.conftest import TODAY, Line
from copilot_etl_tests.served import assert_equal_to_what_was_served, tables

USERS_28 = "users-28-day"
LAST = TODAY - dt.timedelta(days=1)
DAYS = [LAST - dt.timedelta(days=back) for back in range(9, -1, -1)]
"""The last ten of the 28: enough for every case, and a third of the work."""
ORG = Scope("org", "octo-org")


@pytest.fixture
def line(line: Callable[..., Line]) -> Callable[..., Line]:
    """As everywhere, but with so many people that somebody is there on every day."""
    people = (Organization("octo-org", "4242001", 60), Organization("octo-labs", "4242002", 8))
    return lambda *faults, **options: line(*faults, **{"organizations": people, **options})


def look(made: Line, *days: dt.date, scopes: tuple[Scope, ...] = (ORG,)) -> list[Outcome]:
    with made.client() as github:
        return list(
            pipeline.first_look(
                [USERS_1_DAY],
                scopes=scopes,
                days=days or DAYS,
                github=github,
                store=made.store,
                warehouse=made.warehouse,
                clock=lambda: made.now,
            )
        )


def marks(made: Line) -> dict[dt.date, bool | None]:
    return {day: row.is_first_look for (_, day), row in made.ledger().items()}


def test_one_request_brings_every_day(line: Callable[..., Line]) -> None:
    made = line()

    outcomes = look(made)

    assert [(each.day, each.state, each.is_first_look) for each in outcomes] == [(day, "loaded", True) for day in DAYS]
    assert [each.path for each in made.github.journal if each.side == "api"] == [
        "/orgs/octo-org/copilot/metrics/reports/users-28-day/latest"
    ]
    assert made.github.violations() == []
    for day in (DAYS[0], DAYS[5], LAST):
        assert made.query("select count(*) from raw.user_day where day = ?", day) == [
            (len(made.github.truth("octo-org", day)),)
        ]
    assert set(marks(made).values()) == {True}


def test_each_days_own_file_takes_its_place_and_restates_nothing(line: Callable[..., Line]) -> None:
    made = line()
    look(made)

    made.load(*DAYS)

    for day in (DAYS[0], LAST):
        assert_equal_to_what_was_served(made, "octo-org", day)
    assert made.query("select count(*), count(distinct (scope, day, user_id)) from raw.user_day") == [
        2 * (sum(len(made.github.truth("octo-org", day)) for day in DAYS),)
    ]
    assert set(marks(made).values()) == {False}
    assert made.query("select count(*) from ops.restatements") == [(0,)]


def test_a_day_that_is_here_stays_as_it_is(line: Callable[..., Line]) -> None:
    made = line()
    made.load(DAYS[3])
    before = tables(made, day=DAYS[3])

    outcomes = look(made)

    assert DAYS[3] not in [each.day for each in outcomes] and len(outcomes) == len(DAYS) - 1
    assert tables(made, day=DAYS[3]) == before
    assert marks(made)[DAYS[3]] is False


def test_only_the_days_that_were_named_are_taken(line: Callable[..., Line]) -> None:
    made = line()

    assert [each.day for each in look(made, DAYS[5], DAYS[6], TODAY - dt.timedelta(days=40))] == [DAYS[5], DAYS[6]]
    assert set(marks(made)) == {DAYS[5], DAYS[6]}


def test_a_second_look_changes_nothing(line: Callable[..., Line]) -> None:
    made = line()
    look(made)
    before = tables(made)

    assert {(each.state, each.changed) for each in look(made)} == {("loaded", False)}
    assert tables(made) == before
    assert len(landing.versions(made.store.raw, "users-1-day", "octo-org", LAST)) == 1


def test_a_days_own_file_may_be_much_smaller_and_equal_bytes_end_the_first_look(line: Callable[..., Line]) -> None:
    made = line(parts=1)
    look(made)
    few = made.github.truth("octo-org", DAYS[0])[:3]
    made.github.publish("octo-org", DAYS[0], few)
    cut = made.github.truth("octo-org", "latest", report=USERS_28)
    made.github.publish("octo-org", LAST, [record for record in cut if record["day"] == str(LAST)])

    outcomes = made.load(DAYS[0], LAST)

    assert [(each.state, each.changed) for each in outcomes] == 2 * [("loaded", True)]
    assert made.query("select count(*) from raw.user_day where day = ?", DAYS[0]) == [(3,)]
    assert {day: mark for day, mark in marks(made).items() if not mark} == {DAYS[0]: False, LAST: False}
    first, second = landing.versions(made.store.raw, "users-1-day", "octo-org", LAST)
    assert (first.is_first_look, second.is_first_look) == (True, False)


def test_the_days_stay_wanted_until_their_own_files_are_here(line: Callable[..., Line]) -> None:
    made = line()
    look(made)

    def wanted() -> list[dt.date]:
        found = coverage.coverage(
            made.warehouse.ledger(),
            reports=[USERS_1_DAY],
            scopes=[ORG],
            start=dt.date(2025, 12, 12),
            now=made.now,
            lookback_days=7,
        )
        return [each.day for each in found if each.is_wanted]

    assert wanted() == DAYS

    for day in DAYS[:2]:  # GitHub has no file of theirs, and is not asked for one for ever
        made.github.publish("octo-org", day, None)
    made.load(*DAYS)

    assert wanted() == DAYS[-3:]
    assert made.query("select count(distinct day) from raw.user_day where day <= ?", DAYS[1]) == [(2,)]


def test_a_rebuild_keeps_the_mark(line: Callable[..., Line]) -> None:
    made = line()
    look(made)
    made.load(*DAYS[:6])
    before = tables(made), marks(made)

    outcomes = list(pipeline.rebuild([USERS_1_DAY], store=made.store, warehouse=made.warehouse, clock=lambda: made.now))

    assert all(each.good for each in outcomes)
    assert (tables(made), marks(made)) == before
    assert made.query("select count(*) from ops.restatements") == [(0,)]


def test_a_warehouse_of_an_older_version_gets_the_column(line: Callable[..., Line]) -> None:
    made = line()
    made.load(LAST)
    with duckdb.connect(made.store.warehouse) as connection:
        connection.execute("alter table ops.report_days drop column is_first_look")

    assert marks(made) == {LAST: None}
    look(made)
    assert sum(mark is True for mark in marks(made).values()) == len(DAYS) - 1


def test_one_scope_without_it_does_not_stop_the_others(line: Callable[..., Line]) -> None:
    made = line(Fault("no_role", scope="octo-labs", report=USERS_28, times=None))

    outcomes = look(made, scopes=(Scope("org", "octo-labs"), ORG))

    refused, *loaded = outcomes
    assert isinstance(refused.error, Refused) and not refused.good and refused.scope == "octo-labs"
    assert [(each.scope, each.state) for each in loaded] == len(DAYS) * [("octo-org", "loaded")]
    assert {row.scope for row in made.warehouse.ledger()} == {"octo-org"}


def test_a_refused_token_is_asked_with_once(line: Callable[..., Line]) -> None:
    made = line(Fault("bad_token", report=USERS_28, times=None))

    outcomes = look(made, scopes=(ORG, Scope("org", "octo-labs")))

    assert [each.good for each in outcomes] == [False]
    assert [status for _, status in made.asked()] == [401]


def test_a_limit_keeps_what_came_before_it(line: Callable[..., Line]) -> None:
    made = line(Fault("rate_primary", scope="octo-labs", report=USERS_28, times=None, args={"wait": 3600}))

    outcomes = look(made, scopes=(ORG, Scope("org", "octo-labs"), Scope("org", "octo-rest")))

    limited, *loaded = outcomes
    assert (limited.scope, limited.good) == ("octo-labs", False)
    assert [(each.scope, each.state) for each in loaded] == len(DAYS) * [("octo-org", "loaded")]
    assert len(made.asked()) == 2


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        ("links_empty", NotReady, "octo-org latest 28 days: no report (yet), the list of links is empty."),
        ("not_found", NotFound, "octo-org latest 28 days: no report, or the token cannot see octo-org (404)."),
    ],
)
def test_a_scope_without_a_report_says_so(
    line: Callable[..., Line], fault: str, error: type[Exception], says: str
) -> None:
    (outcome,) = look(line(Fault(fault, report=USERS_28, times=None)))

    assert type(outcome.error) is error and str(outcome.error) == says
    assert not outcome.good


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda lines: [*lines[:5], b'{"user_id": 1}', *lines[5:]], "line 6: no JSON object with a day"),
        (lambda lines: [*lines, b'{"user_id": 1, "day": "2026-09-01"}'], "day is none of the report's"),
        (lambda lines: [b"[1, 2]", *lines], "part 1"),
        (lambda lines: [b"nonsense", *lines], "line 1: no JSON object with a day"),
        (lambda lines: [*lines, b'{"user_id": 1, "day": "2026-11-2', *lines], "no JSON object with a day"),
    ],
)
def test_a_line_of_no_day_keeps_the_whole_look_out(
    line: Callable[..., Line], change: Callable[[list[bytes]], list[bytes]], says: str
) -> None:
    made = line()
    lines = [json.dumps(record).encode() for record in made.github.truth("octo-org", "latest", report=USERS_28)]
    made.github.publish("octo-org", "latest", [b"\n".join(change(lines))], report=USERS_28)

    (outcome,) = look(made)

    assert isinstance(outcome.error, Quarantined)
    assert says in str(outcome.error) and "--first-look" in str(outcome.error) and len(str(outcome.error)) <= 200
    assert not made.warehouse.ledger()


def test_a_bad_record_quarantines_its_day_alone(line: Callable[..., Line]) -> None:
    made = line()
    records: list[dict[str, Any]] = made.github.truth("octo-org", "latest", report=USERS_28)
    bad = next(record for record in records if record["day"] == str(DAYS[4]))
    bad["loc_added_sum"] = -1
    made.github.publish("octo-org", "latest", records, report=USERS_28)

    outcomes = look(made)

    assert {each.day: each.state for each in outcomes if each.state != "loaded"} == {DAYS[4]: "quarantined"}
    assert made.load(DAYS[4])[0].state == "loaded"
