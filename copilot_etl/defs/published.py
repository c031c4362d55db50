"""The models of `sql/` as assets, their rules as asset checks, the analysts' files, and the sensor that refreshes them.

All models are one step, because they are swapped in together; they are not partitioned, so one bad day never
holds them back.
"""

import datetime as dt
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from copilot_etl import coverage, settings
from copilot_etl.defs.pipeline import UNDER_WAY, known_days, stages
from copilot_etl.errors import CopilotEtlError
from copilot_etl.models import Model, Rule, Seed, read
from copilot_etl.preview import preview
from copilot_etl.published import MEMORY_MIB, Breach, Built, Published, Refreshed
from copilot_etl.reports import REPORTS, USERS_1_DAY
from copilot_etl.store import Store
from copilot_etl.warehouse import Warehouse

PROJECT = read(Path(__file__).parents[2] / "sql")
PUBLISHED = dg.AssetKey("published")

_WHOLE = "seconds of the whole refresh"


class RefreshConfig(dg.Config):
    """What a launch may choose."""

    full: bool = Field(default=False, description="Rebuild every model over all days, not only what changed.")


def _key(table: Model | Seed) -> dg.AssetKey:
    return dg.AssetKey([table.schema, table.name])


def _upstream(name: str) -> list[dg.AssetKey]:
    """The assets behind a table that a model reads: a model, or the load that fills `raw` and the ledger."""
    schema, table = name.split(".")
    if schema in ("raw", "ops"):
        return [
            stages(report)["load"]
            for report in REPORTS.values()
            if schema == "ops" or table in {each.name for each in report.tables}
        ]
    return [dg.AssetKey([schema, table])]


def _spec(table: Model | Seed) -> dg.AssetSpec:
    columns = [dg.TableColumn(each.name, each.data_type, each.description) for each in table.columns]
    upstreams = table.upstreams if isinstance(table, Model) else ()
    return dg.AssetSpec(
        _key(table),
        deps={key for upstream in upstreams for key in _upstream(upstream)},
        description=table.description,
        group_name=table.schema,
        kinds={"duckdb", "sql" if isinstance(table, Model) else "csv"},
        owners=["team:data"],
        skippable=True,
        metadata={"dagster/table_name": table.full_name, "dagster/column_schema": dg.TableSchema(columns)},
    )


def _check_key(rule: Rule) -> dg.AssetCheckKey:
    """A written rule is a check of its own; those of a property file are one check a table and severity.

    Each check costs Dagster three events a refresh, and one for each column that is never null would be hundreds.
    """
    name = rule.name
    if rule.is_generic:
        name = "keys_and_values" if rule.severity == "error" else "keys_and_values_expected"
    return dg.AssetCheckKey(dg.AssetKey([rule.schema, rule.table]), name)


CHECKS: dict[dg.AssetCheckKey, list[Rule]] = {}
for _rule in PROJECT.rules:
    CHECKS.setdefault(_check_key(_rule), []).append(_rule)


