"""The models of `sql/`: case folders of inputs and one expected output, windows against brute force, every rule broken.

A case is a folder `cases/<schema>.<model>/<what it shows>/` with one CSV a raw (or ops) table and `expected.csv`, which
names the columns to compare. Days that have rows are in the ledger unless the case brings its own; a last line `...`
means that there are more rows. A written rule has a file `breaks/<schema>.<table>.<rule>.sql`: a statement after which
the rule must find offenders.
"""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest

from copilot_etl import pipeline
from copilot_etl.github import GitHub
from copilot_etl.ledger import OPS_TABLES
from copilot_etl.models import Project, Rule, read
from copilot_etl.published import Published, Refreshed
from copilot_etl.reports import REPORTS, USERS_1_DAY, Scope
from copilot_etl.sandbox import Sandbox
from copilot_etl.store import Store
from copilot_etl.warehouse import Warehouse
from copilot_etl_tests.sql import siblings

HERE = Path(__file__).parent
PROJECT = read(HERE.parents[1] / "sql")
MODELS = PROJECT.models
CASES = sorted(path.parent for path in (HERE / "cases").rglob("expected.csv"))
NOW = dt.datetime(2026, 11, 25, 12, tzinfo=dt.UTC)
COUNTERS = ("code_generation_activity_count", "code_acceptance_activity_count", "loc_suggested_to_add_sum",
            "loc_suggested_to_delete_sum", "loc_added_sum", "loc_deleted_sum")  # fmt: skip

LEDGER_OF = {
    "user_day": "'users-1-day'",
    "totals_day": "if(starts_with(scope, 'enterprise.'), 'enterprise-1-day', 'organization-1-day')",
    "user_team_day": "'user-teams-1-day'",
    "repo_day": "'repos-1-day'",
    "seat_day": "'seats'",
}
"""For the main table of a report its name, in SQL."""


def insert(warehouse: Warehouse, tables: Mapping[str, Iterable[Mapping[str, Any]]]) -> None:
    """Fills raw and ops tables; a ledger row for each day with rows unless the case brings its own."""
    with warehouse.connect() as connection:
        connection.execute("begin")  # one for all rows: each would be written through to the disk
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
            for table, report in LEDGER_OF.items():
                connection.execute(
                    "insert into ops.report_days "
                    "(scope, report, day, state, rows, attempts, first_seen_at, last_seen_at, loaded_at) "
                    f"select scope, {report}, day, 'loaded', count(*), 1, day + 5, day + 5, day + 5 "
                    f"from raw.{table} group by scope, day"
                )
        connection.execute("commit")


def build(warehouse: Warehouse, *models: str) -> Refreshed:
    """Builds the named models and what they read (everything without a name), and holds their rules."""
    project = only(*models) if models else PROJECT
    return Published(file_of(warehouse), warehouse).refresh(project, now=NOW)


def only(*names: str) -> Project:
    wanted = set(names)
    for model in reversed(MODELS):
        if model.full_name in wanted:
            wanted |= set(model.upstreams)
    rules = [
        each for each in PROJECT.rules if f"{each.schema}.{each.table}" in wanted and wanted >= own(each.upstreams)
    ]
    return Project(PROJECT.seeds, tuple(each for each in MODELS if each.full_name in wanted), tuple(rules), ())


def own(tables: Iterable[str]) -> set[str]:
    return {name for name in tables if name.split(".")[0] in ("core", "marts")}


def file_of(warehouse: Warehouse) -> Path:
    return warehouse.path.parent / "published" / "copilot.duckdb"


