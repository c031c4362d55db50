"""A day from link to table, in plain calls: what Dagster, the command line and the tests all run."""

from __future__ import annotations

import datetime as dt
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from copilot_etl import landing, latest, records
from copilot_etl.ahead import Ahead, Arrived, Step, Unfolded, unfold
from copilot_etl.coverage import LATE_DAYS, MISSING
from copilot_etl.errors import (
    CopilotEtlError,
    NotReady,
    Quarantined,
    Refused,
    Unavailable,
    WarehouseBusy,
    raise_if_interrupted,
)
from copilot_etl.github import Fetched, GitHub, NotFound, NotShown
from copilot_etl.landing import Manifest
from copilot_etl.ledger import LedgerDay, Look
from copilot_etl.records import Normalised, Session
from copilot_etl.reports import REPORTS, Report, Scope
from copilot_etl.store import Store
from copilot_etl.warehouse import Replaced, Warehouse

DAYS_AHEAD = 2
"""While a day is loaded, so many after it are fetched, and may be unfolded."""

GONE_DAYS = 3
"""Of days that GitHub is not known to keep, this many are asked for in vain before the others are only marked."""

SHRUNK_ROWS = 20
"""From this many people on, a new version with less than half of them is not believed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one scope's day. `state` is the ledger's (`missing` if it has none).

    `seconds` are by stage: `files`, `tables` (what was left of it when the files were here) and `load`.

    `is_first_look` says that its rows are from the report of the last 28 days, and the day's own file is to come.

    `changed` is true when rows were replaced; only then are `unknown_fields` (records by path), `new_fields` (those of
    them that were never met before), `restated_rows` (records that differ from the version before) and `table_rows`
    told. `unknown_records` is how many records of the loaded version have a field this project does not know;
    `error` is why the day did not load, or why it is only marked.
    """

    report: str
    scope: str
    day: dt.date
    state: str
    changed: bool = False
    rows: int = 0
    files: int = 0
    bytes: int = 0
    duplicates: int = 0
    unknown_records: int = 0
    unknown_fields: dict[str, int] = field(default_factory=dict)
    new_fields: tuple[str, ...] = ()
    restated_rows: int = 0
    table_rows: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    error: CopilotEtlError | None = None
    is_first_look: bool = False

    @property
    def good(self) -> bool:
        """Loaded, or rightly marked as not there."""
        return self.state not in ("failed", "quarantined")

    @property
    def reason(self) -> str:
        """The error as one line that names scope and day; empty without one."""
        text = str(self.error or "")
        named = self.scope in text and str(self.day) in text
        return text if named or not text else f"{self.scope} {self.day}: {text}"