@dg.multi_asset(
    name="build_models",
    specs=[_spec(table) for table in PROJECT.tables],
    check_specs=[
        dg.AssetCheckSpec(
            key.name,
            asset=key.asset_key,
            description=" ".join(rule.description for rule in rules),
            blocking=rules[0].severity == "error",
        )
        for key, rules in CHECKS.items()
    ],
)
def models(
    context: dg.AssetExecutionContext, config: RefreshConfig
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """Rebuilds what changed in a copy of the analysts' file and swaps it in; a blocking breach leaves the old one."""
    store = _store()
    started = time.perf_counter()
    try:
        refreshed = Published(store.published, Warehouse(store.warehouse)).refresh(
            PROJECT,
            now=dt.datetime.now(dt.UTC),
            full=config.full,
            memory_mib=settings.read().models_memory or MEMORY_MIB,
        )
    except CopilotEtlError as error:
        raise dg.Failure(str(error), metadata={"exit_code": error.exit_code}, allow_retries=False) from None
    if not refreshed.kept:
        for key in CHECKS:
            context.log_event(dg.AssetCheckEvaluation(**_evaluation(key, refreshed)))
        raise dg.Failure(_refusal(refreshed), allow_retries=False)
    whole = round(time.perf_counter() - started, 3)
    previews = preview(store.published, PROJECT)
    for table in PROJECT.tables:
        built = refreshed.built.get(table.full_name)
        yield dg.MaterializeResult(
            asset_key=_key(table),
            metadata={
                **(_numbers(built) if built else {}),
                _WHOLE: whole,
                **({"preview": dg.MetadataValue.md(rows)} if (rows := previews.get(table.full_name)) else {}),
            },
            check_results=[
                dg.AssetCheckResult(**_evaluation(key, refreshed)) for key in CHECKS if key.asset_key == _key(table)
            ],
        )


def _numbers(built: Built) -> dict[str, int | float | str]:
    days = f"{built.span.first} to {built.span.last}" if built.span else "all"
    return {
        "dagster/row_count": built.rows,
        "rows": built.rows,
        "seconds": round(built.seconds, 3),
        "rebuilt days": days,
    }


def _evaluation(key: dg.AssetCheckKey, refreshed: Refreshed) -> dict[str, Any]:
    """What became of one check: its offenders, by rule when it has several, and which rules are broken."""
    breaches = [each for each in refreshed.breaches if _check_key(each.rule) == key]
    broken = [each for each in breaches if each.offenders]
    counts = {each.rule.name: dg.MetadataValue.int(each.offenders) for each in breaches if len(breaches) > 1}
    is_error = breaches[0].rule.severity == "error"
    return {
        "asset_key": key.asset_key,
        "check_name": key.name,
        "passed": not broken,
        "severity": dg.AssetCheckSeverity.ERROR if is_error else dg.AssetCheckSeverity.WARN,
        "metadata": {"offenders": dg.MetadataValue.int(sum(each.offenders for each in breaches)), **counts},
        "description": _reason(broken, len(breaches)),
    }


def _reason(broken: Sequence[Breach], rules: int) -> str:
    """What a reader of the check is told: which rules are broken by how many rows, and what that means."""
    if not broken:
        return "It holds." if rules == 1 else f"All {rules} rules hold."
    lines = [
        f"{each.offenders:,} {'row breaks' if each.offenders == 1 else 'rows break'} it: {each.rule.description}"
        for each in broken
    ]
    if broken[0].rule.severity == "error":
        lines.append("The analysts' file stays as it was until this holds again.")
    return "\n".join(lines)


def _refusal(refreshed: Refreshed) -> str:
    broken = [each for each in refreshed.breaches if each.offenders and each.rule.severity == "error"]
    lines = "\n".join(
        f"- {each.rule.schema}.{each.rule.table}: {each.rule.name}, {each.offenders} offenders" for each in broken
    )
    return f"{len(broken)} rules are broken; all models stay as they were.\n{lines}"


@dg.asset(
    key=PUBLISHED,
    deps=[_key(model) for model in PROJECT.models],
    group_name="published",
    kinds={"duckdb", "parquet"},
    owners=["team:data"],
    description="What analysts open: `copilot.duckdb`, a Parquet file a mart, and the data dictionary.",
)
def published(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    store = _store()
    started = time.perf_counter()
    try:
        files = Published(store.published, Warehouse(store.warehouse)).export(PROJECT)
    except CopilotEtlError as error:
        raise dg.Failure(str(error), metadata={"exit_code": error.exit_code}, allow_retries=False) from None
    return dg.MaterializeResult(
        metadata={
            "bytes": store.published.stat().st_size,
            "bytes of all files": sum(file.stat().st_size for file in (store.published, *files)),
            "seconds": round(time.perf_counter() - started, 3),
            "files": len(files) + 1,
            "path": dg.MetadataValue.path(store.published),
            "dictionary": dg.MetadataValue.path(files[0]),
            "link to the dictionary": dg.MetadataValue.url(files[0].absolute().as_uri()),
        }
    )


@dg.asset_check(
    asset=stages(USERS_1_DAY)["load"],
    name="history_is_safe",
    description="No day is missing here that GitHub will soon not keep any more (it keeps a report for one year).",
)
def history_is_safe() -> dg.AssetCheckResult:
    chosen = settings.read()
    now = dt.datetime.now(dt.UTC)
    ledger = Warehouse(Store(chosen.data_dir).warehouse).ledger()
    leaving = [each for each in known_days(chosen, ledger, now) if each.is_leaving]
    return dg.AssetCheckResult(
        passed=not leaving,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"days": len(leaving), "days left": min((each.days_left for each in leaving), default=365)},
        description=coverage.warning([(each.scope, each.day) for each in leaving], now.date()) or "Nothing is leaving.",
    )


@dg.asset_check(
    asset=stages(USERS_1_DAY)["load"],
    name="newest_day_is_fresh",
    description="The newest loaded day of each scope is as new as GitHub's reports are: the one after it ended less "
    f"than {coverage.OVERDUE_HOURS} hours ago. A backfill of old days does not make it fresh.",
)
def newest_day_is_fresh() -> dg.AssetCheckResult:
    chosen = settings.read()
    now = dt.datetime.now(dt.UTC)
    ledger = Warehouse(Store(chosen.data_dir).warehouse).ledger()
    known = [each for each in known_days(chosen, ledger, now) if each.report == USERS_1_DAY.name]
    mine = {scope.key for scope in chosen.scopes}
    found = coverage.newest([each for each in known if each.scope in mine], now)
    late = [each for each in found if each.is_late]
    lines = [
        f"{each.scope}: the newest loaded day is {each.day or 'none'}, {each.days_behind} complete days came after it. "
        f"{each.reason}"
        for each in late
    ]
    return dg.AssetCheckResult(
        passed=not late,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "days behind": max((each.days_behind for each in found), default=0),
            "scopes behind": len(late),
            "newest days": ", ".join(f"{each.scope} {each.day or 'none'}" for each in found)
            or "no scope is configured",
        },
        description="\n".join(lines) or "Every scope is as new as GitHub's reports are.",
    )


