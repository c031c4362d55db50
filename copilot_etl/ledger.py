"""What the warehouse notes about itself: every look at a day, every restatement, every field that came or went.

All functions take an open connection and stay inside its transaction, so that a note and the rows it speaks of are
written together or not at all.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import duckdb

from copilot_etl.records import FieldCount, Normalised
from copilot_etl.reports import REPORTS, Report


@dataclass(frozen=True, slots=True)
class OpsTable:
    """A table of our own notes: its meaning, its columns as (type, meaning) by name, and its primary key if any."""

    description: str
    columns: Mapping[str, tuple[str, str]]
    key: str = ""


_SCOPE = ("varchar", "Organization login, or `enterprise.SLUG`.")
_REPORT = ("varchar", "GitHub's name of the report.")
_DAY = ("date", "UTC calendar day of the report.")

OPS_TABLES: Mapping[str, OpsTable] = {
    "report_days": OpsTable(
        "State of every scope, report and day that was looked at.",
        {
            "scope": _SCOPE,
            "report": _REPORT,
            "day": _DAY,
            "state": (
                "varchar",
                "Result of the last look: loaded, loaded_empty, not_ready, no_report, failed or quarantined.",
            ),
            "rows": ("bigint", "People in the version that is loaded now; null: none is."),
            "files": ("bigint", "Files of that version."),
            "bytes": ("bigint", "Bytes of those files as received."),
            "content_hash": ("varchar", "SHA-256 over the hashes of those files."),
            "lake_hash": ("varchar", "SHA-256 over the hashes of the Parquet files made from them."),
            "unknown_fields": ("bigint", "Records of that version with a field this project does not know."),
            "owner_id": ("varchar", "Id of the organization that those records name; null: they name none."),
            "attempts": ("bigint", "How often GitHub was asked for this day. In the analysts' file as `last_seen_at`."),
            "first_seen_at": ("timestamp", "First look, UTC."),
            "last_seen_at": (
                "timestamp",
                "Last look, UTC. In the analysts' file the last one before `ops.published.published_at`: a second "
                "look on a UTC day that finds every day as it was does not make that file anew.",
            ),
            "loaded_at": ("timestamp", "When that version was loaded, UTC."),
            "last_error": ("varchar", "What the last look that did not load said; null: it was fine."),
            "is_first_look": (
                "boolean",
                "Whether that version is cut out of the report of the last 28 days, until the day's own file is there.",
            ),
        },
        key="scope, report, day",
    ),
    "restatements": OpsTable(
        "One row each time GitHub served other content for a day that was loaded: what it changed.",
        {
            "scope": _SCOPE,
            "report": _REPORT,
            "day": _DAY,
            "seen_at": ("timestamp", "When the new content was received, UTC."),
            "old_hash": ("varchar", "Content hash of the version before."),
            "new_hash": ("varchar", "Content hash of the version that took its place."),
            "rows_before": ("bigint", "Records (people) of the version before."),
            "rows_after": ("bigint", "Records (people) of the new version."),
            "rows_added": ("bigint", "Records whose key only the new version has."),
            "rows_removed": ("bigint", "Records whose key only the version before had."),
            "rows_changed": ("bigint", "Records of both versions of which any value, nested ones included, differs."),
            "counters_before": ("map(varchar, decimal(38, 6))", "Sums of the record's own counters before, by field."),
            "counters_after": ("map(varchar, decimal(38, 6))", "Sums of the record's own counters after, by field."),
        },
    ),
    "field_days": OpsTable(
        "One row a scope, report, loaded day and field of GitHub's record: how many records had it.",
        {
            "scope": _SCOPE,
            "report": _REPORT,
            "day": _DAY,
            "path": ("varchar", "Where the field stands in the record; `[]` is an element of an array."),
            "is_known": ("boolean", "Whether this version of copilot_etl has a column for it."),
            "json_type": ("varchar", "JSON type of its values; several are separated by `|`."),
            "filled": ("bigint", "Rows in which it has a value; for an unknown field, records that hold it."),
            "rows": ("bigint", "Rows that could have one."),
        },
    ),
    "schema_drift": OpsTable(
        "One row a scope, report and field that GitHub sends and this version does not know, or has ceased to send.",
        {
            "scope": _SCOPE,
            "report": _REPORT,
            "path": ("varchar", "Where the field stands in the record; `[]` is an element of an array."),
            "change": (
                "varchar",
                "appeared: sent, but unknown here, its values are in raw.*.unknown_fields; disappeared: it was in nine "
                "of ten rows, and then in none.",
            ),
            "json_type": ("varchar", "JSON type of its values; several are separated by `|`."),
            "first_day": ("date", "First day with (appeared) or without it (disappeared)."),
            "last_day": ("date", "Last such day."),
            "days": ("bigint", "How many such days are loaded."),
            "records": ("bigint", "Records with it on those days (appeared), rows without it (disappeared)."),
        },
    ),
}


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a day. `is_replay` is true when landed bytes were read again and GitHub was not asked."""

    scope: str
    report: str
    day: dt.date
    state: str
    seen_at: dt.datetime
    error: str | None = None
    is_replay: bool = False


