"""A day from link to table, in plain calls: what Dagster, the command line and the tests all run."""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout

from copilot_etl import landing, records
from copilot_etl.errors import (
    ConfigError,
    CopilotEtlError,
    NotReady,
    Quarantined,
    Refused,
    Unavailable,
    WarehouseBusy,
)
from copilot_etl.github import GitHub, NotFound
from copilot_etl.ledger import LedgerDay, Look
from copilot_etl.records import Normalised
from copilot_etl.reports import Report, Scope
from copilot_etl.warehouse import Warehouse

_T = TypeVar("_T")

_HELD = "held"  # the lock in a scratch folder
_YOUNG = 10.0  # seconds in which a new scratch folder may not be locked yet

LATE_DAYS = 7
"""A day without a report is `not_ready` while it is this young, and `no_report` afterwards."""

SHRUNK_ROWS = 20
"""From this many people on, a new version with less than half of them is not believed."""

RESTATED_DAYS = 4
"""GitHub restates a day for up to three days after it closed; looked at when it is this old, a day is settled."""


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
            raise ConfigError(f"Cannot write {self.root}: {error.strerror}. Set COPILOT_DATA_DIR.") from None

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

    def sweep(self) -> None:
        """Removes what killed runs left in the scratch folder: what nobody holds any more."""
        for folder in self.scratch.iterdir():
            with suppress(OSError, Timeout):
                if time.time() - folder.stat().st_mtime > _YOUNG:
                    with FileLock(folder / _HELD, timeout=0):
                        shutil.rmtree(folder)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one scope's day. `state` is the ledger's; `seconds` are by stage of the walk.

    `changed` is true when rows were replaced; only then are `unknown_fields` (records by path) and `table_rows`
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
    table_rows: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    error: CopilotEtlError | None = None

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
    report: Report,
    *,
    scopes: Sequence[Scope],
    days: Iterable[dt.date],
    github: GitHub,
    store: Store,
    warehouse: Warehouse,
    clock: Callable[[], dt.datetime],
    accept_shrink: bool = False,
) -> Iterator[Outcome]:
    """Takes every day of every scope from GitHub to the warehouse, one outcome each, days in the order given.

    A day's failure is an outcome, not an exception, so that its neighbours go on. A scope that GitHub refuses
    is not asked again for the other days; after a refused token or a rate limit that is too far away, GitHub is not
    asked at all. With `accept_shrink` a new version replaces an old one however many people it lacks. Raises
    WarehouseBusy and ConfigError, after which nothing more would load.
    """
    days = list(days)
    if not days:
        return
    store.prepare()
    store.sweep()
    known = {(row.scope, row.day): row for row in warehouse.ledger() if row.report == report.name}
    answered = {row.scope for row in known.values() if row.state != "failed" or row.loaded_at}
    owners: dict[str, str | None] = {row.scope: row.owner_id for row in known.values() if row.owner_id}
    stopped: dict[str, CopilotEtlError] = {}
    for day in days:
        for scope in scopes:
            error = stopped.get(scope.key)
            if error is None:
                walk = _Walk(
                    report, scope, day, github, store, warehouse, clock, known.get((scope.key, day)), accept_shrink
                )
                outcome = walk.run(answered=scope.key in answered, owner_id=owners.get(scope.key))
                if stops(outcome.error):
                    stopped.update({each.key: outcome.error for each in scopes if outcome.error})
                elif isinstance(outcome.error, Refused):
                    stopped[scope.key] = outcome.error
                elif outcome.good:
                    answered.add(scope.key)
                    owners[scope.key] = walk.owner_id
            else:
                outcome = Outcome(report.name, scope.key, day, "failed", error=error)
                warehouse.note([Look(scope.key, report.name, day, "failed", clock(), str(error))])
            yield outcome


def stops(error: CopilotEtlError | None) -> bool:
    """Whether an error ends the whole run: the next scope and day would get the same answer."""
    return isinstance(error, (Refused, Unavailable)) and error.whole_run


