"""A finished file put in its place so that a kill or a power cut leaves the old one or the new one."""

from __future__ import annotations

import os
from pathlib import Path


def settle(new: Path, target: Path) -> None:
    """Moves a finished file to its place, for its owner only; content and name are on the disk when it returns."""
    new.chmod(0o600)
    _sync(new)
    new.replace(target)
    sync_folder(target.parent)


def write(path: Path, data: bytes) -> Path:
    """Writes a small file whole, in place of an older one; the path."""
    new = path.with_suffix(".new")
    new.write_bytes(data)
    settle(new, path)
    return path


def sync_folder(folder: Path) -> None:
    """Puts the names in a folder on the disk: a rename alone can be lost to a power cut."""
    _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        error.filename = str(path)  # fsync knows a descriptor only, and a person needs the path
        raise
    finally:
        os.close(descriptor)
