"""Fuzzed lines: the gate must accept and refuse what the reference does, and what it accepts must become those rows.

The one part that calls functions of the product, `Gate.admit` and `records.normalise`: a process a line takes days.
"""

from __future__ import annotations

import io
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import duckdb

from copilot_etl import records
from copilot_etl.errors import Quarantined
from copilot_etl.gate import Gate, Refusal
from copilot_etl.reports import USERS_1_DAY
from copilot_etl.sandbox import World
from copilot_etl_tests.chaos import mischief, reference
from copilot_etl_tests.chaos.seed import chance
from copilot_etl_tests.chaos.stage import FIRST, SCOPE
from copilot_etl_tests.chaos.tally import Tally
from copilot_etl_tests.chaos.truth import COLUMNS, UNKNOWN, differences, rows_of

_BATCH = 10_000
_DOUBTFUL = 20  # of each batch; they cost a tenth of a second each
_QUARANTINED = "quarantined"


def run(folder: Path, seed: int, *, lines: int, workers: int = 2) -> Tally:
    """So many lines, in batches, each judged twice."""
    tally = Tally("fuzzed lines")
    started = time.perf_counter()
    batches = range(-(-lines // _BATCH))
    with ProcessPoolExecutor(workers) as pool:
        for counts, violations in pool.map(_batch, [seed] * len(batches), batches, [folder] * len(batches)):
            tally.counts.update(counts)
            tally.violations += violations
    tally.seconds = time.perf_counter() - started
    return tally


def people(seed: int) -> list[dict[str, Any]]:
    """Short records that together have every member, with marked logins."""
    found = []
    for number, record in enumerate(World(seed).records(SCOPE, FIRST)):
        short = {name: value[:1] if isinstance(value, list) and number % 3 else value for name, value in record.items()}
        found.append({**short, "user_login": f"{mischief.MARK}{number}", "report_start_day": str(FIRST), "etl_id": "e"})
    return found


def _batch(seed: int, number: int, folder: Path) -> tuple[Counter[str], list[str]]:
    random = chance(seed, "lines", number)
    pool = people(seed)
    gate = Gate(USERS_1_DAY, FIRST)
    counts: Counter[str] = Counter()
    violations: list[str] = []
    good: dict[int, tuple[bytes, Mapping[str, Any]]] = {}
    doubtful: list[bytes] = []
    for count in range(_BATCH):
        line = mischief.line({**random.choice(pool), "user_id": number * _BATCH + count}, random)
        expected = _expected(line)
        try:
            key, _ = gate.admit(line)
            refused = ""
        except Refusal as refusal:
            key, refused = 0, str(refusal)
        except Exception as error:
            violations.append(f"batch {number}: {type(error).__name__} ({error}) for {_shown(line)}")
            continue
        counts["refused" if refused else "accepted"] += 1
        if mischief.MARK in refused:
            violations.append(f"batch {number}: the reason shows a line's text: {refused}")
        if refused and expected is not None:
            violations.append(f"batch {number}: refused ({refused}), but not by the reference: {_shown(line)}")
        elif not refused and expected is None:
            doubtful.append(line)
        elif expected is not None:
            good.setdefault(key, (line, expected))
    # A key that stands twice passes the gate's first look and is refused by the reader behind it.
    for line in doubtful[:_DOUBTFUL]:
        counts["refused behind the gate"] += 1
        if not _unfolded([line], [], folder).startswith(_QUARANTINED):
            violations.append(f"batch {number}: loaded, but refused by the reference: {_shown(line)}")
    violations += _rows_differ(number, good, folder)
    return counts, violations


def _expected(line: bytes) -> Mapping[str, Any] | None:
    try:
        return reference.admit(line, FIRST)
    except reference.Refused:
        return None


def _rows_differ(number: int, good: Mapping[int, tuple[bytes, Mapping[str, Any]]], folder: Path) -> list[str]:
    """Unfolds the accepted lines as one day and compares every table; looks for the line when they differ."""
    wrong = _unfolded([line for line, _ in good.values()], [record for _, record in good.values()], folder)
    if not wrong:
        return []
    if len(good) == 1:
        return [f"batch {number}: {wrong}: {_shown(next(iter(good.values()))[0])}"]
    keys = list(good)
    halves = (keys[: len(keys) // 2], keys[len(keys) // 2 :])
    found = [each for half in halves for each in _rows_differ(number, {key: good[key] for key in half}, folder)]
    return found[:5] or [f"batch {number}: {wrong}, but only all together"]


def _unfolded(lines: list[bytes], expected: list[Mapping[str, Any]], folder: Path) -> str:
    @contextmanager
    def opened() -> Iterator[BinaryIO]:
        yield io.BytesIO(b"\n".join(lines))

    with tempfile.TemporaryDirectory(dir=folder) as place:
        lake, scratch = Path(place) / "lake", Path(place) / "scratch"
        scratch.mkdir()
        try:
            made = records.normalise(
                USERS_1_DAY, scope=SCOPE, day=FIRST, content_hash=lambda: "", parts=[opened], folder=scratch
            )
            records.publish(made, report=USERS_1_DAY, folder=scratch, lake=lake)
        except Quarantined as error:
            return f"{_QUARANTINED} behind the gate ({error})"
        except Exception as error:
            return f"{type(error).__name__} ({error})"
        rows: dict[str, Counter[Any]] = {}
        with duckdb.connect() as connection:
            for table, names in COLUMNS.items():
                columns = ", ".join(f'"{name}"' for name in names if name != UNKNOWN)
                file = lake / table / f"scope={SCOPE}" / f"day={FIRST}" / "rows.parquet"
                query = f"select {columns} from read_parquet(?, hive_partitioning = false)"
                rows[table] = Counter(connection.execute(query, [str(file)]).fetchall())
    return differences(rows, rows_of(expected))


def _shown(line: bytes) -> str:
    return repr(line[:4000]) + (f" and {len(line) - 4000} bytes" if len(line) > 4000 else "")
