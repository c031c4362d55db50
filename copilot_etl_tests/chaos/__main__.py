"""The full size: `python -m copilot_etl_tests.chaos`, about two hours on two cores, one table at the end."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from copilot_etl_tests.chaos import days, disks, files, injector, kills, lines, memory, pairs, seed
from copilot_etl_tests.chaos.tally import Tally

Part = Callable[[Path, int], Tally]


def parts(share: float) -> Mapping[str, Part]:
    """Every part at a share of its full size, by name."""

    def of(number: int, *, least: int = 1) -> int:
        return max(least, round(number * share))

    return {
        "kills": partial(kills.run, points=of(60, least=12), repeats=of(10), timed=of(300), whole=of(30, least=2)),
        "disks": partial(disks.run, points=of(60, least=12), whole=of(12, least=3)),
        "files": partial(files.run, files=of(2_000), whole=of(200)),
        "lines": partial(lines.run, lines=of(10**7)),
        "days": partial(days.run, days=of(365, least=8), organizations=3, whole=of(6)),
        "pairs": partial(pairs.run, pairs=of(100), fours=of(50), whole=of(10)),
        "memory": partial(memory.run, mebibytes=250, times=max(2, round(10 * share))),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m copilot_etl_tests.chaos",
        description="The pipeline against kills, full disks, malformed files, faulty days and itself.",
        epilog="Exit 1: a goal was missed. The seed is printed; the same seed does the same again.",
    )
    parser.add_argument("--seed", type=int, help=f"default: {seed.VARIABLE}, or a new one")
    parser.add_argument("--part", action="append", choices=list(parts(1)), help="only this part; may be repeated")
    parser.add_argument("--share", type=float, default=1.0, help="of the full size, for example 0.1 (default: 1)")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="work in this empty folder and leave it there")
    chosen = parser.parse_args()
    number = seed.choose() if chosen.seed is None else chosen.seed
    console = Console(width=None if sys.stdout.isatty() else 160)
    means = "strace" if injector.has_strace() else "a shim inside Python (strace is missing: C code is not reached)"
    console.print(f"seed {number}; kills and disk faults by {means}")
    tallies = []
    for name, part in parts(chosen.share).items():
        if chosen.part and name not in chosen.part:
            continue
        with tempfile.TemporaryDirectory(prefix="chaos-") as temporary:
            folder = (chosen.keep or Path(temporary)) / name
            folder.mkdir(parents=True)
            console.print(f"{time.strftime('%H:%M:%S')} {name} ...")
            tallies.append(part(folder, number))
        console.print(f"{time.strftime('%H:%M:%S')} {name}: {len(tallies[-1].violations)} violations")
    _tell(console, tallies)
    sys.exit(1 if any(tally.violations for tally in tallies) else 0)


def _tell(console: Console, tallies: list[Tally]) -> None:
    table = Table("goal", "reached", "violations", "seconds", header_style="bold")
    for tally in tallies:
        table.add_row(tally.goal, tally.reached, str(len(tally.violations)), f"{tally.seconds:.0f}")
    console.print(table)
    for tally in tallies:
        for violation in tally.violations[:50]:
            console.print(f"{tally.goal}: {violation}", markup=False, highlight=False)


if __name__ == "__main__":
    main()
