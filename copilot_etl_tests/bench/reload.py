"""Days that come again: one that did not change, and one that is restated thirty times."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from copilot_etl_tests.bench.check import check
from copilot_etl_tests.bench.generated import DAY
from copilot_etl_tests.bench.measured import Run
from copilot_etl_tests.bench.stand import OURS, Candidate, Stand
from copilot_etl_tests.bench.table import Row

RELOADS = 30
HISTORY = 30
VARIANTS = 3


def unchanged(stand: Stand, users: int) -> Iterator[Row]:
    """A first load against a look at the same day again, the stages alone and whole commands."""
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

        def loaded(folder: Path, done: Run) -> str:
            return check(folder / "warehouse.duckdb", day)

        def before(folder: Path) -> None:
            stand.must(first.command(folder), first.env(folder))

        first = stand.whole("first `copilot-etl load`", port, DAY, DAY, check=loaded, is_ours=True)
        again = stand.whole("unchanged", port, DAY, DAY, check=loaded, prepare=before)
        yield from stand.compare(f"the same command again, {users:,} users", first, again)


def growth(stand: Stand, users: int) -> Iterator[Row]:
    """What a warehouse of one day and one of thirty days grow by when one of their days is restated thirty times."""
    variants = [stand.day(users, variant=variant) for variant in range(VARIANTS)]
    first = dt.date.fromisoformat(DAY)

    def load(port: int, day: dt.date, option: str, number: int, folder: Path) -> list[str | Path]:
        command = [stand.python, "-m", OURS, "load", folder, "--port", str(port)]
        return [*command, "--day", str(day), option, str(number)]

    def grown(folder: Path, done: Run) -> str:
        before, *after = done.told["sizes"]
        size = f"{before / 1e6:.1f} → {after[-1] / 1e6:.1f} MB"
        return f"{size}, {after[-1] / before - 1:+.1%} after thirty, {max(after) / before - 1:+.1%} at most"

    with stand.server(*variants, restate=True) as port:
        for days in (1, HISTORY):
            fill = partial(load, port, first, "--days", days)
            again = partial(load, port, first + dt.timedelta(days=days // 2), "--times", RELOADS)
            yield from stand.compare(
                f"{RELOADS} re-loads of one of {days} {'days' if days > 1 else 'day'} of {users:,} users",
                Candidate(
                    "ours",
                    again,
                    check=grown,
                    prepare=lambda folder, fill=fill: stand.must(fill(folder)),
                    is_ours=True,
                ),
            )
