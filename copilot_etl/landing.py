"""Raw files of a day: stored once under their hash, listed in a manifest, verified on reading.

`<root>/<report>/<scope>/<day>/<sha256>.ndjson.zst` are the bytes as received, compressed; `manifest.json` beside them
lists every version that was seen, the latest last. Nothing here is ever changed, and no URL is ever written.
"""

from __future__ import annotations

import datetime as dt
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
from copilot_etl.download import Part
from copilot_etl.errors import Quarantined
from copilot_etl.github import Fetched

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class RawPart:
    """One file of a version: SHA-256, MD5 (as its host said, if it did), size and lines are of the bytes as received.

    `stored` is the SHA-256 of the compressed file; None of what an older version landed.
    """

    sha256: str
    size: int
    lines: int
    host: str
    etag: str | None
    md5: str | None = None
    stored: str | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """One version of a day's files. `changed` is false when landing it found it there already.

    `accepted` is true when somebody said that it may be loaded although it lacks most people of the version before;
    `is_first_look` when it is cut out of the report of the last 28 days, and the day's own file is still to come.
    """

    folder: Path
    content_hash: str
    fetched_at: str
    report_day: str
    parts: tuple[RawPart, ...]
    changed: bool = False
    accepted: bool = False
    is_first_look: bool = False

    @property
    def size(self) -> int:
        """Bytes of all parts as received."""
        return sum(part.size for part in self.parts)


def land(
    root: Path,
    report: str,
    scope: str,
    day: dt.date,
    *,
    fetched: Fetched,
    fetched_at: dt.datetime,
    is_first_look: bool = False,
) -> Manifest:
    """Moves fetched files to their place and makes them the day's latest version.

    Equal content writes nothing. Parts are in place before the manifest names them, so a kill leaves the old
    version or the new one. One process lands at a time, so that each adds to the manifest that the other has written.
    """
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _alone(root):
        return _land(root / report / scope / day.isoformat(), fetched, fetched_at, is_first_look=is_first_look)


def _alone(root: Path) -> FileLock:
    return FileLock(root / "landing.lock", mode=0o600)


def _land(folder: Path, fetched: Fetched, fetched_at: dt.datetime, *, is_first_look: bool) -> Manifest:
    try:
        versions = _versions(folder)
    except Quarantined:
        versions = []
        (folder / MANIFEST).replace(folder / f"{MANIFEST}.damaged")
    landed = [part for version in versions for part in version["parts"]]
    stored = {part["sha256"]: part.get("stored") for part in landed}
    parts = tuple(
        RawPart(
            *(part.sha256, part.size, part.lines, part.host, part.etag, part.md5),
            _placed(part, folder, stored.get(part.sha256)),
        )
        for part in fetched.parts
    )
    content_hash = _content_hash(parts)
    latest = versions[-1] if versions else {}
    new = (latest.get("content_hash"), latest.get("is_first_look", False)) != (content_hash, is_first_look)
    mended = [_mended(old, part) for part in parts for old in landed if old["sha256"] == part.sha256]
    if new:
        version = {
            "content_hash": content_hash,
            "fetched_at": fetched_at.isoformat(timespec="seconds"),
            "report_day": fetched.report_day.isoformat(),
            "parts": [asdict(part) for part in parts],
            **({"is_first_look": True} if is_first_look else {}),
        }
        versions = [*versions, version]
    if new or any(mended):
        durable.sync_folder(folder)
        _write(folder, versions)
    return _manifest(folder, versions[-1], changed=new)


def _placed(part: Part, folder: Path, stored: str | None) -> str:
    """Moves a fetched file to its place unless it lies there as it landed; the SHA-256 of the file there.

    So a file that was damaged on disk is mended by loading its day again.
    """
    target = folder / f"{part.sha256}.ndjson.zst"
    if stored and target.exists() and _stored(target) == stored:
        return stored
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    part.path.chmod(0o600)
    part.path.replace(target)
    return _stored(target)


def _mended(old: dict[str, Any], part: RawPart) -> bool:
    """Writes what is known of a file by now into what the manifest says of it; whether that is anything new."""
    known = {"stored": part.stored, **({"md5": part.md5} if part.md5 else {})}
    is_new = any(old.get(name) != value for name, value in known.items())
    old.update(known)
    return is_new


def has(root: Path, report: str, scope: str, day: dt.date) -> bool:
    """Whether any version of a day's files has landed."""
    return (root / report / scope / day.isoformat() / MANIFEST).exists()


def versions(root: Path, report: str, scope: str, day: dt.date) -> tuple[Manifest, ...]:
    """Every version of a day's files that has landed, the latest last."""
    folder = root / report / scope / day.isoformat()
    return tuple(_manifest(folder, version) for version in _versions(folder))