def rows(warehouse: Warehouse, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(file_of(warehouse), read_only=True) as connection:
        return connection.execute(query).fetchall()


def read_case(folder: Path) -> dict[str, list[dict[str, str]]]:
    return {file.stem: list(csv.DictReader(file.open())) for file in folder.glob("*.csv") if file.stem != "expected"}


@pytest.mark.parametrize("folder", CASES, ids=lambda path: f"{path.parent.name}: {path.name}")
def test_case(folder: Path, tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "warehouse.duckdb")
    insert(warehouse, read_case(folder))

    refreshed = build(warehouse, folder.parent.name)
    assert [each.rule.name for each in refreshed.breaches if each.offenders and each.rule.severity == "error"] == []

    header, *expected = list(csv.reader((folder / "expected.csv").open()))
    more = expected[-1] == ["..."]
    spelled = ", ".join(f"coalesce({column}::varchar, '')" for column in header)
    found = [list(row) for row in rows(warehouse, f"select {spelled} from {folder.parent.name}")]
    if more:
        assert [row for row in expected[:-1] if row not in found] == []
        assert len(found) > len(expected) - 1
    else:
        assert sorted(found) == sorted(expected)


# -------------------------------------------------------------------------------- every rule finds its offender


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """The models of a few made-up days, open for writing, so that rules can be broken."""
    data = tmp_path_factory.mktemp("rules")
    store, warehouse = Store(data), Warehouse(data / "warehouse.duckdb")
    with (
        Sandbox(today=NOW.date(), late=False, restatements=False) as github,
        GitHub(api_url=github.api_url, token=github.token, allow_loopback_http=True) as client,
    ):
        scopes = [Scope("org", login) for login in ("octo-org", "octo-labs")]
        # a whole week, and the one four weeks earlier: people come back and move between phases in that time
        weeks = (dt.date(2026, 10, 5), dt.date(2026, 11, 2))
        days = [monday + dt.timedelta(days=n) for monday in weeks for n in range(7)]
        for outcome in pipeline.run(
            [USERS_1_DAY], scopes=scopes, days=days, github=client, store=store, warehouse=warehouse, clock=lambda: NOW
        ):
            assert outcome.good
    siblings.fill(warehouse)
    with warehouse.connect() as connection:
        counters = ", ".join(f"0 as {name}" for name in COUNTERS)
        connection.execute(
            f"insert into raw.user_day_language_feature select * replace ('Brainfold' as language, {counters}) "
            "from raw.user_day_language_feature limit 1"
        )
        connection.execute(
            "insert into ops.restatements (scope, report, day, seen_at, rows_before, rows_after) "
            "values ('octo-org', 'users-1-day', date '2026-11-08', timestamp '2026-11-09 04:15:00', 1, 2)"
        )
        connection.execute(
            "insert into ops.schema_drift values ('octo-org', 'users-1-day', 'a_field', 'appeared', 'number', "
            "date '2026-10-05', date '2026-10-05', 1, 1)"
        )
    assert build(warehouse).kept
    with duckdb.connect(warehouse.path) as connection:
        connection.execute(f"attach '{file_of(warehouse)}' as published")
        spelled = ",".join(f"published.{schema}" for schema in ("main", "core", "marts", "seeds", "ops"))
        connection.execute(f"set search_path = '{spelled},warehouse.raw'")
        yield connection


def offenders(connection: duckdb.DuckDBPyConnection, rule: Rule, breaking: str = "select 1") -> int:
    connection.execute("begin")
    try:
        connection.execute(breaking)
        row = connection.execute(f"select count(*) from ({rule.sql})").fetchone()
    finally:
        connection.execute("rollback")
    return row[0] if row else 0


def breaking(rule: Rule) -> str:
    """A statement after which the rule must find offenders."""
    written = HERE / "breaks" / f"{rule.full_name}.sql"
    if written.exists():
        return written.read_text()
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


def is_of_a_view(rule: Rule) -> bool:
    return any(model.full_name == f"{rule.schema}.{rule.table}" and model.materialized == "view" for model in MODELS)


@pytest.mark.xdist_group("filled")  # what they share is made once
@pytest.mark.parametrize("rule", PROJECT.rules, ids=lambda rule: rule.full_name)
def test_a_rule_holds_and_finds_its_offender(rule: Rule, filled: duckdb.DuckDBPyConnection) -> None:
    assert offenders(filled, rule) == 0
    if not is_of_a_view(rule):
        assert offenders(filled, rule, breaking(rule)) > 0


# --------------------------------------------------------------------------------------------- the house


def test_every_model_and_column_is_described() -> None:
    assert all(model.description and model.columns for model in MODELS)
    assert all(column.description[-1] in ".;:" for model in MODELS for column in model.columns)


def test_every_model_says_its_grain_first_and_holds_its_key() -> None:
    for model in MODELS:
        assert model.sql.startswith("-- one row per "), model.full_name
        assert any(
            rule.name.startswith("unique") and (rule.schema, rule.table) == (model.schema, model.name)
            for rule in PROJECT.rules
        ), model.full_name


def test_models_of_an_empty_warehouse_are_empty_and_kept(tmp_path: Path) -> None:
    built = build(Warehouse(tmp_path / "warehouse.duckdb"))

    assert built.kept
    assert {name for name, each in built.built.items() if each.rows} <= {"core.dim_date", "core.dim_feature"}


def test_raw_tables_are_the_only_ones_read_besides_models_and_the_ledger() -> None:
    own = {model.full_name for model in MODELS}
    own |= {seed.full_name for seed in PROJECT.seeds}
    raw = {f"raw.{table.name}" for report in REPORTS.values() for table in report.tables}
    ledger = {f"ops.{name}" for name in OPS_TABLES}

    assert {upstream for model in MODELS for upstream in model.upstreams} <= own | raw | ledger


README = (HERE.parents[1] / "README.md").read_text()
QUERIES = [
    query.strip()
    for block in re.findall(r"```sql\n(.*?)```", README, re.DOTALL)
    for query in block.split(";")
    if query.strip()
]


@pytest.mark.xdist_group("filled")
@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.splitlines()[0][:60])
def test_the_queries_of_the_readme_run(filled: duckdb.DuckDBPyConnection, query: str) -> None:
    assert filled.execute(query).description


def test_the_readme_names_every_mart_and_macro() -> None:
    marts = {model.name for model in MODELS if model.schema == "marts"} | {macro.name for macro in PROJECT.macros}

    assert {name for name in marts if f"`{name}`" not in README} == set()


def test_every_model_has_a_case() -> None:
    assert {model.full_name for model in MODELS} - {folder.parent.name for folder in CASES} == set()


def test_every_mart_says_what_may_not_be_summed() -> None:
    assert [model.full_name for model in MODELS if model.schema == "marts" and not model.additivity] == []