@dataclass(frozen=True, slots=True)
class LedgerDay:
    """One row of `ops.report_days`; times are UTC."""

    scope: str
    report: str
    day: dt.date
    state: str
    rows: int | None
    files: int | None
    bytes: int | None
    content_hash: str | None
    lake_hash: str | None
    unknown_fields: int | None
    owner_id: str | None
    attempts: int
    first_seen_at: dt.datetime
    last_seen_at: dt.datetime
    loaded_at: dt.datetime | None
    last_error: str | None
    is_first_look: bool | None = None

    @property
    def finding(self) -> LedgerDay:
        """The row without what a second look on the same UTC day changes when it finds the same."""
        return replace(self, attempts=0, last_seen_at=dt.datetime.combine(self.last_seen_at, dt.time()))


_COLUMNS = ", ".join(OPS_TABLES["report_days"].columns)


def read(
    connection: duckdb.DuckDBPyConnection,
    *,
    scope: str | None = None,
    report: str | None = None,
    first: dt.date | None = None,
    last: dt.date | None = None,
) -> tuple[LedgerDay, ...]:
    """The rows of `ops.report_days` (between two days, both included), by scope, report and day."""
    rows = connection.execute(
        f"select {_COLUMNS} from ops.report_days "
        "where scope = coalesce(?, scope) and report = coalesce(?, report) "
        "and day between coalesce(?, day) and coalesce(?, day) order by scope, report, day",
        [scope, report, first, last],
    ).fetchall()
    return tuple(LedgerDay(*row) for row in rows)


def note(connection: duckdb.DuckDBPyConnection, look: Look) -> None:
    """Writes down one look; what is loaded stays loaded."""
    # "No report" for a day that is loaded is no news about its rows: the day stays loaded, the answer is kept. Bytes
    # that are read again say nothing about whether GitHub's last answer was a failure.
    connection.execute(
        """
        insert into ops.report_days
            (scope, report, day, state, attempts, first_seen_at, last_seen_at, last_error)
        values ($scope, $report, $day, $state, 1, $seen_at, $seen_at, $error)
        on conflict (scope, report, day) do update set
            state = case
                when $is_replay and report_days.state = 'failed' and report_days.loaded_at is not null
                    then report_days.state
                when excluded.state not in ('not_ready', 'no_report') or report_days.loaded_at is null
                    then excluded.state
                when report_days.rows > 0 then 'loaded'
                else 'loaded_empty'
            end,
            last_error = case
                when $is_replay and report_days.state = 'failed' and report_days.loaded_at is not null
                    then report_days.last_error
                else excluded.last_error
            end,
            attempts = report_days.attempts + if($is_replay, 0, 1),
            last_seen_at = if($is_replay, report_days.last_seen_at, excluded.last_seen_at)
        """,
        {
            "scope": look.scope,
            "report": look.report,
            "day": look.day,
            "state": look.state,
            "seen_at": look.seen_at,
            "error": look.error,
            "is_replay": look.is_replay,
        },
    )


