"""Each report of the catalogue as daily-partitioned assets, and the schedule that asks for unsettled days.

The walk of a day is one step that records three assets (`files`, `tables`, `load`), partition by partition as
each day ends. In separate steps, or one event for a whole range, a bad day would hold its neighbours back or be
recorded as good.
"""

import datetime as dt
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from itertools import groupby
from operator import attrgetter
from typing import Any

import dagster as dg
from pydantic import Field

from copilot_etl import coverage, pipeline, settings
from copilot_etl.coverage import MISSING
from copilot_etl.errors import ConfigError, CopilotEtlError, WarehouseBusy
from copilot_etl.github import GitHub
from copilot_etl.ledger import LedgerDay
from copilot_etl.pipeline import Outcome
from copilot_etl.reports import REPORTS, USERS_1_DAY, Report, Scope, raw_columns
from copilot_etl.store import Store
from copilot_etl.warehouse import Warehouse

warnings.filterwarnings("ignore", category=dg.BetaWarning)  # backfill_policy is a beta parameter in 1.13

DAYS_A_RUN = 31
"""A backfill is cut into runs of this many days: few enough to start, small enough to lose."""


class Announcer:
    """Tells a listener in the same process of each outcome as it comes; the command line is one.

    One object, not a resource of the run: Dagster takes no other resource for a run over selected assets.
    """

    listener: Callable[[Outcome], None] | None = None

    def __call__(self, outcome: Outcome) -> None:
        if self.listener:
            self.listener(outcome)


ANNOUNCE = Announcer()

PARTITIONS = dg.DailyPartitionsDefinition(start_date=settings.read().start_day.isoformat(), timezone="UTC")


class DayConfig(dg.Config):
    """What a launch may choose; as it stands, the chosen days of all scopes are asked for."""

    look_back: int = Field(
        default=0,
        ge=0,
        le=365,
        description="Look-back: look again at so many days before the first chosen one, too. GitHub restates a day for "
        "about three days, so 4 with yesterday brings everything up to date. A day that is unchanged is not rewritten. "
        "(How far the schedule looks back is the setting COPILOT_LOOKBACK_DAYS.)",
    )
    scopes: list[str] = Field(
        default=[],
        description="Scopes: only these (as in the tables: `acme`, `enterprise.acme`). Empty: all of COPILOT_ORGS and "
        "COPILOT_ENTERPRISES. A partition turns green only when all of them were looked at together.",
    )
    accept_shrink: bool = Field(
        default=False,
        description="Accept a shrink: load a new version even if it has less than half of the people that are loaded "
        "now. Without it such a version is quarantined, and what is loaded stays.",
    )
    force: bool = Field(
        default=False,
        description="Force: fetch and load the days again even where GitHub says that nothing changed.",
    )
    from_raw: bool = Field(
        default=False,
        description="Do not ask GitHub: read the files again that have landed, for example because a new version of "
        "copilot_etl knows more fields.",
    )
    first_look: bool = Field(
        default=False,
        description="Take the chosen days from GitHub's report of the last 28 days, one request a scope, where their "
        "own files are not loaded. The partitions stay open: the daily files replace this.",
    )


def stages(report: Report) -> dict[str, dg.AssetKey]:
    """The three assets of a report, by stage of the walk."""
    return {name: dg.AssetKey([report.asset_prefix, name]) for name in ("files", "tables", "load")}


def _specs(report: Report) -> list[dg.AssetSpec]:
    files, tables, load = stages(report).values()

    def spec(
        key: dg.AssetKey, after: Sequence[dg.AssetKey], kinds: set[str], description: str, place: str = ""
    ) -> dg.AssetSpec:
        return dg.AssetSpec(
            key,
            deps=after,
            kinds=kinds,
            description=description,
            group_name="raw",
            skippable=True,
            owners=["team:data"],
            metadata=_tables(report, place) if place else {},
        )

    return [
        spec(files, [], {"github", "file"}, f"The files of `{report.name}` as GitHub signed them, stored once."),
        spec(
            tables, [files], {"parquet"}, f"The records of `{report.name}`, checked and unfolded, in the lake.", "lake"
        ),
        spec(load, [tables], {"duckdb"}, f"The `raw` tables of `{report.name}`: each day replaced whole.", "raw"),
    ]


