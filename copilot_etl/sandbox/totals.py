"""What GitHub counts and sums itself: one record of a scope's day, over the people's records of the same version.

The sums and breakdowns are those of the day's records. "Weekly" counts people from Sunday to the day and "monthly"
from the first of the month to it, as in GitHub's own reports; only phases and engagement look 28 days back. Members
appear on the day GitHub introduced them and are never back-filled.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from copilot_etl.sandbox import world as made_up
from copilot_etl.sandbox.repositories import (
    COMMENT_TYPES,
    PULL_REQUESTS,
    PullRequest,
    Repositories,
    comment_types,
    numbers,
)
from copilot_etl.sandbox.world import METRICS, Record, World

# First data day of each member (GitHub's changelog).
CODE_REVIEW_USERS = dt.date(2026, 4, 22)
MERGED_BY_PHASE = dt.date(2026, 7, 2)
REVIEWS_BY_PHASE = dt.date(2026, 7, 7)
ENGAGEMENT = dt.date(2026, 9, 17)

LISTED = 10
"""How many elements a breakdown lists; the rest is summed in one more, `others`."""

_BREAKDOWNS = (
    ("totals_by_ide", ("ide",)),
    ("totals_by_feature", ("feature",)),
    ("totals_by_language_feature", ("language", "feature")),
    ("totals_by_language_model", ("language", "model")),
    ("totals_by_model_feature", ("model", "feature")),
)

# What a person's record must say for the person to be counted.
_SIGNALS: Mapping[str, Callable[[Record], object]] = {
    "users": lambda record: True,
    "chat_users": lambda record: record["used_chat"],
    "agent_users": lambda record: record["used_agent"],
    # The flag has two names, of which the older one came first.
    "copilot_cloud_agent_users": lambda record: record.get("used_copilot_coding_agent"),
    "active_review": lambda record: record.get("used_copilot_code_review_active"),
    "passive_review": lambda record: record.get("used_copilot_code_review_passive"),
    "cli_users": lambda record: "totals_by_cli" in record,
    "copilot_app_users": lambda record: record.get("used_copilot_app"),
    "vscode_agent_users": lambda record: record.get("used_vscode_agent"),
    "code_completion": lambda record: _has(record, "code_completion"),
    "agent_edit": lambda record: _has(record, "agent_edit"),
}
# GitHub's seven features of engagement, and the signals above.
_ENGAGEMENT = {
    "code_completion": "code_completion",
    "agent_edit": "agent_edit",
    "passive_copilot_code_review": "passive_review",
    "active_copilot_code_review": "active_review",
    "copilot_cloud_agent": "copilot_cloud_agent_users",
    "copilot_cli": "cli_users",
    "copilot_app": "copilot_app_users",
}

_PHASES = ("No Cohort", "Phase 1", "Phase 2", "Phase 3")

Final = Callable[[dt.date], bool]
"""Which days are final where this is asked; younger ones are counted as they are told of now."""

Seen = Mapping[str, frozenset[int]]


def week_to_date(day: dt.date) -> list[dt.date]:
    """Sunday to the day."""
    return [day - dt.timedelta(days=back) for back in reversed(range(day.isoweekday() % 7 + 1))]


def month_to_date(day: dt.date) -> list[dt.date]:
    return [day.replace(day=number) for number in range(1, day.day + 1)]


def trailing(day: dt.date, days: int = 28) -> list[dt.date]:
    return [day - dt.timedelta(days=back) for back in reversed(range(days))]


class Totals:
    """The totals of a world; who was seen on the days of a month is kept, so a month's days cost little each."""

    def __init__(self, world: World, repositories: Repositories) -> None:
        self._world = world
        self._repositories = repositories
        self._kept: dict[tuple[str, dt.date, bool], Seen] = {}
        # Requests for days of one month come at once: the first makes what they share, the others find it.
        self._lock = threading.RLock()

    def record(self, scope: str, day: dt.date, *, since: dt.date, final: Final) -> Record:
        """The record of a day. Nothing `since` before that day is counted: the reports begin there."""
        records = list(self._world.records(scope, day, final=final(day)))
        pulls = self._repositories.everything(scope, day, final=final(day))

        def seen(days: Iterable[dt.date]) -> list[Seen]:
            with self._lock:
                return [self._seen(scope, each, final(each)) for each in days if each >= since]

        periods = {"daily": seen([day]), "weekly": seen(week_to_date(day)), "monthly": seen(month_to_date(day))}
        month = seen(trailing(day)) if day >= ENGAGEMENT else []
        record: Record = {
            "day": day.isoformat(),
            **self._world.ids(scope),
            **{f"{period}_active_users": _people(days, "users") for period, days in periods.items()},
            "monthly_active_chat_users": _people(periods["monthly"], "chat_users"),
            "monthly_active_agent_users": _people(periods["monthly"], "agent_users"),
            **_surfaces(day, periods),
            **{metric: sum(each[metric] for each in records) for metric in METRICS},
            **{member: summed(records, member, names) for member, names in _BREAKDOWNS},
            **_sessions_and_agents(day, records),
        }
        if day >= PULL_REQUESTS:
            record["pull_requests"] = numbers(pulls)
            if day >= COMMENT_TYPES:
                record["pull_requests"]["copilot_suggestions_by_comment_type"] = comment_types(pulls)
        if day >= made_up.PHASE:
            record["totals_by_ai_adoption_phase"] = [
                _phase(number, day, records, pulls, month) for number in range(len(_PHASES))
            ]
        if day >= ENGAGEMENT:
            # GitHub promised it for the 28-day totals; it is here for readers to be ready for it in any of them.
            record["copilot_feature_engagement"] = _engagement(month)
        return record

    def _seen(self, scope: str, day: dt.date, final: bool) -> Seen:
        if (scope, day, final) not in self._kept:
            self._kept[scope, day, final] = self._who(scope, day, final=final)
        return self._kept[scope, day, final]

    def _who(self, scope: str, day: dt.date, *, final: bool) -> Seen:
        organizations = self._world.owns(scope)
        if organizations != (scope,):
            # Somebody in two organizations has the same day in both, so who was seen in any was seen in all of it.
            days = [self._seen(login, day, final) for login in organizations]
            return {name: _distinct(days, name) for name in (*_SIGNALS, *_PHASES)}
        found: dict[str, set[int]] = {name: set() for name in (*_SIGNALS, *_PHASES)}
        for record in self._world.records(scope, day, final=final):
            for name, says in _SIGNALS.items():
                if says(record):
                    found[name].add(record["user_id"])
            number = _phase_number(record)
            if number is not None:
                found[_PHASES[number]].add(record["user_id"])
        return {name: frozenset(people) for name, people in found.items()}