def run(
    reports: Sequence[Report],
    *,
    scopes: Sequence[Scope],
    days: Iterable[dt.date],
    github: GitHub | None,
    store: Store,
    warehouse: Warehouse,
    clock: Callable[[], dt.datetime],
    accept_shrink: bool = False,
    force: bool = False,
) -> Iterator[Outcome]:
    """Takes every day of every report and scope from GitHub to the warehouse, one outcome each.

    Days come in the order given, within a day the reports, within a report the scopes that have it.

    Without `github` the bytes that have landed are read again: the loaded version and those after it, or all of them
    into an empty warehouse; that a day was looked at is no news then.

    A day's failure is an outcome, not an exception, so that its neighbours go on. A scope that GitHub refuses is not
    asked again for the other days; after a refused token or a rate limit that is too far away, GitHub is not asked at
    all (of an App, whose installations have a limit each, not for that scope); and of days that it is not known to
    keep, no more are asked for after three without a report. While a day is loaded, the two after it are fetched, and
    unfolded if they are small.

    With `accept_shrink` a new version replaces an old one however many people it lacks; with `force` a day is fetched
    and loaded again even where nothing changed. Raises WarehouseBusy and ConfigError, after which nothing more would
    load.
    """
    days = list(days)
    if not days:
        return
    store.prepare()
    store.sweep()
    known = {(row.report, row.scope, row.day): row for row in warehouse.ledger()}
    # A list that is not shown says nothing of the scope: its name may be mistyped.
    lists = {report.name for report in REPORTS.values() if report.pages_of}
    answered = {
        row.scope for row in known.values() if row.loaded_at or (row.state != "failed" and row.report not in lists)
    }
    owners: dict[str, str | None] = {row.scope: row.owner_id for row in known.values() if row.owner_id}
    stopped: dict[str, CopilotEtlError] = {}
    out_of_reach: Counter[tuple[str, str]] = Counter()

    def refusal(step: Step) -> CopilotEtlError | None:
        """Why GitHub is not asked; None when it is."""
        error = stopped.get(step.scope.key)
        if error is None and github and step.report.pages_of and step.day != clock().date() - dt.timedelta(days=1):
            shown = f"GitHub shows {step.report.name} as they are now, which is the day before today; not asked for."
            error = NotReady(f"{step.scope.key} {step.day}: {shown}")
        if error is None and out_of_reach[step.place] >= GONE_DAYS and not step.is_kept(clock()):
            error = NotReady(f"No report: GitHub keeps none of {step.scope.key} this old; not asked for.")
        return error

    def here(step: Step) -> Outcome | None:
        """A list is taken once a day: later on the same day it would show another one."""
        row = known.get(step.key)
        if not (github and step.report.pages_of and row and row.loaded_at) or force:
            return None
        return Outcome(*step.key, "loaded" if row.rows else "loaded_empty", rows=row.rows or 0)

    def is_wanted(step: Step, manifest: Manifest) -> bool:
        return not _is_loaded(known.get(step.key), manifest, force=force)

    steps = [Step(day, report, scope) for day in days for report in reports for scope in report.of(scopes)]
    with ExitStack() as ending:
        ending.enter_context(warehouse.kept_open())
        session = ending.enter_context(_session(store))
        ahead = Ahead(github, store, session, clock, force=force, is_wanted=is_wanted) if github else None
        if ahead:
            ending.callback(ahead.close)
        for index, step in enumerate(steps):
            report, scope, day = step.report, step.scope, step.day
            if outcome := here(step):
                yield outcome
                continue
            if error := refusal(step):
                state = "no_report" if isinstance(error, NotReady) else "failed"
                warehouse.note([Look(scope.key, report.name, day, state, clock(), str(error))])
                yield Outcome(report.name, scope.key, day, state, error=error)
                continue

            def go_on(index: int = index) -> None:
                for following in steps[index + 1 : index + 1 + DAYS_AHEAD]:
                    if ahead and not here(following) and not refusal(following):
                        ahead.begin(following, owner_id=owners.get(following.scope.key))

            if ahead and not ahead.has(step):
                warehouse.let_go()  # while GitHub is waited for, others may have it
            before = known.get(step.key)
            walk = _Walk(step, ahead, store, session, warehouse, clock, before, accept_shrink, force)
            outcome = walk.run(answered=scope.key in answered, owner_id=owners.get(scope.key), go_on=go_on)
            if stops(outcome.error):
                stopped.update({each.key: outcome.error for each in scopes if outcome.error})
            elif isinstance(outcome.error, Refused) or (
                isinstance(outcome.error, Unavailable) and outcome.error.whole_scope
            ):
                stopped[scope.key] = outcome.error
            elif outcome.good and not isinstance(outcome.error, NotShown):
                answered.add(scope.key)
                owners[scope.key] = walk.owner_id
            if isinstance(outcome.error, NotReady) and not step.is_kept(clock()):
                out_of_reach[step.place] += 1
            yield outcome


