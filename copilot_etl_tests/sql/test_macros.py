"""The macros of the published file against brute force, on a random month of two organizations and an enterprise."""

from __future__ import annotations

import datetime as dt
import random
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from copilot_etl.models import Project
from copilot_etl.published import Published
from copilot_etl.warehouse import Warehouse
from copilot_etl_tests.sql.test_sql import MODELS, NOW, PROJECT, file_of, insert

pytestmark = pytest.mark.xdist_group("macros")  # what they share is made once

ALL = "(all organizations)"
FIRST = dt.date(2026, 9, 20)
DAYS = [FIRST + dt.timedelta(days=n) for n in range(30)]
SCOPES = ("acme", "labs", "enterprise.big")
LOGINS = {1: ("ada", "Ada-Dev"), 2: ("bo", "bo"), 3: ("cy", "cy"), 4: ("di", "di"), 5: ("ed", "ada")}
"""Logins of the first and of the second half; the last person takes over the first one's old login."""

FEATURES = ("code_completion", "agent_edit", "chat_panel_ask_mode", "copilot_cli", "future_mode")
ORIGINS = dict(zip(FEATURES, ("user_initiated", "agent_initiated", "user_initiated", "cli", "unknown"), strict=True))
LANGUAGES = {"python": "python", "csharp": "csharp", "C#": "csharp", "klingon": "klingon"}
MODELS_SPELLED = {"claude-haiku-4.5": "claude-haiku-4.5", "claude-4.5-haiku": "claude-haiku-4.5", "auto": "auto"}
IDES = ("vscode", "intellij")

PERIODS = [
    (DAYS[0], DAYS[-1]),
    (DAYS[9], DAYS[15]),
    (DAYS[12], DAYS[12]),
    (dt.date(2027, 1, 1), dt.date(2027, 1, 31)),
]
Row = dict[str, Any]
VERB = {macro.name: "from" if macro.is_table else "select" for macro in PROJECT.macros}


def made_up() -> dict[str, list[Row]]:
    """A month in which people come and go, stand in one organization or in several, and use one thing or many."""
    chance = random.Random(20260920)
    tables: dict[str, list[Row]] = defaultdict(list)

    def count(top: int = 9) -> int | None:
        return chance.choice([None, 0, chance.randint(1, top), chance.randint(1, top)])

    for day in DAYS:
        for user, (login, later) in LOGINS.items():
            for scope in SCOPES:
                if chance.random() < 0.5:
                    continue
                key = {"scope": scope, "day": day, "user_id": user}
                tables["raw.user_day"].append(
                    {
                        **key,
                        "user_login": login if day < DAYS[15] else later,
                        "user_initiated_interaction_count": count(),
                        "code_generation_activity_count": count(3),
                        "loc_added_sum": count(),
                        "ai_credits_used": chance.choice([None, Decimal(0), Decimal(chance.randint(1, 999)) / 1000]),
                    }
                )
                for table, names, dimension, measures in (
                    ("feature", FEATURES, "feature", ("code_acceptance_activity_count", "loc_deleted_sum")),
                    ("ide", IDES, "ide", ()),
                    ("language_feature", LANGUAGES, "language", ()),
                    ("model_feature", MODELS_SPELLED, "model", ()),
                ):
                    for name in chance.sample(list(names), chance.randint(0, 2)):
                        row: Row = {**key, dimension: name, "code_generation_activity_count": count()}
                        row |= {"loc_added_sum": count(), **{measure: count() for measure in measures}}
                        if table != "language_feature":
                            row |= {"user_initiated_interaction_count": count()}
                        if table.endswith("_feature"):
                            row |= {"feature": "chat_panel_ask_mode"}
                        tables[f"raw.user_day_{table}"].append(row)
    return tables


TABLES = made_up()


def counted() -> set[tuple[str, dt.date, int]]:
    """The rows that count in all organizations: of a person's day that with the most generations, then the first."""
    best: dict[tuple[dt.date, int], Row] = {}
    for row in TABLES["raw.user_day"]:
        if not row["scope"].startswith("enterprise."):
            at = (row["day"], row["user_id"])
            best[at] = min(row, best.get(at, row), key=rank)
    return {(row["scope"], row["day"], row["user_id"]) for row in best.values()}


def rank(row: Row) -> tuple[int, str]:
    generations = row["code_generation_activity_count"]
    return (1 if generations is None else -generations), row["scope"]


COUNTED = counted()


def of(table: str, first: dt.date, last: dt.date, scope: str) -> list[Row]:
    """The rows of a table that a scope and period hold."""
    return [
        row
        for row in TABLES[f"raw.user_day{table}"]
        if first <= row["day"] <= last
        and (row["scope"] == scope or (scope == ALL and (row["scope"], row["day"], row["user_id"]) in COUNTED))
    ]


def total(rows: Iterable[Row], measure: str) -> Any:
    values = [row[measure] for row in rows if row.get(measure) is not None]
    return sum(values) if values else None


def people(rows: Iterable[Row]) -> int:
    return len({row["user_id"] for row in rows})


def by(rows: Sequence[Row], name: Callable[[Row], str], *measures: str) -> list[tuple[Any, ...]]:
    """People and sums of each group."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[name(row)].append(row)
    return [(key, people(each), *(total(each, measure) for measure in measures)) for key, each in groups.items()]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published file with every model and macro."""
    warehouse = Warehouse(tmp_path_factory.mktemp("macros") / "warehouse.duckdb")
    insert(warehouse, TABLES)
    project = Project(PROJECT.seeds, MODELS, (), PROJECT.macros)
    assert Published(file_of(warehouse), warehouse).refresh(project, now=NOW).kept
    return file_of(warehouse)


