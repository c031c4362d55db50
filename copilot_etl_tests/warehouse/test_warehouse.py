"""The DuckDB file: one writer, whole days, whole builds, and a published copy that readers never see half of."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from copilot_etl.errors import ConfigError, WarehouseBusy
from copilot_etl.models import Model, ModelColumn, Rule
from copilot_etl.reports import USERS_1_DAY, raw_columns
from copilot_etl.warehouse import Look, Warehouse
from copilot_etl_tests.conftest import Line

DAY = dt.date(2026, 11, 10)
NOON = dt.datetime(2026, 11, 24, 12)


@contextmanager
def other_process(code: str) -> Iterator[subprocess.Popen[str]]:
    """Another Python process that has printed `ready`."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True, env=os.environ
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    try:
        yield process
    finally:
        process.kill()
        process.wait()


HOLDS_THE_LOCK = """
    import time
    from pathlib import Path
    from copilot_etl.warehouse import Warehouse
    with Warehouse(Path({path!r})).connect() as connection:
        print("ready", flush=True)
        time.sleep({seconds})
"""
ANALYST = """
    import duckdb, time
    connection = duckdb.connect({path!r}, read_only=True)
    print("ready", flush=True)
    time.sleep({seconds})
"""


def look(state: str, *, hours: int = 0, error: str | None = None) -> Look:
    return Look("acme", "users-1-day", DAY, state, NOON + dt.timedelta(hours=hours), error)


def test_a_new_file_has_every_table_with_its_meaning(tmp_path: Path) -> None:
    with Warehouse(tmp_path / "warehouse.duckdb").connect() as connection:
        found = connection.execute(
            "select table_name, column_name, comment from duckdb_columns() where schema_name = 'raw'"
        ).fetchall()

    assert {(table, column) for table, column, _ in found} == {
        (table.name, column.name) for table in USERS_1_DAY.tables for column in raw_columns(USERS_1_DAY, table)
    }
    assert all(comment for *_, comment in found)