def _tables(report: Report, place: str) -> dict[str, Any]:
    """Names and columns of a report's tables: those of the first where Dagster's catalog looks, of each by its name."""
    names = [f"{place}.{table.name}" for table in report.tables]
    schemas = [
        dg.TableSchema(
            [
                dg.TableColumn(each.name, each.duckdb_type.lower(), each.description)
                for each in raw_columns(report, table)
            ]
        )
        for table in report.tables
    ]
    grains = "".join(f"| `{name}` | {table.grain} |\n" for name, table in zip(names, report.tables, strict=True))
    return {
        "dagster/table_name": names[0],
        "dagster/column_schema": schemas[0],
        "tables": dg.MetadataValue.md(f"| table | one row |\n|---|---|\n{grains}"),
        **{name: dg.MetadataValue.table_schema(each) for name, each in zip(names[1:], schemas[1:], strict=True)},
    }


@dg.multi_asset(
    name="load_days",
    specs=[spec for report in REPORTS.values() for spec in _specs(report)],
    partitions_def=PARTITIONS,
    backfill_policy=dg.BackfillPolicy.multi_run(DAYS_A_RUN),
    can_subset=True,
)
def days(
    context: dg.AssetExecutionContext, config: DayConfig
) -> Iterator[dg.AssetMaterialization | dg.AssetObservation]:
    """Takes days of the selected reports from GitHub to the `raw` tables, and records each as it ends."""
    reports = [each for each in REPORTS.values() if context.selected_asset_keys & set(stages(each).values())]
    failed: list[Outcome] = []
    try:
        chosen = settings.read().ready(offline=config.from_raw)
        scopes = _chosen(chosen.scopes, config.scopes)
        asked = _asked(context.partition_keys, config.look_back, chosen.start_day)
        for day, outcomes in _run(reports, chosen, scopes, config, asked):
            for outcome in outcomes:
                context.log.info(_line(outcome))
            for report in reports:
                mine = [outcome for outcome in outcomes if outcome.report == report.name]
                whole = all(each.good and each.state != MISSING and not each.is_first_look for each in mine)
                yield from _events(mine, day, whole and len(mine) == len(report.of(chosen.scopes)), report)
            failed += [outcome for outcome in outcomes if not outcome.good]
    except CopilotEtlError as error:
        raise dg.Failure(str(error), metadata={"exit_code": error.exit_code}, allow_retries=False) from None
    if failed:
        raise dg.Failure(_failure(failed, len(asked)), metadata={"failed": len(failed)}, allow_retries=False)


def _asked(keys: Sequence[str], look_back: int, start: dt.date) -> list[dt.date]:
    """The days of the partitions, and those before them that are to be looked at again."""
    days = sorted(map(dt.date.fromisoformat, keys))
    before = [days[0] - dt.timedelta(days=n) for n in range(look_back, 0, -1)]
    return [day for day in before if day >= start] + days


def _chosen(scopes: Sequence[Scope], names: Sequence[str]) -> tuple[Scope, ...]:
    by_key = {scope.key: scope for scope in scopes}
    unknown = [name for name in names if name.lower() not in by_key]
    if unknown:
        raise ConfigError(f"Scope {unknown[0][:60]!r} is not configured; there is {', '.join(by_key)} (COPILOT_ORGS).")
    return tuple(by_key[name.lower()] for name in names) or tuple(scopes)


