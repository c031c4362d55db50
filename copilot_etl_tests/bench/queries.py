"""The README's ten questions to a published file: `python -m copilot_etl_tests.bench.queries FILE --rounds N`.

Each is asked on a connection of its own, so DuckDB has nothing in memory, but the operating system has.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import time
from pathlib import Path

import duckdb

README = Path(__file__).parents[2] / "README.md"


def questions() -> dict[str, list[str]]:
    """The text of each question, and its statements."""
    section = README.read_text().split("### Ten questions")[1].split("```")[1].removeprefix("sql")
    found: dict[str, list[str]] = {}
    for block in re.split(r"^-- (?=\d)", section, flags=re.MULTILINE)[1:]:
        title, _, statements = block.partition("\n")
        found[title] = [each.strip() for each in statements.split(";") if each.strip()]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    seconds: dict[str, list[float]] = {}
    for _ in range(chosen.rounds):
        for title, statements in questions().items():
            started = time.perf_counter()
            with duckdb.connect(chosen.file, read_only=True) as connection:
                for statement in statements:
                    connection.execute(statement).fetchall()
            seconds.setdefault(title, []).append(time.perf_counter() - started)
    medians = {title: statistics.median(values) for title, values in seconds.items()}
    for title, median in medians.items():
        print(f"{median:7.3f} s  {title}")
    slowest = max(medians, key=lambda title: medians[title])
    print(
        json.dumps(
            {"seconds": sum(medians.values()), "count": len(medians), "slowest": slowest, "most": medians[slowest]}
        )
    )


if __name__ == "__main__":
    main()
