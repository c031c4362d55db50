"""Two processes on one day, several on different days, and a reader of the published file between them."""

from __future__ import annotations

import datetime as dt
import shutil
import time
from pathlib import Path

import duckdb

from copilot_etl_tests.chaos.seed import chance
from copilot_etl_tests.chaos.stage import FIRST, SCOPE, TINY, Stage, Watched
from copilot_etl_tests.chaos.tally import Tally
from copilot_etl_tests.chaos.truth import NO_ROWS, differences, rows_of


def run(folder: Path, seed: int, *, pairs: int, fours: int = 0, whole: int = 0) -> Tally:
    """So many pairs on one day, `fours` of four processes on four days, and `whole` pairs of the whole command."""
    tally = Tally("concurrency")
    started = time.perf_counter()
    random = chance(seed, "pairs")
    with Watched(seed=seed, organizations=TINY, parts=2) as github:
        stage = Stage(github, folder / "pairs")
        stage.folder.mkdir()
        for number in range(pairs):
            # Each pair finds another version of the day, so that there is something to load; some find nothing yet.
            _restate(github, number)
            if number % 5 == 0 and stage.data.exists():
                shutil.rmtree(stage.data)
            _together(stage, [FIRST, FIRST], tally, f"pair {number}", delay=random.uniform(0, 0.5))
            tally.count("pairs on one day")
        for number in range(fours):
            days = [FIRST + dt.timedelta(days=4 * (number % 6) + each) for each in range(4)]
            _together(stage, days, tally, f"four {number}", delay=random.uniform(0, 0.3))
            tally.count("fours on different days")
        _whole(Stage(github, folder / "whole"), whole, tally)
        tally.hold(not github.violations(), f"impolite: {github.violations()[:3]}")
    tally.seconds = time.perf_counter() - started
    return tally


def _restate(github: Watched, number: int) -> None:
    github.publish(SCOPE, FIRST, [{**each, "loc_added_sum": number} for each in github.world.records(SCOPE, FIRST)])


def _together(stage: Stage, days: list[dt.date], tally: Tally, where: str, *, delay: float) -> None:
    processes = []
    for day in days:
        processes.append(stage.start("load", "--from", str(day), "--to", str(day)))
        time.sleep(delay)
    runs = [stage.wait(process) for process in processes]
    for run in runs:
        tally.hold(run.code in (0, 75) and not run.crashed, f"{where}: {run.said}")
    tally.hold(any(run.code == 0 for run in runs), f"{where}: neither worked: {runs[0].said}")
    found = stage.days()
    for day, run in zip(days, runs, strict=True):
        wrong = differences(found.get((SCOPE, day), NO_ROWS), rows_of(stage.github.truth(SCOPE, day)))
        tally.hold(run.code == 75 or not wrong, f"{where}: {day}: {wrong}")
    tally.hold(not stage.strays(), f"{where}: left behind {stage.strays()[:3]}")


def _whole(stage: Stage, number: int, tally: Tally) -> None:
    """Pairs of the whole command, while a reader opens the published file again and again."""
    stage.folder.mkdir()
    published = stage.data / "published" / "copilot.duckdb"
    for each in range(number):
        records = [{**record, "loc_added_sum": each} for record in stage.github.world.records(SCOPE, FIRST)]
        stage.github.publish(SCOPE, FIRST, records)
        people = len(records)
        processes = [stage.start("load", "--from", str(FIRST), "--to", str(FIRST), face="cli") for _ in range(2)]
        while any(process.poll() is None for process in processes):
            if published.exists():
                try:
                    with duckdb.connect(published, read_only=True) as connection:
                        seen = connection.execute("select count(*) from core.fct_user_day").fetchone()
                    tally.hold(seen == (people,), f"whole pair {each}: a reader saw {seen} of {people}")
                except duckdb.Error as error:
                    tally.hold(False, f"whole pair {each}: a reader met {str(error)[:200]}")
                tally.count("reads of the published file")
            time.sleep(0.05)
        for run in map(stage.wait, processes):
            tally.hold(run.code in (0, 75) and not run.crashed, f"whole pair {each}: {run.said}")
        wrong = differences(stage.days().get((SCOPE, FIRST), NO_ROWS), rows_of(records))
        tally.hold(not wrong, f"whole pair {each}: {wrong}")
        tally.hold(not stage.strays(), f"whole pair {each}: left behind {stage.strays()[:3]}")
        tally.count("pairs of the whole command")
