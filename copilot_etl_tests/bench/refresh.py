"""A daily refresh of all models over a long history: `python -m copilot_etl_tests.bench.refresh STEP FOLDER`.

The raw tables are made up inside DuckDB, since only their size matters here: half of the people on a weekday, with 10
to 40 breakdown rows each. Steps: `build` makes the history on first use and builds everything; `arrive` has one day
come and four be restated; `refresh` does what follows. Prints the slowest models, and a JSON object in the last line.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import shutil
import time
from pathlib import Path

import duckdb

from copilot_etl.models import read
from copilot_etl.published import Published, Refreshed
from copilot_etl.warehouse import Warehouse

SQL = Path(__file__).parents[2] / "sql"
SEVEN = ("user_initiated_interaction_count", "code_generation_activity_count", "code_acceptance_activity_count",
         "loc_suggested_to_add_sum", "loc_suggested_to_delete_sum", "loc_added_sum", "loc_deleted_sum")  # fmt: skip
FEATURES = ("code_completion", "agent_edit", "chat_panel_ask_mode", "chat_panel_agent_mode", "chat_inline",
            "copilot_cli", "copilot_app", "chat_panel_edit_mode")  # fmt: skip
LANGUAGES = (
    "python",
    "typescript",
    "go",
    "java",
    "c#",
    "csharp",
    "markdown",
    "yaml",
    "sql",
    "terraform",
    "hcl",
    "rust",
)
MODELS = ("gpt-5.4", "claude-sonnet-4.6", "claude-4.6-sonnet", "gpt-5-mini", "claude-haiku-4.5", "auto", "unknown")
IDES = ("vscode", "intellij", "visualstudio", "neovim")


def make_days(connection: duckdb.DuckDBPyConnection, first: dt.date, days: int, users: int) -> None:
    """Fills the raw tables and the ledger for a range of days; half of the users on a weekday, a tenth otherwise."""
    connection.execute(
        f"""
        create or replace temp table people as
        select
            'acme' as scope, day, user_id, hash(user_id, day) as h, (hash(user_id, day, 'n') % 5)::int as breadth,
        from (select (date '{first}' + n::int) as day from range({days}) as r (n)) as dates,
            (select 1000 + n as user_id from range({users}) as r (n)) as users
        where hash(user_id, day, 'seen') % 100 < if(isodow(day) < 6, 40 + user_id % 25, 4 + user_id % 10)
        order by day, user_id
        """
    )
    counters = ", ".join(f"(h >> {4 * n}) % 40 as {name}" for n, name in enumerate(SEVEN))
    connection.execute(
        f"""
        insert into raw.user_day by name
        select scope, day, user_id, 'user' || user_id as user_login, '42' as organization_id, '' as enterprise_id,
            {counters}, (h % 1000) / 100 as ai_credits_used, h % 2 = 0 as used_agent, h % 3 > 0 as used_chat,
            h % 4 = 0 as used_cli, h % 9 = 0 as used_copilot_coding_agent, h % 9 = 0 as used_copilot_cloud_agent,
            h % 11 = 0 as used_copilot_app, h % 4 as ai_adoption_phase_number,
            'Phase ' || h % 4 as ai_adoption_phase, 'v1' as ai_adoption_phase_version,
        from people
        """
    )
    for table, keys, rows in (
        ("user_day_ide", {"ide": IDES}, "1 + (breadth > 3)::int"),
        ("user_day_feature", {"feature": FEATURES}, "2 + breadth // 2"),
        ("user_day_language_feature", {"language": LANGUAGES, "feature": FEATURES}, "3 + breadth"),
        ("user_day_language_model", {"language": LANGUAGES, "model": MODELS}, "2 + breadth"),
        ("user_day_model_feature", {"model": MODELS, "feature": FEATURES}, "2 + breadth"),
    ):
        picks = ", ".join(
            f"{list(values)}[1 + ((h + k * {2 * n + 1}) % {len(values)})::int] as {name}"
            for n, (name, values) in enumerate(keys.items())
        )
        own = connection.execute("select column_name from duckdb_columns() where table_name = ?", [table]).fetchall()
        counters = ", ".join(f"hash(h, k, {n}) % 20 as {name}" for n, name in enumerate(SEVEN) if (name,) in own)
        connection.execute(
            f"insert into raw.{table} by name select scope, day, user_id, {picks}, {counters} "
            f"from (select *, unnest(range({rows})) as k from people)"
        )
    connection.execute(
        "insert into raw.user_day_cli by name select scope, day, user_id, 2 as session_count, h % 60 as request_count, "
        "h % 20 as prompt_count, h % 9000 as output_tokens_sum, h % 90000 as prompt_tokens_sum "
        "from people where h % 4 = 0"
    )
    connection.execute(
        "insert or replace into ops.report_days by name "
        "select scope, 'users-1-day' as report, day, 'loaded' as state, count(*) as rows, 1 as files, 1 as bytes, "
        "1 as attempts, now()::timestamp as first_seen_at, first_seen_at as last_seen_at, first_seen_at as loaded_at "
        "from people group by all"
    )


def make_history(warehouse: Warehouse, first: dt.date, days: int, users: int) -> None:
    """Everything but the last day."""
    with warehouse.connect() as connection:
        for start in range(0, days - 1, 30):
            make_days(connection, first + dt.timedelta(days=start), min(30, days - 1 - start), users)


def arrive(warehouse: Warehouse, last: dt.date, users: int) -> None:
    """The last day comes, and the four before it are restated."""
    recent = last - dt.timedelta(days=4)
    with warehouse.connect() as connection:
        for (table,) in connection.execute(
            "select table_name from duckdb_tables() where schema_name = 'raw' and database_name = current_database()"
        ).fetchall():
            connection.execute(f"delete from raw.{table} where day >= ?", [recent])
        make_days(connection, recent, 5, users)


def refresh(folder: Path, now: dt.datetime) -> tuple[Refreshed, float]:
    started = time.perf_counter()
    published = Published(folder / "published" / "copilot.duckdb", Warehouse(folder / "warehouse.duckdb"))
    refreshed = published.refresh(read(SQL), now=now)
    return refreshed, time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("build", "arrive", "refresh"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--days", type=int, default=365)
    chosen = parser.parse_args()
    now = dt.datetime.now(dt.UTC)
    last = now.date() - dt.timedelta(days=1)
    warehouse = Warehouse(chosen.folder / "warehouse.duckdb")
    if chosen.step == "build":
        if not warehouse.path.exists():
            make_history(warehouse, last - dt.timedelta(days=chosen.days - 1), chosen.days, chosen.users)
        shutil.rmtree(chosen.folder / "published", ignore_errors=True)
        now -= dt.timedelta(days=1)
    elif chosen.step == "arrive":
        arrive(warehouse, last, chosen.users)
        return
    refreshed, seconds = refresh(chosen.folder, now)
    for name, built in sorted(refreshed.built.items(), key=lambda item: -item[1].seconds)[:10]:
        print(f"{built.seconds:6.2f} s  {built.rows:12,} rows  {name}  {built.span or 'all days'}")
    broken = [breach.rule.full_name for breach in refreshed.breaches if breach.offenders]
    print(
        json.dumps({"seconds": seconds, "size": refreshed.size, "kept": refreshed.kept, "broken": broken}), flush=True
    )


if __name__ == "__main__":
    main()