def is_current(store: Store, warehouse: Warehouse) -> bool:
    """Whether the job `models` would say the same again. Raises like Warehouse."""
    published = Published(store.published, warehouse)
    return published.is_current(PROJECT, now=dt.datetime.now(dt.UTC), followers=[store.report])


def seconds(instance: dg.DagsterInstance, *, since: float) -> dict[str, float]:
    """What a refresh and a publishing after a moment (Unix time) took, as their materializations say; else nothing."""
    found = {}
    for stage, key, name in (("models", _key(PROJECT.models[-1]), _WHOLE), ("publish", PUBLISHED, "seconds")):
        event = instance.get_latest_materialization_event(key)
        made = event.asset_materialization if event and event.timestamp >= since else None
        value = made.metadata.get(name) if made else None
        found[stage] = float(str(value.value)) if value else 0.0
    return found


def _store() -> Store:
    store = Store(settings.read().data_dir)
    store.prepare()
    return store


models_job = dg.define_asset_job(
    "models",
    selection=dg.AssetSelection.assets(models, published)
    | dg.AssetSelection.assets(["report"])
    | dg.AssetSelection.checks(history_is_safe, newest_day_is_fresh),
    description="Rebuilds every model, holds the rules, publishes the analysts' copy, and writes the report.",
)

freshness_job = dg.define_asset_job(
    "freshness",
    selection=dg.AssetSelection.checks(history_is_safe, newest_day_is_fresh),
    description="Asks the ledger whether days are late or about to be lost, also when nothing is loaded any more.",
)

freshness_schedule = dg.ScheduleDefinition(
    job=freshness_job,
    cron_schedule="45 6 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Once a day: the models' run, which has these checks too, comes only after something was loaded.",
)


@dg.sensor(job=models_job, minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING)
def loads_landed(context: dg.SensorEvaluationContext) -> dg.SkipReason | dg.RunRequest:
    """Refreshes the models when loads have landed that found something new, whether or not their run went well."""
    newest = max((_newest_event(context.instance, stages(report)["load"]) for report in REPORTS.values()), default=0)
    if newest <= int(context.cursor or 0):
        return dg.SkipReason("Nothing was loaded since the last refresh.")
    if context.instance.get_runs_count(dg.RunsFilter(job_name=models_job.name, statuses=UNDER_WAY)):
        return dg.SkipReason("A refresh is under way; the next look takes what it misses.")
    context.update_cursor(str(newest))
    with suppress(CopilotEtlError):  # the run waits for who holds the warehouse, and says what else is wrong
        store = Store(settings.read().data_dir)
        if is_current(store, Warehouse(store.warehouse, wait=5.0)):
            return dg.SkipReason("No day was found other than at the last refresh.")
    return dg.RunRequest(run_key=str(newest))


def _newest_event(instance: dg.DagsterInstance, key: dg.AssetKey) -> int:
    """Storage id of the newest materialization or observation of an asset; 0 when there is none."""
    return max(
        (
            record.storage_id
            for fetch in (instance.fetch_materializations, instance.fetch_observations)
            for record in fetch(key, limit=1).records
        ),
        default=0,
    )


defs = dg.Definitions(
    assets=[models, published],
    asset_checks=[history_is_safe, newest_day_is_fresh],
    jobs=[models_job, freshness_job],
    schedules=[freshness_schedule],
    sensors=[loads_landed],
)
