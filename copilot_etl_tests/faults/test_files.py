"""What happens to a signed link and to the file behind it on their way."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from copilot_etl_tests.certificate import certificate
from copilot_etl_tests.conftest import Line
from copilot_etl_tests.faults.case import AT, DAY, Case, always, failed, once
from copilot_etl_tests.faults.conftest import Play
from copilot_etl_tests.served import assert_equal_to_what_was_served

INSIDE = {"allow_loopback_http": False, "download_hosts": ("localhost", "files.invalid")}
LATER = "Try again later."


def given_up(name: str, kind: str, status: int, line: str, **options: Any) -> Case:
    """A fault of the file host that may pass, but never does: six tries with one link."""
    return failed(
        f"{name}, for ever", *always(kind, side="blob", **options), fetched=6 * (status,), line=f"failed: {AT}: {line}"
    )


def not_followed(name: str, link: str, line: str, *, exit_code: int = 2, **client: Any) -> Case:
    """A link that leads to where nothing may be asked."""
    return failed(
        f"{name} is not followed",
        *always("links", links=[link]),
        exit_code=exit_code,
        client=client,
        line=f"failed: {AT}: {line}",
    )


CASES = [
    # links that die
    Case(
        "links that are dead on arrival are asked for anew, not used again",
        [once("links_expired", links_live=-1)],
        asked=(200, 200),
        fetched=(403, 200),
    ),
    failed(
        "links that are always dead on arrival are given up",
        *always("links_expired", links_live=-1),
        asked=3 * (200,),
        fetched=3 * (403,),
        line=f"failed: {AT}: GitHub's file host keeps refusing fresh links (403). {LATER}",
    ),
    Case(
        "a link that dies while another file comes renews the day",
        [once("links_expired", links_live=1.0), once("delay", side="blob", part=0, seconds=1.1)],
        sandbox={"parts": 2},
        limits={"parallel": 1},
        asked=(200, 200),
        fetched=(200, 403, 200, 200),
    ),
    *(
        case
        for words, status, kind, options in (
            ("a signature that is refused", 403, "expired", {}),
            ("a file that is not there", 404, "blob_not_found", {}),
            ("a file that is there no longer", 410, "status", {"code": 410}),
        )
        for case in (
            Case(
                f"{words} costs new links",
                [once(kind, side="blob", **options)],
                asked=(200, 200),
                fetched=(status, 200),
            ),
            failed(
                f"{words}, for ever",
                *always(kind, side="blob", **options),
                asked=3 * (200,),
                fetched=3 * (status,),
                line=f"failed: {AT}: GitHub's file host keeps refusing fresh links ({status}). {LATER}",
            ),
        )
    ),
    # a file host in trouble: the link is still good
    Case(
        "a file host in trouble, four times in a row",
        [
            once("server_busy", side="blob"),
            *(once("status", side="blob", skip=n, code=code) for n, code in ((1, 500), (2, 408))),
            once(
                "status", side="blob", skip=3, code=503, body="<!DOCTYPE html>", headers={"Content-Type": "text/html"}
            ),
        ],
        fetched=(503, 500, 408, 503, 200),
    ),
    given_up("a file host in trouble", "server_busy", 503, f"127.0.0.1 is out of order (503). {LATER}"),
    Case(
        "a file host that asks for a second gets it",
        [once("status", side="blob", code=429, headers={"Retry-After": "1"})],
        fetched=(429, 200),
    ),
    failed(
        "a file host that redirects is not followed",
        *always("redirect", side="blob"),
        fetched=(302,),
        line=f"failed: {AT}: 127.0.0.1 answered with an unexpected status (302); redirects are not followed. "
        "Please report this.",
    ),
    # links that lead elsewhere
    not_followed(
        "a link to another host",
        "https://evil.test/x?sig=SECRET",
        "download host evil.test is not allowed (COPILOT_DOWNLOAD_HOSTS).",
    ),
    not_followed(
        "a link to a host that begins like a good one",
        "https://copilot-reports.github.com.evil.test/x?sig=SECRET",
        "download host copilot-reports.github.com.evil.test is not allowed (COPILOT_DOWNLOAD_HOSTS).",
    ),
    not_followed(
        "a link whose user looks like a good host",
        "https://copilot-reports.github.com@169.254.169.254/x?sig=SECRET",
        "download host 169.254.169.254 is not allowed (COPILOT_DOWNLOAD_HOSTS).",
    ),
    not_followed(
        "a link in plain http",
        "http://copilot-reports.github.com/x?sig=SECRET",
        "a download link to copilot-reports.github.com is not plain https; not followed. Please report this.",
    ),
    not_followed(
        "a link to this machine",
        "https://127.0.0.1/x?sig=SECRET",
        "download host 127.0.0.1 is not allowed (COPILOT_DOWNLOAD_HOSTS).",
        allow_loopback_http=False,
    ),
    not_followed(
        "a link to another port",
        "https://copilot-reports.github.com:8443/x?sig=SECRET",
        "a download link to copilot-reports.github.com is not plain https; not followed. Please report this.",
    ),
    *(
        not_followed(
            f"a link that begins with {scheme}",
            f"{scheme}{rest}",
            "GitHub's answer has a link that is no web address. Please report this.",
            exit_code=1,
        )
        for scheme, rest in (("file://", "/etc/passwd"), ("data:", "text/plain,SECRET"), ("javascript:", "SECRET"))
    ),
    not_followed(
        "a link with a terminal's escape in it",
        "https://copilot-reports.github.com/\x1b[31m?sig=SECRET",
        "GitHub's answer has a link that is no web address. Please report this.",
        exit_code=1,
    ),
    not_followed(
        "an allowed name that leads into this machine",
        "https://localhost/x?sig=SECRET",
        "download host localhost stands for a loopback address; not followed. Check DNS.",
        **INSIDE,
    ),
    not_followed(
        "an allowed name that nobody knows",
        "https://files.invalid/x?sig=SECRET",
        f"the name files.invalid is not known here. Check DNS and the proxy; {LATER[0].lower()}{LATER[1:]}",
        exit_code=1,
        **INSIDE,
    ),
    # a file that breaks off
    Case(
        "a file that breaks off in five ways in a row",
        [
            once(kind, side="blob", skip=number, **options)
            for number, (kind, options) in enumerate(
                (("close", {}), ("truncate", {}), ("reset", {"at": 0.5}), ("chunk_cut", {}), ("eof_cut", {}))
            )
        ],
        fetched=(0, 200, 200, 200, 200, 200),
    ),
    *(
        given_up(words, kind, 200, f"download from 127.0.0.1 broke off ({error}). {LATER}", **options)
        for words, kind, error, options in (
            ("a file that ends too early", "truncate", "RemoteProtocolError", {}),
            ("a file whose connection is reset", "reset", "ReadError", {"at": 0.5}),
            ("a file without its last chunk", "chunk_cut", "RemoteProtocolError", {}),
        )
    ),
    given_up(
        "a file whose end is not marked",
        "eof_cut",
        200,
        "127.0.0.1 does not say where the file ends. Is a proxy in between?",
        at=1.0,
    ),
    Case("a file that is not what was hashed, once", [once("bad_md5", side="blob")], fetched=(200, 200)),
    given_up(
        "a file that is not what was hashed",
        "bad_md5",
        200,
        f"the file from 127.0.0.1 does not match its Content-MD5. {LATER}",
    ),
    Case("a file without a hash is fine", always("headers", side="blob", headers={})),
    Case(
        "a file that is replaced between two tries is taken whole from its start",
        [once("truncate", side="blob"), once("set_login", skip=1, times=None, value="ada")],
        publish=lambda records: [{**records[0], "user_login": "bea"}, *records[1:]],
        rows="anything",
        fetched=(200, 200),
        holds={"select user_login from raw.user_day where user_login in ('ada', 'bea')": [("ada",)]},
    ),
    Case(
        "one file of four that breaks off is one more request",
        [once("truncate", side="blob", part=2)],
        sandbox={"parts": 4},
        fetched=5 * (200,),
    ),
    # time
    failed(
        "a file host that says nothing is left after its time",
        *always("hang", side="blob", seconds=5),
        limits={"file_tries": 2, "read_seconds": 0.3},
        fetched=(0, 0),
        line=f"failed: {AT}: download from 127.0.0.1 broke off (ReadTimeout). {LATER}",
    ),
    failed(
        "a file that drips is left after its total time",
        *always("drip", side="blob", every=0.1),
        limits={"file_tries": 2, "file_seconds": 1.0},
        fetched=(200, 200),
        line=f"failed: {AT}: 127.0.0.1 took more than 1 s for a file. {LATER}",
    ),
    failed(
        "a file that drips below the least speed is left earlier",
        *always("drip", side="blob", every=0.05),
        limits={"file_tries": 1, "file_seconds": 60.0, "slow_seconds": 0.3},
        fetched=(200,),
        line=f"failed: {AT}: 127.0.0.1 sends too slowly. {LATER}",
    ),
    # too much
    failed(
        "a file in an encoding that nobody asked for",
        *always("gzip", side="blob"),
        fetched=(200,),
        line=f"failed: {AT}: 127.0.0.1 compresses although it was asked not to. Is a proxy in between?",
    ),
    failed(
        "a file beyond the cap is not begun",
        limits={"file_bytes": 1000},
        heals=True,
        state="quarantined",
        fetched=(200,),
        line=f"quarantined: {AT}: a file is larger than 0 GiB. Not loaded; please report this.",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_file(play: Play, case: Case) -> None:
    made = play(case)

    sent = {name for request in made.github.journal if request.side == "blob" for name in request.headers}
    assert sent <= {"host", "accept", "accept-encoding", "connection", "user-agent"}, "no token, range or condition"


def test_a_thousand_files_of_a_day_come_four_at_a_time(play: Play) -> None:
    people = [b'{"day": "2026-11-10", "user_id": %d}\n' % number for number in range(999)]

    made = play(
        Case(
            "a thousand files, one of them empty",
            publish=lambda _: [*people, b""],
            earlier=False,
            fetched=1000 * (200,),
            holds={"select rows, files from ops.report_days": [(999, 1000)]},
        )
    )

    assert made.github.max_in_flight["blob"] <= 4


@pytest.mark.skipif(os.geteuid() != 0, reason="a small disk needs the right to mount one")
def test_a_disk_that_fills_up_under_a_download_is_named_and_left_empty(line: Callable[..., Line]) -> None:
    made = line()
    made.load(DAY)
    served = made.github.truth("octo-org", DAY)
    made.github.publish("octo-org", DAY, [os.urandom(4 * 2**20)])
    small = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", made.store.scratch], capture_output=True)
    if small.returncode:
        pytest.skip("a small disk needs the right to mount one")
    try:
        outcome = made.load(DAY)[0]
        left = list(made.store.scratch.iterdir())
    finally:
        subprocess.run(["umount", made.store.scratch], check=True)

    assert (outcome.state, left) == ("failed", [])
    assert str(outcome.error).startswith(f"{AT}: No space left on device: {made.store.scratch}/")
    assert made.asked("blob") == [("2026-11-10", 200)] * 3, "two parts before, one now: a full disk is not tried again"
    made.github.publish("octo-org", DAY, served)
    assert made.load(DAY)[0].state == "loaded", "the disk has room again"
    assert_equal_to_what_was_served(made, "octo-org", DAY)


# ----------------------------------------------------------------------------------------------- certificates


CERTIFICATES = [
    ("signed by nobody", "127.0.0.1", 1, False, "self-signed certificate"),
    ("of another name", "other.test", 1, True, "ip address mismatch"),
    ("that has expired", "127.0.0.1", 0, True, "certificate has expired"),
]


@pytest.mark.parametrize(("words", "name", "days", "known", "reason"), CERTIFICATES, ids=[c[0] for c in CERTIFICATES])
def test_a_certificate_that_does_not_hold_is_asked_once(
    play: Play,
    tmp_path: Path,
    words: str,
    name: str,
    days: int,
    known: bool,
    reason: str,
) -> None:
    tls = certificate(tmp_path, name, days=days)

    play(
        failed(
            f"a certificate {words}",
            sandbox={"tls": tls},
            environ={"SSL_CERT_FILE": str(tls[0])} if known else {},
            asked=(),
            line=f"failed: {AT}: no answer from 127.0.0.1: {reason}. Nothing turns this check off; "
            "for a CA of your own set SSL_CERT_FILE.",
        )
    )


def test_a_certificate_of_the_file_host_that_does_not_hold_is_asked_once(
    play: Play, tmp_path: Path, sandbox: Callable[..., Any]
) -> None:
    other = sandbox(tls=certificate(tmp_path, "127.0.0.1"))

    play(
        failed(
            "a certificate of the file host",
            *always("links", links=[f"{other.blob_url}/x?sig=SECRET"]),
            line=f"failed: {AT}: download from 127.0.0.1 broke off: self-signed certificate. "
            "Nothing turns this check off; for a CA of your own set SSL_CERT_FILE.",
        )
    )

    assert other.journal == []


def test_a_ca_of_ones_own_is_named_by_the_usual_variable(play: Play, tmp_path: Path) -> None:
    tls = certificate(tmp_path, "127.0.0.1")

    play(Case("a CA of one's own", sandbox={"tls": tls}, environ={"SSL_CERT_FILE": str(tls[0])}))


BROKEN_OFF = [
    case
    for case in CASES
    if any(fault.kind in ("truncate", "chunk_cut", "bad_md5", "hang", "drip") for fault in case.faults)
]


@pytest.mark.parametrize("case", BROKEN_OFF, ids=lambda case: case.name)
def test_a_file_over_tls_ends_as_one_without(play: Play, tmp_path: Path, case: Case) -> None:
    tls = certificate(tmp_path, "127.0.0.1")

    play(replace(case, sandbox={**case.sandbox, "tls": tls}, environ={"SSL_CERT_FILE": str(tls[0])}))
