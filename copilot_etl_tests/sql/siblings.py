"""The sibling reports of users who are already loaded, made up so that they agree with them to the last line.

GitHub's own totals are the sums of the users' rows, written down here once more and in another way than the models
do it; every scope has two teams, one for odd and one for low ids, one repository, and in an organization a seat for
each person of the day and for somebody who is never there.
"""

from __future__ import annotations

import duckdb

from copilot_etl.warehouse import Warehouse

SEVEN = (
    "user_initiated_interaction_count",
    "code_generation_activity_count",
    "code_acceptance_activity_count",
    "loc_suggested_to_add_sum",
    "loc_suggested_to_delete_sum",
    "loc_added_sum",
    "loc_deleted_sum",
)
BREAKDOWNS = {
    "ide": ("ide",),
    "feature": ("feature",),
    "language_feature": ("language", "feature"),
    "language_model": ("language", "model"),
    "model_feature": ("model", "feature"),
}


def fill(warehouse: Warehouse) -> None:
    """Adds totals, teams, repositories and seats for every scope and day of `raw.user_day`, with their ledger rows."""
    totals(warehouse)
    with warehouse.connect() as connection:
        connection.execute(
            "insert into raw.user_team_day by name "
            "select scope, day, user_id, user_login, 42 as team_id, 'frontend' as slug "
            "from raw.user_day where user_id % 2 = 1 "
            "union all select scope, day, user_id, user_login, 43, 'backend' "
            "from raw.user_day where user_id <= (select median(user_id) from raw.user_day)"
        )
        connection.execute(
            "insert into raw.repo_day by name select distinct scope, day, 7 as repo_id, scope as repo_owner_name, "
            "'hello' as repo_name, 3 as pull_requests_total_created, 1 as pull_requests_total_created_by_copilot "
            "from raw.user_day"
        )
        connection.execute(
            "insert into raw.seat_day by name select scope, day, user_id, user_login, 'business' as plan_type, "
            "'2026-01-05T08:00:00Z' as created_at, if(user_id % 3 = 0, day + 20, null) as pending_cancellation_date "
            "from raw.user_day where not starts_with(scope, 'enterprise.') "
            "union all select distinct scope, day, 999, 'nobody', 'business', '2026-01-05T08:00:00Z', null::date "
            "from raw.user_day where not starts_with(scope, 'enterprise.')"
        )
        _note(connection, "'user-teams-1-day'")
        _note(connection, "'seats'", "not starts_with(scope, 'enterprise.')")
        _note(connection, "'repos-1-day'")


def totals(warehouse: Warehouse) -> None:
    """Adds GitHub's own totals for every scope and day of `raw.user_day`."""
    with warehouse.connect() as connection:
        connection.execute(f"insert into raw.totals_day by name {_totals()}")
        for breakdown, keys in BREAKDOWNS.items():
            spelled = ", ".join((*keys, *(f"sum({name})::bigint as {name}" for name in counters_of(breakdown))))
            connection.execute(
                f"insert into raw.totals_day_{breakdown} by name "
                f"select scope, day, {spelled} from raw.user_day_{breakdown} group by scope, day, {', '.join(keys)}"
            )
        _note(connection, "if(starts_with(scope, 'enterprise.'), 'enterprise-1-day', 'organization-1-day')")


def counters_of(breakdown: str) -> tuple[str, ...]:
    """GitHub sends no interactions by language."""
    return SEVEN[1:] if "language" in breakdown else SEVEN


def _note(connection: duckdb.DuckDBPyConnection, report: str, of: str = "true") -> None:
    connection.execute(
        f"insert into ops.report_days by name select * replace ({report} as report) "
        f"from ops.report_days where report = 'users-1-day' and {of}"
    )


def _totals() -> str:
    counters = ", ".join(f"coalesce(sum({name}), 0)::bigint as {name}" for name in SEVEN)
    sizes = ", ".join(
        f"(select count(*) from (select distinct {', '.join(keys)} from raw.user_day_{name} as parts "
        f"where parts.scope = days.scope and parts.day = days.day)) as totals_by_{name}_count"
        for name, keys in BREAKDOWNS.items()
    )
    windows = ", ".join(
        f"(select count(distinct user_id) from raw.user_day as users where users.scope = days.scope "
        f"and users.day between {first} and days.day and {flag}) as {name}"
        for name, first, flag in (
            ("daily_active_users", "days.day", "true"),
            ("weekly_active_users", "days.day - (isodow(days.day) % 7)::int", "true"),
            ("monthly_active_users", "days.day - dayofmonth(days.day)::int + 1", "true"),
            ("monthly_active_chat_users", "days.day - dayofmonth(days.day)::int + 1", "used_chat"),
            ("monthly_active_agent_users", "days.day - dayofmonth(days.day)::int + 1", "used_agent"),
            ("daily_active_cli_users", "days.day", "used_cli"),
        )
    )
    return (
        f"select scope, day, {counters}, {windows}, {sizes}, 4 as pull_requests_total_created, "
        "1 as pull_requests_total_created_by_copilot, 90.5 as pull_requests_median_minutes_to_merge "
        "from raw.user_day as days group by scope, day"
    )
