"""The data folder: where everything lies, and who may write to it."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from copilot_etl.errors import ConfigError, WarehouseBusy

_HELD = "held"  # the lock in a scratch folder
_WAIT = 600.0  # seconds that another process may take for its day

_YOUNG = 10.0  # seconds in which a new scratch folder may not be locked yet


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

    @property
    def report(self) -> Path:
        return self.root / "report.html"

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
            FileLock(Path(folder) / _HELD, thread_local=False),  # one thread may make what another uses
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