def summed(records: Sequence[Record], member: str, names: tuple[str, ...]) -> list[Record]:
    """A breakdown of people's records as one: those with most output, and `others`."""
    metrics = METRICS[1:] if "language" in names else METRICS
    sums: dict[tuple[str, ...], list[int]] = {}
    for record in records:
        for item in record[member]:
            label = tuple(item[name] for name in names)
            held = sums.setdefault(label, [0] * len(metrics))
            for place, metric in enumerate(metrics):
                held[place] += item[metric]
    others = sums.pop(("others",) * len(names), None)
    output = metrics.index("code_generation_activity_count")
    ranked = sorted(sums.items(), key=lambda pair: (-pair[1][output], pair[0]))
    rest = [values for _, values in ranked[LISTED:]] + ([others] if others else [])
    if rest:
        ranked[LISTED:] = [(("others",) * len(names), [sum(column) for column in zip(*rest, strict=True)])]
    return [dict(zip((*names, *metrics), (*label, *values), strict=True)) for label, values in ranked]


# ------------------------------------------------------------------------------------------------ parts


def _has(record: Record, feature: str) -> bool:
    return any(item["feature"] == feature for item in record["totals_by_feature"])


def _phase_number(record: Record) -> int | None:
    phase = record.get("ai_adoption_phase")
    return phase["phase_number"] if phase else None


def _distinct(days: Iterable[Seen], signal: str) -> frozenset[int]:
    return frozenset[int]().union(*(seen[signal] for seen in days))


def _people(days: Iterable[Seen], signal: str) -> int:
    return len(_distinct(days, signal))


def _surfaces(day: dt.date, periods: Mapping[str, Sequence[Seen]]) -> Record:
    """People by what they used outside the editor."""
    counts: Record = {}
    if day >= made_up.CLI_IN_TOTALS:
        # Null as long as nobody of the week or month has used it: nothing is known then, rather than nought.
        known = any(_people(days, "copilot_cloud_agent_users") for days in periods.values())
        for period, days in periods.items():
            people = _people(days, "copilot_cloud_agent_users")
            counts[f"{period}_active_copilot_cloud_agent_users"] = people if known else None
    if day >= CODE_REVIEW_USERS:
        for period, days in periods.items():
            active = _distinct(days, "active_review")
            counts[f"{period}_active_copilot_code_review_users"] = len(active)
            # Who did anything in the period is active in it, whatever was assigned besides.
            passive = _distinct(days, "passive_review") - active
            counts[f"{period}_passive_copilot_code_review_users"] = len(passive)
    if people := _people(periods["daily"], "cli_users"):
        counts["daily_active_cli_users"] = people
    if day >= made_up.APP:
        counts["daily_active_copilot_app_users"] = _people(periods["daily"], "copilot_app_users")
    if day >= made_up.VSCODE_AGENT:
        for period, days in periods.items():
            counts[f"{period}_active_vscode_agent_users"] = _people(days, "vscode_agent_users")
    return counts