@dataclass
class _Walk:
    """One scope's day on its way, with what the ledger knew of it before."""

    report: Report
    scope: Scope
    day: dt.date
    github: GitHub
    store: Store
    warehouse: Warehouse
    clock: Callable[[], dt.datetime]
    before: LedgerDay | None
    accept_shrink: bool

    def run(self, *, answered: bool, owner_id: str | None) -> Outcome:
        """`answered`: GitHub has shown this scope to the token before; `owner_id`: what its records name it."""
        self._seconds: dict[str, float] = {}
        self.owner_id = owner_id
        try:
            return self._load(self._timed("files", self._fetch))
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
            # A fault of ours on one day must not keep its neighbours out. Its text may hold anything: it is not told.
            *_, at = traceback.extract_tb(error.__traceback__)
            place = f"{type(error).__name__} at {Path(at.filename).name}:{at.lineno}"
            return self._failed(
                CopilotEtlError(f"{self.scope.key} {self.day}: unforeseen {place}. Please report this.")
            )

    def _fetch(self) -> landing.Manifest:
        with self.store.workspace() as folder:
            fetched = self.github.fetch(self.report, self.scope, self.day, into=folder)
            return landing.land(
                self.store.raw, self.report.name, self.scope.key, self.day, fetched=fetched, fetched_at=self.clock()
            )

    def _load(self, manifest: landing.Manifest) -> Outcome:
        outcome = self._outcome("loaded", files=len(manifest.parts), bytes=sum(part.size for part in manifest.parts))
        if self.before and self.before.loaded_at and self.before.content_hash == manifest.content_hash:
            state = "loaded" if self.before.rows else "loaded_empty"
            self._note(state)
            return replace(
                outcome, state=state, rows=self.before.rows or 0, unknown_records=self.before.unknown_fields or 0
            )
        normalised = self._timed("tables", lambda: self._normalise(manifest))
        self._timed("load", lambda: self._replace(normalised, outcome))
        return replace(
            outcome,
            state="loaded" if normalised.records else "loaded_empty",
            changed=True,
            rows=normalised.records,
            duplicates=normalised.duplicates,
            unknown_records=normalised.unknown_records,
            unknown_fields=dict(normalised.unknown_fields),
            table_rows=dict(normalised.rows),
        )

    def _hold_size(self, records: int) -> None:
        """A version that lost most people is not believed: lines can be lost before a file is signed."""
        before = (self.before.rows if self.before else 0) or 0
        if not self.accept_shrink and before and (not records or (before >= SHRUNK_ROWS and records < before / 2)):
            raise Quarantined(
                f"{self.scope.key} {self.day}: the new version has {records} people, {before} are loaded. "
                "Not loaded, what was loaded stays; if it is right, load the day with --accept-shrink."
            )

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
                hold=self._hold_size,
            )
        self.owner_id = normalised.owner_id
        return normalised

    def _replace(self, normalised: Normalised, outcome: Outcome) -> None:
        self.warehouse.replace_day(
            normalised,
            report=self.report,
            lake=self.store.lake,
            files=outcome.files,
            size=outcome.bytes,
            seen_at=self.clock(),
        )

    def _absent(self, error: NotReady) -> Outcome:
        age = (self.clock().date() - self.day).days
        state = "not_ready" if age <= LATE_DAYS else "no_report"
        self._note(state, error)
        if self.before and self.before.loaded_at:
            state = "loaded" if self.before.rows else "loaded_empty"
        return self._outcome(state, error=error)

    def _failed(self, error: CopilotEtlError) -> Outcome:
        state = "quarantined" if isinstance(error, Quarantined) else "failed"
        self._note(state, error)
        return self._outcome(state, error=error)

    def _note(self, state: str, error: CopilotEtlError | None = None) -> None:
        look = Look(self.scope.key, self.report.name, self.day, state, self.clock(), str(error) if error else None)
        self.warehouse.note([look])

    def _outcome(self, state: str, **values: object) -> Outcome:
        return Outcome(self.report.name, self.scope.key, self.day, state, seconds=self._seconds, **values)  # type: ignore[arg-type]

    def _timed(self, stage: str, step: Callable[[], _T]) -> _T:
        started = time.perf_counter()
        try:
            return step()
        finally:
            self._seconds[stage] = time.perf_counter() - started


def wanted_days(
    ledger: Iterable[LedgerDay],
    *,
    reports: Sequence[Report],
    scopes: Sequence[Scope],
    start: dt.date,
    today: dt.date,
    lookback_days: int,
) -> list[dt.date]:
    """The complete days (UTC) that a scheduled run should ask GitHub for, oldest first.

    Of the look-back window every day that is not settled; before it, back to the first day the ledger knows,
    every day that is missing, failed, or was last looked at too early to be final.
    """
    rows = {(row.report, row.scope, row.day): row for row in ledger}
    window = max(start, today - dt.timedelta(days=lookback_days))
    wanted: set[dt.date] = set()
    for report in reports:
        for scope in scopes:
            first = min(
                (row.day for row in rows.values() if (row.report, row.scope) == (report.name, scope.key)),
                default=window,
            )
            day = max(start, min(first, window))
            while day < today:
                row = rows.get((report.name, scope.key, day))
                if row is None or not settled(row):
                    wanted.add(day)
                day += dt.timedelta(days=1)
    return sorted(wanted)


def settled(row: LedgerDay) -> bool:
    """Whether nothing new is to be expected of a day: it was old enough when it was last seen loaded, or missing."""
    if row.state == "no_report":
        return True
    return row.state in ("loaded", "loaded_empty") and (row.last_seen_at.date() - row.day).days >= RESTATED_DAYS