def note_loaded(
    connection: duckdb.DuckDBPyConnection,
    normalised: Normalised,
    *,
    files: int,
    size: int,
    lake_hash: str,
    loaded_at: dt.datetime,
    is_first_look: bool = False,
) -> None:
    """Writes down what the version is that has just been loaded; the day was looked at before."""
    connection.execute(
        "update ops.report_days set rows = ?, files = ?, bytes = ?, content_hash = ?, lake_hash = ?, "
        "unknown_fields = ?, owner_id = ?, loaded_at = ?, is_first_look = ? where scope = ? and report = ? and day = ?",
        [
            normalised.records,
            files,
            size,
            normalised.content_hash,
            lake_hash,
            normalised.unknown_records,
            normalised.owner_id,
            loaded_at,
            is_first_look,
            normalised.scope,
            normalised.report,
            normalised.day,
        ],
    )


# ------------------------------------------------------------------------------------------------ restatements


class Contents:
    """What `raw` holds of a day at this moment: a fingerprint of each record in a temporary table, and the sums."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, report: Report, *, scope: str, day: dt.date, name: str
    ) -> None:
        self._connection = connection
        self.name = name
        where = "where scope = $scope and day = $day"
        values = {"scope": scope, "day": day}
        key = f"[{', '.join(column.name for column in report.key)}]" if report.key else "1"
        rows = " union all ".join(
            f'select {key} as key, hash(each) as fingerprint from raw."{table.name}" as each {where}'
            for table in report.tables
        )
        connection.execute(
            f"create or replace temp table {name} as "
            f"select key, sum(fingerprint) as fingerprint from ({rows}) group by key",
            values,
        )
        main = next(table for table in report.tables if not table.sources)
        self.counters = [column.name for column in main.columns if column.kind in ("count", "amount")]
        sums = ", ".join(f'sum("{counter}")::decimal(38, 6)' for counter in self.counters)
        found = connection.execute(f'select count(*), {sums} from raw."{main.name}" {where}', values).fetchone()
        self.rows: int
        self.sums: Sequence[Decimal | None]
        self.rows, *self.sums = found or (0,)

    def drop(self) -> None:
        self._connection.execute(f"drop table {self.name}")


def note_restatement(
    connection: duckdb.DuckDBPyConnection,
    before: LedgerDay,
    *,
    old: Contents,
    new: Contents,
    new_hash: str,
    seen_at: dt.datetime,
) -> int:
    """Writes down what GitHub changed of a day that was loaded; how many records it added, removed or changed."""
    changes = connection.execute(
        "select count(*) filter (where before.key is null), count(*) filter (where after.key is null), "
        "count(*) filter (where before.fingerprint <> after.fingerprint) "
        f"from {old.name} as before full join {new.name} as after using (key)"
    ).fetchone() or (0, 0, 0)
    connection.execute(
        "insert into ops.restatements values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, map(?, ?), map(?, ?))",
        [
            before.scope,
            before.report,
            before.day,
            seen_at,
            before.content_hash,
            new_hash,
            old.rows,
            new.rows,
            *changes,
            old.counters,
            old.sums,
            new.counters,
            new.sums,
        ],
    )
    return sum(changes)


# ------------------------------------------------------------------------------------------------------ drift

USUAL_SHARE = 0.9
"""A field that was in so many of the rows of the 28 days before is expected; one that is in none then is gone."""

ENOUGH_ROWS = 5
"""Of fewer rows nothing is said: where a report has one record a day, a field that is null for once is no change."""

_DRIFT = f"""
insert into ops.schema_drift
with
fields as (select * from ops.field_days where scope = $scope and report = $report),

usual as (
    select
        path,
        day,
        avg(filled / rows) over (partition by path order by day rows 27 preceding) as share,
    from fields
    where is_known and filled > 0 and path in (select path from fields where is_known and filled = 0)
),

gone as (
    select fields.*
    from fields
    asof join usual on fields.path = usual.path and fields.day > usual.day
    where fields.is_known and fields.filled = 0 and fields.rows >= {ENOUGH_ROWS} and usual.share >= {USUAL_SHARE}
)

