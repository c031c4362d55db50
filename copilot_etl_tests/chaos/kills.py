"""SIGKILL at chosen system calls and at random times: days stay whole, the next load puts everything right."""

from __future__ import annotations

import datetime as dt
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import duckdb

from copilot_etl_tests.chaos import injector
from copilot_etl_tests.chaos.injector import Point
from copilot_etl_tests.chaos.seed import chance
from copilot_etl_tests.chaos.stage import FIRST, SCOPE, TINY, Face, Stage, Watched
from copilot_etl_tests.chaos.tally import Tally
from copilot_etl_tests.chaos.truth import NO_ROWS, Rows, differences, rows_of

NEXT = FIRST + dt.timedelta(days=1)
LOAD = ("load", "--from", str(FIRST), "--to", str(NEXT))


class Restatement:
    """A stage on which one day is loaded in an old version, GitHub has a new one, and the next day has come.

    With `fresh` nothing is loaded yet.
    """

    def __init__(self, github: Watched, folder: Path, *, fresh: bool, face: Face = "walk") -> None:
        old = list(github.world.records(SCOPE, FIRST, final=False))
        new = [{**each, "loc_added_sum": 7 + (each.get("loc_added_sum") or 0)} for each in old[1:]]
        new += list(github.world.records(SCOPE, FIRST))[:1]
        self.stage = Stage(github, folder)
        folder.mkdir(parents=True)
        if not fresh:
            github.publish(SCOPE, FIRST, old)
            run = self.stage.load(FIRST, face=face)
            assert run.code == 0, run.said
        github.publish(SCOPE, FIRST, new)
        self.truth: Mapping[dt.date, Rows] = {FIRST: rows_of(new), NEXT: rows_of(github.truth(SCOPE, NEXT))}
        self.before: Mapping[dt.date, Rows] = {FIRST: NO_ROWS if fresh else rows_of(old), NEXT: NO_ROWS}

    def hold_whole(self, stage: Stage, tally: Tally, where: str) -> None:
        """Each day is what it was or what it will be, and the ledger says the same."""
        try:
            days, ledger = stage.days(), stage.ledger()
        except Exception as error:  # whatever it is, no later run could open the file either
            tally.hold(False, f"{where}: the warehouse cannot be read ({type(error).__name__}: {str(error)[:200]})")
            return
        for day, new in self.truth.items():
            found = days.get((SCOPE, day), NO_ROWS)
            now, was = not differences(found, new), not differences(found, self.before[day])
            tally.hold(now or was, f"{where}: {day} is neither old nor new: {differences(found, new)}")
            people = ledger.get((SCOPE, day), ("", None))[1] or 0
            tally.hold(people == found["user_day"].total(), f"{where}: the ledger says {people} people of {day}")

    def hold_converges(self, stage: Stage, tally: Tally, where: str, *, face: Face = "walk") -> None:
        """The next ordinary load ends well, with nothing lost, doubled, or left to be deleted by hand."""
        run = stage.run(*LOAD, face=face)
        tally.hold(run.code == 0, f"{where}: the next load ended with {run.said}")
        self.hold_true(stage, tally, where)
        tally.hold(not stage.strays(), f"{where}: left behind {stage.strays()[:3]}")

    def hold_true(self, stage: Stage, tally: Tally, where: str) -> None:
        days = stage.days()
        for day, new in self.truth.items():
            wrong = differences(days.get((SCOPE, day), NO_ROWS), new)
            tally.hold(not wrong, f"{where}: {day} after the next load: {wrong}")
        states = {state for state, _ in stage.ledger().values()}
        tally.hold(states == {"loaded"}, f"{where}: the ledger says {sorted(states)}")

    def hold_published(self, stage: Stage, tally: Tally, where: str, *, finished: bool) -> None:
        """The analysts' file opens and has whole days: those of the warehouse once a load has finished."""
        published = stage.data / "published" / "copilot.duckdb"
        if not published.exists():
            tally.hold(not finished, f"{where}: nothing is published")
            return
        try:
            with duckdb.connect(published, read_only=True) as connection:
                rows = connection.execute("select day, count(*) from core.fct_user_day group by day").fetchall()
        except duckdb.Error as error:
            tally.hold(False, f"{where}: the published file cannot be read ({str(error)[:200]})")
            return
        for day, new in self.truth.items():
            people = dict(rows).get(day, 0)
            allowed = {new["user_day"].total()} | (set() if finished else {self.before[day]["user_day"].total()})
            tally.hold(people in allowed, f"{where}: {people} people of {day} are published, not {sorted(allowed)}")


