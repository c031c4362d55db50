"""Names that would end a literal or an identifier, everywhere where SQL is put together from values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from copilot_etl import audit, pipeline
from copilot_etl.ledger import Look
from copilot_etl.models import Model, ModelColumn, Project, Seed
from copilot_etl.published import Published
from copilot_etl.reports import USERS_1_DAY, Scope
from copilot_etl.store import Store
from copilot_etl.warehouse import Warehouse
from copilot_etl_tests.conftest import Line

DAY = dt.date(2026, 11, 10)
HOSTILE = "o'neil\"; drop schema raw cascade; --"
FOLDERS = ['it\'s "here"; --', "glob [1] {a,b} *", "$file é %20#"]


def described(name: str, kind: str) -> ModelColumn:
    return ModelColumn(name, kind, "What's meant; it isn't \"quoted\".")


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_may_have_any_name(line: Callable[..., Line], tmp_path: Path, name: str) -> None:
    made = line()
    made.store = Store(tmp_path / name / "data")
    seeds = tmp_path / name / "sql"
    seeds.mkdir(parents=True)
    (seeds / "pools.csv").write_text("scope\nocto-org\n")
    seed = Seed("pools", seeds / "pools.csv", "It's a seed.", (described("scope", "varchar"),))
    model = Model("marts", "people", "select count(*) as people from raw.user_day", "It's a mart.",
                  (described("people", "bigint"),), ("raw.user_day",))  # fmt: skip
    project = Project((seed,), (model,), (), ())
    published = Published(made.store.published, made.warehouse)

    (outcome,) = made.load(DAY)
    refreshed = published.refresh(project, now=made.now)
    refreshed = published.refresh(project, now=made.now)  # on a copy of the first
    files = published.export(project)

    assert (outcome.state, refreshed.kept) == ("loaded", True)
    assert refreshed.built["marts.people"].rows == 1
    assert sorted(file.name for file in files) == ["dictionary.md", "people.parquet"]
    assert [str(each) for each in audit.audit([USERS_1_DAY], store=made.store, warehouse=made.warehouse)
            if isinstance(each, audit.Finding)] == []  # fmt: skip
    # Nothing went anywhere else, as a name that ends a literal or is a pattern might.
    assert sorted(path.name for path in tmp_path.iterdir()) == [name]
    assert sorted(path.name for path in (tmp_path / name).iterdir()) == ["data", "sql"]


def test_a_login_and_a_scope_are_values_whatever_they_spell(line: Callable[..., Line], tmp_path: Path) -> None:
    """GitHub allows neither, and settings refuse such a scope; the core does not rely on that."""
    made = line()
    made.github.publish("octo-org", DAY, [{"day": str(DAY), "user_id": 1, "user_login": HOSTILE}])
    made.load(DAY)
    # The bytes of the day as if they had landed for a scope of that name.
    (made.store.raw / "users-1-day" / "octo-org").rename(made.store.raw / "users-1-day" / HOSTILE)

    warehouse = Warehouse(tmp_path / "other.duckdb")
    (outcome,) = pipeline.run(
        [USERS_1_DAY], scopes=[Scope("org", HOSTILE)], days=[DAY], github=None, store=made.store,
        warehouse=warehouse, clock=lambda: made.now,
    )  # fmt: skip
    warehouse.note([Look(HOSTILE, "users-1-day", DAY, "failed", made.now.replace(tzinfo=None), HOSTILE)])

    assert outcome.state == "loaded"
    with warehouse.connect() as connection:
        assert connection.execute("select scope, user_login from raw.user_day").fetchall() == [(HOSTILE, HOSTILE)]
    (row,) = warehouse.ledger()
    assert (row.scope, row.state, row.last_error) == (HOSTILE, "failed", HOSTILE)
