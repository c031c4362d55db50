"""Four parts of a day from a local server to disk: ours, curl, and curl with the work that ours does beside it.

As fast as the server can, over TLS, as file hosts do, and through a line of one gigabit a second, as a machine in a
cloud has it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from copilot_etl_tests.bench.generated import DAY
from copilot_etl_tests.bench.stand import OURS, Candidate, Stand
from copilot_etl_tests.bench.table import Row
from copilot_etl_tests.certificate import certificate

GIGABIT = 1e9 / 8


def measure(stand: Stand, users: int) -> Iterator[Row]:
    yield from _measure(stand, users, place="local")
    yield from _measure(stand, users, place="local, TLS", tls=certificate(stand.folder, "127.0.0.1"))
    yield from _measure(stand, users, place="1 Gbit/s", rate=GIGABIT)


def _measure(
    stand: Stand, users: int, *, place: str, rate: float = 0.0, tls: tuple[Path, Path] | None = None
) -> Iterator[Row]:
    day = stand.day(users)
    scheme, trust = ("https", ["--cacert", str(tls[0])]) if tls else ("http", [])
    with stand.server(day, rate=rate, tls=tls) as port:

        def curl(folder: Path) -> list[str | Path]:
            links = [f"{scheme}://127.0.0.1:{port}/signed/{DAY}/0/{part}?sig=abc" for part in range(len(day.parts))]
            outputs = [value for n, link in enumerate(links) for value in ("-o", str(folder / f"{n}"), link)]
            return ["curl", "--silent", "--fail", *trust, "--parallel", "--parallel-max", "4", *outputs]

        def curl_and_pack(folder: Path) -> list[str | Path]:
            quoted = " ".join(f"'{each}'" for each in curl(folder))
            return ["sh", "-c", f"{quoted} && cd '{folder}' && sha256sum ? && zstd --quiet -1 --rm ? && sync ."]

        candidates = [
            Candidate(
                "ours: four at once, hashed, zstd, fsync",
                lambda folder: [
                    stand.python, "-m", OURS, "download", folder, "--port", str(port), "--day", DAY,
                    *(["--tls"] if tls else []),
                ],
                env=lambda folder: {"SSL_CERT_FILE": str(tls[0])} if tls else {},
                is_ours=True,
            ),
        ]  # fmt: skip
        if shutil.which("curl"):
            candidates.append(Candidate("curl, four at once", curl))
            if shutil.which("zstd") and shutil.which("sha256sum"):
                candidates.append(Candidate("curl, then sha256sum and zstd -1", curl_and_pack))
        yield from stand.compare(f"download of {users:,} users ({day.size / 1e6:,.0f} MB, {place})", *candidates)
