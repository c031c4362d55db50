"""The models of `sql/`: case folders of inputs and one expected output, windows against brute force, every rule broken.

A case is a folder `cases/<schema>.<model>/<what it shows>/` with one CSV a raw (or ops) table and `expected.csv`, which
names the columns to compare. Days that have rows are in the ledger unless the case brings its own; a last line `...`
means that more rows may follow.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from copilot_etl.models import Rule, read_models, read_rules
from copilot_etl.reports import USERS_1_DAY
from copilot_etl.warehouse import Built, Warehouse

SQL = Path(__file__).parents[2] / "sql"
MODELS = read_models(SQL)
RULES = read_rules(SQL, MODELS)
CASES = sorted(path.parent for path in (Path(__file__).parent / "cases").rglob("expected.csv"))
ALL = "(all organizations)"


def insert(warehouse: Warehouse, tables: Mapping[str, Iterable[Mapping[str, Any]]]) -> None:
    """Fills raw and ops tables; a ledger row for every scope and day with people unless the case brings its own."""
    with warehouse.connect() as connection:
        for table, rows in tables.items():
            for row in rows:
                if table == "ops.report_days":
                    seen = row.get("last_seen_at") or "2026-11-24T04:00:00"
                    row = {"attempts": 1, "first_seen_at": seen, **row, "last_seen_at": seen}
                values = {name: value for name, value in row.items() if value not in ("", None)}
                connection.execute(
                    f"insert into {table} ({', '.join(values)}) values ({', '.join('?' * len(values))})",
                    list(values.values()),
                )
        if "ops.report_days" not in tables:
            connection.execute(
                "insert into ops.report_days "
                "(scope, report, day, state, rows, attempts, first_seen_at, last_seen_at, loaded_at) "
                "select scope, 'users-1-day', day, 'loaded', count(*), 1, day + 5, day + 5, day + 5 "
                "from raw.user_day group by scope, day"
            )


def build(warehouse: Warehouse, *rules: Rule) -> Built:
    return warehouse.build(MODELS, rules or RULES)


def read_case(folder: Path) -> dict[str, list[dict[str, str]]]:
    return {file.stem: list(csv.DictReader(file.open())) for file in folder.glob("*.csv") if file.stem != "expected"}


@pytest.mark.parametrize("folder", CASES, ids=lambda path: f"{path.parent.name}: {path.name}")
def test_case(folder: Path, tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "warehouse.duckdb")
    insert(warehouse, read_case(folder))

    assert [breach.rule.name for breach in build(warehouse).breaches if breach.offenders] == []

    header, *expected = list(csv.reader((folder / "expected.csv").open()))
    more = expected[-1] == ["..."]
    with duckdb.connect(warehouse.path, read_only=True) as connection:
        spelled = ", ".join(f"coalesce({column}::varchar, '')" for column in header)
        rows = [list(row) for row in connection.execute(f"select {spelled} from {folder.parent.name}").fetchall()]
    if more:
        assert rows[: len(expected) - 1] == expected[:-1]
    else:
        assert sorted(rows) == sorted(expected)


# ------------------------------------------------------------------------------ windows by brute force

FIRST = dt.date(2026, 2, 20)
looks = st.tuples(st.sampled_from(["acme", "labs"]), st.integers(0, 45), st.integers(1, 4))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seen=st.sets(looks, min_size=1, max_size=60))
def test_windows_equal_brute_force(tmp_path_factory: pytest.TempPathFactory, seen: set[tuple[str, int, int]]) -> None:
    warehouse = Warehouse(tmp_path_factory.mktemp("windows") / "warehouse.duckdb")
    people = {(scope, FIRST + dt.timedelta(days=offset), user) for scope, offset, user in seen}
    insert(
        warehouse,
        {"raw.user_day": [{"scope": scope, "day": day, "user_id": user} for scope, day, user in sorted(people)]},
    )
    assert build(warehouse).kept

    people |= {(ALL, day, user) for _, day, user in people}
    expected = []
    for scope in {scope for scope, *_ in people}:
        days = {day for each, day, _ in people if each == scope}
        for day in (min(days) + dt.timedelta(days=n) for n in range((max(days) - min(days)).days + 1)):

            def users(first: dt.date, *, scope: str = scope, last: dt.date = day) -> int:
                return len({user for each, at, user in people if each == scope and first <= at <= last})

            sunday = day - dt.timedelta(days=day.isoweekday() % 7)
            trailing = [users(day - dt.timedelta(days=n)) for n in (0, 6, 27)]
            expected.append((scope, day, *trailing, users(sunday), users(day.replace(day=1))))
    with duckdb.connect(warehouse.path, read_only=True) as connection:
        found = connection.execute(
            "select scope, day, daily_active_users, weekly_active_users_7d, monthly_active_users_28d, "
            "weekly_active_users_wtd, monthly_active_users_mtd from marts.adoption_daily"
        ).fetchall()
    assert sorted(found) == sorted(expected)


# -------------------------------------------------------------------------------- every rule finds its offender

ROWS = {
    "raw.user_day": [
        {"scope": "acme", "day": "2026-05-03", "user_id": 1, "code_generation_activity_count": 4, "used_chat": True},
        {"scope": "acme", "day": "2026-05-04", "user_id": 1, "code_generation_activity_count": 2},
    ],
    "raw.user_day_feature": [
        {
            "scope": "acme",
            "day": "2026-05-03",
            "user_id": 1,
            "feature": "code_completion",
            "code_generation_activity_count": 4,
            "code_acceptance_activity_count": 1,
        },
    ],
}
BREAKS = {
    "a_loaded_day_has_its_rows": "update ops.report_days set rows = rows + 1",
    "features_sum_to_the_top_level": "update core.fct_user_day_feature set code_generation_activity_count = 5",
    "a_period_starts_with_its_first_day": "update marts.adoption_daily set weekly_active_users_wtd = 9",
    "windows_do_not_shrink": "update marts.adoption_daily set weekly_active_users_7d = 9",
    "no_more_accepted_than_suggested": "update marts.completion_acceptance_daily set accepted = suggested + 1",
}


def offenders(warehouse: Warehouse, rule: Rule, breaking: str = "select 1") -> int:
    with warehouse.connect() as connection:
        connection.execute("begin")
        connection.execute(breaking)
        row = connection.execute(f"select count(*) from ({rule.sql})").fetchone()
        connection.execute("rollback")
    return row[0] if row else 0


def breaking(rule: Rule) -> str:
    """A statement after which the rule must find offenders."""
    if rule.name in BREAKS:
        return BREAKS[rule.name]
    table = f"{rule.schema}.{rule.table}"
    kind = next(
        name
        for name in ("not_null", "unique_combination_of_columns", "unique", "accepted_values", "relationships")
        if rule.name.startswith(name)
    )
    column = rule.name.removeprefix(kind).lstrip("_")
    if kind == "not_null":
        return f"update {table} set {column} = null"
    if kind.startswith("unique"):
        return f"insert into {table} from {table}"
    return f"update {table} set {column} = '99'"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.schema}.{rule.table}.{rule.name}")
def test_a_rule_holds_and_finds_its_offender(rule: Rule, filled: Warehouse) -> None:
    assert offenders(filled, rule) == 0
    assert offenders(filled, rule, breaking(rule)) > 0


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    warehouse = Warehouse(tmp_path_factory.mktemp("rules") / "warehouse.duckdb")
    insert(warehouse, ROWS)
    assert build(warehouse).kept
    return warehouse


# --------------------------------------------------------------------------------------------- the house


def test_every_model_and_column_is_described() -> None:
    assert all(model.description and model.columns for model in MODELS)
    assert all(column.description[-1] in ".;:" for model in MODELS for column in model.columns)


def test_every_model_says_its_grain_first_and_holds_its_key() -> None:
    for model in MODELS:
        assert model.sql.startswith("-- one row per "), model.full_name
        assert any(
            rule.name.startswith("unique") and (rule.schema, rule.table) == (model.schema, model.name) for rule in RULES
        ), model.full_name


def test_models_of_an_empty_warehouse_are_empty_and_kept(tmp_path: Path) -> None:
    built = build(Warehouse(tmp_path / "warehouse.duckdb"))

    assert built.kept
    assert {name: rows for name, rows in built.rows.items() if rows} in ({}, {"core.dim_date": 1})


def test_raw_tables_are_the_only_ones_read_besides_models_and_the_ledger() -> None:
    own = {model.full_name for model in MODELS}
    raw = {f"raw.{table.name}" for table in USERS_1_DAY.tables}

    assert {upstream for model in MODELS for upstream in model.upstreams} <= own | raw | {"ops.report_days"}
