"""Asking for links: every answer of the contract over a real socket, and what is told the person who reads it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from copilot_etl.errors import CopilotEtlError, NotReady, Refused, Unavailable, Unexpected
from copilot_etl.github import NotFound
from copilot_etl.reports import USERS_1_DAY, Scope
from copilot_etl.sandbox import Fault
from copilot_etl_tests.conftest import Line

DAY = dt.date(2026, 11, 10)
ORG = Scope("org", "octo-org")


def links(line: Line, **changes: Any) -> tuple[str, ...]:
    with line.client(**changes) as github:
        return github.links(USERS_1_DAY, ORG, DAY)


def failure(line: Line, **changes: Any) -> CopilotEtlError:
    with pytest.raises(CopilotEtlError) as caught:
        links(line, **changes)
    return caught.value


def test_the_links_of_a_day_are_all_its_parts(line: Callable[..., Line]) -> None:
    made = line(parts=3)

    assert [link.partition("?")[0].rpartition("/")[2] for link in links(made)] == [
        "part-00000.json",
        "part-00001.json",
        "part-00002.json",
    ]


def test_a_request_carries_what_github_asks_for(line: Callable[..., Line]) -> None:
    made = line()
    links(made)

    assert {"authorization", "accept", "user-agent", "x-github-api-version"} <= made.github.journal[0].headers
    assert made.github.violations() == []


@pytest.mark.parametrize("kind", ["no_content", "body_empty_string", "body_string", "body_null", "links_empty"])
def test_no_report_yet_is_not_ready_and_asked_once(line: Callable[..., Line], kind: str) -> None:
    made = line(Fault(kind, times=None))

    assert isinstance(failure(made), NotReady)
    assert len(made.asked()) == 1


def test_an_empty_200_means_not_ready(line: Callable[..., Line]) -> None:
    assert isinstance(failure(line(Fault("empty_body", times=None))), NotReady)


@pytest.mark.parametrize(
    ("kind", "args", "says", "whole_run"),
    [
        ("bad_token", {}, "refused the token (401). Check GITHUB_TOKEN", True),
        ("policy_off", {}, "An owner must enable the policy 'Copilot usage metrics'", False),
        ("no_role", {}, "needs an owner or 'View organization Copilot metrics'", False),
        ("forbidden", {}, "needs the permission 'Organization Copilot metrics: read'", False),
        ("sso", {}, "not authorized for single sign-on of octo-org", False),
        ("gone", {}, "no longer serves API version 2026-03-10 (410)", True),
        ("status", {"code": 403, "body": "something new"}, "forbids reading metrics of octo-org", False),
    ],
)
def test_a_refusal_is_asked_once_and_names_its_remedy(
    line: Callable[..., Line], kind: str, args: dict[str, Any], says: str, whole_run: bool
) -> None:
    made = line(Fault(kind, times=None, args=args))

    error = failure(made)

    assert isinstance(error, Refused)
    assert says in str(error)
    assert error.whole_run is whole_run
    assert len(str(error)) <= 200
    assert len(made.asked()) == 1


def test_404_is_left_to_what_is_known_of_the_scope(line: Callable[..., Line]) -> None:
    assert isinstance(failure(line(Fault("not_found"))), NotFound)


@pytest.mark.parametrize("code", [422, 418, 501, 302])
def test_an_answer_nobody_promised_is_asked_once(line: Callable[..., Line], code: int) -> None:
    made = line(Fault("status", times=None, args={"code": code}))

    assert isinstance(failure(made), Unexpected)
    assert len(made.asked()) == 1


@pytest.mark.parametrize("code", [408, 500, 502, 503, 504, 521])
def test_a_server_in_trouble_is_asked_again(line: Callable[..., Line], code: int) -> None:
    made = line(Fault("status", times=2, args={"code": code}))

    assert len(links(made)) == 2
    assert [status for _, status in made.asked()] == [code, code, 200]


@pytest.mark.parametrize(
    "kind",
    ["close", "reset", "truncate", "chunk_cut", "eof_cut", "garbled", "html", "wrong_report_day", "hang", "drip"],
)
def test_a_broken_answer_is_asked_for_again(line: Callable[..., Line], kind: str) -> None:
    made = line(Fault(kind, args={"seconds": 3.0, "every": 0.05}))

    assert len(links(made)) == 2
    assert len(made.asked()) == 2


@pytest.mark.parametrize("kind", ["garbled", "html", "wrong_report_day"])
def test_six_tries_are_enough(line: Callable[..., Line], kind: str) -> None:
    made = line(Fault(kind, times=None))

    error = failure(made)

    assert isinstance(error, Unavailable)
    assert str(error).startswith("octo-org 2026-11-10: ")
    assert len(made.asked()) == 6


@pytest.mark.parametrize("kind", ["links_missing", "links_null", "links_bad_type"])
def test_another_contract_is_asked_twice(line: Callable[..., Line], kind: str) -> None:
    made = line(Fault(kind, times=None))

    error = failure(made)

    assert isinstance(error, Unexpected)
    assert "has no list of links (its keys: " in str(error)
    assert len(made.asked()) == 2


def test_a_link_that_is_no_web_address_is_not_followed(line: Callable[..., Line]) -> None:
    made = line(Fault("scheme_link"))

    with made.client() as github, pytest.raises(Unexpected) as caught:
        github.fetch(USERS_1_DAY, ORG, DAY, into=made.store.root)

    assert "a link that is no web address" in str(caught.value)
    assert "SECRET" not in str(caught.value)


def test_unknown_keys_of_an_answer_are_welcome(line: Callable[..., Line]) -> None:
    assert len(links(line(Fault("extra_fields")))) == 2


@pytest.mark.parametrize("status", [403, 429])
def test_the_primary_limit_is_waited_for(line: Callable[..., Line], status: int) -> None:
    made = line(Fault("rate_primary", args={"status": status, "wait": 90}))

    links(made)

    assert [round(wait) for wait in made.waits] == pytest.approx([91], abs=2)


@pytest.mark.parametrize("skew", [-3600.0, 0.0, 3600.0])
@pytest.mark.parametrize("told", ["date", "reset"])
def test_the_wait_is_taken_from_the_answers_clock(line: Callable[..., Line], skew: float, told: str) -> None:
    fault = (
        Fault("rate_primary", args={"wait": 90})
        if told == "reset"
        else Fault("rate_secondary", args={"wait": 90, "told": "date"})
    )
    made = line(fault, skew=skew)

    links(made)

    assert [round(wait) for wait in made.waits] == pytest.approx([91], abs=2)


def test_a_real_wait_is_never_too_short(line: Callable[..., Line]) -> None:
    made = line(
        Fault("rate_secondary", args={"wait": 1}),
        Fault("rate_primary", skip=1, args={"wait": 1.5}),
        Fault("rate_secondary", skip=2, args={"wait": 1, "told": "date"}),
    )

    import time

    assert len(links(made, sleep=time.sleep)) == 2
    assert made.github.violations() == []


def test_a_secondary_limit_without_a_time_waits_a_minute_and_then_longer(line: Callable[..., Line]) -> None:
    made = line(Fault("rate_secondary", times=3, args={"told": None}))

    links(made)

    assert made.waits == [60.0, 120.0, 240.0]


def test_a_limit_that_is_far_away_ends_the_day_and_says_when(line: Callable[..., Line]) -> None:
    made = line(Fault("rate_primary", times=None, args={"wait": 3000}))

    error = failure(made)

    assert "rate limit is reached until 20" in str(error)
    assert (len(made.asked()), made.waits) == (1, [])


def test_a_limit_without_end_is_given_up(line: Callable[..., Line]) -> None:
    made = line(Fault("rate_secondary", times=None, args={"wait": 5}))

    assert "rate limit" in str(failure(made))
    assert len(made.asked()) == 6


def test_a_redirect_on_the_same_host_is_followed(line: Callable[..., Line]) -> None:
    made = line(Fault("redirect", args={"status": 301}))

    assert len(links(made)) == 2


@pytest.mark.parametrize("to", ["trap", "loop"])
def test_a_redirect_elsewhere_or_in_a_circle_is_not(line: Callable[..., Line], to: str) -> None:
    made = line(Fault("redirect", times=None, args={"to": to}))

    assert isinstance(failure(made), Unexpected)
    assert made.github.violations() == []


def test_an_endless_answer_is_cut_off(line: Callable[..., Line]) -> None:
    made = line(Fault("status", times=None, args={"code": 200, "body": " " * (2 * 2**20)}))

    assert "larger than" in str(failure(made))


def test_nobody_listening_is_said_in_one_line(line: Callable[..., Line]) -> None:
    made = line()

    error = failure(made, api_url="http://127.0.0.1:9")

    assert str(error) == (
        "octo-org 2026-11-10: no answer from 127.0.0.1 (ConnectError). "
        "Check GITHUB_API_URL and the network, or try again later."
    )


def test_behind_a_gateway_no_token_is_sent(line: Callable[..., Line]) -> None:
    made = line()

    failure(made, token=None)

    assert "authorization" not in made.github.journal[0].headers


def test_the_token_and_the_address_are_in_no_chain_of_errors(line: Callable[..., Line]) -> None:
    made = line(Fault("reset", times=None))

    error: BaseException | None = failure(made)

    while error:
        assert made.github.token not in repr(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
