"""What is known of every day: wanted, missing, overdue, and how long GitHub still has it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable

import pytest

from copilot_etl.coverage import ReportDay, coverage, days_left, wanted_days, warning
from copilot_etl.ledger import LedgerDay
from copilot_etl.reports import USERS_1_DAY, Scope
from copilot_etl.sandbox import Fault
from copilot_etl_tests.conftest import Line

DAY = dt.date(2026, 11, 10)
NEXT = dt.date(2026, 11, 11)
LATER = dt.date(2026, 11, 12)
NOW = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)


def found(
    ledger: Iterable[LedgerDay],
    *,
    now: dt.datetime = NOW,
    scopes: tuple[str, ...] = ("octo-org",),
    start: dt.date = dt.date(2025, 12, 12),
) -> tuple[ReportDay, ...]:
    return coverage(
        ledger,
        reports=[USERS_1_DAY],
        scopes=[Scope("org", name) for name in scopes],
        start=start,
        now=now,
        lookback_days=7,
    )


def row(day: dt.date, state: str, *, loaded: bool = False, scope: str = "octo-org") -> LedgerDay:
    seen = NOW.replace(tzinfo=None)
    rows = 5 if loaded else None
    return LedgerDay(
        scope, "users-1-day", day, state, rows, 1, 1, "a", "b", 0, None, 1, seen, seen, seen if loaded else None, None
    )


def wanted(line: Line, today: dt.date, *, scopes: tuple[str, ...] = ("octo-org",)) -> list[str]:
    now = dt.datetime.combine(today, dt.time(4, 15), tzinfo=dt.UTC)
    return [day.isoformat()[5:] for day in wanted_days(found(line.warehouse.ledger(), now=now, scopes=scopes))]


def test_at_first_the_window_is_wanted(line: Callable[..., Line]) -> None:
    assert wanted(line(), dt.date(2026, 11, 24)) == ["11-17", "11-18", "11-19", "11-20", "11-21", "11-22", "11-23"]


def test_days_that_may_still_change_are_wanted_again(line: Callable[..., Line]) -> None:
    made = line()
    made.load(*(dt.date(2026, 11, 17) + dt.timedelta(days=n) for n in range(7)))

    assert wanted(made, dt.date(2026, 11, 24)) == ["11-21", "11-22", "11-23"]


def test_after_a_pause_every_missed_day_is_wanted(line: Callable[..., Line]) -> None:
    made = line()
    made.now = dt.datetime(2026, 10, 20, 9, tzinfo=dt.UTC)
    made.load(dt.date(2026, 10, 15), dt.date(2026, 10, 18))

    days = wanted(made, dt.date(2026, 11, 3))

    assert days == ["10-16", "10-17", *(f"10-{n}" for n in range(18, 32)), "11-01", "11-02"]


def test_failed_and_quarantined_days_are_wanted_for_ever(line: Callable[..., Line]) -> None:
    made = line(Fault("status", times=None, day=str(DAY), args={"code": 500}), Fault("malformed_line", day=str(NEXT)))
    made.load(DAY, NEXT, LATER)

    assert wanted(made, dt.date(2026, 11, 16)) == ["11-09", "11-10", "11-11", "11-13", "11-14", "11-15"]


def test_a_new_organization_is_wanted_beside_a_settled_one(line: Callable[..., Line]) -> None:
    made = line()
    made.load(*(dt.date(2026, 11, 17) + dt.timedelta(days=n) for n in range(3)))

    assert wanted(made, dt.date(2026, 11, 20), scopes=("octo-org", "octo-labs"))[0] == "11-13"


# ------------------------------------------------------------------------------------------ missing and leaving


def test_every_complete_day_from_the_first_partition_on_is_told() -> None:
    days = found([row(DAY, "loaded", loaded=True)])

    assert (days[0].day, days[-1].day, len(days)) == (dt.date(2025, 12, 12), dt.date(2026, 11, 19), 343)
    assert {each.state for each in days} == {"missing", "loaded"}


def test_a_day_is_overdue_72_hours_after_its_end_unless_something_of_it_is_here() -> None:
    first = dt.date(2026, 11, 12)
    states = {
        first: row(first, "failed"),
        dt.date(2026, 11, 13): row(dt.date(2026, 11, 13), "failed", loaded=True),
        dt.date(2026, 11, 14): row(dt.date(2026, 11, 14), "no_report"),
        dt.date(2026, 11, 15): row(dt.date(2026, 11, 15), "quarantined"),
        dt.date(2026, 11, 17): row(dt.date(2026, 11, 17), "not_ready"),
    }

    midnight = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
    at_noon = [each.day.day for each in found(states.values()) if each.is_overdue]
    just_before = [each.day.day for each in found(states.values(), now=midnight) if each.is_overdue]

    assert at_noon == [12, 15, 16]
    assert just_before == [12, 15]


def test_days_before_the_first_that_was_asked_for_are_missing_but_not_overdue() -> None:
    days = found([row(DAY, "loaded", loaded=True)])

    before = [each for each in days if each.day < DAY]
    assert {(each.state, each.is_overdue, each.is_wanted) for each in before} == {("missing", False, False)}


def test_a_scope_that_is_asked_for_no_more_is_told_as_it_was_left() -> None:
    days = found([row(DAY, "failed", scope="left-org"), row(NEXT, "loaded", loaded=True)], scopes=("octo-org",))

    assert [(each.scope, each.day, each.is_wanted, each.is_overdue) for each in days if each.scope == "left-org"] == [
        ("left-org", DAY, False, False)
    ]


@pytest.mark.parametrize(
    ("day", "today", "left"),
    [
        ("2025-12-12", "2026-12-11", 1),
        ("2025-12-12", "2026-12-12", 0),
        ("2026-01-01", "2026-12-31", 1),
        ("2028-02-29", "2029-02-27", 1),
        ("2028-02-28", "2029-02-28", 0),
    ],
)
def test_github_keeps_a_day_for_a_year(day: str, today: str, left: int) -> None:
    assert days_left(dt.date.fromisoformat(day), dt.date.fromisoformat(today)) == left


def test_missing_days_that_leave_soon_are_one_line_with_the_command_that_saves_them() -> None:
    now = dt.datetime(2026, 11, 25, 12, tzinfo=dt.UTC)
    leaving = [each for each in found([row(dt.date(2025, 12, 13), "loaded", loaded=True)], now=now) if each.is_leaving]

    said = warning([(each.scope, each.day) for each in leaving], now.date())

    assert [each.day.isoformat()[5:] for each in leaving] == ["12-12", *(f"12-{n}" for n in range(14, 26))]
    assert said == (
        "13 missing days leave GitHub within 30 days, octo-org 2025-12-12 in 17. "
        "Load them: copilot-etl load --from 2025-12-12 --to 2025-12-25"
    )
    assert warning([("octo-org", DAY)], now.date()) == ""
