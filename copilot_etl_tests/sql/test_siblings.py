"""Teams against brute force, and our sums against totals of GitHub's that are made up to agree with them."""

from __future__ import annotations

import datetime as dt
import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from copilot_etl.published import Published
from copilot_etl.warehouse import Warehouse
from copilot_etl_tests.sql import siblings
from copilot_etl_tests.sql.test_sql import NOW, build, file_of, insert, only, rows

pytestmark = pytest.mark.xdist_group("siblings")  # what they share is made once

DAY = dt.timedelta(days=1)
FIRST = dt.date(2026, 8, 1)
DAYS = [FIRST + n * DAY for n in range(45)]
WITHOUT_TEAMS, WITHOUT_USERS = DAYS[9], DAYS[13]
MODELS = (
    "marts.reconciliation_daily",
    "marts.team_adoption_daily",
    "marts.team_activity_28d",
    "marts.pull_requests_daily",
    "marts.repo_pull_requests_28d",
    "core.dim_team",
)
FEATURES = ("agent_edit", "chat_inline", "code_completion")
Key = tuple[str, dt.date, int]
"""A scope, a day and a person."""


def made_up() -> tuple[dict[str, list[dict[str, Any]]], dict[Key, bool], dict[Key, set[int]]]:
    """Tables to insert; who was active, and whether engaged; in which teams people were, active or not."""
    chance = random.Random(11)
    tables: dict[str, list[dict[str, Any]]] = defaultdict(list)
    active: dict[Key, bool] = {}
    teams: dict[Key, set[int]] = defaultdict(set)
    for scope in ("acme", "enterprise.big"):
        for day in DAYS:
            for report, missing in (("users-1-day", WITHOUT_USERS), ("user-teams-1-day", WITHOUT_TEAMS)):
                loaded = day != missing
                tables["ops.report_days"].append(
                    {
                        **{"scope": scope, "report": report, "day": day, "state": "loaded" if loaded else "failed"},
                        "loaded_at": day + 5 * DAY if loaded else None,
                    }
                )
            for user in range(1, 13):
                if day != WITHOUT_USERS and chance.random() < 0.25:
                    prompts = chance.choice([0, 3])
                    active[scope, day, user] = prompts > 0
                    tables["raw.user_day"].append(
                        {
                            **{"scope": scope, "day": day, "user_id": user, "loc_added_sum": user},
                            "user_initiated_interaction_count": prompts,
                        }
                    )
                for team in (41, 42, 43):
                    if day != WITHOUT_TEAMS and chance.random() < 0.3 and not (team == 43 and day > DAYS[20]):
                        teams[scope, day, user].add(team)
                        tables["raw.user_team_day"].append(
                            {"scope": scope, "day": day, "user_id": user, "team_id": team, "slug": f"team-{team}"}
                        )
    return tables, active, teams


TABLES, ACTIVE, TEAMS = made_up()


def people(scope: str, team: int | None, first: dt.date, last: dt.date, *, engaged: bool = False) -> set[int]:
    """Who was active in a team (None: in no team) on a day of a range of which the teams are loaded."""
    return {
        user
        for (name, day, user), is_engaged in ACTIVE.items()
        if name == scope
        and first <= day <= last
        and day != WITHOUT_TEAMS
        and (is_engaged or not engaged)
        and (team in TEAMS[name, day, user] if team else not TEAMS[name, day, user])
    }