def known(root: Path, report: str, scope: str, day: dt.date) -> tuple[Part, ...]:
    """The files of the day's latest version that lie here as they landed, to be recognised when they are offered."""
    try:
        *_, latest = versions(root, report, scope, day)
    except (Quarantined, ValueError):
        return ()
    found = []
    for part in latest.parts:
        path = latest.folder / f"{part.sha256}.ndjson.zst"
        if part.md5 and part.stored and path.exists() and _stored(path) == part.stored:
            found.append(Part(path, part.sha256, part.size, part.lines, part.host, part.etag, part.md5))
    return tuple(found)


def _stored(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def days(root: Path, report: str) -> tuple[tuple[str, dt.date], ...]:
    """Scope and day of everything that has landed for a report."""
    found = ((file.parts[-3], file.parts[-2]) for file in sorted((root / report).glob(f"*/*/{MANIFEST}")))
    return tuple((scope, dt.date.fromisoformat(day)) for scope, day in found)


def accept(manifest: Manifest) -> None:
    """Keeps the word of a person that this version may be loaded although it lacks most people of the one before."""
    with _alone(manifest.folder.parents[2]):
        versions = _versions(manifest.folder)
        for version in versions:
            if version["content_hash"] == manifest.content_hash:
                version["accepted"] = True
        _write(manifest.folder, versions)


@contextmanager
def open_part(manifest: Manifest, part: RawPart, *, twice: bool = False) -> Iterator[BinaryIO]:
    """The part's bytes as received, in bounded memory; Quarantined when they are not the ones that landed.

    The file as it is stored is held against its hash, which costs a tenth of hashing what is in it; `twice` does both.
    """
    path = manifest.folder / f"{part.sha256}.ndjson.zst"
    try:
        with path.open("rb") as file:
            packed = _Checked(file)
            with zstandard.ZstdDecompressor().stream_reader(cast(BinaryIO, packed), closefd=False) as stream:
                checked = _Checked(stream, is_hashed=twice or not part.stored)
                yield cast(BinaryIO, checked)
                checked.drain()
            packed.drain()
    except FileNotFoundError:
        raise _damaged(manifest, part, "is missing") from None
    except zstandard.ZstdError:
        raise _damaged(manifest, part, "is damaged") from None
    if part.stored and packed.sha256 != part.stored:
        raise _damaged(manifest, part, "is not what was stored")
    if checked.size != part.size or checked.sha256 not in (None, part.sha256):
        raise _damaged(manifest, part, "is not what was received")


class _Checked:
    """A stream that counts and hashes what is read from it; `sha256` is None when it is not hashed."""

    def __init__(self, stream: Any, *, is_hashed: bool = True) -> None:
        self._stream = stream
        self._hash = hashlib.sha256() if is_hashed else None
        self.size = 0

    def read(self, size: int = -1) -> bytes:
        block = self._stream.read(size)
        if self._hash:
            self._hash.update(block)
        self.size += len(block)
        return block

    def drain(self) -> None:
        while self.read(2**20):
            pass

    @property
    def sha256(self) -> str | None:
        return self._hash.hexdigest() if self._hash else None


def _damaged(manifest: Manifest, part: RawPart, what: str) -> Quarantined:
    scope, day = manifest.folder.parts[-2:]
    return Quarantined(f"{scope} {day}: raw file {part.sha256[:12]} {what}. Load the day again from GitHub.")


def _content_hash(parts: tuple[RawPart, ...]) -> str:
    # Sorted: GitHub names no order of parts, so another order is no other content.
    return hashlib.sha256("\n".join(sorted(part.sha256 for part in parts)).encode()).hexdigest()


def _versions(folder: Path) -> list[dict[str, Any]]:
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        versions = manifest["versions"]
        intact = manifest.get("sha256") in (None, _sha256(versions))
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError, AttributeError):
        intact = False
    if not intact:
        scope, day = folder.parts[-2:]
        raise Quarantined(f"{scope} {day}: the manifest of its raw files is damaged. Load the day again from GitHub.")
    return versions


def _write(folder: Path, versions: list[dict[str, Any]]) -> None:
    manifest = {"sha256": _sha256(versions), "versions": versions}
    durable.write(folder / MANIFEST, json.dumps(manifest, indent=1).encode())


def _sha256(versions: list[dict[str, Any]]) -> str:
    return hashlib.sha256(json.dumps(versions, sort_keys=True).encode()).hexdigest()


def _manifest(folder: Path, version: dict[str, Any], *, changed: bool = False) -> Manifest:
    return Manifest(
        folder,
        version["content_hash"],
        version["fetched_at"],
        version["report_day"],
        tuple(RawPart(**part) for part in version["parts"]),
        changed,
        version.get("accepted", False),
        version.get("is_first_look", False),
    )
