"""What was served against what is in the tables: every raw table of a day, member by member of the record."""

from __future__ import annotations

import datetime as dt
from collections import Counter

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


def tables(line: Line) -> dict[str, tuple[int, int]]:
    """Every raw table's count and checksum over all rows."""
    names = [table.name for table in USERS_1_DAY.tables]
    found = line.query(
        " union all ".join(f"select '{name}', count(*), bit_xor(hash(t)) from raw.{name} as t" for name in names)
    )
    return {name: (count, checksum) for name, count, checksum in found}


def assert_equal_to_what_was_served(line: Line, scope: str, day: dt.date) -> None:
    served = line.github.truth(scope, day)
    counters = (
        "user_initiated_interaction_count, code_generation_activity_count, code_acceptance_activity_count, "
        "loc_suggested_to_add_sum, loc_suggested_to_delete_sum, loc_added_sum, loc_deleted_sum"
    )
    columns = f"user_id, user_login, {counters}, ai_credits_used, used_cli, used_copilot_code_review_active"
    rows = line.query(f"select {columns} from raw.user_day where scope = ? and day = ? order by user_id", scope, day)
    assert rows == sorted(tuple(record.get(name) for name in columns.split(", ")) for record in served)
    for table, member in MEMBERS.items():
        names = [column.name for each in USERS_1_DAY.tables if each.name == table for column in each.columns]
        flat = [name for name in names if all(name in item for record in served for item in record.get(member) or ())]
        expected = Counter(
            (record["user_id"], *(item[name] for name in flat)) for record in served for item in record.get(member, ())
        )
        found = line.query(
            f"select {', '.join(['user_id', *flat])} from raw.{table} where scope = ? and day = ?", scope, day
        )
        assert Counter(found) == expected, table
    for table, member in OBJECTS.items():
        expected_sessions = {
            record["user_id"]: record[member]["session_count"] for record in served if record.get(member)
        }
        found = line.query(f"select user_id, session_count from raw.{table} where scope = ? and day = ?", scope, day)
        assert dict(found) == expected_sessions, table
    used = Counter(
        (record["user_id"], kind, item[kind], item["interaction_count"])
        for record in served
        for kind in CUSTOMIZATIONS
        for item in record.get(f"totals_by_{kind}") or ()
    )
    found = line.query(
        "select user_id, customization_type, name, interaction_count from raw.user_day_cli_customization "
        "where scope = ? and day = ?",
        scope,
        day,
    )
    assert Counter(found) == used
