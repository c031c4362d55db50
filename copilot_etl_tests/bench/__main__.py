"""How fast copilot_etl is, side by side with what one would use instead: `python -m copilot_etl_tests.bench`.

Candidates run in turns, each in a process and an empty folder of its own; seconds are medians of the rounds and, where
a candidate says so itself, without its start and imports. Memory is the whole process tree's. The result of each is
held to sums that the generator took while it wrote the input. Only ratios within one comparison mean something on a
machine that does other things too. The table goes to results.md in the folder.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from copilot_etl_tests.bench import backfill, day, download, history, reload, table
from copilot_etl_tests.bench.measured import Bounds, machine_memory
from copilot_etl_tests.bench.stand import Stand
from copilot_etl_tests.bench.table import Row

PARTS = ("day", "download", "unchanged", "growth", "backfill", "models", "memory")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m copilot_etl_tests.bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--full", action="store_true", help="everything at its full size; needs tens of GB of disk")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--sizes", nargs="+", type=int, metavar="USERS", help="days of so many users (1000 10000)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each candidate is run (%(default)s)")
    parser.add_argument("--days", type=int, help="days of the backfill and of the models' history (30; full: 365)")
    parser.add_argument("--users", type=int, help="people in the models' history (5000; full: 20000)")
    parser.add_argument("--timeout", type=float, default=900, metavar="SECONDS", help="for one run (%(default)s)")
    parser.add_argument(
        "--memory", type=float, metavar="GIB", help="what one run may hold before it is ended (half of the machine's)"
    )
    parser.add_argument("--folder", type=Path, default=Path("data/bench"), help="inputs, peers, results (%(default)s)")
    chosen = parser.parse_args()

    # Whoever ends the bench ends what it runs, too: every run is in a session of its own.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    started = time.perf_counter()

    def say(text: str) -> None:
        print(f"{time.perf_counter() - started:7.0f} s  {text}", file=sys.stderr, flush=True)

    memory = chosen.memory * 2**30 if chosen.memory else machine_memory() / 2
    stand = Stand(chosen.folder.absolute(), chosen.rounds, Bounds(chosen.timeout, int(memory)), say)
    sizes = chosen.sizes or ([1_000, 10_000, 100_000] if chosen.full else [1_000, 10_000])
    days = chosen.days or (365 if chosen.full else 30)
    users = chosen.users or (20_000 if chosen.full else 5_000)
    curve = [10_000, 100_000, 500_000] if chosen.full and not chosen.sizes else sizes
    parts: dict[str, Callable[[], Iterator[Row]]] = {
        "day": lambda: day.measure(stand, sizes),
        "download": lambda: download.measure(stand, sizes[-1]),
        "unchanged": lambda: reload.unchanged(stand, sizes[-1]),
        "growth": lambda: reload.growth(stand, 2_000),
        "backfill": lambda: backfill.measure(stand, days, 2_000),
        "models": lambda: history.measure(stand, max(days, 90), users),
        "memory": lambda: day.measure(stand, curve, only_ours=True),
    }
    rows: list[Row] = []
    results = stand.folder / "results.md"
    stand.folder.mkdir(parents=True, exist_ok=True)
    for name in parts:
        if name in chosen.parts:
            rows += parts[name]()
            # After each part, so that an interrupted bench leaves what it has.
            results.write_text(f"{table.machine()}; {chosen.rounds} rounds.\n\n{table.markdown(rows)}\n")
    print(results.read_text())


if __name__ == "__main__":
    main()