def _run(
    reports: Sequence[Report],
    chosen: settings.Settings,
    scopes: Sequence[Scope],
    config: DayConfig,
    days: Sequence[dt.date],
) -> Iterator[tuple[str, list[Outcome]]]:
    """The pipeline over the days; the outcomes of each day, all reports and scopes together."""
    a_day = sum(len(report.of(scopes)) for report in reports)
    if not a_day:
        names = ", ".join(report.name for report in reports)
        raise ConfigError(f"No configured scope has the report {names}. Set COPILOT_ORGS or COPILOT_ENTERPRISES.")
    store = Store(chosen.data_dir)
    asked: dict[str, Any] = {
        "scopes": scopes,
        "days": days,
        "store": store,
        "warehouse": Warehouse(store.warehouse),
        "clock": lambda: dt.datetime.now(dt.UTC),
    }
    with nullcontext() if config.from_raw else _github(chosen) as github:
        if config.first_look and github:
            looks = groupby(pipeline.first_look(reports, github=github, **asked), key=attrgetter("day"))
            yield from ((day.isoformat(), [_announced(outcome) for outcome in found]) for day, found in looks)
            return
        outcomes: list[Outcome] = []
        for outcome in pipeline.run(
            reports, github=github, accept_shrink=config.accept_shrink, force=config.force, **asked
        ):
            outcomes.append(_announced(outcome))
            if len(outcomes) == a_day:
                yield outcome.day.isoformat(), outcomes
                outcomes = []


def _announced(outcome: Outcome) -> Outcome:
    ANNOUNCE(outcome)
    return outcome


def _github(chosen: settings.Settings) -> GitHub:
    return GitHub(
        api_url=chosen.api_url,
        credentials=chosen.credentials(),
        download_hosts=chosen.download_hosts,
        allow_loopback_http=chosen.allow_loopback_http,
    )


def _events(
    outcomes: Sequence[Outcome], day: str, whole: bool, report: Report
) -> Iterator[dg.AssetMaterialization | dg.AssetObservation]:
    """A materialization an asset for a whole day; for a day that lacks a scope, what did happen as observations."""
    event = dg.AssetMaterialization if whole else dg.AssetObservation
    if not any(outcome.good for outcome in outcomes):
        return
    states = Counter(outcome.state for outcome in outcomes)
    unknown = sorted({path for each in outcomes for path in each.unknown_fields})
    table = "".join(f"| {outcome.scope} | {outcome.state} | {outcome.rows} |\n" for outcome in outcomes)
    metadata: dict[str, Any] = {
        "dagster/partition_row_count": sum(outcome.rows for outcome in outcomes),
        "state": ", ".join(f"{count} {state}" for state, count in sorted(states.items())),
        "scopes": dg.MetadataValue.md(f"| scope | state | records |\n|---|---|--:|\n{table}"),
        "scopes changed": sum(outcome.changed for outcome in outcomes),
        "rows": sum(outcome.rows for outcome in outcomes),
        "rows of all tables": sum(sum(outcome.table_rows.values()) for outcome in outcomes),
        "files": sum(outcome.files for outcome in outcomes),
        "bytes": sum(outcome.bytes for outcome in outcomes),
        "duplicates": sum(outcome.duplicates for outcome in outcomes),
        "restated records": sum(outcome.restated_rows for outcome in outcomes),
        "records with unknown fields": sum(outcome.unknown_records for outcome in outcomes),
        "unknown fields": len(unknown),
        "names of unknown fields": ", ".join(unknown) or "none",
        "new fields": ", ".join(sorted({path for each in outcomes for path in each.new_fields})) or "none",
    }
    if report == USERS_1_DAY:  # a record is a person; somebody in two organizations is in both
        metadata["users"] = metadata["rows"]
    for stage, key in stages(report).items():
        seconds = round(sum(outcome.seconds.get(stage, 0.0) for outcome in outcomes), 3)
        yield event(key, partition=day, metadata={**metadata, "seconds": seconds})


def _line(outcome: Outcome) -> str:
    said = f" ({outcome.error})" if outcome.error else ""
    change = "" if outcome.changed or outcome.error else ", unchanged"
    return f"{outcome.scope} {outcome.day}: {outcome.state}, {outcome.rows} rows{change}{said}"