def test_only_the_owner_can_read_the_file(tmp_path: Path) -> None:
    Warehouse(tmp_path / "data" / "warehouse.duckdb").note([look("not_ready")])

    assert (tmp_path / "data" / "warehouse.duckdb").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_a_column_that_the_catalogue_gains_is_added_to_an_older_file(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    Warehouse(path).note([look("not_ready")])
    with duckdb.connect(path) as connection:
        connection.execute("alter table raw.user_day drop column used_vscode_agent")

    with Warehouse(path).connect() as connection:
        assert connection.execute("select count(used_vscode_agent) from raw.user_day").fetchone() == (0,)
    assert len(Warehouse(path).ledger()) == 1


def test_the_ledger_remembers_first_and_last_look(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "warehouse.duckdb")
    warehouse.note([look("not_ready", error="no report (yet)")])
    warehouse.note([look("failed", hours=6, error="out of order")])

    (row,) = warehouse.ledger()
    assert (row.state, row.attempts, row.last_error, row.rows, row.loaded_at) == (
        "failed",
        2,
        "out of order",
        None,
        None,
    )
    assert (row.first_seen_at, row.last_seen_at) == (NOON, NOON + dt.timedelta(hours=6))


def test_the_ledger_of_a_warehouse_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert Warehouse(tmp_path / "warehouse.duckdb").ledger() == ()
    assert not (tmp_path / "warehouse.duckdb").exists()


@pytest.mark.parametrize("holder", [HOLDS_THE_LOCK, ANALYST])
def test_a_busy_file_is_waited_for(tmp_path: Path, holder: str) -> None:
    path = tmp_path / "warehouse.duckdb"
    Warehouse(path).note([look("not_ready")])

    with other_process(holder.format(path=str(path), seconds=1.5)):
        started = time.monotonic()
        Warehouse(path, wait=20.0).note([look("not_ready")])

    assert time.monotonic() - started > 0.5
    assert Warehouse(path).ledger()[0].attempts == 2


@pytest.mark.parametrize(
    ("holder", "says"),
    [
        (HOLDS_THE_LOCK, "The warehouse {path} is being written by another run. Try again when it has ended."),
        (ANALYST, "The warehouse {path} is open in process {pid}. Close it there; analysts read the published copy."),
    ],
)
def test_a_file_that_stays_busy_is_a_clear_error(tmp_path: Path, holder: str, says: str) -> None:
    path = tmp_path / "warehouse.duckdb"
    Warehouse(path).note([look("not_ready")])

    with other_process(holder.format(path=str(path), seconds=60)) as process, pytest.raises(WarehouseBusy) as caught:
        Warehouse(path, wait=0.5).note([look("failed")])

    assert str(caught.value) == says.format(path=path, pid=process.pid)


def test_a_kill_frees_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    with other_process(HOLDS_THE_LOCK.format(path=str(path), seconds=60)) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        Warehouse(path, wait=2.0).note([look("not_ready")])

    assert len(Warehouse(path).ledger()) == 1


def test_a_kill_while_the_file_is_created_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    (tmp_path / "warehouse.new").write_bytes(b"half of the first page")
    (tmp_path / "warehouse.new.wal").write_bytes(b"half")

    Warehouse(path).note([look("not_ready")])

    assert sorted(file.name for file in tmp_path.iterdir()) == ["warehouse.duckdb", "warehouse.lock"]


@pytest.mark.parametrize("content", [b"not a database at all", b""])
def test_a_foreign_file_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "warehouse.duckdb"
    path.write_bytes(content)

    with pytest.raises(ConfigError) as caught:
        Warehouse(path).note([look("not_ready")])

    assert str(caught.value) == f"Cannot open {path} as a DuckDB file. Move it away, or set COPILOT_DATA_DIR."
    assert path.read_bytes() == content


def test_four_writers_at_once_all_get_through(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    code = f"""
        import datetime as dt, sys
        from pathlib import Path
        from copilot_etl.warehouse import Look, Warehouse
        print("ready", flush=True)
        for number in range(5):
            Warehouse(Path({str(path)!r})).note(
                [Look("acme", "users-1-day", dt.date(2026, 11, 10), "not_ready", dt.datetime.now())])
    """
    processes = [
        subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.DEVNULL, env=os.environ)
        for _ in range(4)
    ]

    assert [process.wait(60) for process in processes] == [0, 0, 0, 0]
    assert Warehouse(path).ledger()[0].attempts == 20


# --------------------------------------------------------------------------------------------- models


def model(sql: str, *columns: tuple[str, str], name: str = "example") -> Model:
    described = tuple(ModelColumn(column, kind, f"What {column} means.") for column, kind in columns)
    return Model("marts", name, sql, "What it is for.", described, ())


def rule(sql: str, severity: str = "error") -> Rule:
    return Rule("marts", "example", "a_rule", sql, "What it holds.", severity)  # type: ignore[arg-type]


def content(path: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(path, read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_a_built_model_carries_its_meaning(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"

    built = Warehouse(path).build([model("select 1 as n", ("n", "integer"))], [])

    assert (built.rows, built.kept) == ({"marts.example": 1}, True)
    assert content(path, "select comment from duckdb_columns() where table_name = 'example'") == [("What n means.",)]
    assert content(path, "select comment from duckdb_tables() where table_name = 'example'") == [("What it is for.",)]


@pytest.mark.parametrize(
    ("sql", "differs"),
    [
        ("select 1::bigint as n", "n"),
        ("select 1 as n, 2 as more", "more"),
        ("select 2 as other", "other"),
    ],
)
def test_a_model_that_differs_from_its_description_changes_nothing(tmp_path: Path, sql: str, differs: str) -> None:
    path = tmp_path / "warehouse.duckdb"
    Warehouse(path).build([model("select 1 as n", ("n", "integer"))], [])

    with pytest.raises(ConfigError) as caught:
        Warehouse(path).build([model(sql, ("n", "integer"))], [])

    assert f"differs from its description: {differs}." in str(caught.value)
    assert content(path, "from marts.example") == [(1,)]


def test_a_broken_rule_leaves_every_model_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    Warehouse(path).build([model("select 1 as n", ("n", "integer"))], [])

    built = Warehouse(path).build([model("select 2 as n", ("n", "integer"))], [rule("from marts.example where n > 1")])

    assert not built.kept
    assert [breach.offenders for breach in built.breaches] == [1]
    assert content(path, "from marts.example") == [(1,)]


def test_a_warning_is_counted_and_lets_the_models_in(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"

    built = Warehouse(path).build(
        [model("select 2 as n", ("n", "integer"))], [rule("from marts.example where n > 1", "warn")]
    )

    assert built.kept
    assert [breach.offenders for breach in built.breaches] == [1]
    assert content(path, "from marts.example") == [(2,)]


def test_a_model_that_does_not_run_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        Warehouse(tmp_path / "warehouse.duckdb").build([model("select nothing from nowhere", ("n", "integer"))], [])

    assert str(caught.value).startswith("Model marts.example does not run: ")
    assert "\n" not in str(caught.value)


def test_the_published_copy_has_models_and_ledger_but_no_raw_rows(line: Callable[..., Line]) -> None:
    made = line()
    made.load(DAY)
    made.warehouse.build([model("select 1 as n", ("n", "integer"))], [])

    size = made.warehouse.publish(made.store.published)

    assert size == made.store.published.stat().st_size
    assert made.store.published.stat().st_mode & 0o777 == 0o600
    assert content(made.store.published, "select schema_name, table_name from duckdb_tables() order by all") == [
        ("marts", "example"),
        ("ops", "report_days"),
    ]
    assert content(made.store.published, "select comment from duckdb_columns() where column_name = 'n'") == [
        ("What n means.",)
    ]


def test_readers_of_the_published_copy_never_fail(tmp_path: Path) -> None:
    warehouse, target = Warehouse(tmp_path / "warehouse.duckdb"), tmp_path / "published" / "copilot.duckdb"
    versions = range(1, 11)

    def publish(number: int) -> None:
        warehouse.build([model(f"select {number} as n from range(1000)", ("n", "integer"))], [])
        warehouse.publish(target)

    publish(0)
    seen: list[tuple[object, ...]] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.extend(content(target, "select min(n), max(n), count(*) from marts.example"))

    reader = threading.Thread(target=read)
    reader.start()
    for number in versions:
        publish(number)
    done.set()
    reader.join()
    assert len(seen) > 5
    assert all(low == high and count == 1000 for low, high, count in seen)
