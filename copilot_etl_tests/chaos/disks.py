"""A disk that is full, broken or read-only: no wrong rows, one line, and all is well when it is mended."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from copilot_etl_tests.chaos import injector
from copilot_etl_tests.chaos.injector import Point
from copilot_etl_tests.chaos.kills import LOAD, Restatement
from copilot_etl_tests.chaos.seed import chance
from copilot_etl_tests.chaos.stage import TINY, Face, Run, Watched
from copilot_etl_tests.chaos.tally import Tally

_FULL = ("write", "pwrite64", "openat", "mkdir", "ftruncate", "open", "os.mkdir")
_BROKEN = ("fsync", "fdatasync", "write", "pwrite64")
_READ_ONLY = ("openat", "mkdir", "rename", "unlink", "chmod", "open", "os.mkdir", "os.rename", "os.remove", "os.chmod")
_ERRORS = {"ENOSPC": (_FULL, 1 / 2), "EIO": (_BROKEN, 1 / 3), "EROFS": (_READ_ONLY, 1 / 6)}


def run(folder: Path, seed: int, *, points: int, whole: int = 0, workers: int = 2) -> Tally:
    """Faults of a full, a broken and a read-only disk at so many points, and at `whole` points of the whole command."""
    tally = Tally("disk faults")
    started = time.perf_counter()
    random = chance(seed, "disks")
    with Watched(seed=seed, organizations=TINY, parts=2) as github, ThreadPoolExecutor(workers) as pool:
        jobs: list[Callable[[], None]] = []
        faces: tuple[tuple[Face, int], ...] = (("walk", points), ("cli", whole))
        for face, number in faces:
            if not number:
                continue
            scene = Restatement(github, folder / f"template-{face}", fresh=False, face=face)
            found = injector.points(scene.stage.copy(folder / f"traced-{face}"), *LOAD, face=face)
            for error, (calls, share) in _ERRORS.items():
                fitting = [point for point in found if point.call in calls and point.writes]
                for index, point in enumerate(injector.spread(fitting, max(1, round(number * share)), random)):
                    place = folder / f"{face}-{error}-{index}"
                    # What is printed is written, too: a longer row of failed writes would swallow the line.
                    often = random.choice((1, 1, 2) if point.call == "write" else (1, 1, 4, 16))
                    jobs.append(partial(_fail_at, scene, place, point, error, tally, often=often, face=face))
        fresh = Restatement(github, folder / "template-fresh", fresh=True)
        jobs += [partial(_without_permission, fresh, folder / "locked-empty", tally)]
        for job in [pool.submit(job) for job in jobs]:
            job.result()
    tally.seconds = time.perf_counter() - started
    return tally


def _fail_at(
    scene: Restatement, folder: Path, point: Point, error: str, tally: Tally, *, often: int, face: Face
) -> None:
    stage = scene.stage.copy(folder)
    run = injector.run_at(point, stage, *LOAD, face=face, error=error, often=often)
    where = f"{folder.name}: {error} at {point}, {often} times"
    if injector.met(stage):
        tally.count(f"{error} faults" + (" of the whole command" if face == "cli" else ""))
        if not injector.muted(stage):
            _hold_told(run, tally, where)
    else:
        tally.count("points not met")
    scene.hold_whole(stage, tally, where)
    if run.code == 0:
        scene.hold_true(stage, tally, f"{where}, exit 0")
    scene.hold_converges(stage, tally, where, face=face)
    shutil.rmtree(stage.folder)


def _hold_told(run: Run, tally: Tally, where: str) -> None:
    """A fault ends with exit 0 (it did not matter) or with one line a day and scope, and never with a traceback."""
    lines = [line for line in run.stderr.splitlines() if line.strip()]
    tally.hold(not run.crashed, f"{where}: {run.said}")
    tally.hold(run.code in (0, 1, 2), f"{where}: {run.said}")
    tally.hold(run.code == 0 or 1 <= len(lines) <= 2, f"{where}: {len(lines)} lines: {run.said}")
    longest = max(map(len, lines), default=0)
    tally.hold(longest <= 400, f"{where}: a line of {longest} characters")


def _without_permission(scene: Restatement, folder: Path, tally: Tally) -> None:
    """A data folder that cannot be made: one line and exit 2, before GitHub is asked."""
    stage = scene.stage.copy(folder)
    stage.data.write_text("a file where the folder should be")
    asked = len(stage.github.journal)
    run = stage.run(*LOAD)
    tally.count("folders that cannot be written")
    tally.hold(run.code == 2 and len(run.stderr.splitlines()) == 1, f"{folder.name}: {run.said}")
    tally.hold(len(stage.github.journal) >= asked, f"{folder.name}: GitHub was asked")
    stage.data.unlink()
    scene.hold_converges(stage, tally, folder.name)
    shutil.rmtree(stage.folder)
