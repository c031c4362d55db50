"""The analysts' file: models built into a copy of its last version, rules held, and the whole swapped in.

A refresh never touches the file that people read. It copies it, rebuilds what changed, holds every rule and renames:
a reader sees the old version or the new one, and a broken rule or a kill leaves the old one. Models of which only some
days changed are rebuilt for those days alone, by the same select over views that hold the days it needs.
"""

from __future__ import annotations

import datetime as dt
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from copilot_etl import __version__, durable, ledger
from copilot_etl.dictionary import dictionary
from copilot_etl.errors import ConfigError, CopilotEtlError
from copilot_etl.ledger import OpsTable
from copilot_etl.models import Model, Project, Rule, Seed, fingerprints, period_start
from copilot_etl.reports import REPORTS
from copilot_etl.warehouse import Warehouse, attach_unlogged, comment_on, copy_compact, discard, is_loose, literal


@dataclass(frozen=True, slots=True)
class Span:
    """Days from `first` to `last`, both included."""

    first: dt.date
    last: dt.date


_STORAGE = "storage_version 'v1.4.0'"
"""DuckDB 1.4 and later open the file; what DuckDB 2.0 writes by default, they refuse."""

PROVISIONAL_DAYS = 3
"""A day is provisional for this long, so its rows say something else afterwards."""

MEMORY_MIB = 640
"""Models that need more lay it on disk. Of a day of 500,000 people all do with this; with 512 MiB not all."""

_USER_DAYS_AT_ONCE = 250_000
"""Of so many user-days (records of any report) a model of days is built at once: groups and joins fit into memory."""

_WINDOWS_AT_ONCE = 2
"""But of days no fewer than this many times those that its rows look back on, which are read again for each part."""

_ALWAYS = Span(dt.date(1970, 1, 1), dt.date(9990, 12, 31))
"""More days than there are, and less than would overflow when a window is added."""

_SCHEMAS = ("main", "seeds", "core", "marts", "ops")
_INPUTS = ("input.raw", "input.core", "input.marts")  # for views of tables whose rows are of a day

_OWN_TABLES: Mapping[str, OpsTable] = {
    "model_builds": OpsTable(
        "One row a model: how its rows came about.",
        {
            "model": ("varchar", "Table with its schema."),
            "fingerprint": ("varchar", "Hash of its SQL and of all that it is made from."),
            "first_day": ("date", "First day that the last refresh rebuilt; null: all of them."),
            "last_day": ("date", "Last day that the last refresh rebuilt; null: all of them."),
            "rows": ("bigint", "Rows after the last refresh; 0 for a view."),
            "seconds": ("double", "Seconds that the last refresh took."),
            "built_at": ("timestamp", "Last refresh, UTC."),
        },
    ),
    "published": OpsTable(
        "One row: when this file was made, from which days, by which version of the code.",
        {
            "published_at": ("timestamp", "When this file was made, UTC."),
            "first_day": ("date", "First day of which any report is loaded."),
            "last_day": ("date", "Latest day of which any report is loaded."),
            "days_loaded": ("bigint", "Days of which any report is loaded."),
            "scopes": ("bigint", "Organizations and enterprises with any loaded day."),
            "code_version": ("varchar", "Version of copilot_etl that made it."),
            "duckdb_version": ("varchar", "Version of DuckDB that wrote it."),
            "sql_fingerprint": ("varchar", "Hash of everything in `sql/` that it was made by."),
        },
    ),
}


@dataclass(frozen=True, slots=True)
class Breach:
    """A rule and how many offenders it found; zero is a kept rule."""

    rule: Rule
    offenders: int


