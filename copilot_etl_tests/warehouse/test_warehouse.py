"""The DuckDB file: one writer, whole days, and a ledger that remembers every look."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from copilot_etl import warehouse
from copilot_etl.errors import ConfigError, WarehouseBusy
from copilot_etl.ledger import Look
from copilot_etl.reports import REPORTS, raw_columns
from copilot_etl.store import Store
from copilot_etl.warehouse import Warehouse

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


def test_rows_are_kept_in_smaller_groups_also_in_a_file_that_had_larger_ones(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    made = Warehouse(path)
    rows = 2 * warehouse.ROW_GROUP
    add = f"insert into raw.user_day by name select 'acme' as scope, range as user_id from range({rows})"
    groups = "select count(distinct row_group_id) from pragma_storage_info('raw.user_day')"

    with made.connect() as connection:
        connection.execute(add)
        assert connection.execute(groups).fetchone() == (2,)
        (spill,) = connection.execute("select current_setting('temp_directory')").fetchone() or ()
        assert spill == f"{path}.tmp", "not below the working folder"
    with duckdb.connect(path) as connection:
        connection.execute(add)
        assert connection.execute(groups).fetchone() == (1,)
    with made.connect() as connection:
        connection.execute(add)
        assert connection.execute(groups).fetchone() == (3,)
        assert connection.execute("select count(*), count(distinct user_id) from raw.user_day").fetchone() == (
            3 * rows,
            rows,
        )


def test_a_new_file_has_every_table_with_its_meaning(tmp_path: Path) -> None:
    with Warehouse(tmp_path / "warehouse.duckdb").connect() as connection:
        found = connection.execute(
            "select table_name, column_name, comment from duckdb_columns() where schema_name = 'raw'"
        ).fetchall()

    assert {(table, column) for table, column, _ in found} == {
        (table.name, column.name)
        for report in REPORTS.values()
        for table in report.tables
        for column in raw_columns(report, table)
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


def test_a_folder_in_its_place_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    path.mkdir()

    with pytest.raises(ConfigError, match=r"Cannot open .* as a DuckDB file"):
        Warehouse(path).note([look("not_ready")])

    assert list(path.iterdir()) == []


def test_a_file_whose_first_page_is_damaged_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute("create table t as select 1")
    content = bytearray(path.read_bytes())
    assert content[8:12] == b"DUCK"
    content[12] ^= 1  # the version of the format
    path.write_bytes(content)

    with pytest.raises(ConfigError, match=r"Cannot open .* as a DuckDB file"):
        Warehouse(path).note([look("not_ready")])

    assert path.read_bytes() == content


def test_a_file_that_is_kept_open_is_let_go_when_its_time_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warehouse, "KEPT_SECONDS", 0.3)
    path = tmp_path / "warehouse.duckdb"
    mine = Warehouse(path)

    with mine.kept_open():
        mine.note([look("not_ready")])
        with pytest.raises(WarehouseBusy):
            Warehouse(path, wait=0.1).ledger()
        mine.note([look("not_ready", hours=1)])
        time.sleep(0.4)
        mine.note([look("not_ready", hours=2)])  # the last one before it is given back
        assert Warehouse(path, wait=0.1).ledger()[0].attempts == 3
        mine.note([look("not_ready", hours=3)])
        mine.let_go()
        assert Warehouse(path, wait=0.1).ledger()[0].attempts == 4
        mine.note([look("not_ready", hours=4)])

    assert Warehouse(path, wait=0.1).ledger()[0].attempts == 5


def test_a_fault_closes_a_file_that_is_kept_open(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    mine = Warehouse(path)

    with mine.kept_open():
        with pytest.raises(ZeroDivisionError), mine.connect() as connection:
            connection.execute("begin")
            connection.execute("delete from ops.report_days")
            _ = 1 / 0
        assert Warehouse(path, wait=0.1).ledger() == ()
        mine.note([look("not_ready")])

    assert len(mine.ledger()) == 1


def test_four_writers_at_once_all_get_through(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    code = f"""
        import datetime as dt, sys
        from pathlib import Path
        from copilot_etl.ledger import Look
        from copilot_etl.warehouse import Warehouse
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


def test_who_holds_the_file_and_who_holds_the_lake_do_not_wait_for_each_other(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.prepare()
    code = f"""
        from pathlib import Path
        from copilot_etl.store import Store
        from copilot_etl.warehouse import Warehouse
        store = Store(Path({str(tmp_path)!r}))
        with store.alone():
            print("ready", flush=True)
            Warehouse(store.warehouse).ledger()
    """
    mine = Warehouse(store.warehouse)
    with mine.kept_open():
        mine.note([look("not_ready")])
        with other_process(code) as process, store.alone(before_waiting=mine.let_go):
            assert process.wait(20) == 0
