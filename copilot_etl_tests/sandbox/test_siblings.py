"""The sibling reports of the fake GitHub: they say the same as its users-1-day, each has its own hour, and seats."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Callable, Iterable

import httpx
import pytest

from copilot_etl.sandbox import ENTERPRISE, ORGANIZATIONS, Fault, Organization, Sandbox
from copilot_etl.sandbox.world import METRICS, Record

DAY = dt.date(2026, 11, 11)  # a Wednesday
# A Sunday, a first of the month, and days of several ages of the records.
DAYS = [
    *(dt.date(2025, 12, 12), dt.date(2026, 3, 1), dt.date(2026, 4, 8), dt.date(2026, 4, 9), dt.date(2026, 5, 14)),
    *(dt.date(2026, 7, 1), dt.date(2026, 8, 31), dt.date(2026, 9, 25), DAY),
]
MIDDLING = (Organization("octo-org", "4242001", 40), Organization("octo-labs", "4242002", 9))
TOTALS = {"octo-org": "organization-1-day", "octo-labs": "organization-1-day", ENTERPRISE.scope: "enterprise-1-day"}
BREAKDOWNS = {
    "totals_by_ide": METRICS,
    "totals_by_feature": METRICS,
    "totals_by_language_feature": METRICS[1:],
    "totals_by_language_model": METRICS[1:],
    "totals_by_model_feature": METRICS,
}

Start = Callable[..., Sandbox]


@pytest.fixture
def github(sandbox: Start) -> Sandbox:
    return sandbox(organizations=MIDDLING, enterprise=ENTERPRISE)


def address(scope: str, what: str) -> str:
    place, name = ("enterprises", scope.partition(".")[2]) if "." in scope else ("orgs", scope)
    return f"/{place}/{name}/copilot/{what}"


def ask(sandbox: Sandbox, scope: str, report: str, day: object = DAY) -> httpx.Response:
    sent = {"Authorization": f"Bearer {sandbox.token}", "User-Agent": "test"}
    params = {} if "/" in report else {"day": str(day)}
    return httpx.get(sandbox.api_url + address(scope, f"metrics/reports/{report}"), params=params, headers=sent)


def total(github: Sandbox, scope: str, day: dt.date) -> Record:
    (record,) = github.truth(scope, day, report=TOTALS[scope])
    return record


# ---------------------------------------------------------------------------------------------- totals


@pytest.mark.parametrize("day", DAYS, ids=str)
@pytest.mark.parametrize("scope", TOTALS)
def test_sums_and_breakdowns_are_those_of_the_people(github: Sandbox, scope: str, day: dt.date) -> None:
    people, record = github.truth(scope, day), total(github, scope, day)

    assert record["day"] == str(day)
    assert [record[metric] for metric in METRICS] == [sum(each[metric] for each in people) for metric in METRICS]
    for member, metrics in BREAKDOWNS.items():
        items = record[member]
        assert len(items) <= 11, member
        for metric in metrics:
            expected = sum(item[metric] for each in people for item in each[member])
            assert sum(item[metric] for item in items) == expected, (member, metric)
    for member in ("totals_by_cli", "totals_by_copilot_app"):
        used = [each[member] for each in people if member in each]
        assert (member in record) is bool(used)
        if used:
            assert record[member]["prompt_count"] == sum(each["prompt_count"] for each in used)
            tokens = record[member]["token_usage"]
            both = tokens["output_tokens_sum"] + tokens["prompt_tokens_sum"]
            assert tokens["avg_tokens_per_request"] == round(both / record[member]["request_count"], 2)
            assert "last_known_cli_version" not in record[member]


def test_what_is_capped_is_in_others(github: Sandbox) -> None:
    record, people = total(github, "octo-org", DAY), github.truth("octo-org", DAY)
    seen = {(item["language"], item["feature"]) for each in people for item in each["totals_by_language_feature"]}
    listed = [(item["language"], item["feature"]) for item in record["totals_by_language_feature"]]

    assert len(seen) > 10
    assert len(listed) == len(set(listed)) == 11
    assert listed[-1] == ("others", "others")


def who(records: Iterable[Record], says: Callable[[Record], object]) -> set[int]:
    return {record["user_id"] for record in records if says(record)}


@pytest.mark.parametrize("day", DAYS, ids=str)
@pytest.mark.parametrize("scope", TOTALS)
def test_weeks_begin_on_sunday_and_months_on_the_first(github: Sandbox, scope: str, day: dt.date) -> None:
    record = total(github, scope, day)
    sunday = day
    while sunday.strftime("%A") != "Sunday":
        sunday -= dt.timedelta(days=1)

    def since(first: dt.date) -> list[Record]:
        days = [first + dt.timedelta(days=number) for number in range((day - first).days + 1)]
        return [each for one in days for each in github.truth(scope, one)]

    periods = {"daily": since(day), "weekly": since(sunday), "monthly": since(day.replace(day=1))}
    month = periods["monthly"]

    assert record["monthly_active_chat_users"] == len(who(month, lambda each: each["used_chat"]))
    assert record["monthly_active_agent_users"] == len(who(month, lambda each: each["used_agent"]))
    for period, records in periods.items():
        assert record[f"{period}_active_users"] == len(who(records, lambda each: True))
        if day >= dt.date(2026, 4, 9):
            cloud = who(records, lambda each: each["used_copilot_coding_agent"])
            assert (record[f"{period}_active_copilot_cloud_agent_users"] or 0) == len(cloud)
        if day >= dt.date(2026, 4, 22):
            active = who(records, lambda each: each.get("used_copilot_code_review_active"))
            passive = who(records, lambda each: each.get("used_copilot_code_review_passive"))
            assert record[f"{period}_active_copilot_code_review_users"] == len(active)
            assert record[f"{period}_passive_copilot_code_review_users"] == len(passive - active)
        if day >= dt.date(2026, 9, 11):
            window = who(records, lambda each: each.get("used_vscode_agent"))
            assert record[f"{period}_active_vscode_agent_users"] == len(window)
    assert record.get("daily_active_cli_users", 0) == len(who(periods["daily"], lambda each: "totals_by_cli" in each))
    assert record.get("daily_active_cli_users") != 0, "left out rather than nought"


def test_phases_count_the_people_of_the_day_and_of_28_days(github: Sandbox) -> None:
    record, people = total(github, "octo-org", DAY), github.truth("octo-org", DAY)
    phases = Counter(each["ai_adoption_phase"]["phase_number"] for each in people)
    window = [each for back in range(28) for each in github.truth("octo-org", DAY - dt.timedelta(days=back))]

    assert [entry["phase_number"] for entry in record["totals_by_ai_adoption_phase"]] == [0, 1, 2, 3]
    for entry in record["totals_by_ai_adoption_phase"]:
        number = entry["phase_number"]
        own = [each for each in people if each["ai_adoption_phase"]["phase_number"] == number]
        assert entry["total_engaged_users"] == phases[number]
        assert entry["users_in_phase_28d"] == len(
            who(window, lambda each, number=number: each["ai_adoption_phase"]["phase_number"] == number)
        )
        if own:
            assert entry["avg_loc_added"] == round(sum(each["loc_added_sum"] for each in own) / len(own), 2)

    engagement = record["copilot_feature_engagement"]
    cli = Counter(each["user_id"] for each in window if "totals_by_cli" in each)
    counts = {item["feature"]: item["engaged_user_count"] for item in engagement["totals_by_feature"]}
    assert engagement["active_user_count"] == len(who(window, lambda each: True))
    assert counts["copilot_cli"] == sum(days >= 2 for days in cli.values())
    assert len(counts) == 7


def test_members_of_the_totals_appear_on_the_days_when_github_added_them(github: Sandbox) -> None:
    first_days = {
        "pull_requests": "2025-12-18",
        "daily_active_cli_users": "2026-03-05",
        "daily_active_copilot_cloud_agent_users": "2026-04-09",
        "daily_active_copilot_code_review_users": "2026-04-22",
        "totals_by_ai_adoption_phase": "2026-05-29",
        "daily_active_copilot_app_users": "2026-07-28",
        "totals_by_3rd_party_agent": "2026-08-07",
        "totals_by_vscode_agent": "2026-09-11",
        "copilot_feature_engagement": "2026-09-17",
    }
    for member, first in first_days.items():
        day = dt.date.fromisoformat(first)
        assert member in total(github, "octo-org", day), member
        assert member not in total(github, "octo-org", day - dt.timedelta(days=1)), member
    types = [
        "copilot_suggestions_by_comment_type" in total(github, "octo-org", dt.date(2026, 5, day))["pull_requests"]
        for day in (7, 8)
    ]
    phase = total(github, "octo-org", dt.date(2026, 6, 3))["totals_by_ai_adoption_phase"][0]
    assert types == [False, True]
    assert not {"total_pull_requests_merged", "avg_pull_requests_review_cycles", "users_in_phase_28d"} & phase.keys()


def test_a_young_day_is_told_of_in_one_version_by_all_reports(sandbox: Start) -> None:
    github = sandbox(organizations=ORGANIZATIONS, restatements=True, today=DAY + dt.timedelta(days=1))
    versions = []
    for age in (1, 4):
        github.today = DAY + dt.timedelta(days=age)
        people, record = github.truth("octo-org", DAY), total(github, "octo-org", DAY)
        assert record["daily_active_users"] == len(people)
        assert record["loc_added_sum"] == sum(each["loc_added_sum"] for each in people)
        repositories = github.truth("octo-org", DAY, report="repos-1-day")
        merged = sum(each["pull_requests"]["total_merged"] for each in repositories)
        assert record["pull_requests"]["total_merged"] == merged
        versions.append(record)

    assert versions[0] != versions[1]


# --------------------------------------------------------------------------------------- readiness, faults


def test_each_report_of_a_day_has_its_own_hour(sandbox: Start) -> None:
    github = sandbox(organizations=MIDDLING, late=True)
    ready = []
    for number in range(60):
        day = dt.date(2026, 9, 1) + dt.timedelta(days=number)
        github.today = day + dt.timedelta(days=1)
        ready.append(
            [bool(github.truth("octo-org", day, report=name)) for name in ("organization-1-day", "users-1-day")]
        )
        github.today = day + dt.timedelta(days=3)
        assert github.truth("octo-org", day, report="organization-1-day")

    assert [True, False] in ready and [False, True] in ready and [True, True] in ready


def test_a_fault_is_of_users_1_day_unless_it_names_a_report(sandbox: Start) -> None:
    github = sandbox(
        Fault("status", times=None, args={"code": 502}),
        Fault("no_content", report="repos-1-day", times=None),
        Fault("empty", report="user-teams-1-day"),
        Fault("gone", report="*", day="2026-11-10", times=None),
    )
    reports = ("users-1-day", "repos-1-day", "user-teams-1-day", "organization-1-day")

    assert [ask(github, "octo-org", report).status_code for report in reports] == [502, 204, 200, 200]
    (link,) = ask(github, "octo-org", "user-teams-1-day").json()["download_links"]
    assert [httpx.get(link).content for _ in range(2)].index(b"") == 0
    assert {ask(github, "octo-org", each, "2026-11-10").status_code for each in reports[1:]} == {410, 204}
    assert {request.report for request in github.journal} == set(reports)


def test_one_report_of_a_day_is_published_and_the_others_stay(sandbox: Start) -> None:
    github = sandbox()
    people = github.truth("octo-org", DAY)
    github.publish("octo-org", DAY, [{"day": str(DAY), "loc_added_sum": 1}], report="organization-1-day")
    github.publish("octo-org", DAY, None, report="user-teams-1-day")

    assert github.truth("octo-org", DAY, report="organization-1-day") == [{"day": str(DAY), "loc_added_sum": 1}]
    assert ask(github, "octo-org", "user-teams-1-day").status_code == 204
    assert github.truth("octo-org", DAY) == people


@pytest.mark.parametrize("scope", [*TOTALS])
def test_every_report_is_served_by_signed_links(github: Sandbox, scope: str) -> None:
    for report in ("users-1-day", TOTALS[scope], "user-teams-1-day", "repos-1-day", "users-28-day"):
        answer = ask(github, scope, report if report != "users-28-day" else f"{report}/latest").json()
        served = b"".join(httpx.get(link).content for link in answer["download_links"])
        day = answer.get("report_day", answer.get("report_end_day"))
        rows = github.truth(scope, day, report=report)
        assert rows
        assert sorted(served.splitlines()) == sorted(
            json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode() for row in rows
        )
        if report == TOTALS[scope]:
            assert len(answer["download_links"]) == 1 and len(served.splitlines()) == 1
    assert github.violations() == []


@pytest.mark.parametrize(
    ("scope", "report", "day", "status"),
    [
        ("octo-org", "user-teams-1-day", "2026-05-13", 204),
        ("octo-org", "user-teams-1-day", "2026-05-14", 200),
        ("octo-org", "repos-1-day", "2026-07-16", 204),
        ("octo-org", "repos-1-day", "2026-07-17", 200),
        ("octo-org", "organization-1-day", "2025-12-11", 204),
        (ENTERPRISE.scope, "enterprise-1-day", "2025-11-28", 200),
        ("octo-org", "enterprise-1-day", "2026-11-11", 404),
        (ENTERPRISE.scope, "organization-1-day", "2026-11-11", 404),
        ("octo-org", "users-28-day", "2026-11-11", 404),
        ("octo-org", "users-1-day/latest", "", 404),
        ("nobody", "organization-1-day", "2026-11-11", 404),
        ("nobody", "users-28-day/latest", "", 404),
        ("enterprise.nobody", "enterprise-1-day", "2026-11-11", 404),
        ("octo-org", "organization-1-day", "tomorrow", 422),
    ],
)
def test_where_and_since_when_reports_are(github: Sandbox, scope: str, report: str, day: str, status: int) -> None:
    assert ask(github, scope, report, day).status_code == status


# --------------------------------------------------------------------- teams, repositories, 28 days, enterprise


def test_a_team_is_told_of_with_five_seats_or_more(github: Sandbox) -> None:
    untold: set[str] = set()
    for login in ("octo-org", "octo-labs"):
        for day in (dt.date(2026, 5, 14), DAY):
            rows = github.truth(login, day, report="user-teams-1-day")
            told = Counter(row["slug"] for row in rows)
            seated = {team.slug: len(people) for team, people in github.reports.teams.members(login, day).items()}
            assert told == {slug: people for slug, people in seated.items() if people >= 5}
            untold |= seated.keys() - told.keys()
            assert len({(row["team_id"], row["user_id"]) for row in rows}) == len(rows)
    assert "pilots" in untold


def test_people_are_in_several_teams_or_in_none(github: Sandbox) -> None:
    rows = github.truth("octo-org", DAY, report="user-teams-1-day")
    teams = Counter(row["user_id"] for row in rows)
    people = {each["user_id"]: each["user_login"] for each in github.truth("octo-org", DAY)}

    assert max(teams.values()) >= 2
    assert people.keys() - teams.keys(), "active and in no team"
    assert teams.keys() - people.keys(), "in a team and not active"
    assert all(people.get(row["user_id"], row["user_login"]) == row["user_login"] for row in rows)
    assert {tuple(row) for row in rows} == {("user_id", "user_login", "day", "organization_id", "team_id", "slug")}


def test_repositories_sum_to_the_totals(github: Sandbox) -> None:
    for scope in TOTALS:
        repositories = github.truth(scope, DAY, report="repos-1-day")
        pulls = total(github, scope, DAY)["pull_requests"]
        assert repositories
        for name, value in pulls.items():
            if name.startswith("total_"):
                assert value == sum(each["pull_requests"][name] for each in repositories), name
        types = pulls["copilot_suggestions_by_comment_type"]
        assert sum(each["total_copilot_suggestions"] for each in types) == pulls["total_copilot_suggestions"]
        assert {type(each["repo_id"]) for each in repositories} == {int}
        assert {type(each["organization_id"]) for each in repositories} == {str}


def test_review_times_come_with_merged_pull_requests(github: Sandbox) -> None:
    before = github.truth("octo-org", "2026-09-24", report="repos-1-day")
    since = [row for n in range(1, 6) for row in github.truth("octo-org", f"2026-11-{n:02}", report="repos-1-day")]
    entries = [entry for row in since for entry in row["pull_request_review_times"]]

    assert before and not any("pull_request_review_times" in row for row in before)
    assert entries and any(row["pull_request_review_times"] == [] for row in since)
    for row in since:
        assert all(
            0 < entry["total_merged"] <= row["pull_requests"]["total_merged"]
            for entry in row["pull_request_review_times"]
        )
    for entry in entries:
        stage = "minutes_ready_to_first_review"
        assert entry[f"median_{stage}"] <= entry[f"p90_{stage}"]


def test_a_day_without_a_merge_has_null_medians(sandbox: Start) -> None:
    github = sandbox()
    months = [dt.date(2026, 8, 1) + dt.timedelta(days=n) for n in range(60)]
    pulls = [total(github, "octo-labs", day)["pull_requests"] for day in months]
    none = [each for each in pulls if not each["total_merged"]]

    assert none and all(each["median_minutes_to_merge"] is None for each in none)
    assert all((each["median_minutes_to_merge"] is None) == (not each["total_merged"]) for each in pulls)


def _day_and_user(row: Record) -> tuple[str, int]:
    return row["day"], row["user_id"]


@pytest.mark.parametrize("late", [False, True])
def test_the_28_day_report_has_a_row_for_each_user_and_day(sandbox: Start, late: bool) -> None:
    github = sandbox(organizations=MIDDLING, late=late)
    answer = ask(github, "octo-org", "users-28-day/latest").json()
    first, last = (dt.date.fromisoformat(answer[name]) for name in ("report_start_day", "report_end_day"))
    rows = github.truth("octo-org", "latest", report="users-28-day")
    days = [first + dt.timedelta(days=number) for number in range(28)]

    assert days[-1] == last
    assert set(answer) == {"download_links", "report_start_day", "report_end_day"}
    assert {(row.pop("report_start_day"), row.pop("report_end_day")) for row in rows} == {(str(first), str(last))}
    expected = [row for day in days for row in github.truth("octo-org", day)]
    assert sorted(rows, key=_day_and_user) == sorted(expected, key=_day_and_user)
    assert late or last == github.today - dt.timedelta(days=1)
    assert github.journal[-1].day == str(last)


def test_the_enterprise_has_each_person_once(github: Sandbox) -> None:
    everybody = github.truth(ENTERPRISE.scope, DAY)
    logins = [{each["user_id"] for each in github.truth(org.login, DAY)} for org in MIDDLING]
    ids = [each["user_id"] for each in everybody]

    assert len(ids) == len(set(ids))
    assert set(ids) == logins[0] | logins[1]
    assert not any("organization_id" in each for each in everybody)
    assert {each["enterprise_id"] for each in everybody} == {ENTERPRISE.id}
    assert total(github, ENTERPRISE.scope, DAY)["daily_active_users"] == len(ids)
    assert github.env()["COPILOT_ENTERPRISES"] == ENTERPRISE.slug


def test_there_is_no_enterprise_unless_it_is_asked_for(sandbox: Start) -> None:
    github = sandbox()

    assert "COPILOT_ENTERPRISES" not in github.env()
    assert ask(github, ENTERPRISE.scope, "enterprise-1-day").status_code == 404
    assert {each["enterprise_id"] for each in github.truth("octo-org", DAY)} == {""}


# ----------------------------------------------------------------------------------------------- seats


def seats(sandbox: Sandbox, url: str = "", login: str = "octo-org", **params: object) -> httpx.Response:
    sent = {"Authorization": f"Bearer {sandbox.token}", "User-Agent": "test"}
    url = url or sandbox.api_url + address(login, "billing/seats")
    return httpx.get(url, params=params or None, headers=sent)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [7, 50, 100])
def test_seats_come_in_pages_that_link_to_each_other(github: Sandbox, size: int) -> None:
    answer = seats(github, per_page=size)
    pages = [answer.json()["seats"]]
    while "next" in answer.links:
        answer = seats(github, answer.links["next"]["url"])
        pages.append(answer.json()["seats"])
    ids = [seat["assignee"]["id"] for page in pages for seat in page]

    assert len(ids) == len(set(ids)) == answer.json()["total_seats"] > 40
    assert all(len(page) == size for page in pages[:-1])
    assert "last" not in answer.links and (len(pages) == 1 or "first" in answer.links)


def test_pages_have_fifty_seats_and_never_more_than_a_hundred(sandbox: Start) -> None:
    github = sandbox(organizations=ORGANIZATIONS)
    lengths = [len(seats(github, **params).json()["seats"]) for params in ({}, {"per_page": 1000}, {"per_page": "no"})]

    assert lengths == [50, 100, 50]
    assert seats(github, page=99).json()["seats"] == []
    assert seats(github, per_page=100).links["last"]["url"].endswith("page=2")


def test_seats_tell_who_has_one_and_who_uses_it(github: Sandbox) -> None:
    found = seats(github, per_page=100).json()["seats"]
    yesterday = github.today - dt.timedelta(days=1)
    active = {each["user_id"] for each in github.truth("octo-org", yesterday)}
    last = {seat["assignee"]["id"]: (seat["last_activity_at"] or "")[:10] for seat in found}

    assert {user for user, day in last.items() if day == str(yesterday)} == active
    assert "" in last.values(), "seats nobody uses"
    assert any(seat["pending_cancellation_date"] for seat in found)
    assert {seat["assigning_team"] is None for seat in found} == {True, False}


def test_seats_are_not_for_everybody(sandbox: Start) -> None:
    github = sandbox(may_read_seats=False)

    assert seats(github).status_code == 403
    assert ask(github, "octo-org", "users-1-day").status_code == 200
    assert seats(github, login="nobody").status_code == 404
    assert seats(sandbox(Fault("no_role", report="seats"))).status_code == 403
    assert [(request.scope, request.report, request.status) for request in github.journal[:1]] == [
        ("octo-org", "seats", 403)
    ]
