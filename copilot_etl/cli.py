"""`copilot-etl`: the pipeline without the web server. Same assets, same Dagster instance, one line for each fault."""

from __future__ import annotations

import atexit
import datetime as dt
import gc
import json
import logging
import os
import select
import shlex
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from copilot_etl import __version__, audit, coverage, landing, settings
from copilot_etl.coverage import ReportDay
from copilot_etl.errors import ConfigError, CopilotEtlError
from copilot_etl.pipeline import Outcome, stops
from copilot_etl.reports import REPORTS
from copilot_etl.settings import Settings
from copilot_etl.store import Store
from copilot_etl.warehouse import Warehouse

if TYPE_CHECKING:
    import dagster as dg

    from copilot_etl.github import GitHub

_STARTED = time.perf_counter()
_GRACE = 3.0  # seconds in which an interrupted command may end in its own way
ROOT = Path(__file__).parents[1]
DEMO_DAYS = 60
FIRST_LOOK_DAYS = 31  # GitHub's report covers 28, the last of which may be three days ago

EXIT_CODES = """
\b
Exit codes:
  0    done; days that GitHub has no report for (yet) are marked and asked again
  1    some days failed or were quarantined; the others are loaded
  2    a setting or an argument is wrong; nothing was asked
  3    GitHub refuses: token, policy, role or name
  75   another process holds the warehouse; try again
  130  interrupted (143: terminated); what was loaded stays
"""


class _Signals:
    """Which interrupting signal came first; heard through a socket, since Dagster swaps handlers while a job runs."""

    _INTERRUPTING = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)
        self._theirs.setblocking(False)
        self._first = 0

    def listen(self) -> None:
        # Both by name: a shell starts background jobs with SIGINT ignored, and Python leaves it so.
        for number in self._INTERRUPTING:
            signal.signal(number, self._interrupt)
        signal.set_wakeup_fd(self._theirs.fileno(), warn_on_full_buffer=False)
        sys.unraisablehook = self._raise_again
        threading.Thread(target=self._insist, name="interrupt", daemon=True).start()

    def _raise_again(self, dropped: sys.UnraisableHookArgs) -> None:
        """Python drops an exception that falls into a finalizer; an interrupt comes again when that has ended."""
        if not issubclass(dropped.exc_type, Exception) and (number := self.heard()):
            threading.Timer(0.05, signal.pthread_kill, (threading.main_thread().ident, number)).start()
        else:
            sys.__unraisablehook__(dropped)

    def _insist(self) -> None:
        """Ends what does not end by itself: what a handler raises can be lost in code that is not ours."""
        select.select([self._ours], [], [])
        time.sleep(_GRACE)
        self.leave()

    def _interrupt(self, number: int, _: object) -> None:
        is_second, self._first = bool(self._first), self._first or number
        if is_second:
            self.leave()  # an exception would fall into the handling of the first
        raise KeyboardInterrupt

    def leave(self) -> NoReturn:
        """Ends the process at once: a download that a silent server holds up would hold up an orderly exit."""
        if threading.current_thread() is threading.main_thread():
            for number in self._INTERRUPTING:
                signal.signal(number, signal.SIG_IGN)
        click.echo("copilot-etl: interrupted; what was loaded stays.", err=True)
        sys.stdout.flush()
        os._exit(128 + (self.heard() or signal.SIGINT))

    def heard(self) -> int:
        """The signal's number; 0 when none came."""
        with suppress(BlockingIOError):
            came = [number for number in self._ours.recv(64) if number in self._INTERRUPTING]
            self._first = self._first or next(iter(came), 0)
        return self._first


_SIGNALS = _Signals()


class _OneLine(click.Group):
    """Turns every fault that was raised on purpose into one line and its exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        _SIGNALS.listen()
        try:
            return super().invoke(ctx)
        except CopilotEtlError as error:
            click.echo(f"copilot-etl: {error}", err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            _SIGNALS.leave()
        except OSError as error:
            if error.filename is None and error.strerror is None:
                raise
            click.echo(f"copilot-etl: {error.strerror}: {error.filename or ''}", err=True)
            ctx.exit(1)
        except Exception as error:
            if not (fault := _history_fault(error)):
                raise
            home = os.environ.get("DAGSTER_HOME", "")
            click.echo(f"copilot-etl: Cannot write DAGSTER_HOME {home}: {fault}. What was loaded stays.", err=True)
            ctx.exit(1)


def _history_fault(error: BaseException | None) -> str:
    """SQLite's words for what it could not do, in whatever Dagster and SQLAlchemy wrap it; empty for other errors."""
    while error and not isinstance(error, sqlite3.Error):
        error = error.__cause__ or error.__context__
    return str(error).splitlines()[0] if error else ""


