"""Whether what lies on disk is still what was received: raw files, Parquet, warehouse and published file, in turn.

Each is held against the one before it, so that a flipped bit is found where it is, and can be mended from there.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from copilot_etl import landing, ledger, records
from copilot_etl.errors import CopilotEtlError, Quarantined, WarehouseBusy
from copilot_etl.ledger import LedgerDay
from copilot_etl.reports import Report, Table, raw_columns
from copilot_etl.store import Store
from copilot_etl.warehouse import Warehouse

REBUILD = "copilot-etl rebuild"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was left: where it is, what is wrong, and the command that mends it."""

    where: str
    what: str
    mend: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}. Mend: {self.mend}"


def audit(reports: Sequence[Report], *, store: Store, warehouse: Warehouse) -> Iterator[Finding | str]:
    """Reads everything once; yields what it has come to as a text, and what it finds there.

    Raises WarehouseBusy.
    """
    for report in reports:
        for scope, day in landing.days(store.raw, report.name):
            yield f"raw {scope} {day}"
            yield from _raw(store.raw, report, scope, day)
    if not warehouse.path.exists():
        return
    try:
        with warehouse.connect() as connection:
            days = [row for row in ledger.read(connection) if row.loaded_at]
            for report in reports:
                yield from _loaded(connection, report, [row for row in days if row.report == report.name], store=store)
            yield from _strangers(connection, reports, days)
            yield f"published {store.published.name}"
            yield from _published(store.published, days)
    except WarehouseBusy:
        raise
    except (duckdb.Error, CopilotEtlError) as error:
        said = str(error).splitlines()[0][:80]
        yield Finding("warehouse", f"{warehouse.path.name} cannot be read ({said})", REBUILD)


# ------------------------------------------------------------------------------------------------ raw files


def _raw(root: Path, report: Report, scope: str, day: dt.date) -> Iterator[Finding]:
    again = _load(report, scope, day)
    try:
        versions = landing.versions(root, report.name, scope, day)
    except Quarantined:
        yield Finding(f"raw {scope} {day}", f"the manifest of {report.name} is damaged", again)
        return
    for manifest in versions:
        is_latest = manifest is versions[-1]
        for part in manifest.parts:
            try:
                with landing.open_part(manifest, part, twice=True):
                    pass
            except Quarantined as error:
                what = str(error).removeprefix(f"{scope} {day}: ").partition(".")[0]
                mend = again if is_latest else "not possible, GitHub serves the latest version only"
                yield Finding(f"raw {scope} {day}", what if is_latest else f"{what} (an earlier version)", mend)


def _load(report: Report, scope: str, day: dt.date, *options: str) -> str:
    place = f"--report {report.name} --from {day} --to {day} --scope {scope}"
    return " ".join(["copilot-etl load", *options, place])


# ------------------------------------------------------------------------------------------------ loaded days


def _loaded(
    connection: duckdb.DuckDBPyConnection, report: Report, days: Sequence[LedgerDay], *, store: Store
) -> Iterator[Finding | str]:
    """The ledger's loaded days against the raw files, their Parquet against the ledger, their rows against Parquet."""
    good: list[LedgerDay] = []
    for row in days:
        yield f"lake {row.scope} {row.day}"
        where = f"lake {row.scope} {row.day}"
        try:
            landed = {each.content_hash for each in landing.versions(store.raw, report.name, row.scope, row.day)}
        except Quarantined:
            landed = {row.content_hash or ""}  # told already
        if row.content_hash not in landed:
            missing = f"the raw files of {report.name} are missing"
            yield Finding(f"raw {row.scope} {row.day}", missing, _load(report, row.scope, row.day))
        try:
            now = records.lake_hash(store.lake, report, scope=row.scope, day=row.day)
        except OSError:
            now = ""
        if now == row.lake_hash:
            good.append(row)
        else:
            what = f"the Parquet files of {report.name} are {'not what was loaded' if now else 'missing'}"
            yield Finding(where, what, _load(report, row.scope, row.day, "--from-raw"))
    for table in report.tables:
        yield f"warehouse {table.name}"
        yield from _rows(connection, report, table, good=good, lake=store.lake)


def _rows(
    connection: duckdb.DuckDBPyConnection,
    report: Report,
    table: Table,
    *,
    good: Sequence[LedgerDay],
    lake: Path,
) -> Iterator[Finding]:
    columns = ", ".join(f'"{column.name}"::{column.duckdb_type}' for column in raw_columns(report, table))
    count = f"select scope, day, count(*), sum(hash({columns}))"
    files = [str(records.table_file(lake, table.name, scope=row.scope, day=row.day)) for row in good]
    try:
        found = connection.execute(f'{count} from raw."{table.name}" group by all').fetchall()
    except duckdb.Error:
        yield Finding(f"warehouse raw.{table.name}", "the table cannot be read", REBUILD)
        return
    loaded = {(scope, day): rest for scope, day, *rest in found}
    expected: dict[tuple[str, dt.date], list[object]] = {}
    if files:
        source = (
            f'(from raw."{table.name}" limit 0) union all by name '
            "(from read_parquet($files, union_by_name = true, hive_partitioning = false))"
        )
        rows = connection.execute(f"{count} from ({source}) group by all", {"files": files}).fetchall()
        expected = {(scope, day): rest for scope, day, *rest in rows}
    for row in good:
        if loaded.get((row.scope, row.day)) != expected.get((row.scope, row.day)):
            mend = _load(report, row.scope, row.day, "--from-raw")
            yield Finding(f"warehouse {row.scope} {row.day}", f"rows of raw.{table.name} are not the Parquet's", mend)


def _strangers(
    connection: duckdb.DuckDBPyConnection, reports: Sequence[Report], days: Sequence[LedgerDay]
) -> Iterator[Finding]:
    """Rows of days that the ledger does not call loaded; reports may share a table."""
    owners: dict[str, set[str]] = {}
    for report in reports:
        for table in report.tables:
            owners.setdefault(table.name, set()).add(report.name)
    for name, names in owners.items():
        loaded = {(row.scope, row.day) for row in days if row.report in names}
        for scope, day in connection.execute(f'select distinct scope, day from raw."{name}"').fetchall():
            if (scope, day) not in loaded:
                yield Finding(f"warehouse {scope} {day}", f"raw.{name} has rows of a day that is not loaded", REBUILD)


# ------------------------------------------------------------------------------------------------ published


def _published(file: Path, days: Sequence[LedgerDay]) -> Iterator[Finding]:
    where = f"published {file.name}"
    if not file.exists():
        if days:
            yield Finding(where, "the file is missing", "copilot-etl publish")
        return
    try:
        with duckdb.connect(file, read_only=True) as connection:
            tables = connection.execute("select schema_name, table_name from duckdb_tables()").fetchall()
            for schema, table in tables:  # reads every block, whose checksums DuckDB holds
                connection.execute(f'select sum(hash(each)) from "{schema}"."{table}" as each')
            seen = connection.execute(
                "select scope, report, day, content_hash from ops.report_days where loaded_at is not null"
            ).fetchall()
    except duckdb.Error:
        yield Finding(where, "the file is damaged", "copilot-etl publish --full")
        return
    if set(seen) != {(row.scope, row.report, row.day, row.content_hash) for row in days}:
        yield Finding(where, "the file was made from other versions of the days than are loaded", "copilot-etl publish")
