"""Fetching the files behind signed links: byte for byte, without the token, all of them or none."""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zstandard

from copilot_etl.download import Limits
from copilot_etl.errors import CopilotEtlError, Quarantined, Unavailable, Unexpected
from copilot_etl.github import Fetched
from copilot_etl.reports import USERS_1_DAY, Scope
from copilot_etl.sandbox import Fault
from copilot_etl_tests.conftest import QUICK, Line

DAY = dt.date(2026, 11, 10)
ORG = Scope("org", "octo-org")


def fetch(line: Line, folder: Path, **changes: Any) -> Fetched:
    folder.mkdir(exist_ok=True)
    with line.client(**changes) as github:
        return github.fetch(USERS_1_DAY, ORG, DAY, into=folder)


def failure(line: Line, folder: Path, **changes: Any) -> CopilotEtlError:
    with pytest.raises(CopilotEtlError) as caught:
        fetch(line, folder, **changes)
    assert list(folder.iterdir()) == [], "nothing of a failed day stays"
    return caught.value


def blobs(line: Line) -> list[tuple[int | None, int]]:
    return [(request.part, request.status) for request in line.github.journal if request.side == "blob"]


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


def test_a_link_that_is_named_twice_is_fetched_once(line: Callable[..., Line], tmp_path: Path) -> None:
    made = line(Fault("dup_link"))

    assert len(fetch(made, tmp_path / "into").parts) == 2
    assert len(blobs(made)) == 2


def test_expired_links_are_asked_for_anew_and_never_used_again(line: Callable[..., Line], tmp_path: Path) -> None:
    made = line(link_ttl=-1.0)

    class Renewing(list):  # type: ignore[type-arg]
        def append(self, request: Any) -> None:
            super().append(request)
            if request.side == "blob":
                made.github.link_ttl = 60.0

    made.github.journal = Renewing()

    assert len(fetch(made, tmp_path / "into").parts) == 2
    assert len(made.asked("api")) == 2
    assert made.github.violations() == []


def test_a_link_that_expires_between_two_parts_renews_the_day(line: Callable[..., Line], tmp_path: Path) -> None:
    made = line(Fault("expired", side="blob", part=1))

    assert len(fetch(made, tmp_path / "into").parts) == 2
    assert len(made.asked("api")) == 2


@pytest.mark.parametrize("kind", ["expired", "blob_not_found"])
def test_links_that_are_always_refused_are_given_up(line: Callable[..., Line], tmp_path: Path, kind: str) -> None:
    made = line(Fault(kind, side="blob", times=None))

    assert "keeps refusing fresh links" in str(failure(made, tmp_path / "into"))
    assert len(made.asked("api")) <= 6
    assert made.github.violations() == []


@pytest.mark.parametrize(
    "kind", ["server_busy", "truncate", "reset", "close", "chunk_cut", "eof_cut", "bad_md5", "hang", "drip"]
)
def test_a_broken_download_is_repeated(line: Callable[..., Line], tmp_path: Path, kind: str) -> None:
    made = line(Fault(kind, side="blob", part=0, args={"seconds": 3.0, "every": 0.05}))

    fetched = fetch(made, tmp_path / "into")

    assert len(fetched.parts) == 2
    assert fetched.requests == 1, "the links are still good"
    assert len(blobs(made)) == 3


@pytest.mark.parametrize("kind", ["truncate", "eof_cut", "bad_md5", "server_busy"])
def test_one_part_that_never_comes_fails_the_day(line: Callable[..., Line], tmp_path: Path, kind: str) -> None:
    made = line(Fault(kind, side="blob", part=1, times=None))

    assert isinstance(failure(made, tmp_path / "into"), Unavailable)


def test_a_redirect_of_the_file_host_is_not_followed(line: Callable[..., Line], tmp_path: Path) -> None:
    made = line(Fault("redirect", side="blob", times=None))

    assert "redirects are not followed" in str(failure(made, tmp_path / "into"))
    assert made.github.violations() == []


def test_an_encoding_nobody_asked_for_is_refused(line: Callable[..., Line], tmp_path: Path) -> None:
    assert isinstance(failure(line(Fault("gzip", side="blob", times=None)), tmp_path / "into"), Unexpected)


def test_a_file_beyond_the_cap_is_not_read_to_its_end(line: Callable[..., Line], tmp_path: Path) -> None:
    made = line()
    made.limits = replace(QUICK, file_bytes=1000)

    assert isinstance(failure(made, tmp_path / "into"), Quarantined)


def test_a_drip_below_the_minimum_speed_ends(line: Callable[..., Line], tmp_path: Path) -> None:
    made = line(Fault("drip", side="blob", times=None, args={"every": 0.01}))
    made.limits = replace(QUICK, file_seconds=60.0, slow_seconds=0.5, slow_bytes_per_second=10**6, file_tries=1)

    assert "sends too slowly" in str(failure(made, tmp_path / "into"))


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


def test_a_foreign_host_is_named_with_its_remedy(line: Callable[..., Line], tmp_path: Path) -> None:
    made = line(Fault("foreign_link", times=None))

    error = failure(made, tmp_path / "into")

    assert str(error) == "octo-org 2026-11-10: download host evil.test is not allowed (COPILOT_DOWNLOAD_HOSTS)."


def test_a_link_goes_out_byte_for_byte(line: Callable[..., Line], tmp_path: Path) -> None:
    # The fake's signatures hold `%2B`, `%2F` and `%3D`, and it compares the query as it came in.
    made = line()
    for day in range(1, 9):
        with made.client() as github:
            (tmp_path / "into").mkdir(exist_ok=True)
            github.fetch(USERS_1_DAY, ORG, DAY.replace(day=day), into=tmp_path / "into")

    assert made.github.violations() == []
