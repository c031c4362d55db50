"""The list of seats: all of its pages or nothing, once a day, and optional."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest

from copilot_etl import coverage, pipeline, preflight
from copilot_etl.errors import NotReady, Refused, Unavailable, Unexpected
from copilot_etl.github import NotShown
from copilot_etl.pipeline import Outcome
from copilot_etl.reports import SEATS, USERS_1_DAY, Report, Scope
from copilot_etl.sandbox import Fault, Organization
from copilot_etl_tests.conftest import TODAY, Line

ORG = Scope("org", "octo-org")
YESTERDAY = TODAY - dt.timedelta(days=1)
PATH = "/orgs/octo-org/copilot/billing/seats"


@pytest.fixture
def line(line: Callable[..., Line]) -> Callable[..., Line]:
    """As everywhere, but with more seats than two pages hold."""
    people = (Organization("octo-org", "4242001", 240), Organization("octo-labs", "4242002", 8))
    return lambda *faults, **options: line(*faults, **{"organizations": people, **options})


def load(made: Line, *days: dt.date, reports: tuple[Report, ...] = (SEATS,), **switches: bool) -> list[Outcome]:
    with made.client() as github:
        return list(
            pipeline.run(
                reports,
                scopes=[ORG],
                days=days or [YESTERDAY],
                github=github,
                store=made.store,
                warehouse=made.warehouse,
                clock=lambda: made.now,
                **switches,
            )
        )


def pages(made: Line) -> int:
    return sum(each.path == PATH for each in made.github.journal)


def seats(made: Line) -> list[dict[str, Any]]:
    return made.github.seats.of("octo-org", TODAY)


def test_every_seat_of_every_page_is_there(line: Callable[..., Line]) -> None:
    made = line()

    (outcome,) = load(made)

    listed = seats(made)
    assert (outcome.state, outcome.rows, outcome.new_fields) == ("loaded", len(listed), ())
    assert len(listed) > 200 and pages(made) == -(-len(listed) // 100)
    assert made.github.violations() == []
    assert sorted(
        made.query("select user_id, user_login, created_at, last_activity_at, plan_type, assignee from raw.seat_day")
    ) == sorted(
        (
            *(seat["assignee"]["id"], seat["assignee"]["login"], seat["created_at"], seat["last_activity_at"]),
            *(seat["plan_type"], json.dumps(seat["assignee"], separators=(",", ":"))),
        )
        for seat in listed
    )
    assert made.query("select distinct scope, day from raw.seat_day") == [("octo-org", YESTERDAY)]


def test_a_list_is_taken_once_a_day_but_by_force(line: Callable[..., Line]) -> None:
    made = line()
    load(made)
    before = pages(made)

    (again,) = load(made)
    assert (again.state, again.changed, again.rows) == ("loaded", False, len(seats(made)))
    assert pages(made) == before

    (forced,) = load(made, force=True)
    assert forced.changed and pages(made) == 2 * before
    assert made.query("select count(*) from ops.restatements") == [(0,)], "the same list in the same order"


def test_no_day_before_is_asked_for(line: Callable[..., Line]) -> None:
    made = line()

    (outcome,) = load(made, YESTERDAY - dt.timedelta(days=1))

    assert (outcome.state, outcome.good, made.github.journal) == ("no_report", True, [])
    assert isinstance(outcome.error, NotReady) and "as they are now" in str(outcome.error)


@pytest.mark.parametrize(("kind", "code"), [("forbidden", 403), ("not_found", 404)])
def test_a_token_that_may_not_read_it_is_no_failure(line: Callable[..., Line], kind: str, code: int) -> None:
    made = line(Fault(kind, report="seats", times=None))

    outcomes = load(made, reports=(USERS_1_DAY, SEATS))

    assert [(each.report, each.state, each.good) for each in outcomes] == [
        ("users-1-day", "loaded", True),
        ("seats", "no_report", True),
    ]
    assert isinstance(outcomes[1].error, NotShown)
    assert str(outcomes[1].error) == (
        f"octo-org {YESTERDAY}: the token may not read it ({code}): needs 'GitHub Copilot Business: read', or "
        "manage_billing:copilot of a classic token."
    )


def test_a_list_that_is_not_shown_does_not_vouch_for_the_name(line: Callable[..., Line]) -> None:
    """404 to everything: the name is mistyped, and no list that is optional makes a report `not there yet` of it."""
    made = line(Fault("not_found", times=None), Fault("not_found", report="seats", times=None))

    for _ in range(2):
        listed, asked = load(made, reports=(SEATS, USERS_1_DAY))
        assert (listed.report, listed.state) == ("seats", "no_report")
        assert isinstance(asked.error, Refused) and "Unknown org 'octo-org'" in str(asked.error)


def test_a_list_over_midnight_is_of_no_day(line: Callable[..., Line], monkeypatch: pytest.MonkeyPatch) -> None:
    made = line()
    page = made.github.seats.page

    def late(*args: Any, **options: Any) -> dict[str, Any]:
        made.now = dt.datetime.combine(TODAY + dt.timedelta(days=1), dt.time(), tzinfo=dt.UTC)
        return page(*args, **options)

    monkeypatch.setattr(made.github.seats, "page", late)

    (outcome,) = load(made)

    assert (outcome.state, outcome.changed) == ("not_ready", False)
    assert "the next day began while the seats were read" in str(outcome.error)
    assert made.query("select count(*) from raw.seat_day") == [(0,)]


def wanted(made: Line) -> list[dt.date]:
    found = coverage.coverage(
        made.warehouse.ledger(),
        reports=[SEATS],
        scopes=[ORG],
        start=dt.date(2025, 12, 12),
        now=made.now,
        lookback_days=7,
    )
    assert not any(each.is_overdue or each.is_leaving for each in found)
    return [each.day for each in found if each.is_wanted]


def test_only_yesterday_is_wanted_and_only_until_it_was_asked_for(line: Callable[..., Line]) -> None:
    made = line()
    assert wanted(made) == [YESTERDAY]

    load(made)
    assert wanted(made) == []

    made.now += dt.timedelta(days=3)
    assert wanted(made) == [YESTERDAY + dt.timedelta(days=3)]

    refused = line(Fault("forbidden", report="seats", times=None))
    load(refused)
    assert wanted(refused) == []


def test_a_list_that_changes_while_it_is_read_is_read_anew(
    line: Callable[..., Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody leaves after the first page, so that the second one lacks who moved up into the first."""
    made = line()
    page, whole = made.github.seats.page, list(seats(made))
    left: list[int] = []

    def shrinking(login: str, today: dt.date, *, number: int, size: int) -> dict[str, Any]:
        if number == 2 and len(left) < limit:
            left.append(seats(made).pop(0)["assignee"]["id"])
        return page(login, today, number=number, size=size)

    monkeypatch.setattr(made.github.seats, "page", shrinking)
    limit = 1
    (outcome,) = load(made)
    assert (outcome.state, outcome.rows) == ("loaded", len(whole) - 1)

    limit = 99
    (outcome,) = load(made, force=True)
    assert isinstance(outcome.error, Unavailable)
    assert "the list of seats changes while it is read" in str(outcome.error)
    assert len(left) == 1 + 3


