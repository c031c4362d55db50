"""The report in a real browser, offline: its numbers are those of the marts, and nothing in it is more than text."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from copilot_etl.store import Store
from copilot_etl_tests.report.conftest import CHROMIUM, DAY, FAILED, FIRST, LAST, REQUIRED, Shown, publish

pytestmark = pytest.mark.xdist_group("report")  # what they share is made once

if CHROMIUM is None and not REQUIRED:
    pytest.skip("The report's browser tests need Chromium: apt-get install chromium", allow_module_level=True)

ALL = "(all organizations)"
EVIL = "</script><img src=x onerror=\"document.title='hit'\"><!--"


def brief(day: dt.date) -> str:
    return f"{day.day} {day:%b}"


def percent(part: float, of: float) -> str:
    return f"{100 * part / of:,.1f}%"


# ------------------------------------------------------------------------------------------------ numbers


@pytest.mark.parametrize("scope", [ALL, "octo-org"])
def test_key_numbers_are_those_of_the_marts(show: Callable[..., Shown], scope: str) -> None:
    shown = show(choice=f"#scope={scope}&from={FIRST}&to={LAST}")

    month, week, day, agents, mtd, week_before = shown.sql(
        "select now.monthly_active_users_28d, now.weekly_active_users_7d, now.daily_active_users, "
        "now.monthly_active_agent_users_mtd, now.monthly_active_users_mtd, "
        "week.weekly_active_users_7d "
        "from marts.adoption_daily as now "
        "join marts.adoption_daily as week on week.scope = now.scope and week.day = now.day - 7 "
        "where now.scope = ? and now.day = ?",
        scope,
        LAST,
    )[0]
    accepted, suggested = shown.sql(
        "select accepted_28d, suggested_28d from marts.completion_acceptance_daily where scope = ? and day = ?",
        scope,
        LAST,
    )[0]
    by_agents, lines = shown.sql(
        "select any_value(agent_loc_changed_28d), any_value(ide_loc_changed_28d) from marts.code_generation_daily "
        "where scope = ? and day = ?",
        scope,
        LAST,
    )[0]
    credits = shown.sql(
        "select ai_credits_used_mtd::double from marts.ai_credits_daily where scope = ? and day = ?", scope, LAST
    )[0][0]
    loaded = shown.sql("select days_covered_28d from marts.adoption_daily where scope = ? and day = ?", scope, LAST)
    assert shown.tile("Active people, 28 days") == (
        str(month),
        "27 of 28 days loaded: may be too low" if scope == ALL else "no full window four weeks before",
    )
    assert shown.tile("Active people, 7 days") == (str(week), f"{week_before} on {brief(LAST - 7 * DAY)}")
    assert shown.tile("Active people on the day") == (str(day), f"{LAST:%A}, {brief(LAST)}")
    assert shown.tile("Used agent mode, month to date") == (percent(agents, mtd), f"{agents} of {mtd} active people")
    assert shown.tile("Completions accepted, 28 days") == (
        percent(accepted, suggested),
        f"{accepted:,} of {suggested:,} suggested",
    )
    assert shown.tile("Lines changed by agents, 28 days") == (
        percent(by_agents, lines),
        f"{by_agents:,} of {lines:,} in editors",
    )
    assert shown.tile("AI credits, month to date") == (f"{credits:,.0f}", f"${credits / 100:,.2f} at list price")
    assert (
        shown.page.locator("h1").inner_text().startswith(f"{month} people used Copilot in the 28 days to {brief(LAST)}")
    )
    assert shown.page.locator(".asof .badge").inner_text() == "provisional"
    assert loaded == [(27 if scope == ALL else 28,)]


TABLES = {
    "adoption_daily": "select strftime(day, '%Y-%m-%d'), n(daily_active_users), n(weekly_active_users_7d), "
    "n(monthly_active_users_28d), n(weekly_active_users_wtd), n(monthly_active_users_mtd), n(days_covered_28d), "
    "case when is_provisional then 'yes' else 'no' end from marts.adoption_daily where scope = s order by day desc",
    "completion_acceptance_daily": "select strftime(day, '%Y-%m-%d'), n(accepted), n(suggested), "
    "p(accepted, suggested), "
    "n(accepted_28d), n(suggested_28d), p(accepted_28d, suggested_28d) "
    "from marts.completion_acceptance_daily where scope = s order by day desc",
    "feature_usage_daily": "select feature_label, n(sum(users)), "
    "(select n(sum(daily_active_users)) from marts.adoption_daily where scope = s), "
    "n(sum(interactions)), n(sum(generations)) from marts.feature_usage_daily where scope = s "
    "group by feature, feature_label order by sum(users) desc",
    "adoption_phase_daily": "select strftime(day, '%Y-%m-%d'), "
    "n(max(users) filter (where phase_number = 0)), n(max(users) filter (where phase_number = 1)), "
    "n(max(users) filter (where phase_number = 2)), n(max(users) filter (where phase_number = 3)), "
    "n(max(users_with_phase)) from marts.adoption_phase_daily where scope = s group by day order by day desc",
    "retention_cohorts": "select strftime(cohort_week, '%Y-%m-%d'), n(weeks_since), n(cohort_size), n(retained_users), "
    "p(retained_users, cohort_size) from marts.retention_cohorts where scope = s order by cohort_week, weeks_since",
    "data_coverage": "select strftime(day, '%Y-%m-%d'), scope, report, case coverage_state when 'ok' then 'loaded' "
    "when 'empty' then 'no report, or nobody in it' else coverage_state end, "
    "coalesce(format('{:,}', rows), 'none'), coalesce(last_error, '') "
    "from marts.data_coverage where s in (scope, '(all organizations)') order by day desc, scope",
    "ai_credits_daily": "select strftime(day, '%Y-%m-%d'), format('{:,.0f}', ai_credits_used::double), "
    "n(users_with_credits) from marts.ai_credits_daily where scope = s and ai_credits_used >= 100 order by day desc",
    "user_lifecycle_weekly": "select strftime(week_start_monday, '%Y-%m-%d'), "
    "n(max(users) filter (where lifecycle_state = 'retained')), "
    "n(max(users) filter (where lifecycle_state = 'resurrected')), "
    "n(max(users) filter (where lifecycle_state = 'new')), n(max(users) filter (where lifecycle_state = 'churned')), "
    "case when bool_or(is_complete) then 'yes' else 'no' end "
    "from marts.user_lifecycle_weekly where scope = s group by week_start_monday order by week_start_monday desc",
}


@pytest.mark.parametrize("scope", [ALL, "octo-labs"])
@pytest.mark.parametrize("mart", TABLES)
def test_a_table_has_the_cells_of_its_mart(show: Callable[..., Shown], mart: str, scope: str) -> None:
    shown = show(choice=f"#scope={scope}&from={FIRST}&to={LAST}")

    query = re.sub(r"\bs\b", "$1", TABLES[mart])
    query = re.sub(r"\bn\(((?:[^()]|\([^()]*\))*)\)", r"coalesce(format('{:,}', (\1)::bigint), 'no data')", query)
    query = re.sub(r"\bp\((\w+), (\w+)\)", r"coalesce(format('{:.1f}%', 100 * \1 / nullif(\2, 0)), 'no data')", query)
    expected = shown.sql(query, scope)
    cells = shown.cells(mart)
    if mart == "ai_credits_daily":  # smaller amounts have decimals
        cells = [
            row for row in cells if row[1] != "no data" and "." not in row[1] and float(row[1].replace(",", "")) >= 100
        ]
    if mart == "feature_usage_daily":  # equal sums have no order
        cells, expected = sorted(cells), sorted(expected)
    assert cells == expected


def test_shares_of_a_mix_are_sums_over_the_weeks_shown(show: Callable[..., Shown]) -> None:
    shown = show()

    expected = shown.sql(
        "select model_canonical, sum(chat_interactions) as prompts, "
        "(select sum(week) from (select distinct week_start_monday, chat_interactions_of_week as week "
        "from marts.model_mix where scope = ?)) from marts.model_mix where scope = ? "
        "group by all having prompts > 0 order by prompts desc",
        ALL,
        ALL,
    )
    lines = (
        shown.panel("model_mix")
        .locator(".rank tbody tr")
        .evaluate_all(
            "rows => rows.map(row => [row.cells[0].textContent, row.cells[2].textContent, row.cells[3].textContent])"
        )
    )
    assert sorted(map(tuple, lines)) == sorted(
        (name, percent(prompts, of), f"{prompts:,}") for name, prompts, of in expected
    )


def test_a_pointer_and_the_arrow_keys_read_the_same_values(show: Callable[..., Shown]) -> None:
    shown = show(choice=f"#scope=octo-org&from={FIRST}&to={LAST}")
    plot = shown.panel("adoption_daily").locator(".plot")
    day, active, week, month = shown.sql(
        "select day, daily_active_users, weekly_active_users_7d, monthly_active_users_28d from marts.adoption_daily "
        "where scope = 'octo-org' order by day desc limit 1 offset 2"
    )[0]
    head = f"{day:%a} {day.day} {day:%b %Y}"

    plot.focus()
    for key in ("End", "ArrowLeft", "ArrowLeft"):
        plot.press(key)

    said = shown.page.locator("#said").inner_text()
    assert said.startswith(head)
    assert f"on the day {active}, 28 days {month}, 7 days {week}" in said
    assert f"on the day{active}28 days{month}7 days{week}" in (plot.locator(".tip").text_content() or "")
    plot.press("Escape")
    assert plot.locator(".tip").is_hidden()
    box = plot.bounding_box()
    assert box
    for step in range(0, 200, 4):  # from the right edge to the left, until the pointer is on that day
        shown.page.mouse.move(box["x"] + box["width"] - step, box["y"] + 120)
        if plot.locator(".tip").is_visible() and head in (plot.locator(".tip").text_content() or ""):
            break
    assert f"on the day{active}" in (plot.locator(".tip").text_content() or "")


# -------------------------------------------------------------------------------------------- what is chosen


def test_another_scope_shows_its_own_numbers(show: Callable[..., Shown]) -> None:
    shown = show()

    shown.page.select_option("#scope", "octo-labs")

    month = shown.sql(
        "select monthly_active_users_28d from marts.adoption_daily where scope = 'octo-labs' and day = ?", LAST
    )[0][0]
    assert shown.tile("Active people, 28 days")[0] == str(month)
    assert "octo-labs" in shown.page.locator(".asof").inner_text()
    assert shown.panel("data_coverage").locator(".plot").count() == 1
    assert shown.page.locator("#said").inner_text().startswith("octo-labs, ")
    assert "scope=octo-labs" in shown.page.url


def test_a_shorter_period_has_its_days_and_no_others(show: Callable[..., Shown]) -> None:
    shown = show()

    shown.page.get_by_text("4 weeks", exact=True).click()

    cells = shown.cells("adoption_daily")
    assert (len(cells), cells[0][0], cells[-1][0]) == (28, str(LAST), str(LAST - 27 * DAY))
    assert shown.page.locator("#from").input_value() == str(LAST - 27 * DAY)


def test_a_period_of_ones_own_ends_where_it_says(show: Callable[..., Shown]) -> None:
    shown = show(choice="#scope=octo-org")

    end = LAST - 10 * DAY
    shown.page.fill("#to", str(end))

    day = shown.sql("select daily_active_users from marts.adoption_daily where scope = 'octo-org' and day = ?", end)
    assert shown.tile("Active people on the day") == (str(day[0][0]), f"{end:%A}, {brief(end)}")
    assert shown.page.locator(".asof .badge").count() == 0
    assert shown.cells("adoption_daily")[0][0] == str(end)


def test_windows_to_date_come_on_demand(show: Callable[..., Shown]) -> None:
    shown = show()
    panel = shown.panel("adoption_daily")
    assert "month to date" not in panel.locator(".keys").inner_text()

    shown.page.check("#to-date")

    assert "month to date" in panel.locator(".keys").inner_text()
    assert shown.page.evaluate("document.activeElement.id") == "to-date"


# ---------------------------------------------------------------------------------------- no data is not zero


def test_a_failed_day_is_a_gap_and_says_why(show: Callable[..., Shown]) -> None:
    shown = show(choice=f"#scope=octo-labs&from={FAILED}&to={FAILED + DAY}")

    bars = shown.panel("adoption_daily").locator("svg path.fill").get_attribute("d") or ""
    assert bars.count("z") == 1, "one of the two days has a bar"
    assert shown.cells("adoption_daily")[1][:2] == (str(FAILED), "no data")
    assert shown.cells("feature_usage_daily")
    cells = shown.cells("data_coverage")
    assert (
        cells[1][3:] == ("failed", "none", "GitHub answered something that is not a report.") or "failed" in cells[1][3]
    )
    assert "1 failed" in shown.panel("data_coverage").locator(".finding").inner_text()


def test_a_change_of_meaning_is_a_dashed_line_with_a_note(
    show: Callable[..., Shown], spoilt: Callable[..., Path]
) -> None:
    changed = LAST - 15 * DAY
    text = "People are counted <b>anew</b>."
    shown = show(
        spoilt(
            f"insert into seeds.metric_change_log values ('{changed}', 'active_users', '{text}', 'series_break'), "
            f"('{changed}', 'cli', 'Not for this chart.', 'new_field')"
        )
    )

    panel = shown.panel("adoption_daily")
    assert panel.locator("svg path.break").count() == 1
    assert panel.locator(".notes li").all_inner_texts() == [f"a{brief(changed)} {changed.year}: {text}"]


def test_nothing_loaded_is_a_message(show: Callable[..., Shown], tmp_path: Path) -> None:
    shown = show(publish(Store(tmp_path / "empty")))

    assert "No day is loaded yet. Run copilot-etl load" in shown.page.locator("main").inner_text()
    assert shown.page.locator("section").count() == 0


def test_one_day_is_shown_and_told(show: Callable[..., Shown], tmp_path: Path) -> None:
    shown = show(publish(Store(tmp_path / "day"), LAST - 5 * DAY))

    active = shown.sql("select daily_active_users from marts.adoption_daily where scope = ?", ALL)[0][0]
    assert "One day is loaded so far" in shown.page.locator("main > .message").inner_text()
    assert shown.tile("Active people on the day")[0] == str(active)
    day = str(LAST - 5 * DAY)
    assert [row[1] for row in shown.cells("adoption_daily") if row[0] == day] == [str(active)]
    assert "1 of 28 days loaded" in shown.tile("Active people, 28 days")[1]


def test_a_period_without_a_loaded_day_is_a_message(show: Callable[..., Shown]) -> None:
    shown = show(choice=f"#scope=octo-labs&from={FAILED}&to={FAILED}")

    assert "Nothing is loaded for octo-labs" in shown.page.locator("main > .message").inner_text()
    assert shown.page.locator(".kpi").count() == 0


# ------------------------------------------------------------------------------------------- sections by data


def test_a_mart_that_is_not_there_takes_its_panels_along(
    show: Callable[..., Shown], spoilt: Callable[..., Path]
) -> None:
    shown = show(spoilt("drop table marts.ai_credits_daily", "drop table marts.ai_credits_org_month"))

    assert shown.page.locator("h2", has_text="credits").count() == 0
    assert shown.page.locator(".kpi").count() == 6


def test_a_further_mart_of_teams_or_reconciliation_is_a_table_in_its_own_words(
    show: Callable[..., Shown], spoilt: Callable[..., Path]
) -> None:
    shown = show(
        spoilt(
            "create table marts.team_lunches as select * from (values "
            "('octo-org', date '2026-11-22', 'old', 1::bigint, 'somebody'), "
            "('octo-org', date '2026-11-23', 'core', 7::bigint, 'somebody')) "
            "as t (scope, day, team, users, user_login)",
            "comment on table marts.team_lunches is 'What teams do.'",
            "comment on column marts.team_lunches.users is 'Distinct people.'",
            "create view marts.reconciliation_own as select date '2026-11-23' as day, 3 as ours, null::int as theirs",
        )
    )

    team = shown.panel("team_lunches")
    assert "What teams do." in team.inner_text()
    assert shown.cells("team_lunches") == [("octo-org", "2026-11-23", "core", "7")]
    assert team.locator("thead th").nth(3).get_attribute("title") == "Distinct people."
    assert shown.cells("reconciliation_own") == [("2026-11-23", "3", "no data")]
    shown.page.select_option("#scope", "octo-labs")
    assert team.locator(".message").inner_text() == "It has no rows for octo-labs."
    assert "somebody" not in shown.file.read_text()


def team(scope: str, name: str, number: int | None, active: int, agents: int) -> str:
    """A row of marts.team_activity_28d; what is not named is null."""
    return (
        "insert into marts.team_activity_28d by name "
        f"select '{scope}' as scope, {number or 'null'} as team_id, '{name}' as team_slug, "
        f"date '{LAST}' as as_of_day, 28 as days_covered_28d, {active} as monthly_active_users_28d, "
        f"{agents} as monthly_active_agent_users_28d, 30 as active_users_in_a_team_28d, "
        "40 as active_users_of_scope_28d"
    )


TEAMS = (
    team("octo-org", "core", 1, 20, 5),
    team("octo-org", "web", 2, 10, 9),
    team("octo-org", "pair", 3, 2, 2),
    team("octo-org", "(no reported team)", None, 12, 1),
    team("octo-labs", "ideas", 4, 40, 30),
)


def test_teams_are_bars_of_active_people_with_the_share_of_agent_mode(
    show: Callable[..., Shown], spoilt: Callable[..., Path]
) -> None:
    shown = show(spoilt(*TEAMS), choice="#scope=octo-org")

    panel = shown.panel("team_sizes")
    bars = panel.locator(".rank tbody tr").evaluate_all(
        "rows => rows.map(row => [row.cells[0].textContent, row.cells[2].textContent, row.cells[3].textContent, "
        "Math.round(row.querySelector('.bar div').getBoundingClientRect().width / row.querySelector('.bar')"
        ".getBoundingClientRect().width * 100), "
        "Math.round(row.querySelector('i').getBoundingClientRect().width / row.querySelector('.bar div')"
        ".getBoundingClientRect().width * 100)])"
    )
    assert [tuple(each) for each in bars] == [
        ("core", "25.0%", "20", 100, 25),
        ("web", "90.0%", "10", 50, 90),
        ("pair", "100.0%", "2", 10, 100),
        ("(no reported team)", "8.3%", "12", 60, 8),
    ]
    assert panel.locator(".finding").inner_text() == (
        "Agent mode reaches from 25.0% of the active people of core to 90.0% of web."
    ), "two people are no share to speak of"
    assert "30 of 40 active people were in one" in panel.locator(".what").first.inner_text()
    assert shown.cells("team_sizes")[0][:3] == ("core", "20", "5")
    shown.page.select_option("#scope", ALL)
    names = panel.locator(".rank tbody th").all_inner_texts()
    assert names[:2] == ["octo-labs / ideas", "octo-org / core"]


def test_without_the_report_of_teams_it_says_which_is_missing(show: Callable[..., Shown]) -> None:
    message = show().panel("team_sizes").locator(".message").inner_text()

    assert message == "The report user-teams-1-day is not loaded; name it in COPILOT_REPORTS to see teams."


def restatement(day: dt.date, measure: str, before: float, after: float, seen: str = "09:00") -> str:
    return (
        f"insert into marts.restatements values ('octo-org', 'users-1-day', '{day}', '{LAST} {seen}', '{measure}', "
        f"{before}, {after}, {after - before}, 1, 2, 3, {(LAST - day).days})"
    )


def test_what_github_changed_is_told_with_day_time_and_amount(
    show: Callable[..., Shown], spoilt: Callable[..., Path]
) -> None:
    day = LAST - 3 * DAY
    shown = show(
        spoilt(
            restatement(day, "records", 9, 8),
            restatement(day, "loc_added_sum", 200, 150),
            restatement(day, "code_generation_activity_count", 1, 3),
            restatement(LAST - 9 * DAY, "records", 9, 9),
        ),
        choice="#scope=octo-org",
    )

    panel = shown.panel("restatements")
    assert panel.locator(".finding").inner_text() == (
        f"2 restatements of 2 days; the largest changed the lines added of {brief(day)} by \u221225.0%."
    )
    written, seen = (f"{each.day} {each:%b %Y}" for each in (day, LAST))
    assert shown.cells("restatements")[0] == (
        written,
        "users-1-day",
        f"{seen}, 3 days on",
        "9 to 8 (\u22121)",
        "1",
        "2",
        "3",
        "lines added: 200 to 150 (\u221225.0%)",
    )
    assert (panel.locator("svg path.fill").first.get_attribute("d") or "").count("z") == 2
    shown.page.select_option("#scope", "octo-labs")
    assert panel.locator(".message").inner_text() == ("GitHub changed no day of this period after it was loaded.")


def test_fields_that_came_and_went_are_told(show: Callable[..., Shown], spoilt: Callable[..., Path]) -> None:
    row = f"'octo-org', 'users-1-day', '{{}}', '{{}}', 'number', '{FIRST}', '{LAST}', 44, 900, {{}}"
    source = spoilt(
        *(
            f"insert into marts.schema_drift values ({row.format(*each)})"
            for each in (("new.thing", "appeared", True), ("old", "disappeared", True), ("gone", "appeared", False))
        )
    )

    panel = show(source).panel("schema_drift")

    assert panel.locator(".finding").inner_text() == (
        "On the newest day, 1 field that this version does not know, and 1 field that ceased to come."
    )
    lines = panel.locator("tbody tr").evaluate_all("rows => rows.map(r => [...r.cells].map(c => c.textContent))")
    assert lines[0] == ["new.thing", "users-1-day", "new, unknown here", "number", str(FIRST), str(LAST), "44", "900",
                        "yes"]  # fmt: skip
    assert [line[0] for line in lines] == ["new.thing", "old", "gone"]


def test_without_drift_it_says_so(show: Callable[..., Shown]) -> None:
    assert "none is new, and none ceased to come" in show().panel("schema_drift").locator(".message").inner_text()


def test_values_that_differ_from_githubs_own_are_counted_and_listed(
    show: Callable[..., Shown], spoilt: Callable[..., Path]
) -> None:
    def value(status: str, ours: int, theirs: int) -> str:
        return (
            "insert into marts.reconciliation_daily by name select 'octo-org' as scope, "
            f"date '{LAST}' as day, '(top level)' as breakdown, '' as first_key, '' as second_key, 'm{ours}' as "
            f"measure, {ours} as our_value, {theirs} as github_value, {ours - theirs} as difference, "
            f"'{status}' as status"
        )

    shown = show(
        spoilt(value("equal", 5, 5), value("equal", 6, 6), value("differs", 7, 9), value("cannot compare", 8, 1))
    )

    panel = shown.panel("reconciliation")
    assert panel.locator(".finding").inner_text() == "2 of 3 values that can be compared are equal; 1 differs."
    assert shown.cells("reconciliation") == [(str(LAST), "m7", "the whole", "7", "9", "\u22122", "not known")]


# ------------------------------------------------------------------------------------------------- privacy


def test_nobody_is_named_by_default(show: Callable[..., Shown]) -> None:
    shown = show()

    logins = [login for (login,) in shown.sql("select distinct user_login from marts.user_activity")]
    assert len(logins) > 10
    assert not [login for login in logins if login in shown.file.read_text()]
    assert shown.panel("user_activity").count() == 0
    assert shown.file.stat().st_mode & 0o777 == 0o600


def test_people_are_there_when_asked_for_with_a_banner(show: Callable[..., Shown]) -> None:
    shown = show(include_users=True, choice="#scope=octo-org")
    panel = shown.panel("user_activity")

    assert "This page names people." in panel.locator(".banner").inner_text()
    query = "select user_login, usage_tier, active_days_28d::varchar from marts.user_activity where scope = 'octo-org' "

    def lines() -> list[tuple[str, ...]]:
        return [
            (row[0], row[1], row[4])
            for row in panel.locator("tbody").evaluate(
                "b => [...b.rows].map(r => [...r.cells].map(c => c.textContent))"
            )
        ]

    assert lines() == shown.sql(query + "order by lower(user_login)")
    panel.get_by_role("button", name="Active days").click()
    assert [row[2] for row in lines()] == [row[2] for row in shown.sql(query + "order by active_days_28d")]
    login = lines()[0][0]
    panel.get_by_role("searchbox").fill(login.upper())
    assert lines() == shown.sql(query + "and user_login = $1", login)


def test_twenty_thousand_people_are_found_and_counted_but_not_all_drawn(
    show: Callable[..., Shown], spoilt: Callable[..., Path]
) -> None:
    source = spoilt(
        "create or replace table marts.user_activity as select base.* replace (user_id + 1000000 * n as user_id, "
        "user_login || '-' || n as user_login) from marts.user_activity as base cross join range(1700) as many (n) "
        "where scope = 'octo-org'"
    )
    shown = show(source, include_users=True, choice="#scope=octo-org")
    panel = shown.panel("user_activity")
    everybody = shown.sql("select count(*) from marts.user_activity")[0][0]
    told, lines, more = panel.locator("p.what").nth(1), panel.locator("tbody tr"), panel.locator(".more")

    assert everybody > 20_000
    assert told.inner_text() == f"{everybody:,} people, the first 200 shown."
    assert lines.count() == 200
    more.click()
    assert lines.count() == 400
    login = shown.sql("select user_login from marts.user_activity where user_login like '%-1699' order by 1")[0][0]
    panel.get_by_role("searchbox").fill(login)
    assert told.inner_text() == f"1 person of {everybody:,} found."
    assert lines.locator("th").all_inner_texts() == [login]
    assert more.is_hidden()


def test_names_from_data_stay_text(show: Callable[..., Shown], spoilt: Callable[..., Path]) -> None:
    evil = EVIL.replace("'", "''")
    shown = show(
        spoilt(
            f"update marts.language_mix set language_canonical = '{evil}' where language_canonical = 'python'",
            "update marts.language_mix set language_canonical = '__proto__' where language_canonical = 'go'",
            f"update marts.ide_mix set ide = '{evil}' where ide = 'vscode'",
            "update marts.ide_mix set ide = 'constructor' where ide = 'intellij'",
            f"update marts.feature_usage_daily set feature_label = '{evil}', feature = '__proto__' "
            "where feature = 'chat_inline'",
            f"update marts.data_coverage set last_error = '{evil}' where coverage_state = 'failed'",
            f"update marts.user_activity set user_login = '{evil}' "
            "where user_id = (select min(user_id) from marts.user_activity)",
            *(
                f"update marts.{mart} set scope = '{evil}' where scope = 'octo-labs'"
                for mart in ("adoption_daily", "data_coverage", "user_activity")
            ),
        ),
        include_users=True,
    )

    for mart in ("ide_mix", "feature_usage_daily", "user_activity"):
        assert EVIL in (shown.panel(mart).text_content() or ""), mart
    assert {EVIL, "__proto__"} <= {cell for row in shown.cells("language_mix") for cell in row}
    assert "constructor" in shown.panel("ide_mix").locator(".rank").inner_text()
    assert EVIL in [cell for row in shown.cells("data_coverage") for cell in row]
    shown.page.select_option("#scope", EVIL)
    assert EVIL in shown.page.locator(".asof").inner_text()
    assert shown.page.locator("img").count() == 0
    assert shown.page.title() == "Copilot adoption"


def test_the_policy_lets_no_other_script_run(show: Callable[..., Shown]) -> None:
    shown = show()

    policy = shown.page.locator('meta[http-equiv="Content-Security-Policy"]').get_attribute("content") or ""
    assert re.fullmatch(
        r"default-src 'none'; script-src 'sha256-[\w+/=]+'; style-src 'sha256-[\w+/=]+'; "
        r"base-uri 'none'; form-action 'none'",
        policy,
    )
    shown.page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), "
        "{textContent: 'document.title = \"hit\"'}))"
    )
    assert shown.page.title() == "Copilot adoption"
    assert shown.complaints, "the browser says that it refused the script"
    shown.complaints.clear()


# ------------------------------------------------------------------------------------ every reader, every width


@pytest.mark.parametrize("width", [360, 800, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits(show: Callable[..., Shown], width: int, scheme: str) -> None:
    shown = show(include_users=True, width=width, scheme=scheme)

    assert shown.page.evaluate("document.documentElement.scrollWidth") == width
    ground = shown.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light")
    past = shown.page.locator("figure svg text").evaluate_all(
        "all => all.filter(each => each.getBoundingClientRect().right > innerWidth + 1).map(each => each.textContent)"
    )
    assert past == []


def test_paper_has_no_controls_and_a_light_ground(show: Callable[..., Shown]) -> None:
    shown = show(scheme="dark")

    shown.page.emulate_media(media="print", color_scheme="dark")

    assert not shown.page.locator("#choices").is_visible()
    assert shown.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert shown.page.pdf(format="A4").startswith(b"%PDF")


def test_no_table_is_cut_on_paper(show: Callable[..., Shown], spoilt: Callable[..., Path]) -> None:
    day = LAST - 3 * DAY
    shown = show(
        spoilt(restatement(day, "records", 900, 888), restatement(day, "loc_suggested_to_add_sum", 2000, 1500)),
        width=688,  # what A4 leaves between its margins
    )

    shown.page.emulate_media(media="print")

    right = shown.page.locator("table:visible").evaluate_all(
        "all => all.map(each => [each.closest('.panel').querySelector('h3').textContent, "
        "each.getBoundingClientRect().right - each.closest('.panel').getBoundingClientRect().right])"
    )
    assert {"Credits by month", "What GitHub changed afterwards", "Do newcomers stay?"} <= {name for name, _ in right}
    assert {name: past for name, past in right if past > 1} == {}


def test_the_dark_bar_is_the_one_that_the_sentence_speaks_of(show: Callable[..., Shown]) -> None:
    shown = show()

    lit = {
        mart: shown.panel(mart).locator(".rank tr:has(.lit) th").all_inner_texts()
        for mart in ("feature_adoption_funnel", "feature_usage_daily", "language_mix", "model_mix")
    }
    assert lit["feature_adoption_funnel"] == ["Agent mode"]
    for mart in ("feature_usage_daily", "language_mix", "model_mix"):
        (name,) = lit[mart]
        assert shown.panel(mart).locator(".finding").inner_text().startswith(f"{name} leads")


def test_everything_has_a_name_for_those_who_listen(show: Callable[..., Shown]) -> None:
    shown = show(include_users=True)

    session = shown.page.context.new_cdp_session(shown.page)
    tree = session.send("Accessibility.getFullAXTree")["nodes"]
    named = ("img", "image", "figure", "group", "region", "form", "table", "combobox", "radio", "checkbox", "searchbox",
             "button", "Date", "heading")  # fmt: skip
    found = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in tree
        if not node.get("ignored") and node.get("role", {}).get("value") in named
    ]
    kinds = {role for role, _ in found}
    assert {"group", "combobox", "radio", "checkbox", "button", "heading"} <= kinds
    assert kinds & {"img", "image"}
    assert [each for each in found if not each[1].strip()] == []
    charts = [name for role, name in found if role in ("img", "image")]
    assert any("28 days" in name for name in charts)


CONTRAST = """
() => {
  const light = rgb => rgb.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, n) => sum + v * [0.2126, 0.7152, 0.0722][n], 0);
  const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const over = (top, below, alpha) => top.map((v, n) => v * alpha + below[n] * (1 - alpha));
  const ground = each => {
    for (; each; each = each.parentElement) {
      const [r, g, b, alpha = 1] = parse(getComputedStyle(each).backgroundColor);
      if (alpha > 0) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const found = {};
  for (const each of document.querySelectorAll('body *')) {
    const words = [...each.childNodes].filter(n => n.nodeType === 3 && n.data.trim()).length;
    if (!words || !each.getClientRects().length || each.closest('script, style, .unseen, .skip')) continue;
    const style = getComputedStyle(each);
    let below = ground(each);
    const shade = each.matches('.cell') && each.querySelector('i');
    if (shade) {
      const { backgroundColor, opacity } = getComputedStyle(shade);
      below = over(parse(backgroundColor).slice(0, 3), below, Number(opacity));
    }
    const ink = parse(each instanceof SVGElement ? style.fill : style.color).slice(0, 3);
    const [a, b] = [light(ink), light(below)].sort((x, y) => y - x);
    const name = `${each.tagName}.${each.getAttribute('class') || ''} ${ink} on ${below.map(Math.round)}`;
    found[name] = (a + 0.05) / (b + 0.05);
  }
  return found;
}
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_word_stands_out_from_its_ground(show: Callable[..., Shown], scheme: str) -> None:
    shown = show(include_users=True, scheme=scheme, choice=f"#scope={ALL}&from={FIRST}&to={LAST}")
    shown.page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    shown.page.locator("details .scroll").last.wait_for()

    contrast = shown.page.evaluate(CONTRAST)

    assert {name: ratio for name, ratio in contrast.items() if ratio < 4.5} == {}
    assert len(contrast) > 30
    assert any("cell" in name for name in contrast)
    shown.page.evaluate("document.documentElement.style.setProperty('--soft', 'rgb(128, 128, 128)')")
    assert min(shown.page.evaluate(CONTRAST).values()) < 4.5, "the measure would see a word that is too pale"


@pytest.mark.parametrize("scope", [ALL, "octo-labs"])
def test_tables_regions_and_headings_are_in_order(show: Callable[..., Shown], scope: str) -> None:
    shown = show(include_users=True, choice=f"#scope={scope}&from={FIRST}&to={LAST}")
    shown.page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    shown.page.locator("details .scroll").last.wait_for()

    assert shown.page.evaluate(
        "[...document.querySelectorAll('table')].filter(each => !each.tBodies[0].rows.length || !each.caption)"
        ".map(each => each.outerHTML)"
    ) == []  # fmt: skip
    assert shown.page.locator("th:not([scope])").count() == 0
    assert shown.page.locator(".scroll:not([tabindex='0'][role=region][aria-label])").count() == 0
    ids = shown.page.evaluate("[...document.querySelectorAll('[id]')].map(each => each.id)")
    assert len(ids) == len(set(ids))
    named = "aria-labelledby", "aria-describedby"
    for name in named:
        assert set(
            shown.page.evaluate(f"[...document.querySelectorAll('[{name}]')].map(e => e.getAttribute('{name}'))")
        ) <= {*ids}
    levels = [
        int(each[1]) for each in shown.page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(e => e.tagName)")
    ]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in zip([0, *levels], levels, strict=False))
    landmarks = shown.page.evaluate("['header', 'main', 'footer'].map(each => document.querySelectorAll(each).length)")
    assert landmarks == [1, 1, 1]


def test_the_keyboard_reaches_every_control_and_chart(show: Callable[..., Shown]) -> None:
    shown = show()

    wanted = shown.page.evaluate(
        "document.querySelectorAll('#scope, .plot[tabindex], summary, #to-date').length + 1"  # one of the radios
    )
    reached: set[str] = set()
    for _ in range(120):
        shown.page.keyboard.press("Tab")
        reached.add(
            shown.page.evaluate(
                "(() => { const each = document.activeElement; each.dataset.n ??= Math.random(); "
                "return each.matches('#scope, .plot, summary, #to-date, input[type=radio]') ? each.dataset.n : ''; })()"
            )
        )
    assert len(reached - {""}) == wanted