select
    $scope, $report, path, 'appeared', string_agg(distinct json_type, '|' order by json_type),
    min(day), max(day), count(*), sum(filled),
from fields
where not is_known
group by path
union all
select $scope, $report, path, 'disappeared', any_value(json_type), min(day), max(day), count(*), sum(rows),
from gone
group by path
"""


def note_fields(
    connection: duckdb.DuckDBPyConnection, normalised: Normalised, fields: Sequence[FieldCount]
) -> tuple[str, ...]:
    """Writes down which fields a day's records have; the paths of those that were never met before, unknown here."""
    values = {"scope": normalised.scope, "report": normalised.report}
    before = _appeared(connection, values)
    connection.execute(
        "delete from ops.field_days where scope = ? and report = ? and day = ?",
        [normalised.scope, normalised.report, normalised.day],
    )
    if fields:
        connection.execute(
            "insert into ops.field_days select ?, ?, ?, unnest(?), unnest(?), unnest(?), unnest(?), unnest(?)",
            [
                normalised.scope,
                normalised.report,
                normalised.day,
                [each.path for each in fields],
                [each.is_known for each in fields],
                [each.json_type for each in fields],
                [each.filled for each in fields],
                [each.rows for each in fields],
            ],
        )
    _note_drift(connection, values)
    return tuple(sorted(_appeared(connection, values) - before))


def _note_drift(connection: duckdb.DuckDBPyConnection, values: Mapping[str, str]) -> None:
    connection.execute("delete from ops.schema_drift where scope = $scope and report = $report", values)
    connection.execute(_DRIFT, values)


def _appeared(connection: duckdb.DuckDBPyConnection, values: Mapping[str, str]) -> set[str]:
    rows = connection.execute(
        "select path from ops.schema_drift where scope = $scope and report = $report and change = 'appeared'", values
    ).fetchall()
    return {path for (path,) in rows}


# ---------------------------------------------------------------------------------------------------- taking over


def take_over(connection: duckdb.DuckDBPyConnection, old: str) -> None:
    """Completes a rebuilt file by what only the old one, attached as `old`, knows.

    That is every look at a day, the rows of days whose raw files cannot be read any more, and restatements whose
    versions are gone.
    """
    own, keys = "ops.report_days", "scope, report, day"
    connection.execute(
        f"create temp table lost as select {keys} from {old}.{own} as before left join {own} as now using ({keys}) "
        "where before.loaded_at is not null and now.loaded_at is null"
    )
    for report in REPORTS.values():
        for table in report.tables:
            connection.execute(
                f'insert into raw."{table.name}" by name select before.* from {old}.raw."{table.name}" as before '
                "semi join (from lost where report = ?) as lost using (scope, day)",
                [report.name],
            )
    connection.execute(f"insert into ops.field_days by name from {old}.ops.field_days semi join lost using ({keys})")
    connection.execute(
        f"insert into ops.restatements by name from {old}.ops.restatements as before "
        f"anti join ops.restatements as now using ({keys}, seen_at, new_hash)"
    )
    # The same version: the old row, but for the Parquet files, which are new. Another one, or none: what the old row
    # says of looking at the day, since only it knows.
    connection.execute(
        f"create temp table taken as select before.* replace (coalesce(now.lake_hash, before.lake_hash) as lake_hash) "
        f"from {old}.{own} as before left join {own} as now using ({keys}) "
        "where now.loaded_at is null or now.content_hash is not distinct from before.content_hash"
    )
    connection.execute(
        f"update {own} as now set attempts = before.attempts, first_seen_at = before.first_seen_at "
        f"from {old}.{own} as before where (now.scope, now.report, now.day) = (before.scope, before.report, before.day)"
    )
    connection.execute(
        f"delete from {own} as now using taken where "
        "(now.scope, now.report, now.day) = (taken.scope, taken.report, taken.day)"
    )
    connection.execute(f"insert into {own} by name from taken")
    for scope, report in connection.execute("select distinct scope, report from lost").fetchall():
        _note_drift(connection, {"scope": scope, "report": report})
    for temporary in ("lost", "taken"):
        connection.execute(f"drop table {temporary}")