def _failure(failed: Sequence[Outcome], days: int) -> str:
    """One line a failed day and scope, the first ten, below one line that counts them where there are several days."""
    shown = "\n".join(f"- {outcome.reason}" for outcome in failed[:10])
    more = f"\n- and {len(failed) - 10} more" if len(failed) > 10 else ""
    bad_days = len({outcome.day for outcome in failed})
    leaving = coverage.warning([(each.scope, each.day) for each in failed], dt.datetime.now(dt.UTC).date())
    urgent = f"\n{leaving}" if leaving else ""
    if days == 1:
        return f"{shown.removeprefix('- ')}{more}{urgent}"
    others = "; the others did" if bad_days < days else ""
    return f"{bad_days} of {days} days did not load whole{others}.\n{shown}{more}{urgent}"


def known_days(
    chosen: settings.Settings, ledger: Iterable[LedgerDay], now: dt.datetime
) -> tuple[coverage.ReportDay, ...]:
    """What is known of every day that the settings ask for."""
    return coverage.coverage(
        ledger,
        reports=chosen.reports,
        scopes=chosen.scopes,
        start=chosen.start_day,
        now=now,
        lookback_days=chosen.lookback_days,
    )


load_job = dg.define_asset_job(
    "load",
    selection=dg.AssetSelection.assets(days).without_checks(),  # behind a bad day they would be one more red line
    description="Fetches, checks and loads days of every report. The schedule and `copilot-etl load` run this job.",
)


@dg.op(description="Makes lake and warehouse anew from the raw files; GitHub is not asked.")
def rebuild_from_raw(context: dg.OpExecutionContext) -> None:
    store = Store(settings.read().data_dir)
    failed = []
    try:
        for outcome in pipeline.rebuild(
            tuple(REPORTS.values()),
            store=store,
            warehouse=Warehouse(store.warehouse),
            clock=lambda: dt.datetime.now(dt.UTC),
        ):
            ANNOUNCE(outcome)
            context.log.info(_line(outcome))
            failed += [] if outcome.good else [outcome]
    except CopilotEtlError as error:
        raise dg.Failure(str(error), metadata={"exit_code": error.exit_code}, allow_retries=False) from None
    if failed:
        context.log.warning(_failure(failed, len({outcome.day for outcome in failed})))


@dg.job(name="rebuild", description="Makes lake and warehouse anew from the raw files, then run `models` with `full`.")
def rebuild_job() -> None:
    rebuild_from_raw()


UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


@dg.schedule(
    job=load_job,
    cron_schedule="15 4,10,16,22 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def unsettled_days(context: dg.ScheduleEvaluationContext) -> dg.SkipReason | list[dg.RunRequest]:
    """Asks for every day that GitHub may still publish or restate, and for every day that was missed.

    Dagster never runs a missed tick again, so the ledger says what is missing, not the clock.
    """
    try:
        chosen = settings.read().ready()
    except ConfigError as error:
        return dg.SkipReason(str(error))
    now = context.scheduled_execution_time.astimezone(dt.UTC)
    try:
        ledger = Warehouse(Store(chosen.data_dir).warehouse, wait=20.0).ledger()
    except WarehouseBusy:
        ledger = ()  # somebody writes: asking for the whole window again costs little and loses nothing
    wanted = coverage.wanted_days(known_days(chosen, ledger, now))
    under_way = {
        run.tags.get("dagster/partition")
        for run in context.instance.get_runs(dg.RunsFilter(job_name=load_job.name, statuses=UNDER_WAY))
    }
    due = {day.isoformat(): names for day, names in wanted.items() if day.isoformat() not in under_way}
    if not due:
        return dg.SkipReason(
            "Every day is being loaded already."
            if wanted
            else "Every day is settled: loaded, and old enough to be final."
        )
    return [
        dg.RunRequest(
            run_key=f"{day}@{now:%Y-%m-%dT%H:%M}",
            partition_key=day,
            asset_selection=[key for name in names for key in stages(REPORTS[name]).values()],
        )
        for day, names in due.items()
    ]


defs = dg.Definitions(
    assets=[days],
    jobs=[load_job, rebuild_job],
    schedules=[unsettled_days],
)
