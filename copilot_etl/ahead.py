"""Days on their way: while one is loaded, the two after it are fetched, and unfolded if they are small.

A day for which somebody waits is unfolded file by file as they come, if there are many and none has landed before:
then its tables will be wanted, whatever is in them.
"""

from __future__ import annotations

import datetime as dt
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from copilot_etl import landing, records
from copilot_etl.coverage import days_left
from copilot_etl.download import Part, Watch
from copilot_etl.errors import NotReady
from copilot_etl.github import GitHub
from copilot_etl.landing import Manifest
from copilot_etl.records import Normalised, Opener, Session
from copilot_etl.reports import Report, Scope
from copilot_etl.store import Store

SMALL = 64 * 2**20
"""Bytes up to which a day is unfolded ahead. A larger one keeps both processors busy by itself, and takes memory."""

UNFOLDED_AT_ONCE = 2
"""Of two small days one is judged, in Python, while DuckDB has the other."""


@dataclass(frozen=True, slots=True)
class Step:
    """One report of one scope for one day."""

    day: dt.date
    report: Report
    scope: Scope

    def __str__(self) -> str:
        return f"{self.scope.key} {self.day}"

    @property
    def place(self) -> tuple[str, str]:
        return self.report.name, self.scope.key

    @property
    def key(self) -> tuple[str, str, dt.date]:
        return *self.place, self.day

    def is_kept(self, now: dt.datetime) -> bool:
        """Whether GitHub says that it has reports this old: since the report exists, and for a year."""
        return self.day >= self.report.first_day[self.scope.kind] and days_left(self.day, now.date()) > 0


@dataclass(frozen=True, slots=True)
class Unfolded:
    """A day's Parquet files in a scratch folder, which is there until `close`, and the seconds they took.

    Those of a day that was unfolded while it arrived are what was left to do when it was here.
    """

    normalised: Normalised
    folder: Path
    seconds: float
    closing: ExitStack

    def close(self) -> None:
        self.closing.close()


@dataclass(frozen=True, slots=True)
class Arrived:
    """A day's landed version and the seconds it took; `tables` if somebody is at them (None: to be made yet)."""

    manifest: Manifest
    seconds: float
    tables: Future[Unfolded | None] | None = None


def unfold(store: Store, session: Session, step: Step, manifest: Manifest, *, owner_id: str | None) -> Unfolded:
    """Makes a landed version's tables; `owner_id` is what earlier records name their scope. Raises Quarantined."""
    parts = [partial(landing.open_part, manifest, part) for part in manifest.parts]
    return _unfold(store, session, step, parts, content_hash=lambda: manifest.content_hash, owner_id=owner_id)


def _unfold(
    store: Store,
    session: Session,
    step: Step,
    parts: Sequence[Opener],
    *,
    content_hash: Callable[[], str],
    owner_id: str | None,
) -> Unfolded:
    started = time.perf_counter()
    with ExitStack() as stack:
        folder = stack.enter_context(store.workspace())
        normalised = records.normalise(
            step.report,
            scope=step.scope.key,
            day=step.day,
            content_hash=content_hash,
            parts=parts,
            folder=folder,
            owner=step.report.owner.get(step.scope.kind, ""),
            owner_id=owner_id,
            session=session,
        )
        return Unfolded(normalised, folder, time.perf_counter() - started, stack.pop_all())


@dataclass(frozen=True, slots=True)
class _Begun:
    """A day on its way; its `files` are None when GitHub was not asked, since the day before failed or the run ends.

    `rounds` are the downloads that were begun to be unfolded as they come: more than one when links expired.
    """

    rounds: list[Sequence[Future[Part]]] = field(default_factory=list)
    files: Future[tuple[Manifest, float] | None] = field(default_factory=Future)
    tables: Future[Unfolded | None] = field(default_factory=Future)

    def came(self) -> bool:
        """Waits for the files; whether they are here."""
        return self.files.exception() is None and self.files.result() is not None

    def arrived(self) -> tuple[Manifest, float]:
        """Waits for the files. Raises what became of them otherwise."""
        return cast(tuple[Manifest, float], self.files.result())

    def close(self) -> None:
        if self.tables.done() and not self.tables.exception() and (unfolded := self.tables.result()):
            unfolded.close()

    def is_left_out(self) -> bool:
        return self.files.done() and self.files.exception() is None and self.files.result() is None


class _Unwanted(Exception):
    """Nobody wants the tables that are being made."""


class _Closable:
    """A stream that raises _Unwanted when the run has ended."""

    def __init__(self, stream: BinaryIO, is_closed: Callable[[], bool]) -> None:
        self._stream, self._is_closed = stream, is_closed

    def read(self, size: int = -1) -> bytes:
        if self._is_closed():
            raise _Unwanted
        return self._stream.read(size)


