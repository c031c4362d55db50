"""What GitHub's API may answer, or not answer, to the question for a day's links."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from copilot_etl.sandbox import Fault
from copilot_etl_tests.faults.case import AT, DAY, NEXT, YOUNG, Case, always, failed, once
from copilot_etl_tests.faults.conftest import Play
from copilot_etl_tests.served import assert_equal_to_what_was_served

BOTH = ("octo-labs", "octo-org")
NO_REPORT = f"{AT}: GitHub answered something that is not a report. Is a proxy or a sign-in page in between?"
CHECK = "Check GITHUB_API_URL and the network, or try again later."
NO_LINKS = "The contract changed: update copilot_etl."


def refused(name: str, *faults: Fault, **changes: Any) -> Case:
    """A fault that asking again cannot mend: one question."""
    return failed(name, *faults, **{"exit_code": 3, **changes})


def given_up(name: str, kind: str, status: int, line: str, **options: Any) -> Case:
    """A fault that may pass, but never does: six questions are enough."""
    return failed(f"{name}, for ever", *always(kind, **options), asked=6 * (status,), line=f"failed: {line}")


CASES = [
    # a token that is refused
    refused(
        "a dead token ends a month of two organizations at its first question",
        *always("bad_token"),
        scopes=BOTH,
        days=30,
        asked=(401,),
        line="failed: octo-labs 2026-11-10: 127.0.0.1 refused the token (401). "
        "Check GITHUB_TOKEN: expired, revoked or for another host. (+59 not asked for)",
    ),
    Case(
        "a token that dies on the way keeps the days before it",
        [once("bad_token", skip=1, times=None)],
        days=3,
        also={("octo-org", NEXT): "failed"},
        exit_code=3,
        asked=(200, 401),
        line="failed: octo-org 2026-11-11: 127.0.0.1 refused the token (401). "
        "Check GITHUB_TOKEN: expired, revoked or for another host. (+1 not asked for)",
    ),
    # an organization that is refused
    *(
        refused(
            name,
            once(kind, scope="octo-org", times=None, **options),
            scopes=("octo-org", "octo-labs"),
            days=2,
            also={("octo-labs", DAY): "loaded", ("octo-labs", NEXT): "loaded", ("octo-org", NEXT): "failed"},
            asked=(status, 200, 200),
            fetched=(200, 200),
            line=f"failed: {line} (+1 not asked for)",
        )
        for name, kind, options, status, line in (
            (
                "metrics that are switched off keep out one organization",
                "policy_off",
                {},
                403,
                f"{AT}: Copilot usage metrics are switched off for octo-org (403). "
                "An owner must enable the policy 'Copilot usage metrics'.",
            ),
            (
                "a token without the role is refused by one organization",
                "no_role",
                {},
                403,
                f"{AT}: The token may not read metrics of octo-org (403): needs an owner or "
                "'View organization Copilot metrics'.",
            ),
            (
                "an app without the permission is refused by one organization",
                "forbidden",
                {},
                403,
                f"{AT}: The token may not read metrics of octo-org (403): needs the permission "
                "'Organization Copilot metrics: read'.",
            ),
            (
                "a token without single sign-on is refused without the address to sign in",
                "sso",
                {},
                403,
                f"{AT}: The token is not authorized for single sign-on of octo-org (403). "
                "Authorize it in its settings.",
            ),
            (
                "a refusal in new words is still a refusal",
                "status",
                {"code": 403, "body": "something new"},
                403,
                f"{AT}: GitHub forbids reading metrics of octo-org (403). "
                "Check the token's permissions and the policy.",
            ),
        )
    ),
    refused(
        "an unknown organization is asked for once",
        scopes=("no-such-org", "octo-org"),
        days=2,
        rows="served",
        state="loaded",
        earlier=False,
        also={("octo-org", NEXT): "loaded", ("no-such-org", DAY): "failed", ("no-such-org", NEXT): "failed"},
        asked=(404, 200, 200),
        fetched=(200, 200),
        line="failed: no-such-org 2026-11-10: Unknown org 'no-such-org', or the token cannot see it (404). "
        "Check its name. (+1 not asked for)",
    ),
    refused(
        "an organization that is shown no longer keeps what is loaded",
        *always("not_found"),
        days=2,
        asked=(404,),
        line="failed: No longer shown: org 'octo-org' (404), whose 2026-11-10 is loaded. "
        "Was it renamed, or the token's access taken away? (+1 not asked for)",
    ),
    # limits
    *(
        Case(
            f"a primary limit told with {status} is waited for until its end and a second more",
            [once("rate_primary", status=status, wait=90)],
            asked=(status, 200),
            waits=(91,),
        )
        for status in (403, 429)
    ),
    *(
        Case(
            f"a primary limit is waited for by GitHub's clock when ours is {words}",
            [once("rate_primary", wait=90)],
            sandbox={"skew": skew},
            asked=(403, 200),
            waits=(91,),
        )
        for words, skew in (("an hour behind", 3600.0), ("an hour ahead", -3600.0))
    ),
    failed(
        "a primary limit beyond a quarter of an hour ends the run and says until when",
        *always("rate_primary", wait=1000),
        scopes=BOTH,
        days=2,
        asked=(403,),
        line="failed: octo-labs 2026-11-10: GitHub's rate limit is reached until … UTC. Run again after it. "
        "(+3 not asked for)",
    ),
    *(
        Case(
            f"a secondary limit told {words} is waited for",
            [once("rate_secondary", wait=90, told=told)],
            asked=(403, 200),
            waits=(90,),
        )
        for words, told in (("in seconds", "seconds"), ("as a date", "date"))
    ),
    Case(
        "a secondary limit without a time is waited for a minute, then two, then four",
        [once("rate_secondary", times=3, told=None)],
        asked=(403, 403, 403, 200),
        waits=(60, 120, 240),
    ),
    failed(
        "a limit again and again is given up",
        *always("rate_secondary", wait=5),
        asked=6 * (403,),
        waits=5 * (5,),
        line=f"failed: {AT}: GitHub's rate limit is reached until … UTC. Run again after it.",
    ),
    # no report
    *(
        Case(
            f"{words} is no report yet of a young day",
            always(kind),
            earlier=False,
            day=YOUNG,
            rows="none",
            state="not_ready",
            asked=(status,),
            fetched=(),
        )
        for words, kind, status in (
            ("no content", "no_content", 204),
            ("an empty list of links", "links_empty", 200),
            ("an empty answer", "empty_body", 200),
            ("a null", "body_null", 200),
            ("an empty text", "body_empty_string", 200),
            ("a sentence", "body_string", 200),
        )
    ),
    Case(
        "no content for an old day is no report, and no zero",
        always("no_content"),
        earlier=False,
        rows="none",
        state="no_report",
        asked=(204,),
        fetched=(),
    ),
    *(
        Case(
            f"{words} for a day that is loaded keeps its rows and says so",
            always(kind),
            rows="earlier",
            line=f"kept: {line}",
            asked=(status,),
            fetched=(),
        )
        for words, kind, status, line in (
            ("no content", "no_content", 204, f"{AT}: no report (yet)."),
            ("an empty list of links", "links_empty", 200, f"{AT}: no report (yet), the list of links is empty."),
        )
    ),
    # answers nobody promised
    failed(
        "a question that GitHub rejects is our fault",
        *always("unprocessable"),
        asked=(422,),
        line=f"failed: {AT}: GitHub rejected the request (422). Please report this.",
    ),
    *(
        refused(
            f"an API version that is withdrawn ({status}) ends the run",
            *always("status", code=status, body='{"message": "API version is not supported"}'),
            scopes=BOTH,
            asked=(status,),
            line="failed: octo-labs 2026-11-10: GitHub no longer serves API version 2026-03-10 "
            f"({status}). Update copilot_etl. (+1 not asked for)",
        )
        for status in (400, 410)
    ),
    *(
        failed(
            f"an unexpected {status} is asked for once",
            *always("status", code=status),
            asked=(status,),
            line=f"failed: {AT}: GitHub answered with an unexpected status ({status}). Check GITHUB_API_URL.",
        )
        for status in (302, 400, 418, 501)
    ),
    Case(
        "a server in trouble, five times in a row",
        [once("status", code=status, skip=number) for number, status in enumerate((408, 500, 502, 503, 504))],
        asked=(408, 500, 502, 503, 504, 200),
    ),
    *(
        given_up(
            f"a server in trouble ({status})",
            "status",
            status,
            f"{AT}: GitHub is out of order ({status}). Try again later.",
            code=status,
        )
        for status in (500, 521)
    ),
    # a line that breaks
    Case(
        "a line that breaks in five ways in a row",
        [once(kind, skip=number) for number, kind in enumerate(("reset", "close", "truncate", "chunk_cut", "eof_cut"))],
        asked=(0, 0, 200, 200, 200, 200),
    ),
    *(
        given_up(
            words,
            kind,
            status,
            f"{AT}: no answer from 127.0.0.1 ({error}). {CHECK}",
        )
        for words, kind, status, error in (
            ("a connection that is reset", "reset", 0, "ReadError"),
            ("a connection that closes without a byte", "close", 0, "RemoteProtocolError"),
            ("an answer that ends too early", "truncate", 200, "RemoteProtocolError"),
            ("an answer without its last chunk", "chunk_cut", 200, "RemoteProtocolError"),
        )
    ),
    given_up("an answer that is cut and has no length", "eof_cut", 200, NO_REPORT),
    failed(
        "a server that says nothing is left after its time",
        *always("hang", seconds=5),
        limits={"api_tries": 2, "read_seconds": 0.3},
        asked=(0, 0),
        line=f"failed: {AT}: no answer from 127.0.0.1 (ReadTimeout). {CHECK}",
    ),
    Case("an answer that comes late is waited for", [once("delay", seconds=0.1)]),
    failed(
        "an answer that drips is left after its total time",
        *always("drip", every=0.1),
        limits={"api_tries": 2, "api_seconds": 0.6},
        asked=(200, 200),
        line=f"failed: {AT}: GitHub took more than 1 s to answer. Try again later.",
    ),
    failed(
        "a port where nobody listens is named",
        client={"api_url": "http://127.0.0.1:9"},
        asked=(),
        line=f"failed: {AT}: no answer from 127.0.0.1 (ConnectError). {CHECK}",
    ),
    failed(
        "a name that nobody knows is named",
        client={"api_url": "http://api.invalid"},
        asked=(),
        line=f"failed: {AT}: no answer from api.invalid (ConnectError). {CHECK}",
    ),
    # answers that are no report
    Case(
        "answers that are no report, four times in a row",
        [once(kind, skip=number) for number, kind in enumerate(("garbled", "html", "body_array", "wrong_report_day"))],
        asked=5 * (200,),
    ),
    given_up("a garbled answer", "garbled", 200, NO_REPORT),
    given_up("a sign-in page", "html", 200, NO_REPORT),
    given_up("an array", "body_array", 200, NO_REPORT),
    given_up(
        "the report of another day",
        "wrong_report_day",
        200,
        f"{AT}: GitHub answered with the report of another day. Try again later.",
    ),
    *(
        failed(
            f"{words} is asked for once more",
            *always(kind, **options),
            asked=(200, 200),
            line=f"failed: {AT}: GitHub's answer has no list of links (its keys: {keys}). {NO_LINKS}",
        )
        for words, kind, options, keys in (
            ("a list of links that is missing", "links_missing", {}, "report_day"),
            ("a list of links that is null", "links_null", {}, "download_links,report_day"),
            ("a list of objects for links", "links_bad_type", {}, "download_links,report_day"),
            (
                "a refusal that is told with 200",
                "status",
                {"code": 200, "body": '{"message": "no", "\\u001b[31mred": 1}'},
                "??31mred,message",
            ),
        )
    ),
    Case("a list of links that is missing once", [once("links_missing")], asked=(200, 200)),
    Case(
        "keys that are new are welcome and told once",
        always("extra_fields"),
        days=2,
        asked=(200, 200),
        fetched=(200, 200),
        logged="GitHub's answers have keys that this version does not know: generated_at,more.",
    ),
    Case("a link that is named twice is fetched once", [once("dup_link")]),
    # redirects
    *(
        Case(
            f"a redirect ({status}) on the same host is followed",
            [once("redirect", status=status, times=3)],
            asked=(status, status, status, 200),
        )
        for status in (301, 307)
    ),
    failed(
        "a redirect in a circle ends",
        *always("redirect"),
        asked=4 * (301,),
        line=f"failed: {AT}: GitHub redirects in a circle. Check GITHUB_API_URL.",
    ),
    *(
        failed(
            f"a redirect {words} is not followed",
            *always("redirect", to=to),
            asked=(301,),
            line=f"failed: {AT}: GitHub redirects to another host; not followed. Check GITHUB_API_URL.",
        )
        for words, to in (
            ("to another port", "trap"),
            ("to another host", "https://evil.test/x"),
            ("to another scheme", "file:///etc/passwd"),
            ("to another user", "//user:pass@127.0.0.1/x"),
        )
    ),
    # The HTTP library takes such a header for a broken answer, so it is asked again.
    given_up(
        "a redirect to something that is no address",
        "redirect",
        301,
        f"{AT}: no answer from 127.0.0.1 (RemoteProtocolError). {CHECK}",
        to="http://127.0.0.1:port/",
    ),
    # too much
    failed(
        "an endless answer is read to its cap",
        *always("status", code=200, body=" " * (3 * 2**20)),
        asked=(200,),
        line=f"failed: {AT}: GitHub's answer is larger than 1048576 bytes. Is something else at GITHUB_API_URL?",
    ),
    failed(
        "a compressed answer, which could be endless, is not unpacked",
        *always("compressed"),
        asked=(200,),
        line=f"failed: {AT}: 127.0.0.1 compresses although it was asked not to. Is a proxy in between?",
    ),
    # an end that is announced
    *(
        Case(
            f"the end of the API version, announced as {header}, is told once",
            always("headers", headers={header: "Sat, 10 Mar 2029 00:00:00 GMT"}),
            days=2,
            asked=(200, 200),
            fetched=(200, 200),
            logged="GitHub announces the end of API version 2026-03-10; update copilot_etl.",
        )
        for header in ("Sunset", "Deprecation")
    ),
    # a proxy
    failed(
        "a proxy of the environment that does not answer is named",
        environ={"HTTP_PROXY": "http://127.0.0.1:9"},
        asked=(),
        line=f"failed: {AT}: no answer from 127.0.0.1 through the proxy (ConnectError). "
        "Check HTTPS_PROXY and NO_PROXY.",
    ),
    Case(
        "a proxy of the environment is left out for the hosts that are named",
        environ={"HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_answer(play: Play, case: Case) -> None:
    play(case)


def test_a_day_without_a_report_is_looked_at_again_until_it_comes(play: Play) -> None:
    late = Case(
        "late", always("no_content"), earlier=False, day=YOUNG, rows="none", state="not_ready", asked=(204,), fetched=()
    )
    made = play(late)
    made.github.faults = [once("links_empty"), once("body_string", skip=1)]

    assert [made.load(YOUNG)[0].state for _ in range(3)] == ["not_ready", "not_ready", "loaded"]
    assert made.ledger()["octo-org", YOUNG].attempts == 4
    assert_equal_to_what_was_served(made, "octo-org", YOUNG)


def test_a_machine_that_takes_no_connection_is_left_after_its_time(play: Play) -> None:
    with deaf() as port:
        play(
            failed(
                "deaf",
                client={"api_url": f"http://127.0.0.1:{port}"},
                limits={"api_tries": 2, "connect_seconds": 0.3},
                asked=(),
                line=f"failed: {AT}: no answer from 127.0.0.1 (ConnectTimeout). {CHECK}",
            )
        )


@contextmanager
def deaf() -> Iterator[int]:
    """A port whose queue is full: the kernel answers no further connection."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        yield server.getsockname()[1]
