"""One day from bytes on disk to rows in a DuckDB file, by every candidate; and ours from the link, and whole."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from copilot_etl_tests.bench.check import check
from copilot_etl_tests.bench.generated import DAY, Generated
from copilot_etl_tests.bench.measured import Run
from copilot_etl_tests.bench.stand import CANDIDATES, OURS, Candidate, Stand
from copilot_etl_tests.bench.table import Row, with_result

FLOOR = "bare DuckDB, nothing checked"
WHOLE = "ours whole: `copilot-etl load`, with Dagster, models and publishing"


def measure(stand: Stand, sizes: Sequence[int], *, only_ours: bool = False) -> Iterator[Row]:
    """A row for each candidate and number of users; `only_ours` leaves the peers out, for the curve of memory."""
    for users in sizes:
        day = stand.day(users)
        with stand.server(day) as port:
            landed = _landed(stand, day, port)
            candidates = [_from_raw(stand, day, landed)]
            if not only_ours:
                command = stand.whole(WHOLE, port, DAY, DAY, check=_checked(day, "warehouse.duckdb"))
                candidates += [_load(stand, day, port), command, *_peers(stand, day)]
            what = f"{'memory, ' if only_ours else ''}a day of {users:,} users ({day.size / 1e6:,.0f} MB)"
            rows = stand.compare(what, *candidates)
        floor = next((row.median for row in rows if row.candidate == FLOOR), None)
        ours = rows[0].median
        if floor and ours:
            rows[0] = with_result(rows[0], f"{ours / floor:.2f} times bare DuckDB")
        yield from rows


def _landed(stand: Stand, day: Generated, port: int) -> Path:
    """Raw files of the day as ours lands them."""
    target = stand.folder / "landed" / str(day.users)
    if not target.exists():
        with stand.scratch() as folder:
            stand.must(_ours(stand, "load", folder, port))
            shutil.copytree(folder / "raw", target)
    return target


def _ours(stand: Stand, work: str, folder: Path, port: int) -> list[str | Path]:
    return [stand.python, "-m", OURS, work, folder, "--port", str(port), "--day", DAY]


def _from_raw(stand: Stand, day: Generated, landed: Path) -> Candidate:
    return Candidate(
        "ours: check, Parquet, load",
        lambda folder: _ours(stand, "from-raw", folder, 1),
        check=_checked(day, "warehouse.duckdb"),
        prepare=lambda folder: shutil.copytree(landed, folder / "raw"),
        is_ours=True,
    )


def _load(stand: Stand, day: Generated, port: int) -> Candidate:
    def checked(folder: Path, done: Run) -> str:
        stages = ", ".join(f"{stage} {done.told[stage]:.2f}" for stage in ("files", "tables", "load"))
        return f"{check(folder / 'warehouse.duckdb', day)}; {stages}"

    return Candidate(
        "ours from the link: also download and land", lambda folder: _ours(stand, "load", folder, port), check=checked
    )


def _peers(stand: Stand, day: Generated) -> list[Candidate]:
    def script(name: str, *values: str) -> Callable[[Path], list[str | Path]]:
        return lambda folder: [stand.peers, CANDIDATES / name, day.folder, folder, *values]

    checked = _checked(day, "out.duckdb")
    dlt = partial(_checked, dlt=True)(day, "out.duckdb")
    return [
        Candidate(FLOOR, script("bare_duckdb.py"), check=checked),
        Candidate("polars", script("with_polars.py"), check=checked),
        Candidate("pandas", script("with_pandas.py"), check=checked),
        Candidate("dlt, Parquet route", script("with_dlt.py", "parquet"), check=dlt),
        Candidate("dlt, default route, files of 10,000 rows", script("with_dlt.py", "default"), check=dlt),
    ]


def _checked(day: Generated, name: str, *, dlt: bool = False) -> Callable[[Path, Run], str]:
    return lambda folder, done: check(folder / name, day, dlt=dlt)
