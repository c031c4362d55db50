"""A made-up day as GitHub signs it: NDJSON parts, and the truth that every candidate's tables are held to.

It shares no code with the sandbox or the pipeline, so that a fault of either shows. Few people do most of the work, a
record has about 6 kB and 10 to 40 breakdown rows, the breakdowns add up to the record's own counters, and three in a
hundred records have a field that nobody knows. The same arguments give the same bytes.
"""

from __future__ import annotations

import json
import multiprocessing
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import msgspec

DAY = "2026-03-02"
"""The day that stands in every file; the server puts another one in its place when it is asked for one."""

PARTS = 4
ORGANIZATION_ID = "4711"
UNKNOWN_SHARE = 0.03

_IDES = ("vscode", "intellij", "visualstudio", "pycharm", "eclipse", "xcode", "neovim")
_FEATURES = ("code_completion", "code_completion", "chat_panel_agent_mode", "agent_edit", "chat_panel_ask_mode",
             "chat_inline", "chat_panel_edit_mode", "chat_panel_plan_mode")  # fmt: skip
_LANGUAGES = ("python", "typescript", "java", "go", "c#", "markdown", "json", "yaml", "sql", "shellscript", "rust",
              "kotlin", "terraform", "typescriptreact", "unknown", "csharp")  # fmt: skip
_MODELS = ("gpt-5.4", "gpt-5-mini", "claude-sonnet-4.6", "claude-opus-4.7", "claude-haiku-4.5", "gpt-5.3-codex",
           "gemini-3-pro", "auto")  # fmt: skip
_CUSTOMIZATIONS: Mapping[str, tuple[str, ...]] = {
    "skill": ("pdf", "review", "other"),
    "custom_agent": ("planner", "other"),
    "mcp": ("github", "playwright", "other"),
    "slash_cmd": ("/model", "/clear", "custom"),
    "plugin": ("acme-tools", "other"),
}
_SEVEN = ("user_initiated_interaction_count", "code_generation_activity_count", "code_acceptance_activity_count",
          "loc_suggested_to_add_sum", "loc_suggested_to_delete_sum", "loc_added_sum", "loc_deleted_sum")  # fmt: skip
_BREAKDOWNS: Mapping[str, tuple[str, ...]] = {
    "ide": ("ide",),
    "feature": ("feature",),
    "language_feature": ("language", "feature"),
    "language_model": ("language", "model"),
    "model_feature": ("model", "feature"),
}

_Activity = tuple[dict[str, str], list[int]]


@dataclass(frozen=True, slots=True)
class Generated:
    """A day on disk: its parts, their size, and the sums that tables made from them must have, by table."""

    users: int
    parts: tuple[Path, ...]
    size: int
    truth: Mapping[str, Mapping[str, int]]

    @property
    def folder(self) -> Path:
        return self.parts[0].parent


def generate(folder: Path, users: int, *, variant: int = 0) -> Generated:
    """The day of so many people, made on first use; another variant is the same people on another day."""
    target = folder / f"{users}-{variant}"
    truth = target / "truth.json"
    parts = tuple(target / f"part-{part:05}.ndjson" for part in range(PARTS))
    if not truth.exists():
        target.mkdir(parents=True, exist_ok=True)
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            sums = pool.starmap(_write, [(path, part, users, variant) for part, path in enumerate(parts)])
        total: Counter[str] = sum(sums, Counter())
        by_table: dict[str, dict[str, int]] = {}
        for name, value in sorted(total.items()):
            table, column = name.split(".")
            by_table.setdefault(table, {})[column] = value
        truth.write_text(json.dumps(by_table, indent=1))
    return Generated(users, parts, sum(part.stat().st_size for part in parts), json.loads(truth.read_text()))