@click.group(
    cls=_OneLine, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}, epilog=EXIT_CODES
)
@click.version_option(__version__, prog_name="copilot-etl")
def main() -> None:
    """GitHub Copilot usage reports into a DuckDB warehouse, each day exactly once.

    Start with `copilot-etl demo`, which needs no token. For your own organization set GITHUB_TOKEN and
    COPILOT_ORGS, ask `copilot-etl check` whether they are enough, then `copilot-etl load`. Days are UTC days,
    written YYYY-MM-DD.
    """
    os.umask(0o077)  # everything below the data folder holds personal data
    atexit.register(gc.freeze)  # what ends with the process need not be searched for cycles first: a second of it


# ------------------------------------------------------------------------------------------------- load


@main.command()
@click.option(
    "--from", "first", metavar="DAY", help="First day to load. Default: whatever a scheduled run would ask for."
)
@click.option("--to", "last", metavar="DAY", help="Last day to load. Default: yesterday (UTC).")
@click.option("--scope", "scopes", multiple=True, metavar="NAME", help="Only this organization; may be repeated.")
@click.option(
    "--report",
    "reports",
    multiple=True,
    type=click.Choice(sorted(REPORTS)),
    help="Only this report; may be repeated. Default: COPILOT_REPORTS.",
)
@click.option(
    "--accept-shrink", is_flag=True, help="Load a new version even if it has less than half of the loaded people."
)
@click.option("--force", is_flag=True, help="Fetch and load again even where GitHub says that nothing changed.")
@click.option("--from-raw", is_flag=True, help="Do not ask GitHub: read the files again that have landed.")
@click.option(
    "--first-look", is_flag=True, help="Take the last 28 days at once, in one request a scope, where they are not here."
)
@click.option(
    "--profile",
    is_flag=True,
    help="Say afterwards how many seconds and bytes each stage took. Stages of several days overlap, so that they do "
    "not add up to the total.",
)
def load(
    first: str | None,
    last: str | None,
    scopes: tuple[str, ...],
    reports: tuple[str, ...],
    accept_shrink: bool,
    force: bool,
    from_raw: bool,
    first_look: bool,
    profile: bool,
) -> None:
    """Fetch, check and load days, then build the models and publish.

    Without --from it does what the schedule does: every day of the look-back window that GitHub may still
    publish or restate, and every day that was missed. Loading a day twice changes nothing: where all days are found
    as they were at an earlier look on the same UTC day, the analysts' files and the report stay as they are.

    With --from-raw it reads what has landed, of every day unless told otherwise: so a field that a new version of
    copilot-etl knows is there for the past too.

    With --first-look a new warehouse has the last 28 days of people at once. They are marked, and asked for all the
    same: each day's own file takes their place as it is loaded, so no day is ever there twice.

    \b
    copilot-etl load                                    # what is missing or may have changed
    copilot-etl load --from 2026-10-01 --to 2026-10-31  # a month
    copilot-etl load --first-look                       # something to look at, before the first backfill
    copilot-etl load --from-raw                         # everything again, without the network
    """
    chosen = settings.read().ready(offline=from_raw)
    if reports:
        chosen = replace(chosen, reports=tuple(REPORTS[name] for name in dict.fromkeys(reports)))
    if first_look:
        if from_raw or first or last:
            raise ConfigError("--first-look takes the last 28 days from GitHub: leave out --from, --to and --from-raw.")
        chosen = replace(chosen, reports=tuple(report for report in chosen.reports if report.latest))
        if not chosen.reports:
            raise ConfigError("--first-look needs the report users-1-day: add it to COPILOT_REPORTS or --report.")
        first = str(max(chosen.start_day, dt.datetime.now(dt.UTC).date() - dt.timedelta(days=FIRST_LOOK_DAYS)))
    days = _days(chosen, first, last, from_raw=from_raw)
    if not days:
        click.echo(
            f"Nothing has landed in {Store(chosen.data_dir).raw} of these days. Load them without --from-raw."
            if from_raw
            else "Every day is settled: loaded, and old enough to be final. Name days with --from and --to."
        )
        return
    config = {"accept_shrink": accept_shrink, "force": force, "from_raw": from_raw, "first_look": first_look}
    outcomes = _load(chosen, days, scopes, **config)
    _tell(outcomes)
    if looks := sum(outcome.is_first_look and outcome.good for outcome in outcomes):
        click.echo(f"A first look at {looks} scope-days; `copilot-etl load` puts each day's own file in their place.")
    if profile:
        _profile(chosen, outcomes, time.perf_counter() - _STARTED)
    sys.exit(max((outcome.error.exit_code for outcome in outcomes if outcome.error and not outcome.good), default=0))