@pytest.fixture(scope="module")
def published(made: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(made, read_only=True) as connection:
        yield connection


def ask(published: duckdb.DuckDBPyConnection, macro: str, first: dt.date, last: dt.date, scope: str) -> list[Any]:
    """All rows of a macro; all organizations are its default."""
    named = "" if scope == ALL else f", scope := '{scope}'"
    return published.execute(f"{VERB[macro]} {macro}('{first}', '{last}'{named})").fetchall()


EXPECTED: dict[str, Callable[[dt.date, dt.date, str], list[tuple[Any, ...]]]] = {
    "active_users": lambda *at: [(people(of("", *at)),)],
    "engaged_users": lambda *at: [
        (
            people(
                row
                for row in of("", *at)
                if (row["user_initiated_interaction_count"] or 0) + (row["code_generation_activity_count"] or 0) > 0
            ),
        )
    ],
    "feature_users": lambda *at: by(
        of("_feature", *at),
        lambda row: row["feature"],
        "user_initiated_interaction_count",
        "code_generation_activity_count",
    ),
    "ide_users": lambda *at: by(
        of("_ide", *at), lambda row: row["ide"], "user_initiated_interaction_count", "code_generation_activity_count"
    ),
    "language_users": lambda *at: by(
        of("_language_feature", *at),
        lambda row: LANGUAGES[row["language"]],
        "code_generation_activity_count",
        "loc_added_sum",
    ),
    "model_users": lambda *at: by(
        of("_model_feature", *at),
        lambda row: MODELS_SPELLED[row["model"]],
        "user_initiated_interaction_count",
        "code_generation_activity_count",
    ),
    "lines_changed": lambda *at: by(
        of("_feature", *at),
        lambda row: ORIGINS[row["feature"]],
        "loc_suggested_to_add_sum",
        "loc_added_sum",
        "loc_deleted_sum",
    ),
    "ai_credits": lambda *at: [
        (
            credits := total(of("", *at), "ai_credits_used"),
            None if credits is None else credits * Decimal("0.01"),
            people(row for row in of("", *at) if row["ai_credits_used"]),
        )
    ],
    "acceptance": lambda *at: [acceptance([row for row in of("_feature", *at) if row["feature"] == "code_completion"])],
}


def acceptance(rows: Sequence[Row]) -> tuple[Any, ...]:
    suggested = total(rows, "code_generation_activity_count")
    accepted = total(rows, "code_acceptance_activity_count")
    return suggested, accepted, accepted / suggested if suggested and accepted is not None else None


@pytest.mark.parametrize("scope", [*SCOPES, ALL, "nobody"])
@pytest.mark.parametrize("macro", EXPECTED)
def test_a_macro_equals_brute_force(published: duckdb.DuckDBPyConnection, macro: str, scope: str) -> None:
    for first, last in PERIODS:
        found = ask(published, macro, first, last, scope)
        assert sorted(found, key=str) == sorted(EXPECTED[macro](first, last, scope), key=str), (first, last)


def test_days_of_a_person_are_found_by_any_login_and_counted_once(published: duckdb.DuckDBPyConnection) -> None:
    for login, users in {"ADA": {1, 5}, "ada-dev": {1}, "bo": {2}, "nobody": set()}.items():
        for first, last in PERIODS:
            days: dict[tuple[dt.date, int], list[Row]] = defaultdict(list)
            for row in TABLES["raw.user_day"]:
                if row["user_id"] in users and first <= row["day"] <= last:
                    days[row["day"], row["user_id"]].append(row)
            expected = []
            for (day, user), each in sorted(days.items()):
                organizations = [row for row in each if not row["scope"].startswith("enterprise.")]
                row = min(organizations or each, key=rank)
                expected.append((day, user, row["user_login"], len(organizations), row["loc_added_sum"]))
            found = published.execute(
                "select day, user_id, user_login, organization_count, loc_added_sum from user_days(?, ?, ?)",
                [login, first, last],
            ).fetchall()
            assert found == expected, (login, first)


def test_every_macro_is_held_against_brute_force() -> None:
    assert {macro.name for macro in PROJECT.macros} == {*EXPECTED, "user_days"}


def test_a_macro_says_what_it_is_for(published: duckdb.DuckDBPyConnection) -> None:
    found = published.execute(
        "select function_name, comment from duckdb_functions() where schema_name = 'main' and not internal"
    ).fetchall()

    assert dict(found) == {macro.name: macro.description for macro in PROJECT.macros}


OLDER = Path(__file__).parents[2] / ".venv" / "older" / "bin" / "python"


@pytest.mark.skipif(not OLDER.exists(), reason="`make test` makes a virtual environment with an older DuckDB")
def test_an_older_duckdb_says_the_same(made: Path, published: duckdb.DuckDBPyConnection) -> None:
    at = f"'{DAYS[0]}', '{DAYS[-1]}', scope := 'labs'"
    queries = [f"{VERB[macro]} {macro}({at})" for macro in EXPECTED]
    queries.append("from user_days('Ada')")
    code = (
        f"import datetime, decimal, duckdb; connection = duckdb.connect({str(made)!r}, read_only=True)\n"
        f"for query in {queries!r}: print(connection.execute(query).fetchall())"
    )

    said = subprocess.run([OLDER, "-c", code], capture_output=True, text=True, check=True).stdout

    assert said.splitlines() == [str(published.execute(query).fetchall()) for query in queries]
