"""A kill or a fault of the disk at the N-th system call of a process: by strace, or by a shim where it is missing.

A point is a call, its number, and the place of the data folder that it hits. The points are read from a trace of an
undisturbed run, so that every one of them is there to be hit; a fault that was not met counts for nothing.
"""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from copilot_etl_tests.chaos.stage import Face, Run, Stage

CALLS = (
    *("openat", "write", "pwrite64", "ftruncate", "rename", "renameat", "renameat2", "fsync", "fdatasync"),
    *("unlink", "unlinkat", "mkdir", "rmdir", "chmod"),
)
_SHIM = Path(__file__).parent / "shim"
_LINE = re.compile(r"(\d+) +(\w+)\((.*)")
_PLACES = (
    ("manifest", r"/raw/.*manifest"),
    ("raw", r"/raw/"),
    ("download", r"/scratch/.*\.zst"),
    ("piece", r"/scratch/.*piece"),
    ("parquet", r"/scratch/.*\.parquet"),
    ("scratch", r"/scratch"),
    ("lake", r"/lake"),
    ("new warehouse", r"/warehouse\.new"),
    ("log", r"/warehouse\.duckdb\.wal"),
    ("warehouse", r"/warehouse\.duckdb"),
    ("lock", r"\.lock"),
    ("published", r"/published"),
    ("dagster", r"/dagster"),
)


@dataclass(frozen=True, slots=True)
class Point:
    """The `number`-th `call` of a run, which hits `place`; it `writes`, or only opens something to be read."""

    call: str
    number: int
    place: str
    writes: bool

    def __str__(self) -> str:
        return f"{self.call} #{self.number} ({self.place})"


@functools.cache
def has_strace() -> bool:
    """Whether strace is installed and may trace here."""
    return bool(
        shutil.which("strace")
        and subprocess.run(["strace", "-f", "--seccomp-bpf", "-o", "/dev/null", "true"], capture_output=True).returncode
        == 0
    )


def points(stage: Stage, *args: str, face: Face = "walk", calls: Sequence[str] = CALLS) -> list[Point]:
    """Every call below the data folder of one undisturbed run, which changes the stage."""
    trace = stage.folder / "trace"
    if not has_strace():
        stage.run(*args, face=face, env={**_shim_env(stage), "CHAOS_TRACE": str(trace)})
        return _shim_points(trace.read_text().splitlines(), stage)
    words = ("strace", "-f", "--seccomp-bpf", "-y", "-o", str(trace), "-e", "trace=" + ",".join(calls))
    stage.run(*args, face=face, before=words)
    met: dict[str, Counter[str]] = defaultdict(Counter)
    found = []
    for line in trace.read_text(errors="replace").splitlines():
        if match := _LINE.match(line):
            thread, call, rest = match.groups()
            met[thread][call] += 1
            number = met[thread][call]
            # strace counts in each thread: a number that another thread has reached before is met there.
            first = all(counts[call] < number for other, counts in met.items() if other != thread)
            if first and str(stage.data) in rest:
                writes = call != "openat" or any(flag in rest for flag in ("O_WRONLY", "O_RDWR", "O_CREAT"))
                found.append(Point(call, number, _place(rest, stage.data), writes))
    return found


def _shim_points(lines: Sequence[str], stage: Stage) -> list[Point]:
    met: Counter[str] = Counter()
    found = []
    for line in lines:
        call, _, path = line.partition(" ")
        met[call] += 1
        found.append(Point(call, met[call], _place(path, stage.data), writes=True))
    return found


def _place(text: str, data: Path) -> str:
    below = text[text.index(str(data)) + len(str(data)) :].partition(">")[0].partition('"')[0]
    return next((name for name, pattern in _PLACES if re.search(pattern, below)), "folder")


def spread(found: Sequence[Point], number: int, random: Random) -> list[Point]:
    """So many points, from every kind of call at every place before a second one of any."""
    kinds: dict[tuple[str, str], list[Point]] = defaultdict(list)
    for point in found:
        kinds[point.call, point.place].append(point)
    for each in kinds.values():
        random.shuffle(each)
    ranked = [(rank, random.random(), point) for each in kinds.values() for rank, point in enumerate(each)]
    return [point for *_, point in sorted(ranked, key=lambda item: item[:2])[:number]]


def run_at(point: Point, stage: Stage, *args: str, face: Face = "walk", error: str = "", often: int = 1) -> Run:
    """A run that is killed at a point, or whose call fails with `error` there, `often` times in a row."""
    if not has_strace():
        chosen = {"CHAOS_CALL": point.call, "CHAOS_WHEN": str(point.number), "CHAOS_ERROR": error}
        return stage.run(*args, face=face, env={**_shim_env(stage), **chosen})
    effect = f"error={error}" if error else "signal=SIGKILL"
    when = f"{point.number}..{point.number + often - 1}"
    # Not with --seccomp-bpf, which would be three times faster: strace 6.1 injects nothing then, and says nothing.
    return stage.run(
        *args,
        face=face,
        before=[
            *("strace", "-f", "-qq", "-o", str(stage.folder / "trace")),
            *("-e", f"trace={point.call}", "-e", f"inject={point.call}:{effect}:when={when}"),
        ],
    )


def met(stage: Stage) -> int:
    """How many calls of the last run got the error."""
    return len(_injected(stage)) if has_strace() else 1


def muted(stage: Stage) -> bool:
    """Whether the error hit what the last run printed, so that nobody can ask for its words."""
    return has_strace() and any(re.search(r"write\([12],", line) for line in _injected(stage))


def _injected(stage: Stage) -> list[str]:
    lines = (stage.folder / "trace").read_text(errors="replace").splitlines()
    return [line for line in lines if line.endswith("(INJECTED)")]


def _shim_env(stage: Stage) -> Mapping[str, str]:
    return {"PYTHONPATH": str(_SHIM), "CHAOS_BELOW": str(stage.data)}
