"""A candidate's DuckDB file held to the truth of the generated day: rows and sums of every table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import duckdb

from copilot_etl_tests.bench.generated import Generated

_KINDS = ("skill", "custom_agent", "mcp", "slash_cmd", "plugin")


def check(file: Path, day: Generated, *, dlt: bool = False) -> str:
    """`right`, or the first thing that is not. Of unknown fields it only says whether they are lost."""
    try:
        with duckdb.connect(file, read_only=True) as connection:
            tables = {name for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall()}
            source: Callable[[str], str] = (
                (lambda table: _of_dlt(table, tables)) if dlt else lambda table: f"raw.{table}"
            )
            for table, truth in day.truth.items():
                if fault := _fault(connection, table, truth, source(table)):
                    return fault
            if dlt:
                return "right"
            return "right" if _keeps_unknown(connection, day.truth["user_day"]) else "right, unknown fields lost"
    except duckdb.Error as error:
        return f"wrong: {str(error).splitlines()[0][:80]}"


def _fault(connection: duckdb.DuckDBPyConnection, table: str, truth: Mapping[str, int], source: str) -> str:
    wanted = {name: value for name, value in truth.items() if name != "unknown_fields"}
    sums = ", ".join("count(*)" if name == "rows" else f"coalesce(sum({name}), 0)::bigint" for name in wanted)
    found = connection.execute(f"select {sums} from {source}").fetchone() or ()
    for (name, value), have in zip(wanted.items(), found, strict=True):
        if have != value:
            return f"wrong: {table}.{name} is {have}, not {value}"
    return ""


def _keeps_unknown(connection: duckdb.DuckDBPyConnection, truth: Mapping[str, int]) -> bool:
    query = "select count(*) from duckdb_columns() where table_name = 'user_day' and column_name = 'unknown_fields'"
    if connection.execute(query).fetchone() == (0,):
        return False
    return connection.execute("select count(unknown_fields) from raw.user_day").fetchone() == (truth["unknown_fields"],)


def _of_dlt(table: str, tables: set[str]) -> str:
    """Where dlt, which names tables after members and puts single objects into the record's own, has these rows."""
    member = table.removeprefix("user_day_")
    if table == "user_day":
        return "raw.user_day"
    if member in ("cli", "copilot_app", "vscode_agent"):
        prefix = f"totals_by_{member}__"
        tokens = "" if member == "vscode_agent" else f", {prefix}token_usage__prompt_tokens_sum as prompt_tokens_sum"
        return f"(select 1{tokens} from raw.user_day where {prefix}session_count is not null)"
    if member == "cli_customization":
        found = [f"raw.user_day__totals_by_{kind}" for kind in _KINDS if f"user_day__totals_by_{kind}" in tables]
        return "(" + " union all ".join(f"select interaction_count from {name}" for name in found) + ")"
    # dlt spells a name that begins a word with a digit in its own way
    name = "totals_by_3rd_party_agent" if member == "third_party_agent" else f"totals_by_{member}"
    return f"raw.user_day__{name}"