def _write(path: Path, part: int, users: int, variant: int) -> Counter[str]:
    random = Random(1_000_003 * variant + part)
    sums: Counter[str] = Counter()
    with path.open("wb") as file:
        for number in range(part * users // PARTS, (part + 1) * users // PARTS):
            record = _record(random, number)
            file.write(msgspec.json.encode(record) + b"\n")
            _add(sums, record)
    return sums


def _record(random: Random, number: int) -> dict[str, Any]:
    user_id = 1_000_000 + 13 * number
    sampled = f"{DAY}T{random.randrange(24):02}:{random.randrange(60):02}:{random.randrange(60):02}.000Z"
    uses_cli, uses_app, uses_cloud = random.random() < 0.4, random.random() < 0.15, random.random() < 0.1
    breakdowns: dict[str, list[dict[str, Any]]] = {}
    while not 10 <= sum(map(len, breakdowns.values())) <= 40:
        activities = _activities(random, uses_cli=uses_cli, uses_app=uses_app)
        breakdowns = {name: _grouped(activities, name) for name in _BREAKDOWNS}
    for row in breakdowns["ide"]:
        row["last_known_plugin_version"] = {
            "plugin": "copilot-chat",
            "plugin_version": f"0.{random.randint(30, 40)}.{random.randrange(10)}",
            "sampled_at": sampled,
        }
        row["last_known_ide_version"] = {
            "ide_version": f"1.{random.randint(100, 120)}.{random.randrange(4)}",
            "sampled_at": sampled,
        }
    features = {keys["feature"] for keys, _ in activities}
    phase = random.randrange(4)
    record: dict[str, Any] = {
        "day": DAY,
        "user_id": user_id,
        "user_login": f"user-{user_id}_acme",
        "organization_id": ORGANIZATION_ID,
        "enterprise_id": "99",
        "etl_id": "green",
        "day_partition": DAY,
        "entity_id_partition": user_id % 64,
        **{name: sum(counts[n] for _, counts in activities) for n, name in enumerate(_SEVEN)},
        "ai_credits_used": round(random.paretovariate(1.2) - 1, 6),
        "used_agent": bool(features & {"agent_edit", "chat_panel_agent_mode"}),
        "used_chat": any(feature.startswith("chat") for feature in features),
        "used_cli": uses_cli,
        "used_copilot_coding_agent": uses_cloud,
        "used_copilot_cloud_agent": uses_cloud,
        "used_copilot_code_review_active": random.choice((None, True, False)),
        "used_copilot_code_review_passive": random.choice((None, True, False)),
        "used_copilot_app": uses_app,
        "used_vscode_agent": random.random() < 0.12,
        "ai_adoption_phase": {
            "phase_number": phase,
            "phase": f"Phase {phase}" if phase else "No Cohort",
            "version": "v1",
        },
        **{f"totals_by_{name}": rows for name, rows in breakdowns.items()},
        "totals_by_3rd_party_agent": [],
    }
    if uses_cli:
        version = {"cli_version": f"1.0.{random.randint(10, 60)}", "sampled_at": sampled}
        record["totals_by_cli"] = {**_sessions(random), "last_known_cli_version": version}
    if uses_app:
        record["totals_by_copilot_app"] = _sessions(random)
    if record["used_vscode_agent"]:
        record["totals_by_vscode_agent"] = {
            "session_count": random.randint(1, 5),
            "total_user_messages": random.randint(1, 50),
        }
    if random.random() < 0.05:
        record["totals_by_3rd_party_agent"] = [
            {"agent_id": "7", "agent_name": "Claude", "user_initiated_interaction_count": random.randint(1, 9)}
        ]
    for kind, names in _CUSTOMIZATIONS.items():
        used = random.sample(names, random.randrange(3)) if uses_cli else []
        record[f"totals_by_{kind}"] = [{kind: name, "interaction_count": random.randint(1, 30)} for name in used]
        record[f"distinct_{kind}_use_count"] = len(used)
    if random.random() < UNKNOWN_SHARE:
        record["made_up_by_nobody"] = {"level": random.randrange(9)}
    return record


def _activities(random: Random, *, uses_cli: bool, uses_app: bool) -> list[_Activity]:
    """What one person did, in pieces that each breakdown groups in its own way."""
    busy = min(random.paretovariate(1.3), 60.0)
    few = min(3 + int(busy * 2), 9)
    ides = random.sample(_IDES, random.choices((1, 2, 3), (70, 24, 6))[0])
    languages, models = random.sample(_LANGUAGES, random.randint(2, 6)), random.sample(_MODELS, random.randint(1, 4))
    found: list[_Activity] = []
    for _ in range(random.randint(4, max(few, 5))):
        feature = random.choice(_FEATURES)
        is_edit, is_completion = feature == "agent_edit", feature == "code_completion"
        outputs = int(random.random() * 12 * busy)
        accepted = 0 if is_edit else int(random.random() * outputs)
        counts = [
            0 if is_edit or is_completion else 1 + int(random.random() * 3 * busy),
            outputs,
            accepted,
            0 if is_edit else outputs * random.randint(1, 9),
            0,
            outputs * random.randint(1, 9) if is_edit else accepted * random.randint(1, 9),
            int(random.random() * outputs) if is_edit else 0,
        ]
        keys = {
            "ide": random.choice(ides),
            "feature": feature,
            "language": random.choice(languages),
            "model": random.choice(models),
        }
        found.append((keys, counts))
    for feature in ["copilot_cli"] * uses_cli + ["copilot_app"] * uses_app:
        keys = {"ide": "", "feature": feature, "language": random.choice(languages), "model": random.choice(models)}
        found.append((keys, [random.randint(1, 20), random.randrange(10), 0, 0, 0, random.randrange(200), 3]))
    return found


def _grouped(activities: Sequence[_Activity], name: str) -> list[dict[str, Any]]:
    keys = _BREAKDOWNS[name]
    groups: dict[tuple[str, ...], list[int]] = {}
    for each, counts in activities:
        if (name == "ide" and not each["ide"]) or ("model" in keys and each["feature"] == "code_completion"):
            continue
        key = tuple(each[column] for column in keys)
        groups[key] = [a + b for a, b in zip(groups[key], counts, strict=True)] if key in groups else counts
    first = 1 if "language" in keys else 0  # GitHub sends no interactions by language
    return [
        {**dict(zip(keys, key, strict=True)), **dict(zip(_SEVEN[first:], counts[first:], strict=True))}
        for key, counts in groups.items()
    ]


def _sessions(random: Random) -> dict[str, Any]:
    sessions = random.randint(1, 8)
    requests = random.randint(sessions, 120)
    output, prompt = random.randint(500, 90_000), random.randint(10_000, 5_000_000)
    return {
        "session_count": sessions,
        "request_count": requests,
        "prompt_count": random.randint(1, requests),
        "token_usage": {
            "output_tokens_sum": output,
            "prompt_tokens_sum": prompt,
            "avg_tokens_per_request": round((output + prompt) / requests, 2),
        },
    }


def _add(sums: Counter[str], record: Mapping[str, Any]) -> None:
    sums["user_day.rows"] += 1
    sums["user_day.unknown_fields"] += "made_up_by_nobody" in record
    for name in _SEVEN:
        sums[f"user_day.{name}"] += record[name]
    for name in _BREAKDOWNS:
        for row in record[f"totals_by_{name}"]:
            sums[f"user_day_{name}.rows"] += 1
            sums[f"user_day_{name}.code_generation_activity_count"] += row["code_generation_activity_count"]
            sums[f"user_day_{name}.loc_added_sum"] += row["loc_added_sum"]
    for name in ("cli", "copilot_app"):
        if row := record.get(f"totals_by_{name}"):
            sums[f"user_day_{name}.rows"] += 1
            sums[f"user_day_{name}.prompt_tokens_sum"] += row["token_usage"]["prompt_tokens_sum"]
    sums["user_day_vscode_agent.rows"] += "totals_by_vscode_agent" in record
    sums["user_day_third_party_agent.rows"] += len(record["totals_by_3rd_party_agent"])
    for kind in _CUSTOMIZATIONS:
        for row in record[f"totals_by_{kind}"]:
            sums["user_day_cli_customization.rows"] += 1
            sums["user_day_cli_customization.interaction_count"] += row["interaction_count"]
