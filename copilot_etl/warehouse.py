"""The DuckDB file: a day replaced whole, and the ledger that says what is known of every day.

One process writes at a time. A kernel lock beside the file keeps our own processes apart and is freed by a
kill; DuckDB's own lock keeps everybody else out, and is waited for.
"""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb
from filelock import FileLock, Timeout

from copilot_etl import ledger, records
from copilot_etl.durable import settle
from copilot_etl.errors import ConfigError, CopilotEtlError, WarehouseBusy, raise_if_interrupted
from copilot_etl.ledger import OPS_TABLES, Contents, LedgerDay, Look
from copilot_etl.records import Normalised
from copilot_etl.reports import REPORTS, Report, raw_columns

SCHEMAS = ("raw", "ops")

ROW_GROUP = 30_720
"""Rows that the file keeps together: a quarter of DuckDB's own number. What a load leaves of its last ones is
compressed by one thread alone; of smaller ones there is less, so that a large day is loaded a third faster."""

KEPT_SECONDS = 5.0
"""A run that loads day after day lets others at the file at least this often."""

LOOSE = 0.1
"""A file of which more than this share is free blocks is copied once without them."""

LARGE = 128 * 2**20
LOOSE_AND_LARGE = 0.25
"""The same for a file of more than LARGE bytes: to copy it takes 40 seconds a gigabyte."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """What replacing a day did: the ledger's row now, fields of GitHub's that were never met before, and how many
    records differ from the version before (0 when there was none)."""

    day: LedgerDay
    new_fields: tuple[str, ...]
    restated_rows: int


@dataclass(frozen=True, slots=True)
class _Opened:
    """An open file with its lock, which `closing` gives back; it is not kept beyond `until` on the monotonic clock."""

    connection: duckdb.DuckDBPyConnection
    closing: ExitStack
    until: float


class Warehouse:
    """The warehouse file at `path`; `wait` is how many seconds a busy file is waited for.

    Every method opens the file, does one thing in one transaction and closes it, or leaves it open within `kept_open`.
    All raise WarehouseBusy when another process keeps the file for longer than `wait`, and ConfigError when the path
    cannot hold a warehouse. A warehouse belongs to one thread.
    """

    def __init__(self, path: Path, *, wait: float = 600.0) -> None:
        self.path = path
        self._wait = wait
        self._new = path.with_suffix(".new")
        self._keeps = False
        self._opened: _Opened | None = None
        self._has_replaced = False

    # ------------------------------------------------------------------------------------------ the file

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The open file, for this process alone; created and brought to the catalogue's schema if need be."""
        kept, self._opened = self._opened, None
        opened = kept or self._open_for_writing()
        stays = False
        try:
            if not kept:
                _prepare(opened.connection)
            yield opened.connection
            stays = self._keeps and time.monotonic() < opened.until
        except duckdb.Error as error:
            if fault := _disk_fault(error):
                raise CopilotEtlError(f"Cannot write {self.path}: {fault}. What was loaded stays.") from None
            raise
        finally:
            if stays:
                self._opened = opened
            else:
                opened.closing.close()

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        """Lets the file stay open from one call to the next, for a few seconds at a time, until `let_go`.

        To close it takes as long as to load a small day. Who needs it meanwhile gets it between two days. At the end a
        file in which days were replaced is made compact.
        """
        self._keeps = True
        try:
            yield
        finally:
            self._keeps = False
            self.let_go()
        if self._has_replaced:
            self._compact()

    def let_go(self) -> None:
        """Closes the file if it was kept open."""
        if self._opened:
            opened, self._opened = self._opened, None
            opened.closing.close()

    def _compact(self) -> None:
        """Copies the file without its free blocks if they are many; where it cannot be copied, it stays as it is.

        DuckDB writes a day's new rows before it frees the old ones, and gives back only what is free at a file's end:
        a file of few days would stay twice as large.
        """
        self._has_replaced = False
        # Not worth any waiting, nor the end of a run that loaded its days.
        with suppress(CopilotEtlError), Warehouse(self.path, wait=0).connect() as connection:
            try:
                connection.execute("checkpoint")
                if is_loose(connection, "warehouse"):
                    copy_compact(connection, "warehouse", self._new, f"row_group_size {ROW_GROUP}")
                    connection.execute("use memory")
                    connection.execute("detach warehouse")
                    settle(self._new, self.path)
            except (duckdb.Error, OSError):
                pass
            except RuntimeError as error:
                raise_if_interrupted(error)
                raise
            finally:
                discard(self._new)

    def _open_for_writing(self) -> _Opened:
        with ExitStack() as stack:
            deadline = stack.enter_context(self._locked())
            discard(self._new)  # what a kill left
            if not self.path.exists():
                self._create()
            connection = self._open(self.path, deadline)
            stack.callback(connection.close)
            return _Opened(connection, stack.pop_all(), time.monotonic() + KEPT_SECONDS)

    @contextmanager
    def _locked(self) -> Iterator[float]:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        deadline = time.monotonic() + self._wait
        lock_path = self.path.with_suffix(".lock")
        lock = FileLock(lock_path, mode=0o600)
        try:
            lock.acquire(timeout=self._wait, poll_interval=0.05)
        except Timeout:
            raise WarehouseBusy(
                f"The warehouse {self.path} is being written by another run. Try again when it has ended."
            ) from None
        except OSError as error:
            raise ConfigError(f"Cannot write {lock_path}: {error.strerror}.") from None
        try:
            yield deadline
        finally:
            lock.release()

    @contextmanager
    def anew(self) -> Iterator[Warehouse]:
        """An empty warehouse that takes this one's place at the end; nobody writes here meanwhile.

        What only the file before knows is taken over. If that file cannot be read, it is kept as `*.damaged`.
        """
        fresh = Warehouse(self.path.with_name("rebuilt.duckdb"), wait=self._wait)
        with self._locked() as deadline:
            readable = self.path.exists() and self._settled(deadline)
            discard(fresh.path)
            try:
                yield fresh
                with fresh.connect() as connection:
                    if readable and not self._taken_over(connection):
                        readable = False
                    connection.execute("checkpoint")
                if not readable:
                    for file in (self.path, _wal(self.path)):
                        if file.exists():
                            file.replace(f"{file}.damaged")
                settle(fresh.path, self.path)
            finally:
                discard(fresh.path)
                fresh.path.with_suffix(".lock").unlink(missing_ok=True)

    def _settled(self, deadline: float) -> bool:
        """Brings the file to the catalogue's schema and its log into it; false when it cannot be read."""
        try:
            with self._open(self.path, deadline) as connection:
                _prepare(connection)
                connection.execute("checkpoint")
        except (duckdb.Error, ConfigError):
            return False
        return True

    def _taken_over(self, connection: duckdb.DuckDBPyConnection) -> bool:
        try:
            connection.execute(f"attach '{literal(self.path)}' as before (read_only)")
            with _transaction(connection):
                ledger.take_over(connection, "before")
            connection.execute("detach before")
        except duckdb.Error:
            return False
        return True

    def _open(self, path: Path, deadline: float) -> duckdb.DuckDBPyConnection:
        while True:
            try:
                return _connected(path)
            except duckdb.Error as error:  # a damaged first page is no IOException
                holder = re.search(r"PID (\d+)", str(error))
                if fault := _disk_fault(error):
                    raise CopilotEtlError(f"Cannot write {path}: {fault}. What was loaded stays.") from None
                if "Could not set lock" not in str(error):
                    raise ConfigError(
                        f"Cannot open {path} as a DuckDB file. Move it away, or set COPILOT_DATA_DIR."
                    ) from None
                if time.monotonic() >= deadline:
                    pid = f" in process {holder[1]}" if holder else ""
                    raise WarehouseBusy(
                        f"The warehouse {path} is open{pid}. Close it there; analysts read the published copy."
                    ) from None
                time.sleep(0.25)

    def _create(self) -> None:
        # A kill while DuckDB writes the first pages of a new file leaves one that no later run can open,
        # so it is made under another name and renamed when it is whole.
        try:
            with _connected(self._new) as connection:
                _prepare(connection)
                connection.execute("checkpoint")
        except duckdb.IOException:
            raise ConfigError(f"Cannot create {self.path}. Check that its folder can be written.") from None
        settle(self._new, self.path)

    # -------------------------------------------------------------------------------------- days and ledger

    def replace_day(
        self,
        normalised: Normalised,
        *,
        report: Report,
        lake: Path,
        files: int,
        size: int,
        seen_at: dt.datetime,
        received_at: dt.datetime | None = None,
        is_replay: bool = False,
        is_first_look: bool = False,
    ) -> Replaced:
        """Replaces every table's rows of this scope and day with the lake's, and its notes, in one transaction.

        `received_at` is when the bytes came from GitHub (default: `seen_at`); `is_replay` says that it was not asked;
        `is_first_look` that the day's own file is still to come, which will restate nothing then.
        """
        scope, day = normalised.scope, normalised.day
        state = "loaded" if normalised.records else "loaded_empty"
        with self.connect() as connection, _transaction(connection):
            before = next(iter(ledger.read(connection, scope=scope, report=report.name, first=day, last=day)), None)
            own = before if before and before.loaded_at and not before.is_first_look else None
            self._has_replaced |= bool(before and before.loaded_at)
            restated = own and own.content_hash != normalised.content_hash
            old = Contents(connection, report, scope=scope, day=day, name="old_contents") if restated else None
            connection.execute("set preserve_insertion_order = false")  # a day's rows have no order; a quarter faster
            for table in report.tables:
                connection.execute(f'delete from raw."{table.name}" where scope = ? and day = ?', [scope, day])
                if normalised.rows[table.name]:
                    connection.execute(
                        f'insert into raw."{table.name}" by name '
                        "select * from read_parquet(?, hive_partitioning = false)",
                        [str(normalised.path(lake, table.name))],
                    )
            received_at = received_at or seen_at
            look_at = received_at if is_replay else seen_at
            ledger.note(connection, Look(scope, report.name, day, state, look_at, is_replay=is_replay))
            ledger.note_loaded(
                connection,
                normalised,
                files=files,
                size=size,
                lake_hash=records.lake_hash(lake, report, scope=scope, day=day),
                loaded_at=seen_at,
                is_first_look=is_first_look,
            )
            restated_rows = 0
            if before and old:
                new = Contents(connection, report, scope=scope, day=day, name="new_contents")
                restated_rows = ledger.note_restatement(
                    connection, before, old=old, new=new, new_hash=normalised.content_hash, seen_at=received_at
                )
            new_fields = ledger.note_fields(
                connection, normalised, records.fields(normalised, report=report, lake=lake)
            )
            (now,) = ledger.read(connection, scope=scope, report=report.name, first=day, last=day)
        return Replaced(now, new_fields, restated_rows)

    def note(self, looks: Sequence[Look]) -> None:
        """Puts looks that loaded nothing into the ledger; rows that are loaded stay."""
        if looks:
            with self.connect() as connection, _transaction(connection):
                for look in looks:
                    ledger.note(connection, look)

    def ledger(self, *, first: dt.date | None = None, last: dt.date | None = None) -> tuple[LedgerDay, ...]:
        """The rows of `ops.report_days` between two days (both included), by scope, report and day."""
        if not self.path.exists():
            return ()
        with self.connect() as connection:
            return ledger.read(connection, first=first, last=last)