def _sessions_and_agents(day: dt.date, records: Sequence[Record]) -> Record:
    """The objects of CLI, app and the agents; what nobody used is not there, or null where the people's is."""
    found: Record = {}
    for member in ("totals_by_cli", "totals_by_copilot_app"):
        used = [record[member] for record in records if member in record]
        if used:
            found[member] = _all_sessions(used)
    if day >= made_up.THIRD_PARTY:
        jobs: Counter[tuple[str, str]] = Counter()
        for record in records:
            for agent in record.get("totals_by_3rd_party_agent", ()):
                jobs[agent["agent_id"], agent["agent_name"]] += agent["user_initiated_interaction_count"]
        found["totals_by_3rd_party_agent"] = [
            {
                "agent_id": agent_id,
                "agent_name": name,
                "user_initiated_interaction_count": count,
                # Only the totals have sessions: some are asked for more than one job.
                "session_count": count - count // 4,
            }
            for (agent_id, name), count in sorted(jobs.items())
        ]
    if day >= made_up.VSCODE_AGENT:
        windows = [record["totals_by_vscode_agent"] for record in records if record.get("totals_by_vscode_agent")]
        messages = [each["total_user_messages"] for each in windows if each["total_user_messages"] is not None]
        found["totals_by_vscode_agent"] = (
            {
                "session_count": sum(each["session_count"] for each in windows),
                "total_user_messages": sum(messages) if messages else None,
            }
            if windows
            else None
        )
    return found


def _all_sessions(used: Sequence[Record]) -> Record:
    requests = sum(each["request_count"] for each in used)
    output, sent = (
        sum(each["token_usage"][name] for each in used) for name in ("output_tokens_sum", "prompt_tokens_sum")
    )
    return {
        "session_count": sum(each["session_count"] for each in used),
        "request_count": requests,
        "prompt_count": sum(each["prompt_count"] for each in used),
        "token_usage": {
            "output_tokens_sum": output,
            "prompt_tokens_sum": sent,
            "avg_tokens_per_request": round((output + sent) / requests, 2) if requests else None,
        },
    }


def _phase(
    number: int, day: dt.date, records: Sequence[Record], pulls: Sequence[PullRequest], month: Sequence[Seen]
) -> Record:
    """A phase: its people of the day, and their averages."""
    own = [record for record in records if _phase_number(record) == number]
    ids = {record["user_id"] for record in own}
    created = [pull for pull in pulls if pull.created and pull.author in ids]
    merged = [pull for pull in pulls if pull.merged and pull.author in ids]
    reviewed = [pull for pull in pulls if pull.reviewed_by_people and pull.reviewer in ids]

    def average(values: Iterable[float], over: int) -> float:
        return round(sum(values) / over, 2) if over else 0.0

    entry: Record = {
        "phase": _PHASES[number],
        "phase_number": number,
        "total_engaged_users": len(own),
        **{
            name: average((record[metric] for record in own), len(own))
            for name, metric in (
                ("avg_user_initiated_interactions", "user_initiated_interaction_count"),
                ("avg_code_generation_activities", "code_generation_activity_count"),
                ("avg_code_acceptance_activities", "code_acceptance_activity_count"),
                ("avg_loc_added", "loc_added_sum"),
                ("avg_loc_deleted", "loc_deleted_sum"),
            )
        },
        "avg_pull_requests_reviewed": average([len(reviewed)], len(own)),
        "avg_pull_requests_created": average([len(created)], len(own)),
        "avg_pull_requests_merged": average([len(merged)], len(own)),
        "avg_pull_requests_median_minutes_to_merge": average((pull.minutes_to_merge for pull in merged), len(merged)),
    }
    if day >= MERGED_BY_PHASE:
        entry["total_pull_requests_merged"] = len(merged)
    if day >= REVIEWS_BY_PHASE:
        entry["avg_pull_requests_minutes_to_review"] = average((pull.stages[0] for pull in merged), len(merged))
        entry["avg_pull_requests_review_cycles"] = average((pull.cycles for pull in merged), len(merged))
    if day >= ENGAGEMENT:
        entry["users_in_phase_28d"] = _people(month, _PHASES[number])
    return entry


def _engagement(month: Sequence[Seen]) -> Record:
    """People who used a feature on at least two of the last 28 days; one person may count under several."""
    days = {name: Counter(user for seen in month for user in seen[signal]) for name, signal in _ENGAGEMENT.items()}
    return {
        "active_user_count": _people(month, "users"),
        "totals_by_feature": [
            {"feature": name, "engaged_user_count": sum(times >= 2 for times in found.values())}
            for name, found in days.items()
        ],
    }
