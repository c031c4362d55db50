"""The stand that every part is measured on: folders, bounds, a server of made-up days, and interleaved rounds."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from copilot_etl_tests.bench import peers
from copilot_etl_tests.bench.generated import Generated, generate
from copilot_etl_tests.bench.measured import Bounds, Run, run
from copilot_etl_tests.bench.table import Row

ROOT = Path(__file__).parents[2]
CANDIDATES = Path(__file__).parent / "candidates"
OURS = "copilot_etl_tests.bench.candidates.ours"
LONG = 60.0
"""A candidate that takes longer than this many seconds is run in the first round only."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something to be timed in an empty folder. `command` is given that folder, `prepare` is run there before the
    clock starts, and `check` says what became of its result."""

    name: str
    command: Callable[[Path], Sequence[str | Path]]
    check: Callable[[Path, Run], str] = lambda folder, run: ""
    prepare: Callable[[Path], object] = lambda folder: None
    env: Callable[[Path], Mapping[str, str]] = lambda folder: {}
    is_ours: bool = False


@dataclass
class Stand:
    """What the command line chose, and the folder that everything lies in."""

    folder: Path
    rounds: int
    bounds: Bounds
    say: Callable[[str], None]
    python: str = sys.executable
    _peers: Path | None = field(default=None, init=False)

    @property
    def peers(self) -> Path:
        """The peers' interpreter, made ready on first use."""
        if self._peers is None:
            self.say("peers: their virtual environment")
            self._peers = peers.python(self.folder)
        return self._peers

    def day(self, users: int, *, variant: int = 0) -> Generated:
        self.say(f"a day of {users:,} users, variant {variant}")
        return generate(self.folder / "input", users, variant=variant)

    @contextmanager
    def server(
        self, *days: Generated, restate: bool = False, rate: float = 0.0, tls: tuple[Path, Path] | None = None
    ) -> Iterator[int]:
        """The port of a server that has these days and sends at most `rate` bytes a second (0: what it can)."""
        command = [self.python, "-m", "copilot_etl_tests.bench.server", *(day.folder for day in days)]
        if tls:
            command += ["--tls", *tls]
        process = subprocess.Popen(
            [*command, "--rate", str(rate), *(["--restate"] if restate else [])],
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        try:
            assert process.stdout
            yield int(process.stdout.readline())
        finally:
            process.terminate()
            process.wait()

    def whole(self, name: str, port: int, first: str, last: str, **more: Any) -> Candidate:
        """`copilot-etl load` of some days, as people run it; `more` as for any candidate."""
        return Candidate(
            name,
            lambda folder: [self.python, "-m", "copilot_etl", "load", "--from", first, "--to", last],
            env=lambda folder: settings(folder, port, first),
            **more,
        )

    def compare(self, what: str, *candidates: Candidate) -> list[Row]:
        """Runs the candidates in turns, round after round, each in a new folder; a row each, with all its seconds.

        A candidate that fails, or takes very long, is not run again.
        """
        runs: dict[str, list[Run]] = {each.name: [] for each in candidates}
        results: dict[str, str] = {}
        for number in range(1, self.rounds + 1):
            for each in candidates:
                earlier = runs[each.name]
                if earlier and (earlier[-1].fault or earlier[-1].wall > LONG):
                    continue
                self.say(f"{what}: {each.name}, round {number} of {self.rounds}")
                with self.scratch() as folder:
                    each.prepare(folder)
                    done = run(
                        each.command(folder),
                        bounds=self.bounds,
                        env=environment() | each.env(folder),
                    )
                    earlier.append(done)
                    said = done.fault or each.check(folder, done)
                    if not results.get(each.name, "").startswith("wrong"):
                        results[each.name] = said
        return [
            Row(
                what,
                each.name,
                tuple(done.seconds for done in runs[each.name] if not done.fault),
                statistics.median(done.cpu for done in runs[each.name]),
                max(done.peak for done in runs[each.name]),
                results[each.name],
                each.is_ours,
            )
            for each in candidates
        ]

    def must(self, command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> None:
        """Runs what a candidate's clock starts after; ends the bench when it fails."""
        done = run(command, bounds=self.bounds, env=environment() | (env or {}))
        if done.fault:
            raise SystemExit(f"{' '.join(map(str, command))}: {done.fault}")

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """An empty folder that is removed afterwards."""
        folder = self.folder / "run"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def environment() -> dict[str, str]:
    """This process's variables without those that would point our own code to somebody's data."""
    own = ("COPILOT_", "GITHUB_", "DAGSTER_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    # A proxy has no business between this machine and itself.
    return {**kept, "PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}


def settings(folder: Path, port: int, first_day: str) -> dict[str, str]:
    """The variables with which our command line loads made-up days into a folder."""
    return {
        "COPILOT_DATA_DIR": str(folder),
        "COPILOT_ORGS": "acme",
        "COPILOT_START_DAY": first_day,
        "COPILOT_ALLOW_LOOPBACK_HTTP": "1",
        "GITHUB_API_URL": f"http://127.0.0.1:{port}",
        "GITHUB_TOKEN": "made-up",
    }
