"""Raw files on disk: stored once, listed in a manifest without secrets, verified when they are read."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard

from copilot_etl import landing
from copilot_etl.download import Part
from copilot_etl.errors import Quarantined
from copilot_etl.github import Fetched
from copilot_etl.landing import Manifest

DAY = dt.date(2026, 11, 10)
NOON = dt.datetime(2026, 11, 11, 12, tzinfo=dt.UTC)


def fetch(tmp_path: Path, *contents: bytes) -> Fetched:
    parts = []
    for number, content in enumerate(contents):
        path = tmp_path / f"{number}.tmp"
        path.write_bytes(zstandard.ZstdCompressor(level=1).compress(content))
        sha256 = hashlib.sha256(content).hexdigest()
        parts.append(Part(path, sha256, len(content), content.count(b"\n"), "copilot-reports.github.com", '"e1"'))
    return Fetched(DAY, tuple(parts), 1)


def land(tmp_path: Path, *contents: bytes, at: dt.datetime = NOON) -> Manifest:
    fetched = fetch(tmp_path, *contents)
    return landing.land(tmp_path / "raw", "users-1-day", "acme", DAY, fetched=fetched, fetched_at=at)


def read(manifest: Manifest) -> list[bytes]:
    contents = []
    for part in manifest.parts:
        with landing.open_part(manifest, part) as stream:
            contents.append(stream.read())
    return contents


def files(tmp_path: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(tmp_path / "raw")): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in (tmp_path / "raw").rglob("*")
        if path.is_file()
    }


def test_parts_lie_under_their_hash_with_a_manifest(tmp_path: Path) -> None:
    manifest = land(tmp_path, b"one\n", b"two\n")

    folder = tmp_path / "raw/users-1-day/acme/2026-11-10"
    names = {f"{hashlib.sha256(content).hexdigest()}.ndjson.zst" for content in (b"one\n", b"two\n")}
    assert {path.name for path in folder.iterdir()} == {"manifest.json", *names}
    assert read(manifest) == [b"one\n", b"two\n"]
    assert json.loads((folder / "manifest.json").read_text())["versions"] == [
        {
            "content_hash": manifest.content_hash,
            "fetched_at": "2026-11-11T12:00:00+00:00",
            "report_day": "2026-11-10",
            "parts": [
                {
                    "sha256": name,
                    "size": 4,
                    "lines": 1,
                    "host": "copilot-reports.github.com",
                    "etag": '"e1"',
                    "md5": None,
                    "stored": hashlib.sha256((folder / f"{name}.ndjson.zst").read_bytes()).hexdigest(),
                }
                for name in (hashlib.sha256(content).hexdigest() for content in (b"one\n", b"two\n"))
            ],
        }
    ]


def test_only_the_owner_can_read_them(tmp_path: Path) -> None:
    land(tmp_path, b"one\n")

    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "raw").rglob("*") if path.is_file()}
    assert modes == {0o600}


@pytest.mark.parametrize("again", [(b"one\n", b"two\n"), (b"two\n", b"one\n")])
def test_the_same_content_in_any_order_writes_nothing(tmp_path: Path, again: tuple[bytes, ...]) -> None:
    land(tmp_path, b"one\n", b"two\n")
    before = files(tmp_path)

    manifest = land(tmp_path, *again, at=NOON + dt.timedelta(days=1))

    assert not manifest.changed
    assert files(tmp_path) == before


def test_a_restated_day_is_a_new_version_beside_the_old_one(tmp_path: Path) -> None:
    first = land(tmp_path, b"one\n", b"two\n")

    second = land(tmp_path, b"one\n", b"three\n")

    *_, latest = landing.versions(tmp_path / "raw", "users-1-day", "acme", DAY)
    assert second.changed
    assert read(latest) == [b"one\n", b"three\n"]
    assert read(first) == [b"one\n", b"two\n"]


def test_a_day_that_never_landed_has_no_versions(tmp_path: Path) -> None:
    assert landing.versions(tmp_path / "raw", "users-1-day", "acme", DAY) == ()


@pytest.mark.parametrize("damage", ["flip", "cut", "remove", "swap"])
def test_a_damaged_file_is_never_read_as_data_and_loading_again_mends_it(tmp_path: Path, damage: str) -> None:
    content = bytes(range(256)) * 400 + b"\n"
    manifest = land(tmp_path, content)
    path = manifest.folder / f"{manifest.parts[0].sha256}.ndjson.zst"
    stored = path.read_bytes()
    if damage == "flip":
        path.write_bytes(stored[:200] + bytes([stored[200] ^ 1]) + stored[201:])
    elif damage == "cut":
        path.write_bytes(stored[: len(stored) // 2])
    elif damage == "remove":
        path.unlink()
    else:
        path.write_bytes(zstandard.ZstdCompressor().compress(b"{}\n"))

    with pytest.raises(Quarantined) as caught:
        read(manifest)

    assert str(caught.value).startswith(f"acme 2026-11-10: raw file {manifest.parts[0].sha256[:12]} ")
    assert read(land(tmp_path, content)) == [content]


def test_what_an_older_version_landed_is_known_once_it_was_fetched_again(tmp_path: Path) -> None:
    land(tmp_path, b"one\n")
    file = tmp_path / "raw/users-1-day/acme/2026-11-10/manifest.json"
    versions = json.loads(file.read_text())["versions"]
    for name in ("md5", "stored"):
        del versions[0]["parts"][0][name]
    landing._write(file.parent, versions)
    (stored,) = file.parent.glob("*.zst")
    stored.write_bytes(zstandard.ZstdCompressor(level=9).compress(b"one\n"))
    place = (tmp_path / "raw", "users-1-day", "acme", DAY)
    assert read(*landing.versions(*place)) == [b"one\n"], "its content is held against its hash"
    assert landing.known(*place) == ()

    fetched = fetch(tmp_path, b"one\n")
    fetched = replace(fetched, parts=(replace(fetched.parts[0], md5="made-up=="),))
    manifest = landing.land(*place[:3], DAY, fetched=fetched, fetched_at=NOON)

    assert not manifest.changed
    assert len(landing.versions(*place)) == 1
    assert [part.md5 for part in landing.known(*place)] == ["made-up=="]
    assert read(manifest) == [b"one\n"]


def test_versions_that_land_at_the_same_time_are_all_listed(tmp_path: Path) -> None:
    contents = [f"{number}\n".encode() for number in range(12)]

    def one(number: int) -> Manifest:
        (tmp_path / str(number)).mkdir()
        fetched = fetch(tmp_path / str(number), contents[number])
        return landing.land(tmp_path / "raw", "users-1-day", "acme", DAY, fetched=fetched, fetched_at=NOON)

    with ThreadPoolExecutor(6) as pool:
        landed = list(pool.map(one, range(12)))

    manifest = json.loads((tmp_path / "raw/users-1-day/acme/2026-11-10/manifest.json").read_text())
    assert {version["content_hash"] for version in manifest["versions"]} == {each.content_hash for each in landed}
    assert [read(each) for each in landed] == [[content] for content in contents]
