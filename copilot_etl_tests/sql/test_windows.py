"""Windows, funnel, lifecycle and retention against brute force, on people who come and go at random."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from copilot_etl.warehouse import Warehouse
from copilot_etl_tests.sql.test_sql import build, insert, rows

ALL = "(all organizations)"
FIRST = dt.date(2026, 2, 20)
DAY = dt.timedelta(days=1)
Look = tuple[str, dt.date, int]
"""A person seen in an organization on a day."""

looks = st.tuples(
    st.sampled_from(["acme", "labs"]), st.integers(0, 45).map(lambda n: FIRST + n * DAY), st.integers(1, 4)
)
quick = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def chats(user: int, day: dt.date) -> bool:
    """Whether a person used chat on a day: as far as anybody can tell, at random."""
    return (user * 7 + day.toordinal() * 3) % 5 < 2


def built(folder: Path, seen: Iterable[Look], *models: str) -> Warehouse:
    warehouse = Warehouse(folder / "warehouse.duckdb")
    insert(
        warehouse,
        {
            "raw.user_day": [
                {"scope": scope, "day": day, "user_id": user, "used_chat": chats(user, day), "used_agent": user == 1}
                for scope, day, user in sorted(seen)
            ]
        },
    )
    assert build(warehouse, *models).kept
    return warehouse


def with_all(seen: Iterable[Look]) -> dict[str, set[tuple[dt.date, int]]]:
    """Who was seen when, by scope; '(all organizations)' has everybody once."""
    scopes: dict[str, set[tuple[dt.date, int]]] = {}
    for scope, day, user in seen:
        for name in (scope, ALL):
            scopes.setdefault(name, set()).add((day, user))
    return scopes


def spine(people: set[tuple[dt.date, int]]) -> list[dt.date]:
    days = [day for day, _ in people]
    return [min(days) + n * DAY for n in range((max(days) - min(days)).days + 1)]


@quick
@given(seen=st.sets(looks, min_size=1, max_size=60))
def test_windows_equal_brute_force(tmp_path_factory: pytest.TempPathFactory, seen: set[Look]) -> None:
    warehouse = built(tmp_path_factory.mktemp("windows"), seen, "marts.adoption_daily")

    expected: list[tuple[Any, ...]] = []
    for scope, people in with_all(seen).items():
        for day in spine(people):

            def users(
                first: dt.date, people: set[tuple[dt.date, int]] = people, last: dt.date = day, **flags: bool
            ) -> int:
                kept = {(at, user) for at, user in people if first <= at <= last}
                if flags.get("chat"):
                    kept = {(at, user) for at, user in kept if chats(user, at)}
                if flags.get("agent"):
                    kept = {(at, user) for at, user in kept if user == 1}
                if flags.get("engaged"):
                    kept = {(at, user) for at, user in kept if chats(user, at) or user == 1}
                return len({user for _, user in kept})

            sunday, month, week, four_weeks = (
                day - day.isoweekday() % 7 * DAY,
                day.replace(day=1),
                day - 6 * DAY,
                day - 27 * DAY,
            )
            known = any(month <= at <= day for at, _ in people)
            expected.append(
                (
                    scope,
                    day,
                    users(day) or None,  # no report
                    *(users(first) for first in (week, four_weeks, sunday, month)),
                    users(day, engaged=True) if users(day) else None,
                    *(users(first, engaged=True) for first in (week, four_weeks, sunday, month)),
                    users(month, agent=True) if known else None,
                    users(four_weeks, chat=True) if any(four_weeks <= at <= day for at, _ in people) else None,
                )
            )
    found = rows(
        warehouse,
        "select scope, day, daily_active_users, weekly_active_users_7d, monthly_active_users_28d, "
        "weekly_active_users_wtd, monthly_active_users_mtd, daily_engaged_users, weekly_engaged_users_7d, "
        "monthly_engaged_users_28d, weekly_engaged_users_wtd, monthly_engaged_users_mtd, "
        "monthly_active_agent_users_mtd, monthly_active_chat_users_28d from marts.adoption_daily",
    )
    assert sorted(found, key=str) == sorted(expected, key=str)


@quick
@given(seen=st.sets(looks, min_size=1, max_size=60))
def test_the_funnel_equals_brute_force(tmp_path_factory: pytest.TempPathFactory, seen: set[Look]) -> None:
    warehouse = built(tmp_path_factory.mktemp("funnel"), seen, "marts.feature_adoption_funnel")

    expected = []
    for scope, people in with_all(seen).items():
        for day in spine(people):
            window = [(at, user) for at, user in people if day - 27 * DAY <= at <= day]
            stages = {
                "active": (window, 1),
                "engaged": ([(at, user) for at, user in window if chats(user, at) or user == 1], 1),
                "chat": ([(at, user) for at, user in window if chats(user, at)], 2),
                "agent": ([(at, user) for at, user in window if user == 1], 2),
                "code_completion": ([], 2),
                "github_agent_surface": ([], 2),
                "two_or_more_surfaces": ([], 2),
            }
            for stage, (reached, days) in stages.items():
                users = {user for _, user in reached if len({at for at, each in reached if each == user}) >= days}
                expected.append((scope, day, stage, len(users)))
    assert sorted(rows(warehouse, "select scope, day, stage, users from marts.feature_adoption_funnel")) == sorted(
        expected
    )


@quick
@given(seen=st.sets(looks, min_size=1, max_size=60))
def test_lifecycle_and_retention_equal_brute_force(tmp_path_factory: pytest.TempPathFactory, seen: set[Look]) -> None:
    models = ("marts.user_lifecycle_weekly", "marts.retention_cohorts")
    warehouse = built(tmp_path_factory.mktemp("lifecycle"), seen, *models)

    states, cells = [], []
    loaded = {(scope, day) for scope, day, _ in seen}
    for scope, people in with_all(seen).items():
        weeks = sorted({day - day.weekday() * DAY for day in spine(people)})
        active = {week: {user for day, user in people if week <= day < week + 7 * DAY} for week in weeks}
        ever: set[int] = set()
        for week in weeks:
            before = active.get(week - 7 * DAY, set())
            now = active[week]
            states += [
                (scope, week, "new", len(now - ever)),
                (scope, week, "retained", len(now & before)),
                (scope, week, "resurrected", len((now & ever) - before)),
                (scope, week, "churned", len(before - now)),
            ]
            ever |= now

        def is_complete(week: dt.date, scope: str = scope) -> bool:
            names = {name for name, _ in loaded} if scope == ALL else {scope}
            return all((name, week + n * DAY) in loaded for name in names for n in range(7))

        complete = [week for week in weeks if is_complete(week)]
        cohorts = {week: active[week] - set().union(*(active[each] for each in weeks if each < week)) for week in weeks}
        for cohort, members in cohorts.items():
            for week in weeks:
                if members and complete and cohort <= week <= complete[-1]:
                    cells.append((scope, cohort, (week - cohort).days // 7, len(members), len(members & active[week])))
    found = rows(warehouse, "select scope, week_start_monday, lifecycle_state, users from marts.user_lifecycle_weekly")
    assert sorted(found) == sorted(states)
    found = rows(
        warehouse,
        "select scope, cohort_week, weeks_since, cohort_size, retained_users from marts.retention_cohorts",
    )
    assert sorted(found) == sorted(cells)