def _profile(chosen: Settings, outcomes: Sequence[Outcome], total: float) -> None:
    from copilot_etl.defs import published
    from copilot_etl.profile import profile, table

    with _instance(chosen) as instance:
        models = published.seconds(instance, since=time.time() - total)
    click.echo(table(profile(outcomes, store=Store(chosen.data_dir), models=models, total=total), total=total))


def _days(
    chosen: Settings, first: str | None, last: str | None, *, from_raw: bool
) -> Mapping[dt.date, tuple[str, ...]]:
    """The days to load, each with its reports."""
    today = dt.datetime.now(dt.UTC).date()
    raw = Store(chosen.data_dir).raw
    names = tuple(report.name for report in chosen.reports)
    landed = {day for name in names for _, day in landing.days(raw, name)} if from_raw else set()
    if first is None and last is None:
        if from_raw:
            return dict.fromkeys((day for day in sorted(landed) if chosen.start_day <= day < today), names)
        return coverage.wanted_days(_coverage(chosen))
    if first is None:
        raise ConfigError("--to needs --from. For one day give the same day twice.")
    begin = settings.parse_day(first, name="--from")
    end = settings.parse_day(last, name="--to") if last else today - dt.timedelta(days=1)
    for name, day in (("--from", begin), ("--to", end)):
        if day >= today:
            complete = day + dt.timedelta(days=1)
            raise ConfigError(
                f"{name}: {day} is not complete before {complete} 00:00 UTC. The last complete day is "
                f"{today - dt.timedelta(days=1)}."
            )
    if begin > end:
        raise ConfigError(f"--from {begin} is after --to {end}.")
    if begin < chosen.start_day:
        raise ConfigError(f"--from: {begin} is before the first partition, {chosen.start_day} (COPILOT_START_DAY).")
    days = [begin + dt.timedelta(days=n) for n in range((end - begin).days + 1)]
    return dict.fromkeys((day for day in days if day in landed or not from_raw), names)


def _coverage(chosen: Settings) -> tuple[ReportDay, ...]:
    """What is known of every day of every scope that is, or was, asked for."""
    return coverage.coverage(
        Warehouse(Store(chosen.data_dir).warehouse, wait=30.0).ledger(),
        reports=chosen.reports,
        scopes=chosen.scopes,
        start=chosen.start_day,
        now=dt.datetime.now(dt.UTC),
        lookback_days=chosen.lookback_days,
    )


def _load(
    chosen: Settings, days: Mapping[dt.date, tuple[str, ...]], scopes: Sequence[str], **config: bool
) -> list[Outcome]:
    """Runs the load job over days and their reports, then the models job; the outcomes of all that was reached.

    `config` are the switches of `defs.pipeline.DayConfig`.
    """
    outcomes: list[Outcome] = []
    asked = [scope for scope in chosen.scopes if scope.key in scopes or not scopes]
    wanted = sum(len(REPORTS[name].of(asked)) for names in days.values() for name in names)
    with _instance(chosen) as instance, _progress("loading", wanted) as step:

        def announce(outcome: Outcome) -> None:
            outcomes.append(outcome)
            step(f"{outcome.scope} {outcome.day}")

        for first, last, names in _ranges(days):
            _execute(
                instance,
                "load",
                tags={
                    "dagster/asset_partition_range_start": str(first),
                    "dagster/asset_partition_range_end": str(last),
                },
                ops={"load_days": {"config": {"scopes": list(scopes), **config}}},
                assets=[REPORTS[name].asset_prefix for name in names],
                listener=announce,
                tolerate="failed",
            )
            if any(stops(outcome.error) for outcome in outcomes):
                break
        from copilot_etl.defs import published

        store = Store(chosen.data_dir)
        if not published.is_current(store, Warehouse(store.warehouse)):
            step("building the models", 0)
            _execute(instance, "models")
    return outcomes


def _ranges(days: Mapping[dt.date, tuple[str, ...]]) -> Iterator[tuple[dt.date, dt.date, tuple[str, ...]]]:
    """Sorted days as unbroken ranges of the same reports: each is one run."""
    start = None
    for day, names in days.items():
        start = start or day
        following = day + dt.timedelta(days=1)
        if days.get(following) != names:
            yield start, day, names
            start = None


