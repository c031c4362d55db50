"""The tables that the candidates make of a record, spelled out as one would who has only GitHub's documentation."""

from __future__ import annotations

COUNTERS = ("user_initiated_interaction_count", "code_generation_activity_count", "code_acceptance_activity_count",
            "loc_suggested_to_add_sum", "loc_suggested_to_delete_sum", "loc_added_sum", "loc_deleted_sum")  # fmt: skip
SEVEN = dict.fromkeys(COUNTERS, "BIGINT")
SIX = dict.fromkeys(COUNTERS[1:], "BIGINT")
_SAMPLED = {"sampled_at": "VARCHAR"}
_SESSIONS = {
    **dict.fromkeys(("session_count", "request_count", "prompt_count"), "BIGINT"),
    "token_usage": {
        "output_tokens_sum": "BIGINT",
        "prompt_tokens_sum": "BIGINT",
        "avg_tokens_per_request": "DOUBLE",
    },
}

Fields = dict[str, "str | Fields"]

RECORD: Fields = {
    "day": "DATE",
    "user_id": "BIGINT",
    **dict.fromkeys(("user_login", "organization_id", "enterprise_id", "etl_id", "day_partition"), "VARCHAR"),
    "entity_id_partition": "BIGINT",
    **SEVEN,
    "ai_credits_used": "DOUBLE",
    **dict.fromkeys(
        ("used_agent", "used_chat", "used_cli", "used_copilot_coding_agent", "used_copilot_cloud_agent",
         "used_copilot_code_review_active", "used_copilot_code_review_passive", "used_copilot_app",
         "used_vscode_agent"),
        "BOOLEAN",
    ),
    "ai_adoption_phase": {"phase_number": "BIGINT", "phase": "VARCHAR", "version": "VARCHAR"},
    **{f"distinct_{kind}_use_count": "BIGINT" for kind in ("skill", "custom_agent", "mcp", "slash_cmd", "plugin")},
}  # fmt: skip

ARRAYS: dict[str, Fields] = {
    "ide": {
        "ide": "VARCHAR",
        **SEVEN,
        "last_known_plugin_version": {"plugin": "VARCHAR", "plugin_version": "VARCHAR", **_SAMPLED},
        "last_known_ide_version": {"ide_version": "VARCHAR", **_SAMPLED},
    },
    "feature": {"feature": "VARCHAR", **SEVEN},
    "language_feature": {"language": "VARCHAR", "feature": "VARCHAR", **SIX},
    "language_model": {"language": "VARCHAR", "model": "VARCHAR", **SIX},
    "model_feature": {"model": "VARCHAR", "feature": "VARCHAR", **SEVEN},
    "3rd_party_agent": {
        "agent_id": "VARCHAR",
        "agent_name": "VARCHAR",
        "user_initiated_interaction_count": "BIGINT",
    },
    **{
        kind: {kind: "VARCHAR", "interaction_count": "BIGINT"}
        for kind in ("skill", "custom_agent", "mcp", "slash_cmd", "plugin")
    },
}

OBJECTS: dict[str, Fields] = {
    "cli": {**_SESSIONS, "last_known_cli_version": {"cli_version": "VARCHAR", **_SAMPLED}},
    "copilot_app": _SESSIONS,
    "vscode_agent": {"session_count": "BIGINT", "total_user_messages": "BIGINT"},
}


def table(member: str) -> str:
    """The table that a member of the record fills."""
    if member in ("skill", "custom_agent", "mcp", "slash_cmd", "plugin"):
        return "user_day_cli_customization"
    return "user_day_third_party_agent" if member == "3rd_party_agent" else f"user_day_{member}"


def paths(fields: Fields) -> dict[str, str]:
    """Flat column to its path in the JSON object."""
    found: dict[str, str] = {}
    for name, kind in fields.items():
        if isinstance(kind, dict):
            for inner in kind:
                found[inner if inner not in found else f"{name}_{inner}"] = f"{name}.{inner}"
        else:
            found[name] = name
    return found
