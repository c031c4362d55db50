"""Asking for links: every answer of the contract over a real socket, and what is told the person who reads it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from copilot_etl.errors import CopilotEtlError
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


def test_404_is_left_to_what_is_known_of_the_scope(line: Callable[..., Line]) -> None:
    assert isinstance(failure(line(Fault("not_found"))), NotFound)


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