def first_look(
    reports: Sequence[Report],
    *,
    scopes: Sequence[Scope],
    days: Iterable[dt.date],
    github: GitHub,
    store: Store,
    warehouse: Warehouse,
    clock: Callable[[], dt.datetime],
) -> Iterator[Outcome]:
    """Takes the days that are not here from GitHub's report of the last 28, which is one request a scope.

    One outcome for each of the days that it has and whose own file is not loaded, by day; a scope without such a
    report has one, for the last of the days. The days stay wanted: their own files replace all this. Raises like `run`.
    """
    days = sorted(days)
    store.prepare()
    store.sweep()
    known = {(row.report, row.scope, row.day): row for row in warehouse.ledger()}
    places = [(report, scope) for report in reports if report.latest for scope in report.of(scopes)]
    with ExitStack() as stack:
        session = stack.enter_context(_session(store))
        walks: list[_Walk] = []
        for report, scope in places:
            folder = stack.enter_context(store.workspace())
            try:
                found = _latest_days(report, scope, github, folder)
            except CopilotEtlError as error:
                yield Outcome(report.name, scope.key, days[-1], "failed", error=error)
                if stops(error):
                    break
                continue
            for day, fetched in found.items():
                before = known.get((report.name, scope.key, day))
                if day in days and (before is None or before.loaded_at is None or before.is_first_look):
                    source = _FirstLook(fetched, store, clock)
                    walks.append(_Walk(Step(day, report, scope), source, store, session, warehouse, clock, before))
        owners: dict[str, str | None] = {row.scope: row.owner_id for row in known.values() if row.owner_id}
        stack.enter_context(warehouse.kept_open())
        for walk in sorted(walks, key=lambda each: each.step.day):
            outcome = walk.run(answered=True, owner_id=owners.get(walk.step.scope.key), go_on=lambda: None)
            owners[walk.step.scope.key] = walk.owner_id
            yield replace(outcome, is_first_look=True)


def _latest_days(report: Report, scope: Scope, github: GitHub, folder: Path) -> dict[dt.date, Fetched]:
    whole, by_day = folder / "whole", folder / "days"
    for each in (whole, by_day):
        each.mkdir()
    fetched = github.fetch_latest(report, scope, into=whole)
    return latest.days(fetched, where=f"{scope.key} latest 28 days", into=by_day)


def rebuild(
    reports: Sequence[Report], *, store: Store, warehouse: Warehouse, clock: Callable[[], dt.datetime]
) -> Iterator[Outcome]:
    """Makes lake and warehouse anew from the landed bytes of every scope, and puts the new warehouse in its place.

    Looks at days, and days whose bytes are damaged, are taken over from the warehouse before. Raises like `run`.
    """
    store.prepare()
    with store.alone(), warehouse.anew() as fresh:
        for report in reports:
            landed: dict[str, list[dt.date]] = {}
            for scope, day in landing.days(store.raw, report.name):
                landed.setdefault(scope, []).append(day)
            for scope, days in landed.items():
                yield from run(
                    [report],
                    scopes=[Scope.of(scope)],
                    days=sorted(days),
                    github=None,
                    store=store,
                    warehouse=fresh,
                    clock=clock,
                )


@contextmanager
def _session(store: Store) -> Iterator[Session]:
    """What unfolds the days of a run, with a scratch folder for what does not fit into its memory."""
    with store.workspace() as folder, Session(folder) as session:
        yield session


def stops(error: CopilotEtlError | None) -> bool:
    """Whether an error ends the whole run: the next scope and day would get the same answer."""
    return isinstance(error, (Refused, Unavailable)) and error.whole_run


def _is_loaded(before: LedgerDay | None, manifest: Manifest, *, force: bool) -> bool:
    """Whether this version of a day is what the ledger knows as loaded."""
    if not before or not before.loaded_at or force:
        return False
    return (before.content_hash, bool(before.is_first_look)) == (manifest.content_hash, manifest.is_first_look)


class _Source(Protocol):
    """Where a day's files come from."""

    def take(self, step: Step, *, owner_id: str | None) -> Arrived:
        """The landed version; `owner_id` is what earlier records name the scope. Raises like GitHub.fetch."""


