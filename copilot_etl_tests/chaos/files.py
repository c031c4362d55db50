"""Malformed files: each is loaded as the reference reads it, or its day is quarantined whole and nothing of it shown.

Every file is one day of one organization, so one run meets hundreds of them.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from copilot_etl.sandbox import Organization
from copilot_etl_tests.chaos import mischief, reference
from copilot_etl_tests.chaos.lines import people
from copilot_etl_tests.chaos.mischief import MARK
from copilot_etl_tests.chaos.seed import chance
from copilot_etl_tests.chaos.stage import FIRST, TODAY, Face, Run, Stage, Watched
from copilot_etl_tests.chaos.tally import Tally
from copilot_etl_tests.chaos.truth import NO_ROWS, differences, rows_of

_BATCH = 100
_START = dt.date(2025, 12, 12)
_OWNER = "4242001"


def run(folder: Path, seed: int, *, files: int, whole: int = 0, workers: int = 2) -> Tally:
    """So many files, and `whole` more in one run of the whole command."""
    tally = Tally("malformed files")
    started = time.perf_counter()
    sizes = [min(_BATCH, files - begin) for begin in range(0, files, _BATCH)]
    with ThreadPoolExecutor(workers) as pool:
        jobs = [
            pool.submit(_batch, folder / f"batch-{number}", seed, number, size, tally)
            for number, size in enumerate(sizes)
        ]
        for job in jobs:
            job.result()
    if whole:
        _batch(folder / "whole", seed, len(sizes), whole, tally, face="cli")
    tally.seconds = time.perf_counter() - started
    return tally


def _batch(folder: Path, seed: int, number: int, size: int, tally: Tally, *, face: Face = "walk") -> None:
    random = chance(seed, "files", number)
    days = [_START + dt.timedelta(days=each) for each in range(size + 1)]
    assert days[-1] < TODAY
    with Watched(seed=seed, organizations=(Organization("octo-org", _OWNER, 5),)) as github:
        stage = Stage(github, folder)
        folder.mkdir()
        served: dict[dt.date, tuple[str, Sequence[bytes]]] = {}
        kinds = list(mischief.FILES)
        random.shuffle(kinds)
        for count, day in enumerate(days):
            chosen = random.sample(people(seed), 6)
            lines = [_moved(record, day) for record in chosen]
            good, content = b"\n".join(lines[:2]), b"\n".join(lines[2:])
            name, spoiled = "good", content
            if count:  # the first day is good, so that the organization is known
                name = kinds[(number * _BATCH + count) % len(kinds)]
                spoiled = mischief.FILES[name](content, random)
            parts = random.sample([good, spoiled], 2) if random.random() < 0.8 else [spoiled]
            served[day] = name, parts
            github.publish("octo-org", day, parts)
        run = stage.load(days[0], days[-1], face=face)
        _hold(stage, served, run, tally, folder.name)


def _moved(record: dict[str, object], day: dt.date) -> bytes:
    return json.dumps(record, ensure_ascii=False).replace(str(FIRST), str(day)).encode()


def _hold(stage: Stage, served: dict[dt.date, tuple[str, Sequence[bytes]]], run: Run, tally: Tally, where: str) -> None:
    tally.hold(run.code == 1 and not run.crashed, f"{where}: {run.said}")
    tally.hold("unforeseen" not in run.stderr, f"{where}: {run.said}")
    found, ledger = stage.days(), stage.ledger()
    for day, (name, parts) in served.items():
        rows = found.get(("octo-org", day), NO_ROWS)
        state, _ = ledger.get(("octo-org", day), ("missing", None))
        try:
            expected = rows_of(reference.read(parts, day, owner=_OWNER))
            tally.count("files accepted")
        except reference.Refused:
            expected = None
            tally.count("files refused")
        if expected is None:
            tally.hold(state == "quarantined", f"{where}: {name}: {day} is {state}, but the reference refuses it")
            tally.hold(not differences(rows, NO_ROWS), f"{where}: {name}: rows of a bad day")
        else:
            good = state in ("loaded", "loaded_empty")
            said = next((line for line in run.stderr.splitlines() if str(day) in line), "")
            tally.hold(good, f"{where}: {name}: {day} is {state}, but the reference accepts it ({said})")
            wrong = differences(rows, expected) if good else ""
            tally.hold(not wrong, f"{where}: {name}: {day}: {wrong}")
    shown = [line for line in (run.stdout + run.stderr).splitlines() if MARK in line]
    tally.hold(not shown, f"{where}: the text of a line was shown: {shown[:1]}")
    dagster = [path for path in (stage.data / "dagster").rglob("*") if path.is_file()]
    told = [path.name for path in dagster if MARK.encode() in path.read_bytes()]
    tally.hold(not told, f"{where}: the text of a line is in Dagster's {told[:3]}")
    tally.count("files of Dagster's searched", len(dagster))