@pytest.mark.parametrize(
    "following",
    [
        "http://evil.test/orgs/octo-org/copilot/billing/seats?page=2",
        "//evil.test/?page=2",
        "http://user:pass@127.0.0.1/organizations/4242001/copilot/billing/seats?page=2",
    ],
)
def test_the_next_page_is_asked_for_where_the_first_one_was(line: Callable[..., Line], following: str) -> None:
    """A gateway may not write GitHub's own addresses anew, and the token goes nowhere else."""
    listed = {"total_seats": 1, "seats": [{"assignee": {"id": 7, "login": "ada"}}]}
    headers = {"Link": f'<{following}>; rel="next"'}
    first = Fault("status", report="seats", args={"code": 200, "body": json.dumps(listed), "headers": headers})
    rest = {"code": 200, "body": json.dumps({**listed, "seats": []})}
    made = line(first, Fault("status", report="seats", skip=1, args=rest))

    (outcome,) = load(made)

    assert (outcome.state, outcome.rows) == ("loaded", 1)
    assert [each.path for each in made.github.journal] == 2 * [PATH]


@pytest.mark.parametrize("following", ["http://[::1", "", "/orgs/octo-org/copilot/billing/seats?per_page=100"])
def test_a_list_that_does_not_go_on_is_told(line: Callable[..., Line], following: str) -> None:
    body = json.dumps({"total_seats": 2, "seats": []})
    args = {"code": 200, "body": body, "headers": {"Link": f'<{following}>; rel="next"'}}
    made = line(Fault("status", report="seats", times=None, args=args))

    (outcome,) = load(made)

    assert not outcome.good
    assert pages(made) == (3 if not following else 1)


