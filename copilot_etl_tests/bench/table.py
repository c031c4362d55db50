"""What was measured, as one Markdown table."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

import duckdb

from copilot_etl_tests.bench.measured import machine_memory

HEADER = "| what | candidate | seconds | range | CPU s | times ours | peak MiB | result |"


@dataclass(frozen=True, slots=True)
class Row:
    """One candidate of one comparison: the seconds of its rounds, the CPU seconds of a whole run (start included), its
    largest memory, and what was found.

    `what` names the comparison; within it, seconds are told as a multiple of the row that `is_ours`.
    """

    what: str
    candidate: str
    seconds: tuple[float, ...] = ()
    cpu: float = 0.0
    peak: int = 0
    result: str = ""
    is_ours: bool = False

    @property
    def median(self) -> float | None:
        return statistics.median(self.seconds) if self.seconds else None


def ratio(row: Row, rows: Sequence[Row]) -> float | None:
    """How many times as long as ours of the same comparison; None when one of the two has no time."""
    ours = next((each for each in rows if each.what == row.what and each.is_ours), None)
    if ours is None or not ours.median or row.median is None:
        return None
    return row.median / ours.median


def markdown(rows: Sequence[Row]) -> str:
    lines = [HEADER, "|---|---|--:|--:|--:|--:|--:|---|"]
    before = ""
    for row in rows:
        times = ratio(row, rows)
        cells = (
            row.what if row.what != before else "",
            row.candidate,
            f"{row.median:.2f}" if row.median is not None else "none",
            f"{min(row.seconds):.2f} to {max(row.seconds):.2f}" if len(row.seconds) > 1 else "",
            f"{row.cpu:.2f}" if row.cpu else "",
            f"{times:.2f}" if times is not None else "",
            f"{row.peak / 2**20:,.0f}" if row.peak else "",
            row.result.replace("|", "/"),
        )
        lines.append(f"| {' | '.join(cells)} |")
        before = row.what
    return "\n".join(lines)


def machine() -> str:
    """What it was measured on, in one line."""
    return (
        f"{os.cpu_count()} cores, {machine_memory() / 2**30:.0f} GiB, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, DuckDB {duckdb.__version__}"
    )


def with_result(row: Row, said: str) -> Row:
    return replace(row, result=f"{row.result}; {said}" if row.result else said)