@dataclass(frozen=True, slots=True)
class _FirstLook:
    """A day cut out of the report of the last 28, which was fetched before."""

    fetched: Fetched
    store: Store
    clock: Callable[[], dt.datetime]

    def take(self, step: Step, *, owner_id: str | None) -> Arrived:
        started = time.perf_counter()
        manifest = landing.land(
            self.store.raw,
            step.report.name,
            step.scope.key,
            step.day,
            fetched=self.fetched,
            fetched_at=self.clock(),
            is_first_look=True,
        )
        return Arrived(manifest, time.perf_counter() - started)


@dataclass
class _Walk:
    """One scope's day on its way, with what the ledger knew of it before; without `source` from its landed bytes."""

    step: Step
    source: _Source | None
    store: Store
    session: Session
    warehouse: Warehouse
    clock: Callable[[], dt.datetime]
    before: LedgerDay | None
    accept_shrink: bool = False
    force: bool = False

    def run(self, *, answered: bool, owner_id: str | None, go_on: Callable[[], None]) -> Outcome:
        """`answered`: GitHub has shown this scope to the token before; `owner_id`: what its records name it.

        `go_on` is called as soon as the files have landed.
        """
        self._seconds: dict[str, float] = {}
        self.owner_id = owner_id
        if self.source is None:
            return self._replay()
        return self._held(partial(self._arrive, self.source, go_on), answered=answered)

    def _arrive(self, source: _Source, go_on: Callable[[], None]) -> Outcome:
        arrived = source.take(self.step, owner_id=self.owner_id)
        self._seconds["files"] = arrived.seconds
        go_on()
        return self._load(arrived)

    def _replay(self) -> Outcome:
        """Loads the version that is loaded and those after it from the landed bytes; each may fail for itself."""
        rows = (self.before.rows if self.before else 0) or 0
        outcome = self._outcome(self.before.state if self.before else MISSING, rows=rows)
        try:
            versions = landing.versions(self.store.raw, *self.step.key)
        except Quarantined as error:
            return self._failed(error)
        loaded = self.before.content_hash if self.before else None
        first = max((n for n, version in enumerate(versions) if version.content_hash == loaded), default=0)
        for manifest in versions[first:]:
            outcome = self._held(partial(self._load, Arrived(manifest, 0.0)), answered=True)
        return outcome

    def _held(self, load: Callable[[], Outcome], *, answered: bool) -> Outcome:
        """What became of the day, or what the error says about it."""
        scope = self.step.scope
        try:
            return load()
        except NotFound as error:
            if self.before and self.before.loaded_at:
                return self._failed(
                    Refused(
                        f"No longer shown: {scope.kind} '{scope.name}' (404), whose {self.step.day} is loaded. "
                        "Was it renamed, or the token's access taken away?"
                    )
                )
            if answered:
                return self._absent(error)
            return self._failed(
                Refused(f"Unknown {scope.kind} '{scope.name}', or the token cannot see it (404). Check its name.")
            )
        except NotReady as error:
            return self._absent(error)
        except WarehouseBusy:
            raise
        except CopilotEtlError as error:
            return self._failed(error)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            return self._failed(CopilotEtlError(f"{self.step}: {reason}: {error.filename or ''}"))
        except Exception as error:
            raise_if_interrupted(error)
            # A fault of ours on one day must not keep its neighbours out. Its text may hold anything: it is not told.
            *_, at = traceback.extract_tb(error.__traceback__)
            place = f"{type(error).__name__} at {Path(at.filename).name}:{at.lineno}"
            return self._failed(CopilotEtlError(f"{self.step}: unforeseen {place}. Please report this."))

    def _load(self, arrived: Arrived) -> Outcome:
        manifest, before = arrived.manifest, self.before
        outcome = self._outcome("loaded", files=len(manifest.parts), bytes=manifest.size)
        if self.source and before and _is_loaded(before, manifest, force=self.force):
            state = "loaded" if before.rows else "loaded_empty"
            self._note(state)
            return replace(outcome, state=state, rows=before.rows or 0, unknown_records=before.unknown_fields or 0)
        with closing(self._unfolded(arrived)) as unfolded:
            normalised = unfolded.normalised
            self._seconds["tables"] = unfolded.seconds
            self.owner_id = normalised.owner_id
            self._hold_size(manifest, normalised.records)
            with self.store.alone(before_waiting=self.warehouse.let_go):
                started = time.perf_counter()
                records.publish(normalised, report=self.step.report, folder=unfolded.folder, lake=self.store.lake)
                replaced = self._replace(normalised, manifest)
                self._seconds["load"] = time.perf_counter() - started
        self.before = replaced.day
        return replace(
            outcome,
            state="loaded" if normalised.records else "loaded_empty",
            changed=True,
            rows=normalised.records,
            duplicates=normalised.duplicates,
            unknown_records=normalised.unknown_records,
            unknown_fields=dict(normalised.unknown_fields),
            new_fields=replaced.new_fields,
            restated_rows=replaced.restated_rows,
            table_rows=dict(normalised.rows),
        )

    def _unfolded(self, arrived: Arrived) -> Unfolded:
        """What was unfolded ahead, unless the days before it have said since that its records name another scope."""
        ahead = arrived.tables.result() if arrived.tables else None
        if ahead:
            if self.owner_id in (None, ahead.normalised.owner_id):
                return ahead
            ahead.close()
        return unfold(self.store, self.session, self.step, arrived.manifest, owner_id=self.owner_id)

    def _hold_size(self, manifest: Manifest, records: int) -> None:
        """A version that lost most people is not believed: lines can be lost before a file is signed."""
        if self.before and self.before.is_first_look:
            return  # the day's own file is, whatever was there before it
        before = (self.before.rows if self.before else 0) or 0
        is_shrunk = before and (not records or (before >= SHRUNK_ROWS and records < before / 2))
        if not is_shrunk or manifest.accepted:
            return
        if not self.accept_shrink:
            raise Quarantined(
                f"{self.step}: the new version has {records} people, {before} are loaded. "
                "Not loaded, what was loaded stays; if it is right, load the day with --accept-shrink."
            )
        landing.accept(manifest)

    def _replace(self, normalised: Normalised, manifest: Manifest) -> Replaced:
        return self.warehouse.replace_day(
            normalised,
            report=self.step.report,
            lake=self.store.lake,
            files=len(manifest.parts),
            size=manifest.size,
            seen_at=self.clock(),
            received_at=dt.datetime.fromisoformat(manifest.fetched_at),
            is_replay=self.source is None,
            is_first_look=manifest.is_first_look,
        )

    def _absent(self, error: NotReady) -> Outcome:
        age = (self.clock().date() - self.step.day).days
        state = "not_ready" if age <= LATE_DAYS and not isinstance(error, NotShown) else "no_report"
        self._note(state, error)
        if self.before and self.before.loaded_at:
            state = "loaded" if self.before.rows else "loaded_empty"
        return self._outcome(state, error=error)

    def _failed(self, error: CopilotEtlError) -> Outcome:
        state = "quarantined" if isinstance(error, Quarantined) else "failed"
        self._note(state, error)
        return self._outcome(state, error=error)

    def _note(self, state: str, error: CopilotEtlError | None = None) -> None:
        text = str(error) if error else None
        is_replay = self.source is None
        report, scope, day = self.step.key
        look = Look(scope, report, day, state, self.clock(), text, is_replay=is_replay)
        self.warehouse.note([look])

    def _outcome(self, state: str, **values: object) -> Outcome:
        return Outcome(*self.step.key, state, seconds=self._seconds, **values)  # type: ignore[arg-type]