class Ahead:
    """Fetches and lands days, and unfolds those of which `is_wanted` says that their version is new.

    One day at a time is fetched, so GitHub sees no more at once than a fetch itself does, and two are unfolded.
    """

    def __init__(
        self,
        github: GitHub,
        store: Store,
        session: Session,
        clock: Callable[[], dt.datetime],
        *,
        force: bool,
        is_wanted: Callable[[Step, Manifest], bool],
    ) -> None:
        self._github, self._store, self._session, self._clock = github, store, session, clock
        self._force, self._is_wanted = force, is_wanted
        self._begun: dict[tuple[str, str, dt.date], _Begun] = {}
        self._taken: _Begun | None = None
        self._fetching: set[Path] = set()
        self._unfolding = threading.Semaphore(UNFOLDED_AT_ONCE)
        self._is_closed = False

    def begin(self, step: Step, *, owner_id: str | None) -> None:
        """Sets a day on its way behind those that are; again, if it was left out."""
        begun = self._begun.get(step.key)
        if begun and not begun.is_left_out():
            return
        self._begun.pop(step.key, None)
        before = next(reversed(self._begun.values()), None)
        begun = self._begun[step.key] = _Begun()
        # A daemon, so that a server that says nothing does not hold up the end of the process.
        work = partial(self._work, step, begun, before, owner_id)
        threading.Thread(target=work, name="ahead", daemon=True).start()

    def has(self, step: Step) -> bool:
        """Whether a day's files are here, so that nobody waits for them."""
        return step.key in self._begun and self._begun[step.key].files.done()

    def take(self, step: Step, *, owner_id: str | None) -> Arrived:
        """The landed version, for which GitHub is waited. Raises like GitHub.fetch."""
        self._taken = begun = self._begun.pop(step.key, None)
        files = begun.files.result() if begun else None
        return Arrived(*files, begun.tables) if begun and files else self._arrive(step, owner_id)

    def close(self) -> None:
        """Takes away what nobody waits for any more; what is being unfolded is waited for, which is not long."""
        self._is_closed = True
        with ExitStack() as alone:
            for _ in range(UNFOLDED_AT_ONCE):
                alone.enter_context(self._unfolding)
            for begun in (*self._begun.values(), self._taken):
                if begun:
                    begun.close()
        for folder in tuple(self._fetching):
            shutil.rmtree(folder, ignore_errors=True)

    def _work(self, step: Step, begun: _Begun, before: _Begun | None, owner_id: str | None) -> None:
        try:
            is_next = before is None or before.came()
            files = self._fetch(step) if is_next and not self._is_closed else None
        except BaseException as error:
            begun.files.set_exception(error)
            return
        begun.files.set_result(files)
        if files:
            with self._unfolding:  # also while the result is set, so that `close` misses none
                try:
                    begun.tables.set_result(self._unfolded(step, files[0], owner_id))
                except BaseException as error:
                    begun.tables.set_exception(error)

    def _arrive(self, step: Step, owner_id: str | None) -> Arrived:
        """Fetches a day for which somebody waits; many files of a day that never landed are unfolded as they come."""
        started = time.perf_counter()
        self._taken = begun = _Begun()

        def watch(files: Sequence[Future[Part]]) -> None:
            begun.rounds.append(files)
            if len(begun.rounds) == 1:
                work = partial(self._unfold_arriving, step, begun, owner_id, started)
                threading.Thread(target=work, name="arriving", daemon=True).start()

        is_first = not landing.has(self._store.raw, *step.key)
        try:
            files = self._fetch(step, watch=watch if is_first else None)
        except BaseException as error:
            begun.files.set_exception(error)
            raise
        begun.files.set_result(files)
        return Arrived(*files, begun.tables if begun.rounds else None)

    def _unfold_arriving(self, step: Step, begun: _Begun, owner_id: str | None, started: float) -> None:
        def content_hash() -> str:
            manifest, _ = begun.arrived()
            if len(begun.rounds) > 1 or not self._is_wanted(step, manifest):
                raise _Unwanted
            return manifest.content_hash

        parts = [partial(self._open_arriving, number, file, begun) for number, file in enumerate(begun.rounds[0])]
        with self._unfolding:
            tables = None
            with suppress(BaseException):  # what is wrong with them is told when they are unfolded again, all here
                tables = _unfold(self._store, self._session, step, parts, content_hash=content_hash, owner_id=owner_id)
                tables = replace(tables, seconds=time.perf_counter() - started - begun.arrived()[1])
            begun.tables.set_result(tables)

    @contextmanager
    def _open_arriving(self, number: int, file: Future[Part], begun: _Begun) -> Iterator[BinaryIO]:
        """A part as soon as it is here, or from where it has landed meanwhile."""
        while not file.done() and not self._is_closed:
            wait([file], timeout=0.1)  # a server that says nothing does not hold up the end of a run
        with ExitStack() as stack:
            try:
                stream = stack.enter_context(file.result(timeout=0).open())
            except FileNotFoundError:
                manifest, _ = begun.arrived()
                stream = stack.enter_context(landing.open_part(manifest, manifest.parts[number]))
            yield cast(BinaryIO, _Closable(stream, lambda: self._is_closed))

    def _unfolded(self, step: Step, manifest: Manifest, owner_id: str | None) -> Unfolded | None:
        if self._is_closed or manifest.size > SMALL or not self._is_wanted(step, manifest):
            return None
        return unfold(self._store, self._session, step, manifest, owner_id=owner_id)

    def _fetch(self, step: Step, *, watch: Watch | None = None) -> tuple[Manifest, float]:
        started = time.perf_counter()
        report, scope, day = step.report, step.scope, step.day
        with self._store.workspace() as folder:
            self._fetching.add(folder.parent)
            known = () if self._force else landing.known(self._store.raw, report.name, scope.key, day)
            fetched = self._github.fetch(report, scope, day, into=folder, known=known, watch=watch)
            if report.pages_of and day != self._clock().date() - dt.timedelta(days=1):
                raise NotReady(f"{step}: the next day began while the {report.name} were read; not kept.")
            manifest = landing.land(
                self._store.raw, report.name, scope.key, day, fetched=fetched, fetched_at=self._clock()
            )
        self._fetching.discard(folder.parent)
        return manifest, time.perf_counter() - started
