"""What was served against what is in the tables: every raw table of a day, member by member of the record."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

from copilot_etl.reports import USERS_1_DAY
from copilot_etl_tests.conftest import Line

MEMBERS = {
    "user_day_ide": "totals_by_ide",
    "user_day_feature": "totals_by_feature",
    "user_day_language_feature": "totals_by_language_feature",
    "user_day_language_model": "totals_by_language_model",
    "user_day_model_feature": "totals_by_model_feature",
    "user_day_third_party_agent": "totals_by_3rd_party_agent",
}
OBJECTS = {
    "user_day_cli": "totals_by_cli",
    "user_day_copilot_app": "totals_by_copilot_app",
    "user_day_vscode_agent": "totals_by_vscode_agent",
}
CUSTOMIZATIONS = ("skill", "custom_agent", "mcp", "slash_cmd", "plugin")
RECORD = (
    "user_id",
    "user_login",
    "user_initiated_interaction_count",
    "code_generation_activity_count",
    "code_acceptance_activity_count",
    "loc_suggested_to_add_sum",
    "loc_suggested_to_delete_sum",
    "loc_added_sum",
    "loc_deleted_sum",
    "ai_credits_used",
    "used_cli",
    "used_copilot_code_review_active",
)


def tables(line: Line, scope: str | None = None, *, day: dt.date | None = None) -> dict[str, tuple[int, int]]:
    """Every raw table's count and checksum over all rows, or over those of a scope and day."""
    names = [table.name for table in USERS_1_DAY.tables]
    some = "where scope = coalesce($scope, scope) and day = coalesce($day, day)"
    found = line.query(
        " union all ".join(
            f"select '{name}', count(*), bit_xor(hash(t)) from raw.{name} as t {some}" for name in names
        ),
        {"scope": scope, "day": day},
    )
    return {name: (count, checksum) for name, count, checksum in found}


def assert_equal_to_what_was_served(line: Line, scope: str, day: dt.date) -> None:
    served = line.github.truth(scope, day)
    with line.reading() as connection:

        def found(table: str, *columns: str) -> Counter[tuple[Any, ...]]:
            sql = f"select {', '.join(columns)} from raw.{table} where scope = ? and day = ?"
            return Counter(connection.execute(sql, [scope, day]).fetchall())

        assert found("user_day", *RECORD) == Counter(tuple(record.get(name) for name in RECORD) for record in served)
        for table, member in MEMBERS.items():
            items = [(record["user_id"], item) for record in served for item in record.get(member) or ()]
            names = [column.name for each in USERS_1_DAY.tables if each.name == table for column in each.columns]
            flat = [name for name in names if all(name in item for _, item in items)]
            expected = Counter((user_id, *(item[name] for name in flat)) for user_id, item in items)
            assert found(table, "user_id", *flat) == expected, table
        for table, member in OBJECTS.items():
            expected = Counter(
                (record["user_id"], record[member]["session_count"]) for record in served if record.get(member)
            )
            assert found(table, "user_id", "session_count") == expected, table
        used = Counter(
            (record["user_id"], kind, item[kind], item["interaction_count"])
            for record in served
            for kind in CUSTOMIZATIONS
            for item in record.get(f"totals_by_{kind}") or ()
        )
        columns = ("user_id", "customization_type", "name", "interaction_count")
        assert found("user_day_cli_customization", *columns) == used
