"""Fetching the files behind signed links: byte for byte, without the token, all of them or none."""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from copilot_etl.download import Limits
from copilot_etl.github import Fetched
from copilot_etl.reports import USERS_1_DAY, Scope
from copilot_etl.sandbox import Fault
from copilot_etl_tests.conftest import Line

DAY = dt.date(2026, 11, 10)
ORG = Scope("org", "octo-org")


def fetch(line: Line, folder: Path, **changes: Any) -> Fetched:
    folder.mkdir(exist_ok=True)
    with line.client(**changes) as github:
        return github.fetch(USERS_1_DAY, ORG, DAY, into=folder)


def test_all_parts_arrive_with_their_hash_and_size(line: Callable[..., Line], tmp_path: Path) -> None:
    made = line(parts=5)

    fetched = fetch(made, tmp_path / "into")

    received = [zstandard.ZstdDecompressor().stream_reader(part.path.read_bytes()).read() for part in fetched.parts]
    assert sorted(b"".join(received).split(b"\n")) == sorted(
        b"".join(p for p in made.github._report("octo-org", str(DAY)) or [] if isinstance(p, bytes)).split(b"\n")
    )
    assert [part.sha256 for part in fetched.parts] == [hashlib.sha256(each).hexdigest() for each in received]
    assert [part.size for part in fetched.parts] == [len(each) for each in received]
    assert [part.lines for part in fetched.parts] == [each.count(b"\n") for each in received]


def test_the_file_host_never_sees_the_token_or_the_apis_headers(line: Callable[..., Line], tmp_path: Path) -> None:
    made = line()
    fetch(made, tmp_path / "into")

    headers = {name for request in made.github.journal if request.side == "blob" for name in request.headers}
    assert headers == {"host", "accept", "accept-encoding", "connection", "user-agent"}
    assert made.github.violations() == []


def test_no_more_than_four_parts_at_once(line: Callable[..., Line], tmp_path: Path) -> None:
    made = line(Fault("delay", side="blob", times=None, args={"seconds": 0.05}), parts=40)

    assert len(fetch(made, tmp_path / "into").parts) == 40
    assert made.github.max_in_flight["blob"] == 4


def test_memory_does_not_grow_with_the_file(line: Callable[..., Line], tmp_path: Path) -> None:
    made = line()
    large = tmp_path / "large"
    large.write_bytes((b"x" * 1023 + b"\n") * 64 * 1024)
    made.github.publish("octo-org", DAY, [large])
    made.limits = Limits()

    tracemalloc.start()
    fetched = fetch(made, tmp_path / "into")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert fetched.parts[0].size == 64 * 2**20
    assert peak < 8 * 2**20


def test_httpx_cannot_log_an_address(
    line: Callable[..., Line], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = line()
    for name in ("httpx", "httpcore", "httpcore.http11", "httpcore.connection"):
        logging.getLogger(name).setLevel(logging.DEBUG)

    with caplog.at_level(logging.DEBUG):
        fetch(made, tmp_path / "into")

    assert "sig=" not in caplog.text
    assert made.github.token not in caplog.text


def test_a_link_goes_out_byte_for_byte(line: Callable[..., Line], tmp_path: Path) -> None:
    # The fake's signatures hold `%2B`, `%2F` and `%3D`, and it compares the query as it came in.
    made = line()
    for day in range(1, 9):
        with made.client() as github:
            (tmp_path / "into").mkdir(exist_ok=True)
            github.fetch(USERS_1_DAY, ORG, DAY.replace(day=day), into=tmp_path / "into")

    assert made.github.violations() == []
