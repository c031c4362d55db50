"""What the report shows of the published marts: which columns, along which axis, in which shape for the page.

Everything is a list of what to read: a mart that is not there leaves its entry out, and the page leaves out the panels
that need it. Rates are not read: the page has their numerators and denominators, and divides the sums of what is shown.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import duckdb

ALL_SCOPES = "(all organizations)"
THE_REST = "(all others)"

MOST_KEYS = 24
"""So many languages or models of a scope have a series of their own; those after them are one."""

MOST_TEAMS = 60
"""So many teams of a scope are compared, the largest ones; the mart has all of them."""

MOST_RESTATEMENTS = 100
"""So many restatements of a scope are told one by one, the newest ones; the days have all of them."""

MOST_DIFFERING = 100
"""So many values of a scope that differ from GitHub's own are told, the newest ones; the days have all of them."""

MOST_WEEKS_SINCE = 12
"""Retention is shown for so many weeks after the first; the mart has all of them."""

PERSONAL = ("user_id", "user_login")
"""Columns that name a person, as every mart calls them."""

Content = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Series:
    """Columns of a mart along its days or weeks, by scope and by the values of `key`.

    `columns` maps names to aggregates, which matter only where the mart's grain is finer than ours, as with `top`:
    then only the keys with the largest sum of that column stay apart. `people` cannot be added up over keys.
    """

    name: str
    mart: str
    axis: str
    columns: Mapping[str, str]
    key: str = "''"
    label: str = "null"
    top: str = ""
    people: str = ""

    def sql(self) -> str:
        if not self.top:
            spelled = "".join(f", {expression}" for expression in self.columns.values())
            return (
                f"select scope, {self.axis}, {self.key}, any_value({self.label}){spelled} from marts.{self.mart} "
                f"group by scope, {self.axis}, {self.key} order by all"
            )
        kept = f"place <= {MOST_KEYS}"
        spelled = "".join(
            f", {f'case when min(place) <= {MOST_KEYS} then {expression} end' if name == self.people else expression}"
            for name, expression in self.columns.items()
        )
        return (
            f"with keyed as (select *, {self.key} as series_key from marts.{self.mart}), "
            "places as (select scope, series_key, row_number() over "
            f"(partition by scope order by sum({self.top}) desc, series_key) as place "
            "from keyed group by scope, series_key) "
            f"select scope, {self.axis}, case when {kept} then series_key else '{THE_REST}' end as named, "
            f"null{spelled} from keyed join places using (scope, series_key) "
            f"group by scope, {self.axis}, named order by all"
        )


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a mart by scope, where they do not lie along an axis: all, or the first `most` of each scope.

    `grain` are the columns that one row stands for, where the mart is finer; the others are aggregates then.
    """

    name: str
    mart: str
    columns: Sequence[str]
    where: str = "true"
    order: str = "2, 3"
    grain: str = ""
    most: int = 0

    def sql(self) -> str:
        spelled = ", ".join(self.columns)
        group = f" group by scope, {self.grain}" if self.grain else ""
        first = f" qualify row_number() over (partition by scope order by {self.order}) <= {self.most}"
        return (
            f"select scope, {spelled} from marts.{self.mart} where {self.where}{group}{first if self.most else ''} "
            f"order by scope, {self.order}"
        )


def _as_they_are(*names: str) -> dict[str, str]:
    return {name: f"max({name})" for name in names}


SERIES = (
    Series(
        "adoption",
        "adoption_daily",
        "day",
        _as_they_are(
            "daily_active_users",
            "weekly_active_users_7d",
            "monthly_active_users_28d",
            "weekly_active_users_wtd",
            "monthly_active_users_mtd",
            "monthly_active_agent_users_mtd",
            "days_covered_7d",
            "days_covered_28d",
        )
        | {"is_covered": "max(is_covered::int)", "is_provisional": "max(is_provisional::int)"},
    ),
    Series(
        "phases",
        "adoption_phase_daily",
        "day",
        _as_they_are("users"),
        key="phase_number::varchar",
        label="phase_name",
    ),
    Series("phases_total", "adoption_phase_daily", "day", _as_they_are("users_with_phase")),
    Series(
        "funnel",
        "feature_adoption_funnel",
        "day",
        _as_they_are("users"),
        key="lpad(stage_number::varchar, 2, '0')",
        label="stage",
    ),
    Series("funnel_total", "feature_adoption_funnel", "day", _as_they_are("active_users_28d")),
    Series(
        "features",
        "feature_usage_daily",
        "day",
        _as_they_are("users", "interactions", "generations"),
        key="feature",
        label="feature_label",
    ),
    Series(
        "acceptance",
        "completion_acceptance_daily",
        "day",
        _as_they_are("suggested", "accepted", "suggested_28d", "accepted_28d"),
    ),
    Series("lines", "code_generation_daily", "day", _as_they_are("loc_added", "loc_deleted"), key="code_origin"),
    Series("lines_total", "code_generation_daily", "day", _as_they_are("agent_loc_changed_28d", "ide_loc_changed_28d")),
    Series(
        "languages",
        "language_mix",
        "week_start_monday",
        {"amount": "sum(ide_generations)", "users": "sum(users)"},
        key="language_canonical",
        top="ide_generations",
        people="users",
    ),
    Series("languages_total", "language_mix", "week_start_monday", {"amount": "max(known_ide_generations_of_week)"}),
    Series(
        "models",
        "model_mix",
        "week_start_monday",
        {"amount": "sum(chat_interactions)", "users": "sum(users)"},
        key="model_canonical",
        top="chat_interactions",
        people="users",
    ),
    Series("models_total", "model_mix", "week_start_monday", {"amount": "max(chat_interactions_of_week)"}),
    Series(
        "ides",
        "ide_mix",
        "week_start_monday",
        {"amount": "sum(generations)", "users": "sum(users)"},
        key="ide",
        top="generations",
        people="users",
    ),
    Series("ides_total", "ide_mix", "week_start_monday", {"amount": "max(generations_of_week)"}),
    Series(
        "credits",
        "ai_credits_daily",
        "day",
        _as_they_are("ai_credits_used", "ai_credits_used_mtd", "users_with_credits", "active_users"),
    ),
    Series(
        "lifecycle",
        "user_lifecycle_weekly",
        "week_start_monday",
        _as_they_are("users") | {"is_complete": "max(is_complete::int)"},
        key="lifecycle_state",
    ),
    Series(
        "teams",
        "team_adoption_daily",
        "day",
        {"weekly": "max(weekly_active_users_7d)"},
        key="coalesce(team_id::varchar, '')",
        top="daily_active_users",
        people="weekly",
    ),
    Series(
        "restated",
        "restatements",
        "day",
        {
            "times": "count(*) filter (where measure = 'records')",
            "records": "sum(rows_added + rows_removed + rows_changed) filter (where measure = 'records')",
        },
        key="report",
    ),
    Series("reconciled", "reconciliation_daily", "day", {"values": "count(*)"}, key="status"),
    Series(
        "coverage",
        "data_coverage",
        "day",
        {
            "state": "max(coverage_state)",
            "is_loaded": "max(is_loaded::int)",
            "people": "max(rows)",
            "reason": "max(case when coverage_state = 'failed' then last_error end)",
        },
        key="report",
    ),
)

ROWS = (
    Rows(
        "retention",
        "retention_cohorts",
        ("cohort_week", "weeks_since", "cohort_size", "retained_users", "is_first_week_of_history"),
        where=f"weeks_since <= {MOST_WEEKS_SINCE}",
    ),
    Rows(
        "credit_months",
        "ai_credits_org_month",
        (
            "month_start",
            "ai_credits_used",
            "list_value_usd",
            "active_users",
            "users_with_credits",
            "included_credits",
            "days_covered",
            "days_of_month",
        ),
    ),
    Rows(
        "team_sizes",
        "team_activity_28d",
        (
            "coalesce(team_id::varchar, '') as team",
            "team_slug",
            "reported_members",
            "monthly_active_users_28d",
            "monthly_active_agent_users_28d",
            "completions_accepted_28d",
            "completions_suggested_28d",
            "active_users_in_a_team_28d",
            "active_users_of_scope_28d",
            "days_covered_28d",
            "as_of_day",
        ),
        order="monthly_active_users_28d desc, team_slug, team_id",
        most=MOST_TEAMS,
    ),
    Rows(
        "restatements",
        "restatements",
        (
            "report",
            "day",
            "seen_at",
            "any_value(days_late) as days_late",
            "any_value(value_before) filter (where measure = 'records') as records_before",
            "any_value(value_after) filter (where measure = 'records') as records_after",
            "any_value(rows_added) as rows_added",
            "any_value(rows_removed) as rows_removed",
            "any_value(rows_changed) as rows_changed",
            # What moved most of what is large enough to speak of: 1 that became 3 is no news.
            *(
                f"arg_max({value}, abs(change) / (value_before + value_after)) filter (where measure <> 'records' "
                f"and change <> 0 and value_before + value_after >= 100) as {name}"
                for value, name in (("measure", "moved"), ("value_before", "moved_from"), ("value_after", "moved_to"))
            ),
        ),
        grain="report, day, seen_at",
        order="seen_at desc, day desc, report",
        most=MOST_RESTATEMENTS,
    ),
    Rows(
        "differing",
        "reconciliation_daily",
        ("day", "breakdown", "first_key", "second_key", "measure", "our_value", "github_value", "difference", "reason"),
        where="status = 'differs'",
        order="day desc, abs(difference) desc, breakdown, first_key, second_key, measure",
        most=MOST_DIFFERING,
    ),
    Rows(
        "drift",
        "schema_drift",
        ("report", "path", "change", "json_type", "first_day", "last_day", "days", "records", "is_current"),
        order="is_current desc, first_day desc, report, path",
    ),
)

PEOPLE = Rows(
    "people",
    "user_activity",
    (
        "user_login",
        "usage_tier",
        "adoption_phase_number",
        "last_active_day",
        "active_days_28d",
        "engaged_days_28d",
        "surface_names_28d",
        "top_language_28d",
        "top_ide_28d",
        "top_model_28d",
        "interactions_28d",
        "completions_accepted_28d",
        "completions_suggested_28d",
        "loc_added_28d",
        "ai_credits_used_28d",
        "as_of_day",
    ),
    order="lower(user_login), user_id",
)

FAMILIES = {
    "team": "Teams",
    "reconciliation": "Reconciliation with GitHub's own numbers",
    "seat_": "Seats: how many of them are used",
    "idle_seats": "Seats by how long their people have been away",
}
"""Marts whose name begins so, and which no chart has, are shown as tables of their latest day in their own words."""

MOST_TABLE_ROWS = 400


@dataclass(slots=True)
class _Axis:
    """Evenly spaced dates from the first that any row has to the last."""

    step: int
    first: dt.date | None = None
    last: dt.date | None = None

    def reach(self, dates: Iterable[dt.date]) -> None:
        for each in dates:
            self.first = each if self.first is None else min(self.first, each)
            self.last = each if self.last is None else max(self.last, each)

    def __len__(self) -> int:
        return 0 if self.first is None or self.last is None else (self.last - self.first).days // self.step + 1

    def place(self, date: dt.date) -> int:
        return (date - self.first).days // self.step if self.first else 0


@dataclass(slots=True)
class _Reading:
    connection: duckdb.DuckDBPyConnection
    marts: frozenset[str]
    axes: dict[str, _Axis] = field(default_factory=lambda: {"day": _Axis(1), "week_start_monday": _Axis(7)})


def contents(connection: duckdb.DuckDBPyConnection, *, include_users: bool) -> Content:
    """Everything that the page shows, ready to be written as JSON."""
    marts = frozenset(
        name
        for (name,) in connection.execute(
            "select table_name from information_schema.tables where table_schema = 'marts'"
        ).fetchall()
    )
    reading = _Reading(connection, marts)
    found = [(each, connection.execute(each.sql()).fetchall()) for each in SERIES if each.mart in marts]
    for each, rows in found:
        # GitHub may be asked for days long before it has any: those say nothing about use.
        reading.axes[each.axis].reach(row[1] for row in rows)
    scopes = _scopes(found)
    days, weeks = reading.axes["day"], reading.axes["week_start_monday"]
    return {
        **_origin(connection),
        "all_scopes": ALL_SCOPES,
        "the_rest": THE_REST,
        "scopes": scopes,
        "include_users": include_users,
        "first_day": days.first,
        "days": len(days),
        "first_week": weeks.first,
        "weeks": len(weeks),
        "series": {each.name: _along(reading.axes[each.axis], each, rows) for each, rows in found},
        "rows": {
            each.name: _by_scope(connection, each)
            for each in (*ROWS, *((PEOPLE,) if include_users else ()))
            if each.mart in marts
        },
        "tables": [_table(connection, mart, title) for mart, title in _families(marts)],
        "changes": [list(row) for row in connection.execute(
            "select day, affects, change, kind from seeds.metric_change_log order by day, affects, change"
        ).fetchall()],
    }  # fmt: skip


def _origin(connection: duckdb.DuckDBPyConnection) -> Content:
    row = connection.execute("select published_at, days_loaded, code_version from ops.published").fetchone()
    published_at, days_loaded, version = row or (None, 0, "")
    return {"published_at": published_at, "days_loaded": days_loaded or 0, "version": version}


def _scopes(found: Iterable[tuple[Series, Sequence[tuple[Any, ...]]]]) -> list[str]:
    """All organizations first; one alone needs no sum of itself."""
    names = {row[0] for each, rows in found for row in rows if each.name in ("adoption", "coverage")}
    own = sorted(names - {ALL_SCOPES})
    return [ALL_SCOPES, *own] if ALL_SCOPES in names and len(own) > 1 else own


def _along(axis: _Axis, series: Series, rows: Sequence[tuple[Any, ...]]) -> Content:
    """The rows as arrays over the axis; null where a date has no row, which is not zero."""
    scopes: dict[str, dict[str, dict[str, list[Any]]]] = {}
    labels: dict[str, str] = {}
    for scope, date, key, label, *values in rows:
        if label is not None:
            labels[key] = label
        columns = scopes.setdefault(scope, {}).setdefault(key, {})
        for name, value in zip(series.columns, values, strict=True):
            if value is not None:
                columns.setdefault(name, [None] * len(axis))[axis.place(date)] = _plain(value)
    return {"mart": series.mart, "labels": labels, "scopes": scopes}


def _by_scope(connection: duckdb.DuckDBPyConnection, rows: Rows) -> Content:
    scopes: dict[str, list[list[Any]]] = {}
    for scope, *values in connection.execute(rows.sql()).fetchall():
        scopes.setdefault(scope, []).append([_plain(value) for value in values])
    return {"mart": rows.mart, "columns": [each.rpartition(" as ")[2] for each in rows.columns], "scopes": scopes}


def _families(marts: Iterable[str]) -> list[tuple[str, str]]:
    drawn = {each.mart for each in (*SERIES, *ROWS)}
    others = sorted({*marts} - drawn)
    return [(mart, title) for prefix, title in FAMILIES.items() for mart in others if mart.startswith(prefix)]


def _table(connection: duckdb.DuckDBPyConnection, mart: str, title: str) -> Content:
    """The latest day of a mart with what the file itself says about it; nobody is named in it."""
    described = connection.execute(
        "select column_name, comment from duckdb_columns() where schema_name = 'marts' and table_name = ? "
        "order by column_index",
        [mart],
    ).fetchall()
    columns = [(name, comment or "") for name, comment in described if name not in PERSONAL]
    about = connection.execute(
        "select comment from (select schema_name, table_name, comment from duckdb_tables() "
        "union all select schema_name, view_name, comment from duckdb_views()) "
        "where schema_name = 'marts' and table_name = ?",
        [mart],
    ).fetchone()
    dates = [name for name, _ in columns if name in ("day", "as_of_day", "week_start_monday", "month_start")]
    latest = f"where {dates[0]} = (select max({dates[0]}) from marts.{mart})" if dates else ""
    spelled = ", ".join(f'"{name}"' for name, _ in columns)
    rows = connection.execute(
        f"select {spelled} from marts.{mart} {latest} order by all limit {MOST_TABLE_ROWS + 1}"
    ).fetchall()
    return {
        "mart": mart,
        "title": title,
        "about": (about or ("",))[0] or "",
        "columns": [list(each) for each in columns],
        "rows": [[_plain(value) for value in row] for row in rows[:MOST_TABLE_ROWS]],
        "cut": len(rows) > MOST_TABLE_ROWS,
    }


def _plain(value: Any) -> Any:
    """Credits are decimals with six places, of which two are shown."""
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float):
        return None if math.isnan(value) or math.isinf(value) else _short(round(value, 2 if abs(value) >= 10 else 4))
    return value


def _short(value: float) -> float | int:
    return int(value) if value.is_integer() else value