def _execute(
    instance: dg.DagsterInstance,
    job: str,
    *,
    tags: Mapping[str, str] | None = None,
    ops: Mapping[str, Any] | None = None,
    listener: Callable[[Outcome], None] | None = None,
    assets: Sequence[str] = (),
    tolerate: str = "",
) -> None:
    """Runs a job of the code location in this process, visible in the web server like any other run.

    `assets` are the prefixes of the assets to select (default: all of the job's); `listener` hears each outcome.
    Raises what the run failed of, unless its failure has metadata under `tolerate`: it was told otherwise then.
    """
    from copilot_etl.definitions import defs
    from copilot_etl.defs.pipeline import ANNOUNCE

    ANNOUNCE.listener = listener
    definition = defs.resolve_job_def(job)
    keys = [key for key in definition.asset_layer.executable_asset_keys if key.path[0] in assets]
    result = definition.execute_in_process(
        asset_selection=keys or None,
        instance=instance,
        tags=dict(tags or {}),
        run_config={"ops": dict(ops or {}), "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        raise_on_error=False,
    )
    if _SIGNALS.heard():
        gc.collect()  # closes the asset that Dagster left suspended in its cycles: the next day's scratch folder goes
        raise KeyboardInterrupt
    if result.success:
        return
    failures = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    data = failures[0].user_failure_data if failures else None
    if data is not None and tolerate in data.metadata:
        return
    if data is None:
        raise CopilotEtlError(f"the {job} run failed: {_cause(failures)}. The whole story: the run in the web server.")
    error = CopilotEtlError(str(data.description).replace("\n", " "))
    code = data.metadata.get("exit_code")
    error.exit_code = int(str(code.value)) if code else 1
    raise error


def _cause(failures: Sequence[Any]) -> str:
    """The innermost error of a failed step, in one line."""
    error = failures[0].error if failures else None
    while error and error.cause:
        error = error.cause
    return error.message.strip().splitlines()[0][:160] if error else "no reason was given"


@contextmanager
def _instance(chosen: Settings) -> Iterator[dg.DagsterInstance]:
    """The Dagster instance of DAGSTER_HOME (default: `dagster/` in the data folder), made ready on first use."""
    Store(chosen.data_dir).prepare()
    home = _home(chosen)
    os.environ["DAGSTER_HOME"] = str(home)
    import dagster as dg

    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    with dg.DagsterInstance.get() as instance:
        yield instance


def _home(chosen: Settings) -> Path:
    home = chosen.dagster_home
    if not home.is_absolute():
        raise ConfigError(f"DAGSTER_HOME: {home} is not an absolute path.")
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (home / "dagster.yaml").exists():
            shutil.copyfile(ROOT / "dagster.yaml", home / "dagster.yaml")
    except OSError as error:
        raise ConfigError(f"Cannot write DAGSTER_HOME {home}: {error.strerror}.") from None
    return home


@contextmanager
def _progress(what: str, total: int | None) -> Iterator[Callable[..., None]]:
    """A bar on a terminal's stderr, silence where there is none or it knows text alone; the callback takes one step."""
    console = Console(stderr=True)
    columns = (
        TextColumn(what), BarColumn(24), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"),
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True, disable=_is_plain(sys.stderr)) as bar:
        task = bar.add_task("", total=total)
        yield lambda text, steps=1: bar.update(task, advance=steps, description=text)


def _tell(outcomes: Sequence[Outcome]) -> None:
    """What happened, counts on stdout, one line for each fault on stderr."""
    states = Counter(outcome.state for outcome in outcomes)
    changed = sum(outcome.changed for outcome in outcomes)
    counts = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    rows = sum(outcome.rows for outcome in outcomes if outcome.changed)
    click.echo(f"{len(outcomes)} scope-days: {counts}; {changed} new or changed with {rows:,} rows.")
    told = [each for each in outcomes if each.error and (not each.good or each.state in ("loaded", "loaded_empty"))]
    # A refusal or a rate limit is one fault, however many days it keeps out.
    for error in dict.fromkeys(each.error for each in told):
        same = [each for each in told if each.error is error]
        name = "kept" if same[0].good else same[0].state
        more = f" (+{len(same) - 1} not asked for)" if len(same) > 1 else ""
        click.echo(f"{name}: {same[0].reason}{more}", err=True)
    for path in sorted({path for outcome in outcomes for path in outcome.new_fields}):
        click.echo(f"new field: {path}, kept in raw.*.unknown_fields; see marts.schema_drift.", err=True)
    missing = [(each.scope, each.day) for each in outcomes if not each.good]
    if leaving := coverage.warning(missing, dt.datetime.now(dt.UTC).date()):
        click.echo(leaving, err=True)


# ------------------------------------------------------------------------------------- verify and rebuild


@main.command()
def verify() -> None:
    """Read everything on disk and say what is not as it was left; GitHub is not asked.

    Raw files are held against their manifests, Parquet against what was loaded, the warehouse against Parquet, and the
    published file against the warehouse. Each finding is one line with the command that mends it, and the exit code
    is 1 then.
    """
    chosen = settings.read()
    store = Store(chosen.data_dir)
    findings: list[audit.Finding] = []
    reports = tuple(REPORTS.values())
    with _progress("reading", None) as step:
        for found in audit.audit(reports, store=store, warehouse=Warehouse(store.warehouse, wait=30.0)):
            if isinstance(found, str):
                step(found)
            else:
                findings.append(found)
                click.echo(found)
    if findings:
        click.echo(f"copilot-etl: {len(findings)} findings in {chosen.data_dir}.", err=True)
        sys.exit(1)
    days = len([day for report in reports for day in landing.days(store.raw, report.name)])
    click.echo(f"{days} scope-days in {chosen.data_dir}: raw files, Parquet, warehouse and published file agree.")


@main.command()
def rebuild() -> None:
    """Make Parquet, warehouse and published file anew from the raw files; GitHub is not asked.

    For a warehouse that is damaged or lost, and after a change of the parser. The new warehouse takes the old one's
    place when it is complete; what only the old one knows (looks at days that had no report) is taken over.
    """
    chosen = settings.read()
    outcomes: list[Outcome] = []
    total = sum(len(landing.days(Store(chosen.data_dir).raw, report.name)) for report in REPORTS.values())
    if not total:
        raise ConfigError(f"Nothing has landed in {Store(chosen.data_dir).raw} yet. Try `copilot-etl load`.")
    with _instance(chosen) as instance, _progress("rebuilding", total) as step:

        def announce(outcome: Outcome) -> None:
            outcomes.append(outcome)
            step(f"{outcome.scope} {outcome.day}")

        _execute(instance, "rebuild", listener=announce)
        step("building the models", 0)
        _execute(instance, "models", ops={"build_models": {"config": {"full": True}}})
    _tell(outcomes)
    sys.exit(max((outcome.error.exit_code for outcome in outcomes if outcome.error), default=0))


# ---------------------------------------------------------------------------------------------- publish


@main.command()
@click.option("--full", is_flag=True, help="Rebuild every model over all days, not only what changed.")
def publish(full: bool) -> None:
    """Rebuild the models, hold the rules, and swap in the analysts' files; GitHub is not asked.

    `load` does the same at its end. Use it after you changed something in sql/.
    """
    chosen = settings.read()
    store = Store(chosen.data_dir)
    with _instance(chosen) as instance, _progress("building the models", 1) as step:
        _execute(instance, "models", ops={"build_models": {"config": {"full": full}}})
        step("")
    click.echo(
        f"{store.published} ({store.published.stat().st_size / 1e6:,.1f} MB), dictionary.md and Parquet beside it."
    )


# ----------------------------------------------------------------------------------------------- status


@main.command()
@click.option("--json", "as_json", is_flag=True, help="One object a scope, report and day, from the first day on.")
def status(as_json: bool) -> None:
    """Show what is loaded, what is missing and why, and what the next run asks for.

    The exit code is 1 when a day is not here 72 hours after its end, though the schedule asks for it.

    \b
    Signs of the day grid:
      #  loaded          o  loaded, no rows      ~  loaded, may still change
      .  no report yet   -  no report            !  failed or quarantined
      ?  missing: will be asked for              (a blank is a day before the first)
    """
    chosen = settings.read()
    days = _coverage(chosen)
    if as_json:
        click.echo(json.dumps([_day(each) for each in days], default=str, indent=1))
    elif not any(each.row for each in days):
        click.echo(f"Nothing was loaded into {chosen.data_dir} yet. Try `copilot-etl demo` or `copilot-etl load`.")
    else:
        for scope, report in sorted({(each.scope, each.report) for each in days}):
            _show_scope(scope, report, [each for each in days if (each.scope, each.report) == (scope, report)])
    sys.exit(int(any(each.is_overdue for each in days)))


def _day(each: ReportDay) -> dict[str, Any]:
    known = asdict(each.row) if each.row else {"scope": each.scope, "report": each.report, "day": each.day}
    return {
        **known,
        "state": each.state,
        "is_here": each.is_here,
        "is_wanted": each.is_wanted,
        "is_overdue": each.is_overdue,
        "days_left": each.days_left,
    }


def _show_scope(scope: str, report: str, days: Sequence[ReportDay]) -> None:
    first = next((n for n, each in enumerate(days) if each.row or each.is_wanted), 0)
    never, kept = days[:first], days[first:]
    states = Counter(each.state for each in kept)
    _say(f"{_bold(scope)} {report}: " + ", ".join(f"{n} {state}" for state, n in sorted(states.items())), indent="")
    by_day = {each.day: each for each in kept}
    month = kept[0].day.replace(day=1)
    while month <= kept[-1].day:
        following = (month + dt.timedelta(days=32)).replace(day=1)
        signs = "".join(_sign(by_day.get(month + dt.timedelta(days=n))) for n in range((following - month).days))
        click.echo(f"  {month:%Y-%m}  {signs}".rstrip())
        month = following
    for row in [each.row for each in kept if each.row and each.state in ("failed", "quarantined")][-5:]:
        looks = "1 look" if row.attempts == 1 else f"{row.attempts} looks"
        _say(f"{row.state} after {looks} since {row.first_seen_at:%Y-%m-%d}: {row.last_error}")
    if first_looks := sum(bool(each.row and each.row.is_first_look) for each in kept):
        _say(f"{_days_are(first_looks)} a first look, until the day's own file is loaded")
    if wanted := [each.day for each in kept if each.is_wanted]:
        asked = f"1 day, {wanted[0]}" if len(wanted) == 1 else f"{len(wanted)} days, {wanted[0]} to {wanted[-1]}"
        _say(f"next run asks for {asked}")
    if overdue := [each.day for each in kept if each.is_overdue]:
        end = "its end" if len(overdue) == 1 else "their end"
        _say(f"{_days_are(len(overdue))} not here {coverage.OVERDUE_HOURS} hours after {end}, {overdue[0]} first")
    if never and never[-1].day >= never[0].day:
        asked = "1 day was" if len(never) == 1 else f"{len(never)} days were"
        _say(f"{asked} never asked for: copilot-etl load --from {never[0].day} --to {never[-1].day}")
    today = dt.datetime.now(dt.UTC).date()
    if leaving := coverage.warning([(each.scope, each.day) for each in days if each.is_leaving], today):
        _say(leaving)


def _days_are(number: int) -> str:
    return "1 day is" if number == 1 else f"{number} days are"


def _is_plain(stream: TextIO) -> bool:
    """Whether a stream takes text alone: a file, a pipe, a terminal that knows no more or is told so (no-color.org)."""
    return not stream.isatty() or os.environ.get("TERM") == "dumb" or bool(os.environ.get("NO_COLOR"))


def _bold(text: str) -> str:
    return text if _is_plain(sys.stdout) else click.style(text, bold=True)


def _say(text: str, indent: str = "  ") -> None:
    """A line of its own in a file, where it is searched for; on a terminal folded between words, none of them cut."""
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
        text = textwrap.fill(
            text, width - 1, initial_indent=indent, subsequent_indent=indent + "  ",
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip
    else:
        text = indent + text
    click.echo(text)


def _sign(each: ReportDay | None) -> str:
    if each is None:
        return " "
    if each.state == coverage.MISSING and each.is_here:
        return "-"
    if each.state == "loaded":
        return "~" if each.is_wanted else "#"
    signs = {"loaded_empty": "o", "not_ready": ".", "no_report": "-", "failed": "!", "quarantined": "!"}
    return signs.get(each.state, "?")


# ------------------------------------------------------------------------------------------------ check


@main.command()
def check() -> None:
    """Ask GitHub whether the settings are enough, and what a full backfill will cost; nothing is loaded.

    At most three small requests a scope: the links of a recent day, the beginning of one of its files, and the links
    of the oldest day that GitHub should still have.
    """
    from copilot_etl import preflight

    chosen = settings.read().ready()
    store = Store(chosen.data_dir)
    store.prepare()
    _home(chosen)
    free = shutil.disk_usage(store.root).free
    click.echo(f"data folder    {store.root} can be written, {_bytes(free)} free")
    click.echo(f"dagster home   {chosen.dagster_home} can be written")
    click.echo(f"sign-in        {chosen.credentials().kind}, at {chosen.api_url}")
    now = dt.datetime.now(dt.UTC)
    findings: list[preflight.Finding] = []
    with _github(chosen) as github:
        for scope in chosen.scopes:
            found = preflight.look(github, chosen.reports, scope, start=chosen.start_day, now=now)
            findings.append(found)
            click.echo(f"{scope.key:<14} {found.text}", err=bool(found.exit_code))
            if about := github.credentials.about(scope):
                click.echo(f"{scope.key:<14} {about}")
            if found.whole_run:
                sys.exit(found.exit_code)
        offset = github.clock_offset
    if offset is not None:
        late = "" if abs(offset) < preflight.CLOCK_SECONDS else "; set it, days are UTC days"
        click.echo(f"clock          {abs(offset):.0f} s {'behind' if offset > 0 else 'ahead of'} GitHub's{late}")
    cost = preflight.cost(findings, _coverage(chosen))
    click.echo(
        f"full backfill  {cost.days:,} days of reports are not here: about {cost.requests:,} requests "
        f"(GitHub allows {preflight.REQUESTS_AN_HOUR:,} an hour), {_bytes(cost.bytes)}, {cost.minutes:,} minutes"
    )
    if cost.disk_bytes > free:
        raise ConfigError(f"{store.root}: a full backfill needs about {_bytes(cost.disk_bytes)} of disk.")
    sys.exit(max((found.exit_code for found in findings), default=0))


def _github(chosen: Settings) -> GitHub:
    from copilot_etl.github import GitHub

    return GitHub(
        api_url=chosen.api_url,
        credentials=chosen.credentials(),
        download_hosts=chosen.download_hosts,
        allow_loopback_http=chosen.allow_loopback_http,
    )


def _bytes(count: float) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.1f} MB"


# ----------------------------------------------------------------------------------- sandbox, demo and ui


@main.command()
@click.option("--port", default=0, help="Port of the API; the files are on the next free one. Default: any.")
@click.option("--seed", default=7, show_default=True, help="Same seed, same data.")
@click.option("--enterprise", is_flag=True, help="Let an enterprise own them, with reports of its own.")
@click.option("--app", is_flag=True, help="Sign in as a GitHub App instead of with a token.")
def sandbox(port: int, seed: int, enterprise: bool, app: bool) -> None:
    """Run the fake GitHub and print the variables that point to it.

    It serves every report of the catalogue, late and restated days among them; token and key are made up.
    """
    from copilot_etl.sandbox import ENTERPRISE, ORGANIZATIONS, Sandbox
    from copilot_etl.sandbox.app import App

    owner = ENTERPRISE if enterprise else None
    scopes = [each.login for each in ORGANIZATIONS] + [f"enterprise.{each.slug}" for each in (owner,) if each]
    signed_in = App.installed(*scopes) if app else None
    with Sandbox(seed=seed, ports=(port, 0), enterprise=owner, app=signed_in) as fake:
        for name, value in fake.env().items():
            click.echo(f"export {name}={shlex.quote(value)}")
        click.echo("# paste the lines above into another shell; Ctrl-C ends the sandbox", err=True)
        with suppress(KeyboardInterrupt):
            threading.Event().wait()


@main.command()
@click.option(
    "--days", default=DEMO_DAYS, show_default=True, type=click.IntRange(1, 300), help="How many days to load."
)
def demo(days: int) -> None:
    """Load two made-up organizations from a fake GitHub on this machine."""
    from copilot_etl.sandbox import Sandbox

    with Sandbox() as fake:
        os.environ.update(fake.env())
        os.environ.pop("COPILOT_ENTERPRISES", None)
        last = fake.today - dt.timedelta(days=1)
        first = last - dt.timedelta(days=days - 1)
        chosen = settings.read().ready()
        if chosen.start_day > first:
            os.environ["COPILOT_START_DAY"] = str(first)
            chosen = replace(chosen, start_day=first)
        store = Store(chosen.data_dir)
        strangers = {row.scope for row in Warehouse(store.warehouse).ledger()} - {scope.key for scope in chosen.scopes}
        if strangers:
            raise ConfigError(
                f"{chosen.data_dir} holds {sorted(strangers)[0]}. Set COPILOT_DATA_DIR to another folder for the demo."
            )
        click.echo(
            f"Loading {days} days of {', '.join(scope.key for scope in chosen.scopes)} into {chosen.data_dir} ..."
        )
        names = tuple(report.name for report in chosen.reports)
        outcomes = _load(chosen, dict.fromkeys((first + dt.timedelta(days=n) for n in range(days)), names), ())
    _tell(outcomes)
    _show_demo(store)
    sys.exit(max((outcome.error.exit_code for outcome in outcomes if outcome.error and not outcome.good), default=0))


_DEMO_QUERY = (  # four columns, which fit into a terminal of 80 letters
    "select day, daily_active_users, monthly_active_users_28d, round(acceptance_rate_28d, 3) as acceptance_rate_28d "
    "from marts.adoption_daily join marts.completion_acceptance_daily using (scope, day) "
    "where scope = '(all organizations)' order by day desc limit 5"
)


def _show_demo(store: Store) -> None:
    import duckdb

    with duckdb.connect(store.published, read_only=True) as connection:
        states = connection.execute("select state, count(*) from ops.report_days group by all order by all").fetchall()
        click.echo("Day states: " + ", ".join(f"{count} {state}" for state, count in states))
        result = connection.execute(_DEMO_QUERY)
        table = Table(*(column[0] for column in result.description or ()), box=None, header_style="bold")
        for row in result.fetchall():
            table.add_row(*map(str, row))
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    click.echo(f"\nThe report for leaders, to be opened in a browser: {store.report}")
    click.echo(f"The warehouse for analysts: {store.published}")
    click.echo(f"A query to paste into `duckdb -readonly {shlex.quote(str(store.published))}`:\n  {_DEMO_QUERY};")
    python = "import duckdb, sys; duckdb.connect(sys.argv[1], read_only=True).sql(sys.argv[2]).show()"
    query = "from marts.adoption_daily order by day desc limit 5"
    command = shlex.join([sys.executable, "-c", python, str(store.published), query])
    click.echo(f"Or, without DuckDB's own shell:\n  {command}")
    click.echo(f"What every table and column means: {store.published.parent / 'dictionary.md'}")
    click.echo("Dagster's web server on http://127.0.0.1:3000:\n  make dev")


@main.command()
@click.option("--port", default=3000, show_default=True, help="Port on 127.0.0.1.")
def ui(port: int) -> None:
    """Start Dagster's web server and daemon, for this machine only.

    They show the runs of `copilot-etl load`, run the schedule, and take backfills.
    """
    chosen = settings.read()
    Store(chosen.data_dir).prepare()
    environment = {**os.environ, "DAGSTER_HOME": str(_home(chosen))}
    # Dagster warns that `dagster dev` will once give way to another command, which is not in its own package.
    command = [
        *(sys.executable, "-W", "ignore", "-m", "dagster", "dev"),
        *("-w", str(ROOT / "workspace.yaml"), "-h", "127.0.0.1", "-p", str(port)),
    ]
    sys.exit(subprocess.run(command, env=environment, cwd=chosen.data_dir).returncode)  # noqa: S603 - our own words


# --------------------------------------------------------------------------------- report and notebook


@main.command()
@click.option("--include-users", is_flag=True, help="Add the table of people, in a file of its own.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where to write it. Default: report.html in the data folder; with people, report-with-users.html.",
)
def report(include_users: bool, output: Path | None) -> None:
    """Write the report: the published marts as one HTML file that needs no server.

    Every refresh of the models writes it too. It names nobody unless you ask for it.
    """
    from copilot_etl.report import write

    chosen = settings.read()
    store = Store(chosen.data_dir)
    target = output or (store.report.with_stem("report-with-users") if include_users else store.report)
    written = write(store.published, target, include_users=include_users)
    click.echo(f"{written.path} ({written.size / 1e3:,.0f} kB, {written.days} days): open it in a browser.")
    if include_users:
        click.echo("It names people: pass it on only to those who may see that.", err=True)


@main.command()
@click.option("--port", default=2718, show_default=True, help="Port on 127.0.0.1.")
def notebook(port: int) -> None:
    """Open the marimo notebook: five questions to the published file, with pandas and Altair.

    It only reads. To ask questions of your own, copy copilot_etl/notebook.py and open the copy with `marimo edit`.
    """
    from importlib.util import find_spec

    published = Store(settings.read().data_dir).published
    if not all(map(find_spec, ("marimo", "altair"))):
        raise ConfigError(
            "The notebook needs more packages: pip install --constraint constraints.txt -e '.[notebook]'."
        )
    if not published.exists():
        raise ConfigError(f"{published} does not exist yet. Run `copilot-etl load` or `copilot-etl demo` first.")
    command = [
        *(sys.executable, "-m", "marimo", "run", str(Path(__file__).with_name("notebook.py"))),
        *("--host", "127.0.0.1", "--port", str(port), "--token", "--include-code", "--no-sandbox"),
        *("--", "--published", str(published)),
    ]
    sys.exit(subprocess.run(command).returncode)  # noqa: S603 - our own words


if __name__ == "__main__":
    main()
