"""Four parts of a day from a local server to disk: ours, curl, and curl with the work that ours does beside it.

Once as fast as the server can, and once through a line of one gigabit a second, as a machine in a cloud has it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from copilot_etl_tests.bench.generated import DAY
from copilot_etl_tests.bench.stand import OURS, Candidate, Stand
from copilot_etl_tests.bench.table import Row

GIGABIT = 1e9 / 8


def measure(stand: Stand, users: int) -> Iterator[Row]:
    for rate, place in ((0.0, "local"), (GIGABIT, "1 Gbit/s")):
        yield from _measure(stand, users, rate=rate, place=place)


def _measure(stand: Stand, users: int, *, rate: float, place: str) -> Iterator[Row]:
    day = stand.day(users)
    with stand.server(day, rate=rate) as port:

        def curl(folder: Path) -> list[str | Path]:
            links = [f"http://127.0.0.1:{port}/signed/{DAY}/0/{part}?sig=abc" for part in range(len(day.parts))]
            outputs = [value for n, link in enumerate(links) for value in ("-o", str(folder / f"{n}"), link)]
            return ["curl", "--silent", "--fail", "--parallel", "--parallel-max", "4", *outputs]

        def curl_and_pack(folder: Path) -> list[str | Path]:
            quoted = " ".join(f"'{each}'" for each in curl(folder))
            return ["sh", "-c", f"{quoted} && cd '{folder}' && sha256sum ? && zstd --quiet -1 --rm ? && sync ."]

        candidates = [
            Candidate(
                "ours: four at once, hashed, zstd, fsync",
                lambda folder: [
                    stand.python, "-m", OURS, "download", folder, "--port", str(port), "--day", DAY,
                ],
                is_ours=True,
            ),
        ]  # fmt: skip
        if shutil.which("curl"):
            candidates.append(Candidate("curl, four at once", curl))
            if shutil.which("zstd") and shutil.which("sha256sum"):
                candidates.append(Candidate("curl, then sha256sum and zstd -1", curl_and_pack))
        yield from stand.compare(f"download of {users:,} users ({day.size / 1e6:,.0f} MB, {place})", *candidates)
