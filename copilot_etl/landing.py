"""Raw files of a day: stored once under their hash, listed in a manifest, verified on reading.

`<root>/<report>/<scope>/<day>/<sha256>.ndjson.zst` are the bytes as received, compressed; `manifest.json` beside them
lists every version that was seen, the latest last. Nothing here is ever changed, and no URL is ever written.
"""

from __future__ import annotations

import datetime as dt
import filecmp
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import zstandard
from filelock import FileLock

from copilot_etl import durable
from copilot_etl.errors import Quarantined
from copilot_etl.github import Fetched

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class RawPart:
    """One file of a version: SHA-256, size and lines are of the bytes as received."""

    sha256: str
    size: int
    lines: int
    host: str
    etag: str | None


@dataclass(frozen=True, slots=True)
class Manifest:
    """One version of a day's files. `changed` is false when landing it found it there already."""

    folder: Path
    content_hash: str
    fetched_at: str
    report_day: str
    parts: tuple[RawPart, ...]
    changed: bool = False


def land(root: Path, report: str, scope: str, day: dt.date, *, fetched: Fetched, fetched_at: dt.datetime) -> Manifest:
    """Moves fetched files to their place and makes them the day's latest version.

    Equal content writes nothing. Parts are in place before the manifest names them, so a kill leaves the old
    version or the new one. One process lands at a time, so that each adds to the manifest that the other has written.
    """
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    with FileLock(root / "landing.lock", mode=0o600):
        return _land(root, report, scope, day, fetched=fetched, fetched_at=fetched_at)


def _land(root: Path, report: str, scope: str, day: dt.date, *, fetched: Fetched, fetched_at: dt.datetime) -> Manifest:
    folder = root / report / scope / day.isoformat()
    parts = tuple(RawPart(part.sha256, part.size, part.lines, part.host, part.etag) for part in fetched.parts)
    versions = _versions(folder)
    content_hash = _content_hash(parts)
    new = not versions or versions[-1]["content_hash"] != content_hash
    for part in fetched.parts:
        target = folder / f"{part.sha256}.ndjson.zst"
        # Compared as stored, so that a file damaged on disk is mended by loading its day again.
        if not target.exists() or not filecmp.cmp(part.path, target, shallow=False):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            part.path.chmod(0o600)
            part.path.replace(target)
    if new:
        version = {
            "content_hash": content_hash,
            "fetched_at": fetched_at.isoformat(timespec="seconds"),
            "report_day": fetched.report_day.isoformat(),
            "parts": [asdict(part) for part in parts],
        }
        durable.sync_folder(folder)
        durable.write(folder / MANIFEST, json.dumps({"versions": [*versions, version]}, indent=1).encode())
        versions = [*versions, version]
    return _manifest(folder, versions[-1], changed=new)


def read(root: Path, report: str, scope: str, day: dt.date) -> Manifest | None:
    """The latest version of a day's files; None when none has landed."""
    folder = root / report / scope / day.isoformat()
    versions = _versions(folder)
    return _manifest(folder, versions[-1]) if versions else None


@contextmanager
def open_part(manifest: Manifest, part: RawPart) -> Iterator[BinaryIO]:
    """The part's bytes as received, in bounded memory; Quarantined when they are not the ones that landed."""
    path = manifest.folder / f"{part.sha256}.ndjson.zst"
    try:
        with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
            checked = _Checked(stream)
            yield cast(BinaryIO, checked)
            while checked.read(2**20):
                pass
    except FileNotFoundError:
        raise _damaged(manifest, part, "is missing") from None
    except zstandard.ZstdError:
        raise _damaged(manifest, part, "is damaged") from None
    if (checked.size, checked.sha256.hexdigest()) != (part.size, part.sha256):
        raise _damaged(manifest, part, "is not what was received")


class _Checked:
    """A stream that counts and hashes what is read from it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.sha256 = hashlib.sha256()
        self.size = 0

    def read(self, size: int = -1) -> bytes:
        block = self._stream.read(size)
        self.sha256.update(block)
        self.size += len(block)
        return block


def _damaged(manifest: Manifest, part: RawPart, what: str) -> Quarantined:
    scope, day = manifest.folder.parts[-2:]
    return Quarantined(f"{scope} {day}: raw file {part.sha256[:12]} {what}. Load the day again from GitHub.")


def _content_hash(parts: tuple[RawPart, ...]) -> str:
    # Sorted: GitHub names no order of parts, so another order is no other content.
    return hashlib.sha256("\n".join(sorted(part.sha256 for part in parts)).encode()).hexdigest()


def _versions(folder: Path) -> list[dict[str, Any]]:
    try:
        return json.loads((folder / MANIFEST).read_bytes())["versions"]
    except FileNotFoundError:
        return []


def _manifest(folder: Path, version: dict[str, Any], *, changed: bool = False) -> Manifest:
    parts = tuple(RawPart(**part) for part in version["parts"])
    return Manifest(folder, version["content_hash"], version["fetched_at"], version["report_day"], parts, changed)
