"""Where strace is missing: a kill or a fault at the N-th call that Python itself makes below a folder.

Read by every Python that has this folder on its path. `CHAOS_CALL` names the call (an audit event, or `fsync`),
`CHAOS_WHEN` the number, `CHAOS_ERROR` an errno to fail with instead of the kill; `CHAOS_BELOW` is the folder.
"""

import errno
import os
import signal
import sys
from pathlib import Path
from typing import Any

_call, _below = os.environ.get("CHAOS_CALL", ""), os.environ.get("CHAOS_BELOW", "/")
_when, _error = int(os.environ.get("CHAOS_WHEN", "0")), os.environ.get("CHAOS_ERROR", "")
_met = 0


def _meet(path: object) -> None:
    global _met
    if not str(path).startswith(_below):
        return
    _met += 1
    if _met == _when:
        if _error:
            number = getattr(errno, _error)
            raise OSError(number, os.strerror(number), str(path))
        os.kill(os.getpid(), signal.SIGKILL)


def _audit(event: str, args: tuple[Any, ...]) -> None:
    # Reading is no fault of a disk; what is opened to be written has a mode or flags that say so.
    writes = event != "open" or any(letter in str(args[1]) for letter in "wax+")
    if event == _call and args and writes:
        _meet(args[0])


def _fsync(descriptor: int, _real: Any = os.fsync) -> None:
    path = Path(f"/proc/self/fd/{descriptor}")
    _meet(path.readlink() if path.exists() else _below)
    _real(descriptor)


if _when and _call == "fsync":
    os.fsync = _fsync  # type: ignore[assignment]
elif _when:
    sys.addaudithook(_audit)