@dataclass(frozen=True, slots=True)
class Built:
    """What became of one model: its rows, the seconds it took, and the days rebuilt (None: all)."""

    rows: int
    seconds: float
    span: Span | None


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh did. `kept` is false when a rule of severity `error` was broken: nothing was swapped in then."""

    built: Mapping[str, Built]
    breaches: tuple[Breach, ...]
    kept: bool
    size: int = 0


class Published:
    """The file at `path`, made from a warehouse. Raises like Warehouse, and ConfigError for a model that is wrong."""

    def __init__(self, path: Path, warehouse: Warehouse) -> None:
        self.path = path
        self._warehouse = warehouse

    def refresh(
        self, project: Project, *, now: dt.datetime, full: bool = False, memory_mib: int = MEMORY_MIB
    ) -> Refreshed:
        """Rebuilds what changed since the last refresh (everything with `full`) and swaps the file in.

        A model that differs from its described columns, or an offender of a rule of severity `error`, leaves the
        file as it was.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new, compact = self.path.with_suffix(".new"), self.path.with_suffix(".compact")
        with self._warehouse.connect() as connection:  # one refresh at a time, up to the renaming
            try:
                connection.execute(f"set memory_limit = '{memory_mib}MiB'")
                discard(new)
                reuse = not full and self._copy(new)
                attach_unlogged(connection, new, "published", *([] if reuse else [_STORAGE]))
                work = _Refresh(connection, project, now, reuse=reuse)
                work.run()
                kept = not any(each.offenders and each.rule.severity == "error" for each in work.breaches)
                connection.execute("checkpoint published")
                loose = is_loose(connection, "published")
                connection.execute("detach published")
                if kept and loose:
                    _copy_compact(new, compact)
                if kept:
                    durable.settle(compact if compact.exists() else new, self.path)
            finally:
                discard(new)
                discard(compact)
        return Refreshed(work.built, tuple(work.breaches), kept, self.path.stat().st_size if kept else 0)

    def is_current(self, project: Project, *, now: dt.datetime, followers: Sequence[Path] = ()) -> bool:
        """Whether another refresh and export would say the same: no day was found other than they say.

        They were made on this UTC day then, by this code from this project, and came to their end, the export and the
        `followers` (what is made from both) in this order.
        """
        try:
            with duckdb.connect(self.path, read_only=True) as connection:
                same = connection.execute(
                    "select published_at::date = ? and code_version = ? and duckdb_version = version() "
                    "and sql_fingerprint = ? from ops.published",
                    [now.astimezone(dt.UTC).date(), __version__, project.fingerprint],
                ).fetchone()
                told = ledger.read(connection)
            made = self.path.stat().st_mtime_ns
            whole = all(file.stat().st_mtime_ns >= made for file in (*self._exports(project), *followers))
        except (duckdb.Error, OSError):  # there is none, or of an earlier version
            return False
        if not whole or same != (True,):
            return False
        return [day.finding for day in self._warehouse.ledger()] == [day.finding for day in told]

    def export(self, project: Project) -> tuple[Path, ...]:
        """Writes a Parquet file a mart and the data dictionary beside the file, each whole; the files."""
        with self._warehouse.connect(), duckdb.connect(self.path, read_only=True) as connection:
            meanings, *marts = self._exports(project)
            durable.write(meanings, dictionary(project).encode())
            for target in marts:
                new = target.with_suffix(".new")
                connection.execute(f"copy marts.{target.stem} to '{literal(new)}' (format parquet, compression zstd)")
                durable.settle(new, target)
        return (meanings, *marts)

    def _exports(self, project: Project) -> list[Path]:
        """The dictionary, then the Parquet file of each mart."""
        marts = [f"{model.name}.parquet" for model in project.models if model.schema == "marts"]
        return [self.path.with_name(name) for name in ("dictionary.md", *marts)]

    def _copy(self, new: Path) -> bool:
        """Copies the last version to work on; false when there is none that can be read."""
        try:
            with duckdb.connect(self.path, read_only=True) as connection:
                connection.execute("select model, fingerprint, built_at from ops.model_builds limit 0")
        except duckdb.Error:
            return False
        shutil.copyfile(self.path, new)
        return True


def _copy_compact(source: Path, target: Path) -> None:
    """Copies a file without its free blocks, in a session of its own: the one that ran the models opens no file."""
    with duckdb.connect() as connection:
        connection.execute("set memory_limit = '1GiB'")
        connection.execute("set temp_directory = ''")  # would be below the working folder; a copy is a stream
        attach_unlogged(connection, source, "published")
        copy_compact(connection, "published", target, _STORAGE)


