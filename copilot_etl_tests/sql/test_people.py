"""Phases, credits and activity of people against brute force, on seven random weeks; pools of credits by hand."""

from __future__ import annotations

import datetime as dt
import math
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from copilot_etl.models import Project
from copilot_etl.published import Published
from copilot_etl.warehouse import Warehouse
from copilot_etl_tests.sql.test_sql import NOW, build, file_of, insert, only, rows

pytestmark = pytest.mark.xdist_group("people")  # what they share is made once

ALL = "(all organizations)"
DAY = dt.timedelta(days=1)
FIRST = dt.date(2026, 6, 8)
DAYS = [FIRST + n * DAY for n in range(52)]
CREDITS_SINCE = dt.date(2026, 6, 19)
SIGNALS = {
    "code": ("code_completion", "agent_edit"),
    "cli": ("copilot_cli",),
    "app": ("copilot_app",),
    "none": ("chat_panel_agent_mode",),
}
TIERS = {0: "inactive", 4: "light", 11: "moderate", 28: "heavy"}
MODELS = (
    "core.fct_user_day_phase",
    "marts.adoption_phase_daily",
    "marts.adoption_phase_transitions",
    "marts.ai_credits_daily",
    "marts.ai_credits_user_month",
    "marts.ai_credits_org_month",
    "marts.user_activity",
)
Row = dict[str, Any]


def made_up() -> dict[str, list[Row]]:
    """People of two organizations who come rarely or often; one day has nobody."""
    chance = random.Random(7)
    tables: dict[str, list[Row]] = defaultdict(list)
    habit = {user: chance.random() ** 2 for user in range(1, 31)}
    for day in DAYS:
        for user, often in habit.items():
            if chance.random() > often + 0.3 or day == DAYS[20]:
                continue
            same = {
                "day": day,
                "user_id": user,
                "user_initiated_interaction_count": chance.choice([None, 0, 0, 2]),
                "ai_adoption_phase_number": chance.choice([None, 0, 1, 2, 3]),
                "used_copilot_cloud_agent": chance.choice([None, False, True]),
                "used_copilot_code_review_active": chance.choice([None, None, True]),
                "used_copilot_code_review_passive": chance.choice([None, None, True]),
                "ai_credits_used": chance.choice([None, 0, *[Decimal(chance.randint(1, 9000)) / 100] * 5]),
            }
            if day < CREDITS_SINCE:
                same["ai_credits_used"] = None
            used = chance.sample([name for names in SIGNALS.values() for name in names], chance.randint(0, 2))
            for scope in ("acme", "labs"):
                if (user % 3 == 0) == (scope == "labs") or user > 25:
                    tables["raw.user_day"].append({"scope": scope, **same})
                    for feature in used:
                        tables["raw.user_day_feature"].append(
                            {"scope": scope, "day": day, "user_id": user, "feature": feature}
                        )
    return tables


TABLES = made_up()
FEATURES = {(row["day"], row["user_id"], row["feature"]) for row in TABLES["raw.user_day_feature"]}


def scoped() -> dict[str, dict[tuple[dt.date, int], Row]]:
    """Rows by scope, day and person; rows of two organizations say the same, so all organizations take either."""
    found: dict[str, dict[tuple[dt.date, int], Row]] = defaultdict(dict)
    for row in TABLES["raw.user_day"]:
        for scope in (row["scope"], ALL):
            found[scope][row["day"], row["user_id"]] = row
    return found


SCOPED = scoped()
COVERED = {scope: {day for day, _ in people} for scope, people in SCOPED.items()}
COVERED[ALL] = COVERED["acme"] & COVERED["labs"]