@pytest.mark.parametrize("body", ["{}", '{"total_seats": 1}', '{"total_seats": "1", "seats": []}'])
def test_what_is_no_list_of_seats_is_told(line: Callable[..., Line], body: str) -> None:
    made = line(Fault("status", report="seats", times=None, args={"code": 200, "body": body}))

    (outcome,) = load(made)

    assert isinstance(outcome.error, Unexpected) and "list of seats is not what it documents" in str(outcome.error)


@pytest.mark.parametrize("body", ["[]", "<html>", "null", ""])
def test_a_sign_in_page_in_between_is_asked_behind(line: Callable[..., Line], body: str) -> None:
    made = line(Fault("status", report="seats", args={"code": 200, "body": body}))

    (outcome,) = load(made)

    assert (outcome.state, outcome.rows) == ("loaded", len(seats(made)))


def test_a_limit_in_mid_list_is_waited_for(line: Callable[..., Line]) -> None:
    made = line(Fault("rate_secondary", report="seats", skip=1, args={"wait": 1}))

    (outcome,) = load(made)

    assert (outcome.state, outcome.rows) == ("loaded", len(seats(made)))
    assert made.waits == [1.0]


def test_an_organization_without_seats_is_loaded_empty(line: Callable[..., Line]) -> None:
    made = line(Fault("status", report="seats", args={"code": 200, "body": '{"total_seats": 0, "seats": []}'}))

    (outcome,) = load(made)

    assert (outcome.state, outcome.rows, outcome.error) == ("loaded_empty", 0, None)


def test_seats_are_made_anew_from_what_has_landed(line: Callable[..., Line]) -> None:
    made = line()
    load(made)
    made.now += dt.timedelta(days=5)
    before = made.query("select count(*), bit_xor(hash(seat)) from raw.seat_day as seat")

    outcomes = list(pipeline.rebuild([SEATS], store=made.store, warehouse=made.warehouse, clock=lambda: made.now))

    assert [each.state for each in outcomes] == ["loaded"]
    assert made.query("select count(*), bit_xor(hash(seat)) from raw.seat_day as seat") == before


@pytest.mark.parametrize(("may_read", "says"), [(True, "; seats: "), (False, "the token may not read it (403)")])
def test_check_says_whether_seats_can_be_read(line: Callable[..., Line], may_read: bool, says: str) -> None:
    made = line(may_read_seats=may_read)

    with made.client() as github:
        found = preflight.look(github, [USERS_1_DAY, SEATS], ORG, start=dt.date(2025, 12, 12), now=made.now)

    assert found.exit_code == 0 and says in found.text
    assert len([each for each in made.github.journal if each.side == "api"]) == 3
