"""A day from link to table, in plain calls: what Dagster, the command line and the tests all run."""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from filelock import FileLock, Timeout

from copilot_etl import landing, latest, records
from copilot_etl.coverage import LATE_DAYS, MISSING, days_left
from copilot_etl.errors import (
    ConfigError,
    CopilotEtlError,
    NotReady,
    Quarantined,
    Refused,
    Unavailable,
    WarehouseBusy,
)
from copilot_etl.github import Fetched, GitHub, NotFound, NotShown
from copilot_etl.ledger import LedgerDay, Look
from copilot_etl.records import Normalised
from copilot_etl.reports import REPORTS, Report, Scope
from copilot_etl.warehouse import Replaced, Warehouse

_T = TypeVar("_T")

_HELD = "held"  # the lock in a scratch folder
_WAIT = 600.0  # seconds that another process may take for its day

_YOUNG = 10.0  # seconds in which a new scratch folder may not be locked yet

GONE_DAYS = 3
"""Of days that GitHub is not known to keep, this many are asked for in vain before the others are only marked."""

SHRUNK_ROWS = 20
"""From this many people on, a new version with less than half of them is not believed."""


@dataclass(frozen=True, slots=True)
class Store:
    """Where everything lies under the data folder."""

    root: Path

    @property
    def raw(self) -> Path:
        return self.root / "raw"

    @property
    def lake(self) -> Path:
        return self.root / "lake"

    @property
    def scratch(self) -> Path:
        return self.root / "scratch"

    @property
    def warehouse(self) -> Path:
        return self.root / "warehouse.duckdb"

    @property
    def published(self) -> Path:
        return self.root / "published" / "copilot.duckdb"

    def prepare(self) -> None:
        """Makes the folders; raises ConfigError when the data folder cannot be written."""
        try:
            for folder in (self.root, self.raw, self.lake, self.scratch):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.TemporaryFile(dir=self.scratch):
                pass
        except OSError as error:
            raise ConfigError(
                f"Cannot write {self.root}: {error.strerror}{_whose(self.root)}. Set COPILOT_DATA_DIR."
            ) from None

    @contextmanager
    def workspace(self) -> Iterator[Path]:
        """An empty scratch folder, held by a kernel lock as long as its process lives."""
        with (
            tempfile.TemporaryDirectory(dir=self.scratch, ignore_cleanup_errors=True) as folder,
            FileLock(Path(folder) / _HELD),
        ):
            files = Path(folder) / "files"
            files.mkdir()
            yield files

    @contextmanager
    def alone(self, *, before_waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Lets one process at a time write a day into the lake and load it, so that what is loaded is its own.

        Who waits for this lock must not hold the warehouse, for which its holder may wait; it may be taken again by its
        holder. Raises WarehouseBusy.
        """
        lock = FileLock(self.lake / "loading.lock", mode=0o600, is_singleton=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            before_waiting()
            try:
                lock.acquire(timeout=_WAIT)
            except Timeout:
                raise WarehouseBusy(f"Another run is loading into {self.root}. Try again when it has ended.") from None
        try:
            yield
        finally:
            lock.release()

    def sweep(self) -> None:
        """Removes what killed runs left in the scratch folder: what nobody holds any more."""
        for folder in self.scratch.iterdir():
            with suppress(OSError, Timeout):
                if time.time() - folder.stat().st_mtime > _YOUNG:
                    with FileLock(folder / _HELD, timeout=0):
                        shutil.rmtree(folder)


def _whose(path: Path) -> str:
    """Whose a path is that cannot be written; empty when that cannot be said."""
    try:
        return f" (it belongs to {path.owner()})"
    except (OSError, KeyError):
        return ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one scope's day. `state` is the ledger's (`missing` if it has none); `seconds` are by stage.

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
    keep, no more are asked for after three without a report. While a day is loaded, the files of the next are fetched.
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

    def refusal(step: _Step) -> CopilotEtlError | None:
        """Why GitHub is not asked; None when it is."""
        error = stopped.get(step.scope.key)
        if error is None and github and step.report.pages_of and step.day != clock().date() - dt.timedelta(days=1):
            shown = f"GitHub shows {step.report.name} as they are now, which is the day before today; not asked for."
            error = NotReady(f"{step.scope.key} {step.day}: {shown}")
        if error is None and out_of_reach[step.place] >= GONE_DAYS and not step.is_kept(clock()):
            error = NotReady(f"No report: GitHub keeps none of {step.scope.key} this old; not asked for.")
        return error

    def here(step: _Step) -> Outcome | None:
        """A list is taken once a day: later on the same day it would show another one."""
        row = known.get(step.key)
        if not (github and step.report.pages_of and row and row.loaded_at) or force:
            return None
        return Outcome(*step.key, "loaded" if row.rows else "loaded_empty", rows=row.rows or 0)

    steps = [_Step(day, report, scope) for day in days for report in reports for scope in report.of(scopes)]
    ahead = _Ahead(github, store, clock, force=force) if github else None
    with ExitStack() as ending:
        ending.enter_context(warehouse.kept_open())
        if ahead:
            ending.callback(ahead.close)
        for step, following in zip(steps, [*steps[1:], None], strict=True):
            report, scope, day = step.report, step.scope, step.day
            if outcome := here(step):
                yield outcome
                continue
            if error := refusal(step):
                state = "no_report" if isinstance(error, NotReady) else "failed"
                warehouse.note([Look(scope.key, report.name, day, state, clock(), str(error))])
                yield Outcome(report.name, scope.key, day, state, error=error)
                continue

            def begin_next(following: _Step | None = following) -> None:
                if ahead and following and not here(following) and not refusal(following):
                    ahead.begin(following)

            if ahead and not ahead.has(step):
                warehouse.let_go()  # while GitHub is waited for, others may have it
            before = known.get(step.key)
            walk = _Walk(report, scope, day, ahead, store, warehouse, clock, before, accept_shrink, force)
            outcome = walk.run(answered=scope.key in answered, owner_id=owners.get(scope.key), fetched=begin_next)
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
                    walks.append(_Walk(report, scope, day, source, store, warehouse, clock, before))
        owners: dict[str, str | None] = {row.scope: row.owner_id for row in known.values() if row.owner_id}
        stack.enter_context(warehouse.kept_open())
        for walk in sorted(walks, key=lambda each: each.day):
            outcome = walk.run(answered=True, owner_id=owners.get(walk.scope.key), fetched=lambda: None)
            owners[walk.scope.key] = walk.owner_id
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


def stops(error: CopilotEtlError | None) -> bool:
    """Whether an error ends the whole run: the next scope and day would get the same answer."""
    return isinstance(error, (Refused, Unavailable)) and error.whole_run


@dataclass(frozen=True, slots=True)
class _Step:
    """One report of one scope for one day."""

    day: dt.date
    report: Report
    scope: Scope

    @property
    def place(self) -> tuple[str, str]:
        return self.report.name, self.scope.key

    @property
    def key(self) -> tuple[str, str, dt.date]:
        return *self.place, self.day

    def is_kept(self, now: dt.datetime) -> bool:
        """Whether GitHub says that it has reports this old: since the report exists, and for a year."""
        return self.day >= self.report.first_day[self.scope.kind] and days_left(self.day, now.date()) > 0


class _Source(Protocol):
    """Where a day's files come from."""

    def take(self, step: _Step) -> tuple[landing.Manifest, float]:
        """The landed version, and the seconds it took. Raises like GitHub.fetch."""


@dataclass(frozen=True, slots=True)
class _FirstLook:
    """A day cut out of the report of the last 28, which was fetched before."""

    fetched: Fetched
    store: Store
    clock: Callable[[], dt.datetime]

    def take(self, step: _Step) -> tuple[landing.Manifest, float]:
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
        return manifest, time.perf_counter() - started


class _Ahead:
    """Fetches and lands a day, the next one while its neighbour is being loaded.

    One fetch is under way at a time, so GitHub sees no more at once than a fetch itself does.
    """

    def __init__(self, github: GitHub, store: Store, clock: Callable[[], dt.datetime], *, force: bool) -> None:
        self._github, self._store, self._clock, self._force = github, store, clock, force
        self._begun: dict[tuple[str, str, dt.date], Future[tuple[landing.Manifest, float]]] = {}
        self._folders: set[Path] = set()

    def begin(self, step: _Step) -> None:
        future = self._begun[step.key] = Future()

        def work() -> None:
            try:
                future.set_result(self._fetch(step))
            except BaseException as error:
                future.set_exception(error)

        # A daemon, so that a server that says nothing does not hold up the end of the process.
        threading.Thread(target=work, name="fetch-ahead", daemon=True).start()

    def has(self, step: _Step) -> bool:
        """Whether a day's files are here, so that nobody waits for them."""
        return step.key in self._begun and self._begun[step.key].done()

    def take(self, step: _Step) -> tuple[landing.Manifest, float]:
        future = self._begun.pop(step.key, None)
        return future.result() if future else self._fetch(step)

    def _fetch(self, step: _Step) -> tuple[landing.Manifest, float]:
        started = time.perf_counter()
        report, scope, day = step.report, step.scope, step.day
        with self._store.workspace() as folder:
            self._folders.add(folder.parent)
            known = () if self._force else landing.known(self._store.raw, report.name, scope.key, day)
            fetched = self._github.fetch(report, scope, day, into=folder, known=known)
            if report.pages_of and day != self._clock().date() - dt.timedelta(days=1):
                raise NotReady(f"{scope.key} {day}: the next day began while the {report.name} were read; not kept.")
            manifest = landing.land(
                self._store.raw, report.name, scope.key, day, fetched=fetched, fetched_at=self._clock()
            )
        self._folders.discard(folder.parent)
        return manifest, time.perf_counter() - started

    def close(self) -> None:
        """Takes the folder away from a fetch that nobody waits for any more."""
        for folder in tuple(self._folders):
            shutil.rmtree(folder, ignore_errors=True)


@dataclass
class _Walk:
    """One scope's day on its way, with what the ledger knew of it before; without `source` from its landed bytes."""

    report: Report
    scope: Scope
    day: dt.date
    source: _Source | None
    store: Store
    warehouse: Warehouse
    clock: Callable[[], dt.datetime]
    before: LedgerDay | None
    accept_shrink: bool = False
    force: bool = False

    def run(self, *, answered: bool, owner_id: str | None, fetched: Callable[[], None]) -> Outcome:
        """`answered`: GitHub has shown this scope to the token before; `owner_id`: what its records name it.

        `fetched` is called as soon as the files have landed.
        """
        self._seconds: dict[str, float] = {}
        self.owner_id = owner_id
        if self.source is None:
            return self._replay()
        return self._held(partial(self._arrive, self.source, fetched), answered=answered)

    def _arrive(self, source: _Source, fetched: Callable[[], None]) -> Outcome:
        manifest = self._fetch(source)
        fetched()
        return self._load(manifest)

    def _replay(self) -> Outcome:
        """Loads the version that is loaded and those after it from the landed bytes; each may fail for itself."""
        rows = (self.before.rows if self.before else 0) or 0
        outcome = self._outcome(self.before.state if self.before else MISSING, rows=rows)
        try:
            versions = landing.versions(self.store.raw, self.report.name, self.scope.key, self.day)
        except Quarantined as error:
            return self._failed(error)
        loaded = self.before.content_hash if self.before else None
        first = max((n for n, version in enumerate(versions) if version.content_hash == loaded), default=0)
        for manifest in versions[first:]:
            outcome = self._held(partial(self._load, manifest), answered=True)
        return outcome

    def _held(self, step: Callable[[], Outcome], *, answered: bool) -> Outcome:
        """The step's outcome, or what its error says about the day."""
        try:
            return step()
        except NotFound as error:
            if self.before and self.before.loaded_at:
                return self._failed(
                    Refused(
                        f"No longer shown: {self.scope.kind} '{self.scope.name}' (404), whose {self.day} is loaded. "
                        "Was it renamed, or the token's access taken away?"
                    )
                )
            if answered:
                return self._absent(error)
            return self._failed(
                Refused(
                    f"Unknown {self.scope.kind} '{self.scope.name}', or the token cannot see it (404). Check its name."
                )
            )
        except NotReady as error:
            return self._absent(error)
        except WarehouseBusy:
            raise
        except CopilotEtlError as error:
            return self._failed(error)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            return self._failed(CopilotEtlError(f"{self.scope.key} {self.day}: {reason}: {error.filename or ''}"))
        except Exception as error:
            if type(error) is RuntimeError and str(error) == "Query interrupted":
                raise KeyboardInterrupt from None  # what a signal's handler raises while DuckDB works comes out as this
            # A fault of ours on one day must not keep its neighbours out. Its text may hold anything: it is not told.
            *_, at = traceback.extract_tb(error.__traceback__)
            place = f"{type(error).__name__} at {Path(at.filename).name}:{at.lineno}"
            return self._failed(
                CopilotEtlError(f"{self.scope.key} {self.day}: unforeseen {place}. Please report this.")
            )

    def _fetch(self, source: _Source) -> landing.Manifest:
        manifest, self._seconds["files"] = source.take(_Step(self.day, self.report, self.scope))
        return manifest

    def _load(self, manifest: landing.Manifest) -> Outcome:
        before = self.before
        outcome = self._outcome("loaded", files=len(manifest.parts), bytes=sum(part.size for part in manifest.parts))
        is_loaded = before and before.loaded_at and not self.force
        version = manifest.content_hash, manifest.is_first_look
        if self.source and before and is_loaded and (before.content_hash, bool(before.is_first_look)) == version:
            state = "loaded" if before.rows else "loaded_empty"
            self._note(state)
            return replace(outcome, state=state, rows=before.rows or 0, unknown_records=before.unknown_fields or 0)
        with self.store.alone(before_waiting=self.warehouse.let_go):
            normalised = self._timed("tables", lambda: self._normalise(manifest))
            replaced = self._timed("load", lambda: self._replace(normalised, manifest))
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

    def _hold_size(self, manifest: landing.Manifest, records: int) -> None:
        """A version that lost most people is not believed: lines can be lost before a file is signed."""
        if self.before and self.before.is_first_look:
            return  # the day's own file is, whatever was there before it
        before = (self.before.rows if self.before else 0) or 0
        is_shrunk = before and (not records or (before >= SHRUNK_ROWS and records < before / 2))
        if not is_shrunk or manifest.accepted:
            return
        if not self.accept_shrink:
            raise Quarantined(
                f"{self.scope.key} {self.day}: the new version has {records} people, {before} are loaded. "
                "Not loaded, what was loaded stays; if it is right, load the day with --accept-shrink."
            )
        landing.accept(manifest)

    def _normalise(self, manifest: landing.Manifest) -> Normalised:
        with self.store.workspace() as folder:
            normalised = records.normalise(
                self.report,
                scope=self.scope.key,
                day=self.day,
                content_hash=manifest.content_hash,
                parts=[partial(landing.open_part, manifest, part) for part in manifest.parts],
                lake=self.store.lake,
                folder=folder,
                owner=self.report.owner.get(self.scope.kind, ""),
                owner_id=self.owner_id,
                hold=partial(self._hold_size, manifest),
            )
        self.owner_id = normalised.owner_id
        return normalised

    def _replace(self, normalised: Normalised, manifest: landing.Manifest) -> Replaced:
        return self.warehouse.replace_day(
            normalised,
            report=self.report,
            lake=self.store.lake,
            files=len(manifest.parts),
            size=sum(part.size for part in manifest.parts),
            seen_at=self.clock(),
            received_at=dt.datetime.fromisoformat(manifest.fetched_at),
            is_replay=self.source is None,
            is_first_look=manifest.is_first_look,
        )

    def _absent(self, error: NotReady) -> Outcome:
        age = (self.clock().date() - self.day).days
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
        look = Look(self.scope.key, self.report.name, self.day, state, self.clock(), text, is_replay=is_replay)
        self.warehouse.note([look])

    def _outcome(self, state: str, **values: object) -> Outcome:
        return Outcome(self.report.name, self.scope.key, self.day, state, seconds=self._seconds, **values)  # type: ignore[arg-type]

    def _timed(self, stage: str, step: Callable[[], _T]) -> _T:
        started = time.perf_counter()
        try:
            return step()
        finally:
            self._seconds[stage] = time.perf_counter() - started