def run(
    folder: Path, seed: int, *, points: int, repeats: int = 1, timed: int = 0, whole: int = 0, workers: int = 2
) -> Tally:
    """Kills at `points`, each `repeats` times, at `timed` random times, and at `whole` points of the whole command."""
    tally = Tally("kill anywhere")
    started = time.perf_counter()
    random = chance(seed, "kills")
    with Watched(seed=seed, organizations=TINY, parts=2) as github, ThreadPoolExecutor(workers) as pool:
        jobs: list[Callable[[], None]] = []
        for fresh in (True, False):
            scene = Restatement(github, folder / f"template-{fresh}", fresh=fresh)
            found = injector.points(scene.stage.copy(folder / f"traced-{fresh}"), *LOAD)
            share = points // 3 if fresh else points - points // 3
            for number, point in enumerate(injector.spread(found, share, random) * repeats):
                place = folder / f"point-{fresh}-{number}"
                again = random.choice(found) if number % 4 == 3 else None
                jobs.append(partial(_kill_at, scene, place, point, tally, again=again))
            for number in range(timed // 2):
                place = folder / f"time-{fresh}-{number}"
                jobs.append(partial(_kill_after, scene, place, random.uniform(0.3, 1.2), tally))
        if whole:
            scene = Restatement(github, folder / "template-whole", fresh=False, face="cli")
            found = injector.points(scene.stage.copy(folder / "traced-whole"), *LOAD, face="cli", calls=_CHANGING)
            # The days were killed often enough without Dagster; what only the whole command has comes first here.
            late = [point for point in found if point.place in ("published", "dagster", "python", "folder")]
            for number, point in enumerate(injector.spread(late, whole, random)):
                jobs.append(partial(_kill_at, scene, folder / f"whole-{number}", point, tally, face="cli"))
        for job in [pool.submit(job) for job in jobs]:
            job.result()
        tally.hold(not github.violations(), f"impolite: {github.violations()[:3]}")
    tally.seconds = time.perf_counter() - started
    return tally


_CHANGING = tuple(call for call in injector.CALLS if call != "openat")


def _kill_at(
    scene: Restatement, folder: Path, point: Point, tally: Tally, *, again: Point | None = None, face: Face = "walk"
) -> None:
    stage = scene.stage.copy(folder)
    run = injector.run_at(point, stage, *LOAD, face=face)
    where = f"{folder.name}: killed at {point}"
    if again and run.killed and injector.run_at(again, stage, *LOAD, face=face).killed:
        where += f", and again at {again}"
        tally.count("of them killed again in the next run")
    if run.killed:
        tally.count("kills of the whole command" if face == "cli" else "kills at calls")
    else:
        tally.count("points not met")
        tally.hold(run.code == 0, f"{where}: not killed, but {run.said}")
    _hold(scene, stage, tally, where, face=face)


def _kill_after(scene: Restatement, folder: Path, delay: float, tally: Tally) -> None:
    stage = scene.stage.copy(folder)
    process = stage.start(*LOAD)
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    if stage.wait(process).killed:
        tally.count("kills at random times")
    _hold(scene, stage, tally, f"{folder.name}: killed after {delay:.3f} s")


def _hold(scene: Restatement, stage: Stage, tally: Tally, where: str, *, face: Face = "walk") -> None:
    scene.hold_whole(stage, tally, where)
    if face == "cli":
        scene.hold_published(stage, tally, where, finished=False)
    scene.hold_converges(stage, tally, where, face=face)
    if face == "cli":
        scene.hold_published(stage, tally, where, finished=True)
    shutil.rmtree(stage.folder)
