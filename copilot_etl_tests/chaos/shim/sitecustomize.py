"""Where strace is missing: a kill or a fault at the N-th call that Python itself makes below a folder.

Read by every Python that has this folder on its path. `CHAOS_CALL` names the call (an audit event, or `fsync`),
`CHAOS_WHEN` the number, `CHAOS_ERROR` an errno to fail with instead of the kill; `CHAOS_BELOW` is the folder. With
`CHAOS_TRACE` nothing is done but to list the calls in that file.
"""

import errno
import os
import signal
import sys
from pathlib import Path
from typing import Any

_CALLS = ("open", "fsync", "os.rename", "os.remove", "os.mkdir", "os.chmod", "os.rmdir")
_call, _below = os.environ.get("CHAOS_CALL", ""), os.environ.get("CHAOS_BELOW", "")
_when, _error = int(os.environ.get("CHAOS_WHEN", "0")), os.environ.get("CHAOS_ERROR", "")
_trace = os.environ.get("CHAOS_TRACE", "")
_met = 0


def _meet(call: str, path: object) -> None:
    global _met
    if not str(path).startswith(_below):
        return
    if _trace:
        with open(_trace, "a") as file:  # noqa: PTH123 - as little of Python as can be
            file.write(f"{call} {path}\n")
    elif call == _call:
        _met += 1
        if _met == _when and _error:
            number = getattr(errno, _error)
            raise OSError(number, os.strerror(number), str(path))
        if _met == _when:
            os.kill(os.getpid(), signal.SIGKILL)


def _audit(event: str, args: tuple[Any, ...]) -> None:
    # Reading is no fault of a disk; what is opened to be written says so in its mode.
    if event in _CALLS and args and (event != "open" or any(letter in str(args[1]) for letter in "wax+")):
        _meet(event, args[0])


def _fsync(descriptor: int, _real: Any = os.fsync) -> None:
    path = Path(f"/proc/self/fd/{descriptor}")
    _meet("fsync", path.readlink() if path.exists() else _below)
    _real(descriptor)


if _below:
    os.fsync = _fsync  # type: ignore[assignment]
    sys.addaudithook(_audit)
