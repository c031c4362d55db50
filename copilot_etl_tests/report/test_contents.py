"""What goes into the report, without a browser: its size, its refusals, and what a mart's rows become."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from copilot_etl import report
from copilot_etl.errors import ConfigError
from copilot_etl.report.contents import SERIES, THE_REST, contents
from copilot_etl_tests.report.conftest import LAST

pytestmark = pytest.mark.xdist_group("report")  # what they share is made once


def test_what_was_written_is_told(marts: Path, tmp_path: Path) -> None:
    written = report.write(marts, tmp_path / "new" / "report.html")

    with duckdb.connect(marts, read_only=True) as connection:
        people = connection.execute(
            "select monthly_active_users_28d from marts.adoption_daily where scope = '(all organizations)' and day = ?",
            [LAST],
        ).fetchone()
    assert people == (written.people_28d,)
    assert (written.days, written.last_day) == (44, LAST)
    assert written.scopes == ("(all organizations)", "octo-labs", "octo-org")
    assert written.size == (tmp_path / "new" / "report.html").stat().st_size


def test_the_same_marts_make_the_same_page(marts: Path, tmp_path: Path) -> None:
    first, second = (report.write(marts, tmp_path / name).path.read_bytes() for name in ("a.html", "b.html"))

    assert first == second


def test_a_year_of_five_organizations_is_below_a_megabyte_and_a_half(
    spoilt: Callable[..., Path], tmp_path: Path
) -> None:
    # 44 days of each mart nine times over, for five organizations and all, with numbers of a large company.
    dates = {each.mart: each.axis for each in SERIES}
    copies = "cross join range(0, 9) as shift (n) cross join range(0, 5) as org (m)"
    year = spoilt(
        *(
            f"create or replace table marts.{mart} as select base.* replace ("
            f"(case when scope = '(all organizations)' then scope else 'organization-' || m end) as scope, "
            f"(base.{axis} - (42 * n)::integer)::date as {axis}) from marts.{mart} as base {copies} "
            "where scope <> '(all organizations)' or m = 0"
            for mart, axis in dates.items()
        ),
        *(
            f"update marts.{mart} set {column} = {column} * 997"
            for mart, column in (
                ("adoption_daily", "daily_active_users"),
                ("adoption_daily", "monthly_active_users_28d"),
                ("feature_usage_daily", "users"),
                ("feature_usage_daily", "interactions"),
                ("feature_usage_daily", "generations"),
                ("completion_acceptance_daily", "suggested_28d"),
                ("code_generation_daily", "loc_added"),
                ("code_generation_daily", "loc_deleted"),
                ("language_mix", "ide_generations"),
            )
        ),
    )

    written = report.write(year, tmp_path / "year.html")

    assert len(written.scopes) == 6
    assert 500_000 < written.size < 1_500_000


def test_many_languages_are_the_largest_and_the_rest(spoilt: Callable[..., Path]) -> None:
    source = spoilt(
        "insert into marts.language_mix by name select 'octo-org' as scope, "
        "date_trunc('week', current_date)::date as week_start_monday, "
        "'made-up-' || n as language_canonical, 1 as users, 1 as generations, 1 as ide_generations, 0 as loc_added, "
        "1 as generations_of_week, 0.0 as share_of_generations, 1 as known_ide_generations_of_week, "
        "0.0 as share_of_known_ide_generations, 0 as unknown_generations_of_week, 0.0 as unknown_share "
        "from range(40) as many (n)"
    )

    with duckdb.connect(source, read_only=True) as connection:
        found = contents(connection, include_users=False)["series"]["languages"]["scopes"]["octo-org"]
        total = connection.execute(
            "select sum(ide_generations) from marts.language_mix where scope = 'octo-org'"
        ).fetchone()

    assert len(found) == 25
    assert sum(value or 0 for columns in found.values() for value in columns["amount"]) == (total or (0,))[0]
    assert "users" not in found[THE_REST], "people of several languages cannot be added up"


def test_a_day_without_a_row_is_null_and_a_zero_is_zero(spoilt: Callable[..., Path]) -> None:
    source = spoilt(
        f"delete from marts.ai_credits_daily where day = '{LAST - dt.timedelta(days=9)}'",
        f"update marts.ai_credits_daily set ai_credits_used = 0 where day = '{LAST - dt.timedelta(days=8)}'",
    )

    with duckdb.connect(source, read_only=True) as connection:
        found = contents(connection, include_users=False)

    at = (LAST - dt.timedelta(days=9) - found["first_day"]).days
    assert found["series"]["credits"]["scopes"]["octo-org"][""]["ai_credits_used"][at : at + 2] == [None, 0]


def test_no_tag_and_no_comment_can_begin_in_the_data(spoilt: Callable[..., Path], tmp_path: Path) -> None:
    source = spoilt("update marts.ide_mix set ide = '<!--<script>\u2028' where ide = 'vscode'")

    text = report.write(source, tmp_path / "report.html").path.read_text()

    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    assert data
    assert "<" not in data[1]
    assert "\u2028" not in data[1]
    assert "<!--<script>\u2028" in json.loads(data[1])["series"]["ides"]["scopes"]["octo-org"]


def test_a_file_that_is_not_there_or_not_ours_is_a_setting_to_change(tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    with duckdb.connect(tmp_path / "other.duckdb") as connection:
        connection.execute("create table something as select 1 as n")

    for name in ("none.duckdb", "other.duckdb"):
        with pytest.raises(ConfigError, match=r"Cannot read .*Run `copilot-etl load`"):
            report.write(tmp_path / name, target)
    assert not target.exists()


def test_marts_of_another_version_are_published_anew_first(spoilt: Callable[..., Path], tmp_path: Path) -> None:
    older = spoilt("alter table marts.ai_credits_daily drop column users_with_credits")

    with pytest.raises(ConfigError, match=r"another version of copilot_etl made it.*Run `copilot-etl publish`"):
        report.write(older, tmp_path / "report.html")
