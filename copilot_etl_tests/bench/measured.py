"""One command run and measured: seconds, memory of its whole process tree, and how it ended.

Memory is the sum of the resident sizes of the command and all its descendants, looked at ten times a second, or the
largest size that any one of them ever had, if that is more. Pages that processes share are counted in each.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_LOOK_EVERY = 0.1


@dataclass(frozen=True, slots=True)
class Bounds:
    """When a command is ended: after `seconds`, or when its tree holds more than `memory` bytes."""

    seconds: float
    memory: int


@dataclass(frozen=True, slots=True)
class Run:
    """What became of a command. `told` is the JSON object of its last line, if it ends with one; `fault` is why it did
    not end well, in a few words, and empty when it did."""

    wall: float
    cpu: float
    peak: int
    fault: str
    told: Mapping[str, Any] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """What the command says its work took, without its imports; else the whole of it."""
        return float(self.told.get("seconds", self.wall))


def run(
    command: Sequence[str | Path], *, bounds: Bounds, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Run:
    """Runs a command in a session of its own, and ends all of it when it goes beyond its bounds."""
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            [str(each) for each in command],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            start_new_session=True,
        )
        watch = _Watch(process.pid, bounds)
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            watch.end()
            os.waitpid(process.pid, 0)
            raise
        finally:
            watch.stop()
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="replace").strip()
    lines = text.splitlines() or [""]
    fault = watch.fault
    if not fault and process.returncode:
        reason = next((line for line in reversed(lines) if "Error" in line or "error" in line), lines[-1])
        fault = f"failed ({process.returncode}): {reason.strip()[:80]}"
    # The kernel counts what the parent held at the fork too, so its own figure is for where there is no /proc.
    peak = watch.peak or usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Run(wall, usage.ru_utime + usage.ru_stime, peak, fault, _object(lines[-1]) if not fault else {})


def machine_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _object(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


class _Watch:
    """Looks at a process tree until it is stopped; `peak` is the most it held, `fault` why it was ended."""

    def __init__(self, pid: int, bounds: Bounds) -> None:
        self._pid, self._bounds = pid, bounds
        self._stopped = threading.Event()
        self._until = time.monotonic() + bounds.seconds
        self.peak = 0
        self.fault = ""
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._stopped.wait(_LOOK_EVERY):
            self.peak = max(self.peak, *_resident(self._pid))
            if time.monotonic() > self._until:
                self.fault = f"ended after {self._bounds.seconds:.0f} s"
            elif self.peak > self._bounds.memory:
                self.fault = f"ended at {self._bounds.memory / 2**30:.1f} GiB"
            if self.fault:
                self.end()
                return

    def end(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()


def _resident(pid: int) -> tuple[int, int]:
    """Resident bytes of a process and its descendants, and the most that one of them ever had; 0 without /proc."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        now, most = (1024 * int(re.findall(rf"{name}:\s+(\d+)", status)[0]) for name in ("VmRSS", "VmHWM"))
        # Each thread knows the children that it started itself.
        children = [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except (OSError, IndexError):
        return 0, 0
    for child in children:
        held, ever = _resident(child)
        now, most = now + held, max(most, ever)
    return now, most