def spine(scope: str) -> list[dt.date]:
    days = [day for day, _ in SCOPED[scope]]
    return [min(days) + n * DAY for n in range((max(days) - min(days)).days + 1)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    warehouse = Warehouse(tmp_path_factory.mktemp("people") / "warehouse.duckdb")
    insert(warehouse, TABLES)
    assert build(warehouse, *MODELS).kept
    yield warehouse


# ---------------------------------------------------------------------------------------------------- phases


def days_with(user: int, day: dt.date) -> dict[str, int]:
    """Distinct days of the trailing 28 on which a person used each surface."""
    window = [day - n * DAY for n in range(28)]
    found = {
        signal: sum(any((at, user, name) in FEATURES for name in names) for at in window)
        for signal, names in SIGNALS.items()
    }
    seen = [SCOPED[ALL].get((at, user), {}) for at in window]
    found["cloud_agent"] = sum(bool(row.get("used_copilot_cloud_agent")) for row in seen)
    review = ("used_copilot_code_review_active", "used_copilot_code_review_passive")
    found["code_review"] = sum(any(row.get(name) for name in review) for row in seen)
    return found


def phase(user: int, day: dt.date) -> int:
    reached = {signal for signal, days in days_with(user, day).items() if days >= 2}
    agents = len(reached & {"cli", "cloud_agent", "code_review"})
    if "app" in reached or agents >= 2:
        return 3
    return 2 if agents else int("code" in reached)


def is_comparable(scope: str, day: dt.date) -> bool:
    return all(day - n * DAY in COVERED[scope] for n in range(28))


def test_phases_equal_brute_force(made: Warehouse) -> None:
    expected = []
    for scope in ("acme", "labs"):
        for (day, user), row in SCOPED[scope].items():
            days = days_with(user, day)
            expected.append(
                (
                    *(scope, day, user, row["ai_adoption_phase_number"], phase(user, day)),
                    *(days[signal] for signal in ("code", "cli", "app", "cloud_agent", "code_review")),
                    is_comparable(scope, day),
                )
            )
    found = rows(
        made,
        "select scope, day, user_id, adoption_phase_number, recomputed_phase_number, code_days_28d, cli_days_28d, "
        "app_days_28d, cloud_agent_days_28d, code_review_days_28d, is_comparable from core.fct_user_day_phase",
    )
    assert {row[4] for row in found} == {0, 1, 2, 3}
    assert sorted(found, key=str) == sorted(expected, key=str)


def test_phases_of_a_day_equal_brute_force(made: Warehouse) -> None:
    expected = []
    for scope, people in SCOPED.items():
        for day in spine(scope):
            known = {user: row["ai_adoption_phase_number"] for (at, user), row in people.items() if at == day}
            known = {user: number for user, number in known.items() if number is not None}
            for number in range(4):
                said = {user for user, each in known.items() if each == number}
                ours = {user for user in known if phase(user, day) == number}
                share = len(said) / len(known) if known else None
                checked = (len(ours), len(said & ours)) if is_comparable(scope, day) else (None, None)
                expected.append((scope, day, number, len(said), len(known), share, *checked))
    found = rows(
        made,
        "select scope, day, phase_number, users, users_with_phase, share_of_users, users_recomputed, users_agreeing "
        "from marts.adoption_phase_daily",
    )
    assert any(row[6] for row in found)
    assert sorted(found) == sorted(expected)


def test_moves_between_phases_equal_brute_force(made: Warehouse) -> None:
    expected: dict[tuple[Any, ...], int] = defaultdict(int)
    for scope, people in SCOPED.items():
        known = {at: row["ai_adoption_phase_number"] for at, row in people.items()}
        for (day, user), number in known.items():
            before = [known.get((day - n * DAY, user)) for n in range(28, 36)]
            earlier = next((each for each in before if each is not None), None)
            if number is not None and earlier is not None:
                expected[scope, day, earlier, number] += 1
    found = rows(
        made,
        "select scope, day, from_phase_number, to_phase_number, users from marts.adoption_phase_transitions",
    )
    assert sorted(found) == sorted((*move, users) for move, users in expected.items())


# --------------------------------------------------------------------------------------------------- credits


def total(values: list[Any]) -> Any:
    known = [value for value in values if value is not None]
    return sum(known, start=Decimal(0)) if known else None


def credits_of(scope: str, first: dt.date, last: dt.date) -> list[Any]:
    return [row["ai_credits_used"] for (day, _), row in SCOPED[scope].items() if first <= day <= last]


def test_credits_of_a_day_equal_brute_force(made: Warehouse) -> None:
    expected = []
    for scope in SCOPED:
        for day in spine(scope):
            credits = credits_of(scope, day, day)
            spent = sorted((each for each in credits if each), reverse=True)
            top = spent[: math.ceil(len(spent) / 10)]
            known = total(credits)
            value, spenders = (None, None) if known is None else (known * Decimal("0.01"), len(spent))
            tenth = (len(top), total(top), float(total(top)) / float(known)) if top else (None, None, None)
            to_date = total(credits_of(scope, day.replace(day=1), day))
            expected.append((scope, day, known, to_date, value, spenders, *tenth))
    found = rows(
        made,
        "select scope, day, ai_credits_used, ai_credits_used_mtd, list_value_usd, users_with_credits, "
        "users_of_top_decile, ai_credits_of_top_decile, share_of_top_decile from marts.ai_credits_daily",
    )
    assert max(row[6] or 0 for row in found) > 1
    assert sorted(found) == sorted(expected)


def test_credits_of_a_month_equal_brute_force(made: Warehouse) -> None:
    expected, months = [], []
    for scope, people in SCOPED.items():
        for month in (dt.date(2026, 6, 1), dt.date(2026, 7, 1)):
            groups: dict[int, list[Any]] = defaultdict(list)
            for (day, user), row in people.items():
                if day.replace(day=1) == month:
                    groups[user].append(row["ai_credits_used"])
            expected += [
                (scope, month, user, total(credits), len(credits))
                for user, credits in groups.items()
                if total(credits) is not None
            ]
            last = max(day for day in spine(scope) if day.replace(day=1) == month)
            covered = sum(day.replace(day=1) == month for day in COVERED[scope])
            everything = total([each for credits in groups.values() for each in credits])
            spenders = sum(bool(total(credits)) for credits in groups.values())
            months.append((scope, month, everything, len(groups), spenders, last.day, covered))
    found = rows(
        made, "select scope, month_start, user_id, ai_credits_used, active_days from marts.ai_credits_user_month"
    )
    assert sorted(found) == sorted(expected)
    found = rows(
        made,
        "select scope, month_start, ai_credits_used, active_users, users_with_credits, days_elapsed, days_covered "
        "from marts.ai_credits_org_month",
    )
    assert sorted(found) == sorted(months)


def with_pools(folder: Path, pools: str, credits: Mapping[tuple[str, str], float]) -> list[tuple[Any, ...]]:
    """Months of organizations whose people wrote their pools into the seed."""
    file = folder / "credit_pool.csv"
    file.write_text(f"scope,month_start,seats,included_credits_per_seat\n{pools}")
    warehouse = Warehouse(folder / "warehouse.duckdb")
    insert(
        warehouse,
        {
            "raw.user_day": [
                {"scope": scope, "day": day, "user_id": 1, "ai_credits_used": used}
                for (scope, day), used in credits.items()
            ]
        },
    )
    project = only("marts.ai_credits_org_month")
    seeds = tuple(replace(each, file=file) if each.name == "credit_pool" else each for each in project.seeds)
    pooled = Project(seeds, project.models, project.rules, ())
    assert Published(file_of(warehouse), warehouse).refresh(pooled, now=NOW).kept
    return sorted(
        rows(
            warehouse,
            "select scope, month_start::varchar, ai_credits_used::double, list_value_usd::double, "
            "included_credits::double, share_of_included_credits "
            f"from marts.ai_credits_org_month where scope <> '{ALL}'",
        )
    )


def test_a_pool_is_seats_times_included_credits(tmp_path: Path) -> None:
    pools = "acme,2026-09-01,100,1900\nlabs,2026-09-01,5,1900\n"

    assert with_pools(
        tmp_path, pools, {("acme", "2026-09-10"): 47500, ("labs", "2026-09-10"): 1000, ("zeta", "2026-09-10"): 1000}
    ) == [
        ("acme", "2026-09-01", 47500.0, 475.0, 190000.0, 0.25),
        ("labs", "2026-09-01", 1000.0, 10.0, 9500.0, 1000 / 9500),
        ("zeta", "2026-09-01", 1000.0, 10.0, None, None),
    ]


def test_a_pool_holds_until_a_later_entry(tmp_path: Path) -> None:
    pools = "acme,2026-10-01,10,2000\nacme,2026-08-01,5,1900\n"

    assert [
        (month, pool)
        for _, month, _, _, pool, _ in with_pools(
            tmp_path, pools, {("acme", f"2026-{month:02}-15"): 1 for month in range(7, 12)}
        )
    ] == [
        ("2026-07-01", None),
        ("2026-08-01", 9500.0),
        ("2026-09-01", 9500.0),
        ("2026-10-01", 20000.0),
        ("2026-11-01", 20000.0),
    ]


# -------------------------------------------------------------------------------------------------- activity


def test_activity_equals_brute_force(made: Warehouse) -> None:
    engaging = ("user_initiated_interaction_count", "used_copilot_cloud_agent", "used_copilot_code_review_active")
    expected = []
    for scope, people in SCOPED.items():
        as_of = max(spine(scope))
        for user in {user for _, user in people}:
            mine = {day: row for (day, each), row in people.items() if each == user}
            engaged = {day for day, row in mine.items() if any(row[name] for name in engaging)}
            recent = [row for day, row in mine.items() if as_of - 27 * DAY <= day]
            windows = [as_of - (n - 1) * DAY for n in (7, 28, 90)]
            often = sum(day >= windows[1] for day in engaged)
            prompts = total([row["user_initiated_interaction_count"] for row in recent])
            phases = {day: row["ai_adoption_phase_number"] for day, row in mine.items()}
            known = [day for day, number in phases.items() if number is not None]
            expected.append(
                (
                    *(scope, user, as_of, (as_of - max(mine)).days),
                    *(sum(day >= first for day in mine) for first in windows),
                    *(sum(day >= first for day in engaged) for first in windows),
                    next(tier for top, tier in TIERS.items() if often <= top),
                    prompts if recent else 0,
                    total([row["ai_credits_used"] for row in recent]),
                    phases[max(known)] if known else None,
                )
            )
    found = rows(
        made,
        "select scope, user_id, as_of_day, days_since_last_active, active_days_7d, active_days_28d, active_days_90d, "
        "engaged_days_7d, engaged_days_28d, engaged_days_90d, usage_tier, interactions_28d, ai_credits_used_28d, "
        "adoption_phase_number from marts.user_activity",
    )
    assert sorted(found) == sorted(expected)