def test_teams_equal_brute_force(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "warehouse.duckdb")
    insert(warehouse, TABLES)
    assert build(warehouse, *MODELS).kept

    daily: list[tuple[Any, ...]] = []
    for scope in ("acme", "enterprise.big"):
        for day in DAYS:
            if day == WITHOUT_TEAMS:
                continue
            members = {
                team: [user for user in range(1, 13) if team in TEAMS[scope, day, user]] for team in (41, 42, 43)
            }
            has_users = day != WITHOUT_USERS
            seen = {user for user in range(1, 13) if (scope, day, user) in ACTIVE}
            placed = {user for user in seen if TEAMS[scope, day, user]}
            for team in (*(each for each, found in members.items() if found), *([None] if has_users else [])):
                here = people(scope, team, day, day)
                daily.append(
                    (
                        *(scope, day, team, len(members[team]) if team else None),
                        len(here) if has_users else None,
                        len(people(scope, team, day - 6 * DAY, day)),
                        len(people(scope, team, day - 27 * DAY, day)),
                        len(people(scope, team, day, day, engaged=True)) if has_users else None,
                        len(people(scope, team, day - 27 * DAY, day, engaged=True)),
                        sum(here) if has_users else None,
                        len(placed) / len(seen) if seen else None,
                    )
                )
    found = rows(
        warehouse,
        "select scope, day, team_id, reported_members, daily_active_users, weekly_active_users_7d, "
        "monthly_active_users_28d, daily_engaged_users, monthly_engaged_users_28d, loc_added_sum, "
        "share_of_active_users_in_a_team from marts.team_adoption_daily",
    )
    assert sorted(found, key=str) == sorted(daily, key=str)

    first, last = DAYS[-28], DAYS[-1]
    window: list[tuple[Any, ...]] = [
        (
            *(scope, team, first, last, 28),
            len(people(scope, team, first, last)),
            len(people(scope, team, first, last, engaged=True)),
        )
        for scope in ("acme", "enterprise.big")
        for team in (41, 42, 43, None)
    ]
    found = rows(
        warehouse,
        "select scope, team_id, first_day, as_of_day, days_covered_28d, monthly_active_users_28d, "
        "monthly_engaged_users_28d from marts.team_activity_28d",
    )
    assert sorted(found, key=str) == sorted(window, key=str)


def test_a_late_day_of_any_report_leaves_the_rows_of_a_full_build(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "warehouse.duckdb")
    published = Published(file_of(warehouse), warehouse)
    insert(warehouse, TABLES)
    siblings.totals(warehouse)
    project = only(*MODELS)
    assert published.refresh(project, now=NOW - DAY).kept

    late = {
        "raw.user_day": [{"scope": "acme", "day": WITHOUT_USERS, "user_id": 1, "loc_added_sum": 9}],
        "raw.user_team_day": [{"scope": "acme", "day": WITHOUT_TEAMS, "user_id": 2, "team_id": 41, "slug": "late"}],
        "raw.totals_day": [{"scope": "acme", "day": WITHOUT_USERS, "loc_added_sum": 8, "weekly_active_users": 3}],
        "ops.report_days": [{"scope": "acme", "report": "organization-1-day", "day": WITHOUT_USERS, "state": "loaded"}],
    }
    with warehouse.connect() as connection:
        connection.execute(
            "delete from ops.report_days where report = 'organization-1-day' and day = ?", [WITHOUT_USERS]
        )
    late["ops.report_days"][0]["loaded_at"] = NOW.date()
    insert(warehouse, late)
    with warehouse.connect() as connection:
        connection.execute(
            "update ops.report_days set state = 'loaded', loaded_at = ? where scope = 'acme' and loaded_at is null",
            [NOW],
        )
    spans = {name: built.span for name, built in published.refresh(project, now=NOW).built.items()}
    changed = dump(warehouse)
    assert spans["marts.team_adoption_daily"] and spans["marts.reconciliation_daily"]

    assert published.refresh(project, now=NOW, full=True).kept
    assert changed == dump(warehouse)


def dump(warehouse: Warehouse) -> dict[str, list[tuple[Any, ...]]]:
    return {model: sorted(rows(warehouse, f"from {model}"), key=str) for model in MODELS}


# ------------------------------------------------------------------------------------- our sums and GitHub's


@pytest.fixture(scope="module")
def agreeing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """A whole month and a half of two scopes, with totals that are the sums of their people."""
    chance = random.Random(5)
    tables: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for scope in ("acme", "enterprise.big"):
        for day in DAYS:
            for user in [1, *(each for each in range(2, 7) if chance.random() < 0.3)]:
                key = {"scope": scope, "day": day, "user_id": user}
                flags = {f"used_{name}": chance.random() < 0.5 for name in ("agent", "chat", "cli")}
                tables["raw.user_day"].append(
                    {**key, **flags, **{name: chance.randint(0, 9) for name in siblings.SEVEN}}
                )
                for breakdown, keys in siblings.BREAKDOWNS.items():
                    names = {"ide": "abc", "feature": FEATURES, "language": "klm", "model": "mno"}
                    counters = siblings.counters_of(breakdown)
                    for picked in {tuple(chance.choice(names[each]) for each in keys) for _ in range(2)}:
                        tables[f"raw.user_day_{breakdown}"].append(
                            {
                                **{**key, **dict(zip(keys, picked, strict=True))},
                                **{name: chance.choice([0, chance.randint(1, 9)]) for name in counters},
                            }
                        )
    warehouse = Warehouse(tmp_path_factory.mktemp("agreeing") / "warehouse.duckdb")
    insert(warehouse, tables)
    siblings.fill(warehouse)
    yield warehouse


