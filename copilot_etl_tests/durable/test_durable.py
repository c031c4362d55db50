"""A finished file in its place, and what is said when the disk does not take it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from copilot_etl import durable


def test_a_written_file_replaces_the_older_one_and_is_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "manifest.json"
    file.write_bytes(b"old")

    assert durable.write(file, b"new").read_bytes() == b"new"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_a_broken_disk_is_told_with_the_file_and_leaves_the_older_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "manifest.json"
    file.write_bytes(b"old")

    def broken(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="Input/output error") as caught:
        durable.write(file, b"new")

    assert caught.value.filename == str(tmp_path / "manifest.new")
    assert file.read_bytes() == b"old"
