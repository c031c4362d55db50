"""Days that come again: one that did not change, and one that is restated thirty times."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

from copilot_etl_tests.bench.generated import DAY
from copilot_etl_tests.bench.measured import Run
from copilot_etl_tests.bench.stand import OURS, Candidate, Stand
from copilot_etl_tests.bench.table import Row

RELOADS = 30
HISTORY = 30
VARIANTS = 3


def unchanged(stand: Stand, users: int) -> Iterator[Row]:
    """A first load against a look at the same day again."""
    day = stand.day(users)
    with stand.server(day) as port:

        def ours(folder: Path) -> list[str | Path]:
            return [stand.python, "-m", OURS, "load", folder, "--port", str(port), "--day", DAY]

        def look(folder: Path, done: Run) -> str:
            return f"{done.told['files']:.2f} s for asking and recognising the files"

        yield from stand.compare(
            f"the same day again, {users:,} users",
            Candidate("first load", ours, is_ours=True),
            Candidate(
                "unchanged",
                ours,
                check=look,
                prepare=lambda folder: stand.must(ours(folder)),
            ),
        )


def growth(stand: Stand, users: int) -> Iterator[Row]:
    """What a warehouse of thirty days grows by when one of them is restated thirty times."""
    variants = [stand.day(users, variant=variant) for variant in range(VARIANTS)]
    first = dt.date.fromisoformat(DAY)

    def load(stand: Stand, folder: Path, port: int, day: dt.date, *more: str) -> list[str | Path]:
        return [stand.python, "-m", OURS, "load", folder, "--port", str(port), "--day", str(day), *more]

    with stand.server(*variants, restate=True) as port:
        restated = first + dt.timedelta(days=HISTORY // 2)

        def grown(folder: Path, done: Run) -> str:
            sizes = done.told["sizes"]
            return f"{sizes[0] / 1e6:.0f} → {sizes[-1] / 1e6:.0f} MB, {sizes[-1] / sizes[0] - 1:+.1%} after thirty"

        yield from stand.compare(
            f"{RELOADS} re-loads of one of {HISTORY} days of {users:,} users",
            Candidate(
                "ours",
                lambda folder: load(stand, folder, port, restated, "--times", str(RELOADS)),
                check=grown,
                prepare=lambda folder: stand.must(load(stand, folder, port, first, "--days", str(HISTORY))),
                is_ours=True,
            ),
        )