class _Refresh:
    """One refresh of an attached copy; `built` and `breaches` grow as it goes."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, project: Project, now: dt.datetime, *, reuse: bool
    ) -> None:
        self._connection = connection
        self._project = project
        self._models = {model.full_name: model for model in project.models}
        self._now = now.astimezone(dt.UTC).replace(tzinfo=None)
        self._own = self._one("select current_database()")[0]
        self._fingerprints = fingerprints(project)
        self._cuts = self._find_cuts()
        self._changed: Span | None = None
        self._same: set[str] = set()
        self._spans: dict[str, Span] = {}
        self._seen: dict[str, Span] = {}
        if reuse:
            self._compare()
        self.built: dict[str, Built] = {}
        self.breaches: list[Breach] = []

    def run(self) -> None:
        for schema in _SCHEMAS:
            self._connection.execute(f"create schema if not exists published.{schema}")
        self._drop_strangers()
        self._copy_ops()
        for seed in self._project.seeds:
            self._load_seed(seed)
        self._connection.execute("attach ':memory:' as input")
        for schema in _INPUTS:
            self._connection.execute(f"create schema {schema}")
        self._shut_in()
        own = self._own
        self._path = ",".join([*(f"published.{schema}" for schema in _SCHEMAS), f"{own}.raw", f"{own}.ops"])
        self._connection.execute(f"set search_path = '{self._path}'")
        for model in self._project.models:
            self._build(model)
        for rule in self._project.rules:
            self.breaches.append(Breach(rule, self._offenders(rule)))
        self._create_macros()
        self._sign()
        self._connection.execute(f"use {own}")

    # ------------------------------------------------------------------------------------ what changed

    def _find_cuts(self) -> list[dt.date]:
        """The days before which as many user-days have come together as fit into memory."""
        cuts: list[dt.date] = []
        people = 0
        for day, rows in self._connection.execute(
            "select day, coalesce(sum(rows), 0)::bigint from ops.report_days where loaded_at is not null "
            "group by day order by day"
        ).fetchall():
            if people and people + rows > _USER_DAYS_AT_ONCE:
                cuts.append(day)
                people = 0
            people += rows
        return cuts

    def _compare(self) -> None:
        """Finds the days whose rows changed since the copy was made, and the models whose text did not."""
        rows = self._connection.execute(
            "select model, fingerprint, built_at from published.ops.model_builds"
        ).fetchall()
        scopes = self._connection.execute(
            "select (select list(distinct scope order by scope) from ops.report_days where loaded_at is not null) "
            "is distinct from "
            "(select list(distinct scope order by scope) from published.ops.report_days where loaded_at is not null)"
        ).fetchone()
        if not rows or scopes == (True,):  # '(all organizations)' means something else for every day
            return
        self._same = {model for model, fingerprint, _ in rows if self._fingerprints.get(model) == fingerprint}
        since = min(built_at for *_, built_at in rows).date() - dt.timedelta(days=PROVISIONAL_DAYS)
        first, last = self._one(
            "select min(day), max(day) from ops.report_days as found "
            "left join published.ops.report_days as before using (scope, report, day) "
            "where day > ? or found.loaded_at is distinct from before.loaded_at "
            "or found.content_hash is distinct from before.content_hash",
            [since],
        )
        if first is None:
            first = last = self._now.date()
        # Where a scope's history grows, the days in between get rows too, though nobody may have asked for them.
        opened, closed = self._one(
            "select min(before.last_day) filter (where found.last_day > before.last_day) + 1, "
            "max(before.first_day) filter (where found.first_day < before.first_day) - 1 "
            "from (select scope, min(day) as first_day, max(day) as last_day from ops.report_days "
            "where loaded_at is not null group by scope) as found "
            "join (select scope, min(day) as first_day, max(day) as last_day from published.ops.report_days "
            "where loaded_at is not null group by scope) as before using (scope)"
        )
        self._changed = Span(min(first, opened or first), max(last, closed or last))

    def _span(self, model: Model) -> Span | None:
        """The days of a dated model whose rows may differ from those in the copy; None: all of them."""
        if self._changed is None or model.full_name not in self._same or model.materialized == "table":
            return None
        spans = [self._changed, *(self._spans[name] for name in model.upstreams if name in self._spans)]
        last = max(span.last for span in spans) + dt.timedelta(days=model.days_before)
        # A week or month is replaced whole, so it is also read to its end.
        while period_start(model.period, last + dt.timedelta(days=1)) == period_start(model.period, last):
            last += dt.timedelta(days=1)
        return Span(period_start(model.period, min(span.first for span in spans)), last)

    # ----------------------------------------------------------------------------------------- models

    def _build(self, model: Model) -> None:
        started = time.perf_counter()
        span = self._span(model)
        kind = "view" if model.materialized == "view" else "table"
        try:
            self._hold_contract(model)
            parts = self._parts(model, span) if kind == "table" else []
            if not (span and parts):
                select = f"from ({model.sql}) limit 0" if parts else model.sql
                self._connection.execute(f"create or replace {kind} {model.full_name} as {select}")
            for part in parts:
                self._rebuild(model, part)
        except (duckdb.ConversionException, duckdb.OutOfRangeException):
            # DuckDB quotes the value, which may be personal.
            raise CopilotEtlError(f"Model {model.full_name} meets a number too large to be added up.") from None
        except duckdb.OutOfMemoryException:
            raise self._too_large(f"Model {model.full_name}") from None
        except duckdb.Error as error:
            raise ConfigError(f"Model {model.full_name} does not run: {str(error).splitlines()[0][:120]}") from None
        if span:
            self._spans[model.full_name] = span
        self._describe(model)
        rows = self._count(f"from {model.full_name}") if kind == "table" else 0
        self.built[model.full_name] = Built(rows, time.perf_counter() - started, span)

    def _parts(self, model: Model, span: Span | None) -> list[Span]:
        """The days of a model (None: all) in parts that fit into memory; no part if all do, or it has no days."""
        if model.materialized != "incremental":
            return [span] if span else []
        whole = span or _ALWAYS
        days = {period_start(model.period, day) for day in self._cuts}
        least = dt.timedelta(days=_WINDOWS_AT_ONCE * model.days_before)
        starts: list[dt.date] = []
        for day in sorted(days):
            if whole.first < day <= whole.last and (not starts or day - starts[-1] >= least):
                starts.append(day)
        if not starts and not span:
            return []
        lasts = [day - dt.timedelta(days=1) for day in starts]
        return [Span(*each) for each in zip([whole.first, *starts], [*lasts, whole.last], strict=True)]

    def _rebuild(self, model: Model, span: Span) -> None:
        """Replaces the rows of some days by the same select, which sees no more of its inputs than it needs."""
        needed = Span(span.first - dt.timedelta(days=model.days_before), span.last)
        where = f"{model.period} between date '{span.first}' and date '{span.last}'"
        self._connection.execute(f"delete from {model.full_name} where {where}")
        with self._only(needed, model.upstreams):
            self._connection.execute(
                f"insert into published.{model.full_name} select * from ({model.sql}) where {where}"
            )

    @contextmanager
    def _only(self, span: Span, names: Sequence[str]) -> Iterator[None]:
        """Lets dated tables be seen under their own names with the rows of some days only.

        The views stay for the next one who asks for the same days: behind the search path nobody sees them.
        """
        raw = {f"raw.{table.name}" for report in REPORTS.values() for table in report.tables}
        for name in names:
            model = self._models.get(name)
            if (name in raw or (model and model.materialized != "table")) and self._seen.get(name) != span:
                period = model.period if model else "day"
                source = f"{'published' if model else self._own}.{name}"
                self._connection.execute(
                    f"create or replace view input.{name} as select * from {source} where {period} "
                    f"between date '{period_start(period, span.first)}' and date '{span.last}'"
                )
                self._seen[name] = span
        self._connection.execute(f"set search_path = '{','.join(_INPUTS)},{self._path}'")
        try:
            yield
        finally:
            self._connection.execute(f"set search_path = '{self._path}'")

    def _hold_contract(self, model: Model) -> None:
        found = [(name, kind) for name, kind, *_ in self._connection.execute(f"describe {model.sql}").fetchall()]
        described = [(column.name, column.data_type.upper()) for column in model.columns]
        if found != described:
            differing = next(
                (name for name, _ in found + described if (name, dict(found).get(name)) not in described),
                "their order",
            )
            raise ConfigError(
                f"Model {model.full_name} differs from its description: {differing}. Mend its .sql or its .yml."
            )

    def _offenders(self, rule: Rule) -> int:
        model = None if rule.all_days else self._models.get(f"{rule.schema}.{rule.table}")
        parts = self._parts(model, self._spans.get(model.full_name)) if model else []
        try:
            if not parts:
                return self._count(f"from ({rule.sql})")
            offenders = 0
            for part in parts:
                with self._only(part, rule.upstreams):
                    offenders += self._count(f"from ({rule.sql})")
            return offenders
        except duckdb.OutOfMemoryException:
            raise self._too_large(f"Rule {rule.full_name}") from None
        except duckdb.Error as error:
            raise ConfigError(f"Rule {rule.full_name} does not run: {str(error).splitlines()[0][:120]}") from None

    def _too_large(self, what: str) -> ConfigError:
        (limit,) = self._one("select current_setting('memory_limit')")
        return ConfigError(
            f"{what} needs more memory than the {limit} that models have. Set COPILOT_MODELS_MEMORY_MIB higher; "
            "the analysts' file stays as it was."
        )

    # ------------------------------------------------------------------------------ seeds, ledger, macros

    def _load_seed(self, seed: Seed) -> None:
        columns = ", ".join(f"'{column.name}': '{column.data_type}'" for column in seed.columns)
        try:
            self._connection.execute(
                f"create or replace table published.{seed.full_name} as "
                f"select * from read_csv(?, header = true, auto_detect = false, columns = {{{columns}}})",
                [str(seed.file)],
            )
        except duckdb.Error as error:
            raise ConfigError(f"Seed {seed.full_name} cannot be read: {str(error).splitlines()[0][:120]}") from None
        self._describe(seed)

    def _shut_in(self) -> None:
        """From here on SQL of the project reads and writes what is attached, and no other file or address.

        No statement takes this back: the configuration is locked, but for the session's own search path.
        """
        self._connection.execute("set enable_external_access = false")
        self._connection.execute("set lock_configuration = true")

    def _copy_ops(self) -> None:
        """The ledger as it is now, with its meaning."""
        for table, text in self._connection.execute(
            "select table_name, comment from duckdb_tables() "
            "where database_name = current_database() and schema_name = 'ops' order by all"
        ).fetchall():
            name = f'published.ops."{table}"'
            self._connection.execute(f'create or replace table {name} as from ops."{table}"')
            comment_on(self._connection, f"table {name}", text)
            for column, meaning in self._connection.execute(
                "select column_name, comment from duckdb_columns() "
                "where database_name = current_database() and schema_name = 'ops' and table_name = ?",
                [table],
            ).fetchall():
                comment_on(self._connection, f'column {name}."{column}"', meaning)

    def _create_macros(self) -> None:
        self._connection.execute("set search_path = 'published.main,published.core,published.marts,published.seeds'")
        for macro in self._project.macros:
            try:
                self._connection.execute(macro.sql)
            except duckdb.Error as error:
                raise ConfigError(f"Macro {macro.name} does not run: {str(error).splitlines()[0][:120]}") from None
            kind = "macro table" if macro.is_table else "macro"
            comment_on(self._connection, f"{kind} {macro.name}", macro.description)

    def _sign(self) -> None:
        for table, own in _OWN_TABLES.items():
            name = f"published.ops.{table}"
            spelled = ", ".join(f"{column} {kind}" for column, (kind, _) in own.columns.items())
            self._connection.execute(f"create or replace table {name} ({spelled})")
            comment_on(self._connection, f"table {name}", own.description)
            for column, (_, text) in own.columns.items():
                comment_on(self._connection, f"column {name}.{column}", text)
        self._connection.executemany(
            "insert into published.ops.model_builds values (?, ?, ?, ?, ?, ?, ?)",
            [
                [
                    name,
                    self._fingerprints[name],
                    built.span.first if built.span else None,
                    built.span.last if built.span else None,
                    built.rows,
                    built.seconds,
                    self._now,
                ]
                for name, built in self.built.items()
            ],
        )
        self._connection.execute(
            "insert into published.ops.published select ?, min(day), max(day), count(distinct day), "
            "count(distinct scope), ?, version(), ? from published.ops.report_days where loaded_at is not null",
            [self._now, __version__, self._project.fingerprint],
        )

    def _drop_strangers(self) -> None:
        """Removes tables of models and seeds that are no more, and tables whose model became a view or back."""
        wanted = {model.full_name: model.materialized == "view" for model in self._project.models}
        wanted |= {seed.full_name: False for seed in self._project.seeds}
        for schema, name, is_view in self._connection.execute(
            "select schema_name, table_name, false from duckdb_tables() "
            "where database_name = 'published' and schema_name in ('seeds', 'core', 'marts') "
            "union all select schema_name, view_name, true from duckdb_views() "
            "where database_name = 'published' and schema_name in ('core', 'marts')"
        ).fetchall():
            if wanted.get(f"{schema}.{name}") != is_view:
                self._connection.execute(f'drop {"view" if is_view else "table"} published.{schema}."{name}"')

    def _describe(self, table: Model | Seed) -> None:
        name = f"published.{table.full_name}"
        is_view = isinstance(table, Model) and table.materialized == "view"
        comment_on(self._connection, f"{'view' if is_view else 'table'} {name}", table.description)
        for column in table.columns:
            comment_on(self._connection, f'column {name}."{column.name}"', column.description)

    def _count(self, source: str) -> int:
        return int(self._one(f"select count(*) {source}")[0])

    def _one(self, query: str, params: Sequence[object] = ()) -> tuple[Any, ...]:
        """The one row that a query without a group always has."""
        return self._connection.execute(query, list(params)).fetchone() or ()
