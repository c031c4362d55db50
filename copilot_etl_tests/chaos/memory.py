"""Peak memory of reading a day: bounded, and the same for a file several times as large."""

from __future__ import annotations

import re
import resource
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from copilot_etl_tests.chaos.stage import ROOT
from copilot_etl_tests.chaos.tally import Tally

_MOST = 600  # MiB, whatever the file's size
_GROWTH = 1.2
_ROUNDS = 3  # one peak differs from the next by a tenth


def run(folder: Path, seed: int, *, mebibytes: int, times: int) -> Tally:
    """A file of so many MiB, and one that is so many times as large; each unfolded in a process of its own.

    Below 250 MiB the smaller one has no two whole pieces, of which two are unfolded at once.
    """
    tally = Tally("memory")
    started = time.perf_counter()
    peaks: dict[int, list[int]] = {mebibytes: [], mebibytes * times: []}
    for number in range(_ROUNDS):
        for size, found in peaks.items():
            place = folder / f"memory-{size}-{number}"
            place.mkdir()
            words = [sys.executable, "-m", __name__, str(place), str(seed), str(size)]
            done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
            shutil.rmtree(place)
            found.append(int(done.stdout))
    for size, found in peaks.items():
        tally.counts[f"MiB at most for a file of {size} MiB"] = max(found)
        tally.hold(max(found) <= _MOST, f"{max(found)} MiB for a file of {size} MiB, more than {_MOST}")
    small, large = (statistics.median(found) for found in peaks.values())
    tally.hold(large <= _GROWTH * small, f"{times} times the file: {large} MiB instead of {small}, medians of {peaks}")
    tally.seconds = time.perf_counter() - started
    return tally


class _Endless:
    """A file of about `size` bytes that is made while it is read: the same people, with new ids each time."""

    def __init__(self, template: bytes, size: int) -> None:
        self._template, self._left, self._number, self._rest = template, size, 10**6, b""

    def read(self, size: int) -> bytes:
        while len(self._rest) < size and self._left > 0:
            block = b"\n".join(
                line % (self._number + offset) for offset, line in enumerate(self._template.splitlines())
            )
            self._number += 1000
            self._left -= len(block) + 1
            self._rest += block + b"\n"
        found, self._rest = self._rest[:size], self._rest[size:]
        return found


def _measure(folder: Path, seed: int, mebibytes: int) -> int:
    """The peak of this process in MiB after it has unfolded such a file."""
    import json
    from collections.abc import Iterator
    from contextlib import contextmanager
    from typing import Any

    from copilot_etl import records
    from copilot_etl.reports import USERS_1_DAY
    from copilot_etl.sandbox import World
    from copilot_etl_tests.chaos.stage import FIRST, SCOPE

    people = [json.dumps({**record, "user_id": "%"}) for record in World(seed).records(SCOPE, FIRST)]
    template = "\n".join(people).replace("%", "%%").replace('"%%"', "%d").encode()

    @contextmanager
    def opened() -> Iterator[Any]:
        yield _Endless(template, mebibytes * 2**20)

    scratch = folder / "scratch"
    scratch.mkdir()
    records.normalise(USERS_1_DAY, scope=SCOPE, day=FIRST, content_hash=lambda: "", parts=[opened], folder=scratch)
    status = Path("/proc/self/status")
    if status.exists():  # getrusage() has the size of whoever started this process in it
        (peak,) = re.findall(r"^VmHWM:\s+(\d+) kB$", status.read_text(), re.MULTILINE)
        return int(peak) // 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 2**20


if __name__ == "__main__":
    print(_measure(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))  # noqa: T201 - read by `run`
