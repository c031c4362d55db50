"""All models over a long history: a first build, the refresh after a day has come, and the README's ten questions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from copilot_etl_tests.bench.measured import Run
from copilot_etl_tests.bench.stand import Candidate, Stand
from copilot_etl_tests.bench.table import Row


def measure(stand: Stand, days: int, users: int) -> Iterator[Row]:
    kept = stand.folder / "history" / f"{days}-{users}"
    kept.mkdir(parents=True, exist_ok=True)

    def step(name: str) -> list[str | Path]:
        module = "copilot_etl_tests.bench.refresh"
        return [stand.python, "-m", module, name, kept, "--days", str(days), "--users", str(users)]

    def size(folder: Path, done: Run) -> str:
        if not done.told["kept"]:
            return f"wrong: {', '.join(done.told['broken'][:3])}"
        return f"{done.told['size'] / 1e6:,.0f} MB, all rules held"

    def questions(folder: Path, done: Run) -> str:
        return f"{done.told['count']} asked, the slowest takes {done.told['most']:.2f} s: {done.told['slowest']}"

    yield from stand.compare(
        f"models over {days} days, {users:,} users",
        Candidate("first build", lambda folder: step("build"), check=size),
        Candidate(
            "daily refresh, five days changed",
            lambda folder: step("refresh"),
            check=size,
            prepare=lambda folder: stand.must(step("arrive")),
            is_ours=True,
        ),
        Candidate(
            "ten questions of the README",
            lambda folder: [
                stand.python, "-m", "copilot_etl_tests.bench.queries", kept / "published" / "copilot.duckdb",
            ],
            check=questions,
        ),
    )  # fmt: skip