def test_sums_that_agree_are_equal(agreeing: Warehouse) -> None:
    refreshed = build(agreeing, *MODELS)

    assert {each.rule.full_name for each in refreshed.breaches if each.offenders} == set()
    found = rows(
        agreeing,
        "select status, reason, count(*), count(distinct measure), count(distinct breakdown) "
        "from marts.reconciliation_daily group by all",
    )
    by_reason = {(status, reason): (measures, breakdowns) for status, reason, _, measures, breakdowns in found}
    assert by_reason[("equal", None)] == (13, 6)
    assert {key for key in by_reason if key[0] != "equal"} == {
        ("cannot compare", "GitHub's totals have no value"),
        ("cannot compare", "the measure did not exist yet"),
        ("cannot compare", "days of the week are not loaded"),  # 2026-08-01 is a Saturday
    }


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ("update raw.totals_day set loc_added_sum = loc_added_sum + 1", {("(top level)", "loc_added_sum", -1)}),
        ("update raw.totals_day set monthly_active_users = 0", {("(top level)", "monthly_active_users", 6)}),
        (
            "update raw.totals_day_feature set loc_deleted_sum = loc_deleted_sum + 2 where feature = 'agent_edit'",
            {("feature", "loc_deleted_sum", -2)},
        ),
        (
            "update raw.totals_day_ide set ide = 'others' where ide = 'a'",  # what is capped is no difference
            set(),
        ),
    ],
)
def test_a_difference_is_found_where_it_lies(
    agreeing: Warehouse, tmp_path: Path, change: str, differs: set[tuple[str, str, int]]
) -> None:
    copied = Warehouse(tmp_path / "warehouse.duckdb")
    copied.path.write_bytes(agreeing.path.read_bytes())
    with copied.connect() as connection:
        connection.execute(f"{change}{' and' if 'where' in change else ' where'} day = date '2026-08-31'")

    refreshed = build(copied, "marts.reconciliation_daily")

    found = rows(
        copied, "select breakdown, measure, difference from marts.reconciliation_daily where status = 'differs'"
    )
    assert set(found) == differs
    warned = {each.rule.name for each in refreshed.breaches if each.offenders}
    assert warned == ({"our_sums_equal_githubs_own_totals"} if differs else set())
    assert refreshed.kept


def test_a_provisional_difference_has_a_reason(agreeing: Warehouse, tmp_path: Path) -> None:
    copied = Warehouse(tmp_path / "warehouse.duckdb")
    copied.path.write_bytes(agreeing.path.read_bytes())
    with copied.connect() as connection:
        for table in ("raw.user_day", "raw.totals_day", "ops.report_days"):
            shift = "((now() at time zone 'UTC')::date - 1 - date '2026-09-14')::int"
            connection.execute(
                f"create temp table shifted as select * replace ((day + ({shift}))::date as day) from {table}"
            )
            connection.execute(f"delete from {table}")
            connection.execute(f"insert into {table} from shifted")
            connection.execute("drop table shifted")
        connection.execute("update raw.totals_day set daily_active_users = 99")

    build(copied, "marts.reconciliation_daily")

    found = rows(
        copied,
        "select distinct is_provisional, reason from marts.reconciliation_daily "
        "where measure = 'daily_active_users' and status = 'differs'",
    )
    provisional = "provisional: the two reports were made at different times"
    assert sorted(found) == [(False, None), (True, provisional)]


def test_users_alone_leave_the_other_marts_empty(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "warehouse.duckdb")
    insert(warehouse, {"raw.user_day": [{"scope": "acme", "day": FIRST, "user_id": 1, "loc_added_sum": 3}]})

    refreshed = build(warehouse)

    assert refreshed.kept
    with duckdb.connect(file_of(warehouse), read_only=True) as connection:
        assert [connection.execute(f"select count(*) from {model}").fetchone() for model in MODELS] == [(0,)] * 6