# ----------------------------------------------------------------------------------------------- statements


def _connected(path: Path) -> duckdb.DuckDBPyConnection:
    """A session that works in a file, which is made if it is not there."""
    with ExitStack() as stack:
        connection = stack.enter_context(duckdb.connect())
        connection.execute(f"set temp_directory = '{literal(path)}.tmp'")
        # The size of row groups is no property of the file: who opens it without it appends larger ones.
        connection.execute(f"attach '{literal(path)}' as warehouse (row_group_size {ROW_GROUP})")
        connection.execute("use warehouse")
        # Twice DuckDB's own: each checkpoint writes the last rows of every table anew.
        connection.execute("set checkpoint_threshold = '32MiB'")
        stack.pop_all()
        return connection


def is_loose(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Whether an attached file is worth a copy without its free blocks; say `checkpoint` first."""
    (size, free) = connection.execute(
        "select total_blocks * block_size, free_blocks * block_size from pragma_database_size() "
        "where database_name = ?",
        [name],
    ).fetchall()[0]
    return bool(free > size * (LOOSE if size <= LARGE else LOOSE_AND_LARGE))


def attach_unlogged(connection: duckdb.DuckDBPyConnection, path: Path, name: str, *options: str) -> None:
    """Attaches a file that is nobody's until it is swapped in, and after a kill is made anew.

    A log of each statement, which is brought to the disk each time, would only cost time.
    """
    connection.execute(f"attach '{literal(path)}' as {name} ({', '.join(['recovery_mode no_wal_writes', *options])})")


def copy_compact(connection: duckdb.DuckDBPyConnection, name: str, target: Path, option: str) -> None:
    """Copies an attached file without its free blocks into a new one, made with this option of ATTACH."""
    discard(target)
    attach_unlogged(connection, target, "compact", option)
    connection.execute(f"copy from database {name} to compact")
    connection.execute("checkpoint compact")
    connection.execute("detach compact")


def _disk_fault(error: duckdb.Error) -> str:
    """The system's words for what the disk refused, from wherever DuckDB puts them; empty for other errors."""
    found = re.search(
        r"No space left on device|Input/output error|Read-only file system|Disk quota exceeded", str(error)
    )
    return found[0] if found else ""


def _wal(path: Path) -> Path:
    return Path(f"{path}.wal")


def discard(path: Path) -> None:
    """Removes a file that nobody has finished, with its write-ahead log."""
    for each in (path, _wal(path)):
        each.unlink(missing_ok=True)


def _prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Brings an open file to the catalogue's schema; a column new to the catalogue is added, never dropped."""
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("set memory_limit = '1GiB'")
    have = set(
        connection.execute(
            "select schema_name, table_name, column_name from duckdb_columns() "
            "where schema_name in ('raw', 'ops') and database_name = current_database()"
        ).fetchall()
    )
    tables = {("raw", table.name): table.grain for report in REPORTS.values() for table in report.tables}
    tables |= {("ops", name): table.description for name, table in OPS_TABLES.items()}
    keys = {("ops", name): table.key for name, table in OPS_TABLES.items()}
    missing = [each for each in _wanted_columns() if each[:3] not in have]
    if not missing:
        return
    with _transaction(connection):
        for schema in SCHEMAS:
            connection.execute(f"create schema if not exists {schema}")
        new = {each[:2] for each in missing} - {known[:2] for known in have}
        for place in dict.fromkeys(each[:2] for each in missing):
            if place in new:
                columns = [f'"{name}" {kind}' for *where, name, kind, _ in missing if tuple(where) == place]
                key = [f"primary key ({keys[place]})"] if keys.get(place) else []
                connection.execute(f'create table {place[0]}."{place[1]}" ({", ".join(columns + key)})')
                comment_on(connection, f'table {place[0]}."{place[1]}"', tables[place])
        for schema, table, name, kind, meaning in missing:
            if (schema, table) not in new:
                connection.execute(f'alter table {schema}."{table}" add column "{name}" {kind}')
            comment_on(connection, f'column {schema}."{table}"."{name}"', meaning)


def _wanted_columns() -> list[tuple[str, str, str, str, str]]:
    """Schema, table, name, type and meaning of every column that the file has to have."""
    raw = [
        ("raw", table.name, column.name, column.duckdb_type, column.description)
        for report in REPORTS.values()
        for table in report.tables
        for column in raw_columns(report, table)
    ]
    ops = [
        ("ops", name, column, kind, meaning)
        for name, table in OPS_TABLES.items()
        for column, (kind, meaning) in table.columns.items()
    ]
    return list(dict.fromkeys([*raw, *ops]))  # reports may share tables


@contextmanager
def _transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    connection.execute("begin")
    try:
        yield
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")


def comment_on(connection: duckdb.DuckDBPyConnection, what: str, text: str | None) -> None:
    """Writes the meaning of a table, view, column or macro into the file."""
    if text:  # COMMENT takes no parameters
        connection.execute(f"comment on {what} is '{literal(text)}'")


def literal(value: str | Path) -> str:
    """A text as it may stand between the quotes of an SQL literal, where no parameter can."""
    return str(value).replace("'", "''")
