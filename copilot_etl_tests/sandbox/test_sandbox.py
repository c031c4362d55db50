"""The fake GitHub: the same seed gives the same days, the sums of real records hold, and it is strict."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable

import httpx
import pytest

from copilot_etl.sandbox import ORGANIZATIONS, Fault, Sandbox, World
from copilot_etl.sandbox.world import METRICS, Record

DAYS = [dt.date(2025, 12, 16) + dt.timedelta(days=23 * n) for n in range(15)]
PATH = "/orgs/octo-org/copilot/metrics/reports/users-1-day"


def records(seed: int = 7, days: list[dt.date] = DAYS) -> list[Record]:
    world = World(seed)
    return [record for login in world.organizations for day in days for record in world.records(login, day)]


def ask(sandbox: Sandbox, day: str = "2026-11-10", path: str = PATH, **headers: str) -> httpx.Response:
    sent = {"Authorization": f"Bearer {sandbox.token}", "User-Agent": "test", **headers}
    return httpx.get(sandbox.api_url + path, params={"day": day}, headers=sent)


def test_the_same_seed_gives_the_same_days() -> None:
    assert records() == records()
    assert records() != records(seed=8)


def sums(record: Record, member: str, *, without: tuple[str, ...] = ()) -> list[int]:
    items = [item for item in record[member] if item.get("feature") not in without]
    return [sum(item[metric] for item in items) for metric in METRICS if all(metric in item for item in items)]


def test_the_sums_of_real_records_hold() -> None:
    for record in records():
        top = [record[metric] for metric in METRICS]
        if not record["totals_by_feature"]:
            assert top == [0] * 7
            continue
        elsewhere = ("copilot_cli", "copilot_app")
        assert sums(record, "totals_by_feature") == top
        assert sums(record, "totals_by_language_feature") == top[1:]
        assert not record["totals_by_ide"] or sums(record, "totals_by_ide") == sums(
            record, "totals_by_feature", without=elsewhere
        )
        assert not record["totals_by_model_feature"] or sums(record, "totals_by_model_feature") == sums(
            record, "totals_by_feature", without=("code_completion",)
        )


def test_members_appear_on_the_days_when_github_added_them() -> None:
    since = {
        "used_cli": "2026-04-01",
        "used_copilot_code_review_active": "2026-04-06",
        "ai_adoption_phase": "2026-05-29",
        "ai_credits_used": "2026-06-19",
        "totals_by_copilot_app": "2026-07-28",
        "totals_by_3rd_party_agent": "2026-08-07",
        "totals_by_vscode_agent": "2026-09-11",
        "totals_by_skill": "2026-09-17",
    }
    found = records()
    for member, first in since.items():
        days = {record["day"] for record in found if member in record}
        assert days and min(days) >= first, member
    assert all(
        item["feature"] != "copilot_cli" or record["day"] >= "2026-04-09"
        for record in found
        for item in record["totals_by_feature"]
    )


def test_it_looks_like_an_organization() -> None:
    world = World(7)
    week = [dt.date(2026, 9, 14) + dt.timedelta(days=n) for n in range(7)]
    people = [len(list(world.records("octo-org", day))) for day in week]
    completions = [
        item
        for day in week
        for record in world.records("octo-org", day)
        for item in record["totals_by_feature"]
        if item["feature"] == "code_completion"
    ]
    suggested, accepted = (sum(item[metric] for item in completions) for metric in METRICS[1:3])
    early = len(list(world.records("octo-org", dt.date(2025, 12, 16))))

    assert max(people[5:]) < min(people[:5]) / 3, "weekends are weak"
    assert early < min(people[:5]), "it grows"
    assert 0.2 < accepted / suggested < 0.3


def test_people_in_two_organizations_have_the_same_day_in_both() -> None:
    world, day = World(7), dt.date(2026, 9, 16)
    by_org = [
        {record["user_id"]: {**record, "organization_id": ""} for record in world.records(organization.login, day)}
        for organization in ORGANIZATIONS
    ]
    shared = by_org[0].keys() & by_org[1].keys()

    assert shared
    assert all(by_org[0][user] == by_org[1][user] for user in shared)


def test_people_are_renamed_and_keep_their_id() -> None:
    logins: dict[int, set[str]] = {}
    for record in records():
        logins.setdefault(record["user_id"], set()).add(record["user_login"])

    assert any(len(names) == 2 for names in logins.values())


def test_late_days_come_and_young_days_are_restated(sandbox: Callable[..., Sandbox]) -> None:
    day = dt.date(2026, 11, 10)
    github = sandbox(late=True, restatements=True, organizations=ORGANIZATIONS)
    versions = []
    for age in range(7):
        github.today = day + dt.timedelta(days=age)
        versions.append(github.truth("octo-org", day))

    assert versions[0] == []
    first = next(version for version in versions if version)
    assert first != versions[-1]
    assert versions[4] == versions[5] == versions[6]


def test_some_days_come_a_day_or_two_late(sandbox: Callable[..., Sandbox]) -> None:
    github = sandbox(late=True, organizations=ORGANIZATIONS)
    late = 0
    for number in range(1, 21):
        day = dt.date(2026, 9, number)
        github.today = day + dt.timedelta(days=1)
        late += github.truth("octo-org", day) == []
        github.today = day + dt.timedelta(days=3)
        assert github.truth("octo-org", day)

    assert 1 <= late <= 10


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": "Bearer wrong"}, 401),
        ({"User-Agent": ""}, 403),
        ({"X-GitHub-Api-Version": "1999-01-01"}, 400),
    ],
)
def test_the_api_is_strict_about_headers(sandbox: Callable[..., Sandbox], headers: dict[str, str], status: int) -> None:
    assert ask(sandbox(), **headers).status_code == status


@pytest.mark.parametrize(
    ("day", "status"), [("2026-11-24", 204), ("2999-01-01", 204), ("2025-12-11", 204), ("tomorrow", 422), ("", 422)]
)
def test_days_that_have_no_report(sandbox: Callable[..., Sandbox], day: str, status: int) -> None:
    assert ask(sandbox(), day=day).status_code == status


def test_an_unknown_organization_is_404(sandbox: Callable[..., Sandbox]) -> None:
    assert ask(sandbox(), path=PATH.replace("octo-org", "nobody")).status_code == 404


def test_names_are_not_case_sensitive(sandbox: Callable[..., Sandbox]) -> None:
    assert ask(sandbox(), path=PATH.replace("octo-org", "Octo-Org")).status_code == 200


def test_the_file_host_serves_the_signed_link_and_nothing_else(sandbox: Callable[..., Sandbox]) -> None:
    github = sandbox()
    answer = ask(github).json()
    link = answer["download_links"][0]

    served = httpx.get(link)
    assert (answer["report_day"], served.status_code) == ("2026-11-10", 200)
    assert json.loads(served.content.split(b"\n")[0])["day"] == "2026-11-10"
    assert "Content-MD5" in served.headers
    assert httpx.get(link.partition("?")[0]).status_code == 403
    assert httpx.get(link.replace("%3D", "=")).status_code == 403
    assert httpx.get(link, headers={"Authorization": "Bearer x"}).status_code == 400
    assert ("authorization_on_blob", link.partition("?")[0].removeprefix(github.blob_url)) in github.violations()


def test_a_link_dies_and_using_it_again_is_a_violation(sandbox: Callable[..., Sandbox]) -> None:
    github = sandbox(link_ttl=-1.0)
    link = ask(github).json()["download_links"][0]

    assert [httpx.get(link).status_code for _ in range(2)] == [403, 403]
    assert [what for what, _ in github.violations()] == ["reused_expired_link"]


def test_asking_before_a_limit_ends_is_a_violation(sandbox: Callable[..., Sandbox]) -> None:
    github = sandbox(Fault("rate_secondary", args={"wait": 30}))

    assert ask(github).headers["Retry-After"] == "30"
    ask(github)
    assert [what for what, _ in github.violations()] == ["early_retry"]


def test_a_fault_plays_as_often_as_planned(sandbox: Callable[..., Sandbox]) -> None:
    github = sandbox(Fault("status", day="2026-11-10", skip=1, times=2, args={"code": 502}))

    assert [ask(github).status_code for _ in range(4)] == [200, 502, 502, 200]
    assert ask(github, day="2026-11-09").status_code == 200
