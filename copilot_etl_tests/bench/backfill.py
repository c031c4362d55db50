"""Many days: the stages alone, `copilot-etl load`, and Dagster's load job as a backfill would start it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import duckdb

from copilot_etl_tests.bench.measured import Run
from copilot_etl_tests.bench.stand import CANDIDATES, OURS, Candidate, Stand, settings
from copilot_etl_tests.bench.table import Row

FIRST = dt.date(2025, 10, 1)
VARIANTS = 7


def measure(stand: Stand, days: int, users: int) -> Iterator[Row]:
    variants = [stand.day(users, variant=variant) for variant in range(VARIANTS)]
    last = FIRST + dt.timedelta(days=days - 1)

    def checked(folder: Path, done: Run) -> str:
        with duckdb.connect(folder / "warehouse.duckdb", read_only=True) as connection:
            loaded = [
                at for (at,) in connection.execute("select loaded_at from ops.report_days order by day").fetchall()
            ]
            rows = connection.execute("select count(*), count(distinct day) from raw.user_day").fetchone()
        if rows != (days * users, days):
            return f"wrong: {rows} rows and days"
        eighth = max(len(loaded) // 8, 2)

        def pace(some: list[dt.datetime]) -> float:
            return (some[-1] - some[0]).total_seconds() / (len(some) - 1)

        return (
            f"right; {done.wall / days:.2f} s a day in all, {pace(loaded):.2f} from day to day, "
            f"first eighth {pace(loaded[:eighth]):.2f}, last {pace(loaded[-eighth:]):.2f}"
        )

    with stand.server(*variants) as port:
        yield from stand.compare(
            f"backfill of {days} days of {users:,} users",
            Candidate(
                "ours: stages only",
                lambda folder: [
                    stand.python, "-m", OURS, "load", folder, "--port", str(port), "--day", str(FIRST),
                    "--days", str(days),
                ],
                check=checked,
                is_ours=True,
            ),
            stand.whole("ours whole: `copilot-etl load`", port, str(FIRST), str(last), check=checked),
            Candidate(
                "Dagster's job, a process a 31 days",
                lambda folder: [stand.python, CANDIDATES / "dagster_job.py", str(FIRST), str(last)],
                check=checked,
                env=lambda folder: {**settings(folder, port, str(FIRST)), "DAGSTER_HOME": str(folder / "dagster")},
            ),
        )  # fmt: skip
