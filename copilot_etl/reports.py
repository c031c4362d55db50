"""The catalogue: each report's endpoints, grain, and the flat tables its records are unfolded into.

A report is data. The gate that checks a line, the columns DuckDB reads, the Parquet schema, the `raw`
tables and their comments are all derived from what stands here. Field names and meanings are GitHub's
(docs.github.com, "Copilot usage metrics" reference).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

ScopeKind = Literal["org", "enterprise"]

Kind = Literal["id", "text", "key_text", "day", "flag", "count", "amount", "json"]
"""What a value is.

id        64-bit integer; GitHub sends some ids as digit strings in some reports, so both are read
text      string, stored as sent
key_text  an id that is stored as text; integers are read too
day       calendar day, `YYYY-MM-DD`
flag      boolean
count     64-bit integer, never negative; `8.0` is read as 8, `"8"` and 8.5 are refused
amount    finite number, never negative
json      whatever stands there, kept as its JSON text: for a member whose inside GitHub does not document
"""


_ENTERPRISE = "enterprise."


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose report: an organization or an enterprise. `key` names it in tables, paths and logs."""

    kind: ScopeKind
    name: str

    @property
    def key(self) -> str:
        # A dot cannot stand in an organization's login, so the two kinds never share a key.
        return self.name if self.kind == "org" else f"{_ENTERPRISE}{self.name}"

    @classmethod
    def of(cls, key: str) -> Scope:
        """The scope that a key names."""
        return cls("enterprise", key.removeprefix(_ENTERPRISE)) if key.startswith(_ENTERPRISE) else cls("org", key)


DUCKDB_TYPES: Mapping[Kind, str] = {
    "id": "BIGINT",
    "text": "VARCHAR",
    "key_text": "VARCHAR",
    "day": "DATE",
    "flag": "BOOLEAN",
    "count": "BIGINT",
    "amount": "DOUBLE",
    "json": "VARCHAR",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a raw table: `path` is where its value stands in the JSON object (default: its name),
    `was` an older spelling of that path which is read when the newer one is absent or null."""

    name: str
    kind: Kind
    description: str
    path: str = ""
    was: str = ""

    @property
    def json_path(self) -> str:
        return self.path or self.name

    @property
    def duckdb_type(self) -> str:
        return DUCKDB_TYPES[self.kind]


@dataclass(frozen=True, slots=True)
class Source:
    """A member of the record that gives rows to a table: an array (`many`) or one object.

    `label` is the value of the table's discriminator column for rows from here; `name_key` is the JSON
    name that the table's `name` column has in this member.
    """

    member: str
    many: bool = True
    label: str = ""
    name_key: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """One flat table of a report. Without `sources`, a row is the record itself."""

    name: str
    grain: str
    columns: tuple[Column, ...]
    sources: tuple[Source, ...] = ()
    discriminator: Column | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """A report of GitHub's: where it is asked for, since when it exists, and what its records hold."""

    name: str
    endpoints: Mapping[ScopeKind, str]
    first_day: Mapping[ScopeKind, date]
    key: tuple[Column, ...]
    """Which columns tell the records of a scope and day apart; none where there is one record."""
    tables: tuple[Table, ...] = field(repr=False)
    owner: Mapping[ScopeKind, str] = field(default_factory=dict)
    """The field of a record that says whose report it is from, by kind of scope."""
    latest: Mapping[ScopeKind, str] = field(default_factory=dict)
    """Endpoints with the same records of the last 28 days at once, where GitHub has such a report."""
    pages_of: str = ""
    """Of a list in pages, which shows what is now and no day before: the member that holds its records."""

    def of(self, scopes: Sequence[Scope]) -> tuple[Scope, ...]:
        """Those of the scopes that have this report."""
        return tuple(scope for scope in scopes if scope.kind in self.endpoints)

    @property
    def asset_prefix(self) -> str:
        """The report's name as a Dagster key part: `users-1-day` becomes `users_1_day`."""
        return self.name.replace("-", "_")


SCOPE = Column("scope", "text", "Organization login (lower case), or `enterprise.SLUG`: whose report this row is from.")
DAY = Column("day", "day", "UTC calendar day of the activity.")
UNKNOWN_FIELDS = Column(
    "unknown_fields",
    "text",
    "JSON object of every field in the record that this version does not know, by path; null when there is none.",
)

_USER_ID = Column("user_id", "id", "GitHub's id of the person; stable over renames and organizations.")
_ORGANIZATION_ID = Column("organization_id", "key_text", "Id of the organization the report is for.")
_ENTERPRISE_ID = Column("enterprise_id", "key_text", "Id of the enterprise; may be an empty string.")
_INTERACTIONS = Column(
    "user_initiated_interaction_count", "count", "Explicit prompts sent by the user; not opened panels or shortcuts."
)
_SIX = (
    Column(
        "code_generation_activity_count", "count", "Distinct output events; each code block of an answer counts once."
    ),
    Column(
        "code_acceptance_activity_count",
        "count",
        "Built-in accept actions: apply, insert at cursor, insert into terminal, the Copy button.",
    ),
    Column(
        "loc_suggested_to_add_sum",
        "count",
        "Lines suggested to add; agent edits are not in it.",
        was="generated_loc_sum",
    ),
    Column("loc_suggested_to_delete_sum", "count", "Lines suggested to delete."),
    Column(
        "loc_added_sum",
        "count",
        "Lines added to the editor: accepted completions, applied blocks, agent and edit mode.",
        was="accepted_loc_sum",
    ),
    Column("loc_deleted_sum", "count", "Lines deleted from the editor, so far by agent edits."),
)
_SEVEN = (_INTERACTIONS, *_SIX)

_IDE = Column("ide", "text", "Editor as GitHub names it, for example `vscode`; an open list.")
_FEATURE = Column("feature", "text", "Copilot feature, for example `code_completion`; an open list.")
_LANGUAGE = Column("language", "text", "Language as the editor reported it: free text, synonyms side by side.")
_MODEL = Column("model", "text", "Model as reported; `auto`, `unknown` and `others` occur.")

_SESSIONS = (
    Column("session_count", "count", "Sessions of the day."),
    Column("request_count", "count", "Requests to the model, automatic follow-ups included."),
    Column("prompt_count", "count", "Prompts typed by the user."),
    Column("output_tokens_sum", "count", "Tokens the model wrote.", path="token_usage.output_tokens_sum"),
    Column("prompt_tokens_sum", "count", "Tokens sent to the model.", path="token_usage.prompt_tokens_sum"),
    Column(
        "avg_tokens_per_request",
        "amount",
        "(output + prompt tokens) / requests as GitHub rounds it; recompute from the sums before averaging.",
        path="token_usage.avg_tokens_per_request",
    ),
)


def _distinct(name: str, what: str) -> Column:
    return Column(
        f"distinct_{name}_use_count", "count", f"Distinct {what} used; can exceed the five listed. Null: unavailable."
    )


_PLACES: Mapping[ScopeKind, str] = {"org": "orgs", "enterprise": "enterprises"}
_OWNERS: Mapping[ScopeKind, str] = {"org": "organization_id", "enterprise": "enterprise_id"}

_HOUSEKEEPING = (
    Column("etl_id", "text", "GitHub's ETL housekeeping."),
    Column("day_partition", "text", "GitHub's ETL housekeeping."),
    Column("entity_id_partition", "id", "GitHub's ETL housekeeping."),
)

USERS_1_DAY = Report(
    name="users-1-day",
    endpoints={
        "org": "/orgs/{scope}/copilot/metrics/reports/users-1-day",
        "enterprise": "/enterprises/{scope}/copilot/metrics/reports/users-1-day",
    },
    # docs.github.com, concepts/copilot-usage-metrics: organization history starts two months later.
    first_day={"org": date(2025, 12, 12), "enterprise": date(2025, 10, 10)},
    key=(_USER_ID,),
    owner={"org": "organization_id"},
    latest={kind: f"/{place}/{{scope}}/copilot/metrics/reports/users-28-day/latest" for kind, place in _PLACES.items()},
    tables=(
        Table(
            "user_day",
            "One row per scope, day and user that GitHub saw; a row alone does not mean engagement.",
            (
                Column("user_login", "text", "Login on that day; changes on rename, so never a key."),
                _ORGANIZATION_ID,
                _ENTERPRISE_ID,
                *_SEVEN,
                Column(
                    "ai_credits_used",
                    "amount",
                    "AI credits of the day over everything (1 credit = 0.01 USD list value); since 2026-06-19.",
                ),
                Column("used_agent", "flag", "Agent mode in the IDE that day."),
                Column("used_chat", "flag", "IDE chat that day."),
                Column("used_cli", "flag", "Copilot CLI that day; absent before April 2026."),
                Column("used_copilot_coding_agent", "flag", "Cloud agent, old name of the next flag."),
                Column("used_copilot_cloud_agent", "flag", "Copilot cloud agent that day."),
                Column(
                    "used_copilot_code_review_active",
                    "flag",
                    "Requested a Copilot review or applied its suggestion; null: no code-review signal.",
                ),
                Column(
                    "used_copilot_code_review_passive",
                    "flag",
                    "Copilot reviewed the user's pull request unasked; null: no code-review signal.",
                ),
                Column("used_copilot_app", "flag", "Copilot app that day; since 2026-07-28."),
                Column("used_vscode_agent", "flag", "VS Code Agents window that day; since 2026-09-11."),
                Column(
                    "ai_adoption_phase_number",
                    "count",
                    "Adoption phase 0 to 3, computed by GitHub over the trailing 28 days.",
                    path="ai_adoption_phase.phase_number",
                ),
                Column("ai_adoption_phase", "text", "Name of that phase.", path="ai_adoption_phase.phase"),
                Column(
                    "ai_adoption_phase_version",
                    "text",
                    "Version of GitHub's phase definition.",
                    path="ai_adoption_phase.version",
                ),
                _distinct("skill", "CLI skills"),
                _distinct("custom_agent", "CLI custom agents"),
                _distinct("mcp", "MCP servers"),
                _distinct("slash_cmd", "CLI slash commands"),
                _distinct("plugin", "CLI plugins"),
                Column("report_start_day", "day", "First day of the report's window; 28-day exports only."),
                Column("report_end_day", "day", "Last day of the report's window; 28-day exports only."),
                *_HOUSEKEEPING,
            ),
        ),
        Table(
            "user_day_ide",
            "One row per scope, day, user and editor; Copilot CLI is not an editor.",
            (
                _IDE,
                *_SEVEN,
                Column("ide_version", "text", "Last version seen that day.", path="last_known_ide_version.ide_version"),
                Column(
                    "ide_version_sampled_at",
                    "text",
                    "When it was seen (ISO 8601 as sent).",
                    path="last_known_ide_version.sampled_at",
                ),
                Column("plugin", "text", "Copilot plugin of the editor.", path="last_known_plugin_version.plugin"),
                Column(
                    "plugin_version", "text", "Version of the plugin.", path="last_known_plugin_version.plugin_version"
                ),
                Column(
                    "plugin_version_sampled_at",
                    "text",
                    "When it was seen (ISO 8601 as sent).",
                    path="last_known_plugin_version.sampled_at",
                ),
            ),
            (Source("totals_by_ide"),),
        ),
        Table(
            "user_day_feature",
            "One row per scope, day, user and feature; sums to the user's top-level counters.",
            (_FEATURE, *_SEVEN),
            (Source("totals_by_feature"),),
        ),
        Table(
            "user_day_language_feature",
            "One row per scope, day, user, language and feature; GitHub sends no interactions here.",
            (_LANGUAGE, _FEATURE, *_SIX),
            (Source("totals_by_language_feature"),),
        ),
        Table(
            "user_day_language_model",
            "One row per scope, day, user, language and model; everything but completions.",
            (_LANGUAGE, _MODEL, *_SIX),
            (Source("totals_by_language_model"),),
        ),
        Table(
            "user_day_model_feature",
            "One row per scope, day, user, model and feature; everything but completions.",
            (_MODEL, _FEATURE, *_SEVEN),
            (Source("totals_by_model_feature"),),
        ),
        Table(
            "user_day_cli",
            "One row per scope, day and user of Copilot CLI.",
            (
                *_SESSIONS,
                Column(
                    "cli_version",
                    "text",
                    "Last version seen that day; `unknown` if none.",
                    path="last_known_cli_version.cli_version",
                ),
                Column(
                    "cli_version_sampled_at",
                    "text",
                    "When it was seen (ISO 8601 as sent).",
                    path="last_known_cli_version.sampled_at",
                ),
            ),
            (Source("totals_by_cli", many=False),),
        ),
        Table(
            "user_day_copilot_app",
            "One row per scope, day and user of the Copilot app; its activity is also in the top-level counters.",
            _SESSIONS,
            (Source("totals_by_copilot_app", many=False),),
        ),
        Table(
            "user_day_third_party_agent",
            "One row per scope, day, user and third-party agent; never part of the top-level counters.",
            (
                Column("agent_id", "key_text", "Stable key of the agent."),
                Column("agent_name", "text", "Name of the agent; may change."),
                Column("user_initiated_interaction_count", "count", "Jobs started with this agent, not prompts."),
            ),
            (Source("totals_by_3rd_party_agent"),),
        ),
        Table(
            "user_day_vscode_agent",
            "One row per scope, day and user of the VS Code Agents window; in no other total.",
            (
                Column("session_count", "count", "Sessions of the day."),
                Column("total_user_messages", "count", "Messages the user sent; null: unavailable."),
            ),
            (Source("totals_by_vscode_agent", many=False),),
        ),
        Table(
            "user_day_cli_customization",
            "One row per scope, day, user, customization type and name; GitHub lists at most five names a type.",
            (
                Column("name", "text", "Name of the skill, agent, server, command or plugin; others are hidden."),
                Column(
                    "interaction_count",
                    "count",
                    "Uses that day; units differ by type, so never add types.",
                    was="user_initiated_interaction_count",
                ),
            ),
            tuple(
                Source(f"totals_by_{name}", label=name, name_key=name)
                for name in ("skill", "custom_agent", "mcp", "slash_cmd", "plugin")
            ),
            discriminator=Column(
                "customization_type", "text", "`skill`, `custom_agent`, `mcp`, `slash_cmd` or `plugin`."
            ),
        ),
    ),
)


def _totals(name: str, kind: ScopeKind, first_day: date) -> Report:
    """GitHub's own totals of a scope: one record a day. Organizations and enterprises share the tables."""
    return Report(
        name=name,
        endpoints={kind: f"/{_PLACES[kind]}/{{scope}}/copilot/metrics/reports/{name}"},
        first_day={kind: first_day},
        key=(),
        owner={kind: _OWNERS[kind]},
        tables=_TOTALS_TABLES,
    )


def _people(name: str, who: str) -> Column:
    return Column(name, "count", f"{who}; distinct people as GitHub counts them, so days never add up.")


def _reviewers(how: str) -> tuple[Column, ...]:
    return tuple(
        _people(f"{period}_{how}_copilot_code_review_users", f"People with {how} Copilot code review, {window}")
        for period, window in _WINDOWS.items()
    )


_WINDOWS = {"daily": "that day", "weekly": "from Sunday to that day", "monthly": "from the first of the month to it"}

_PULL_REQUESTS = (
    *(
        Column(f"pull_requests_{name}", "count", meaning, path=f"pull_requests.{name}")
        for name, meaning in (
            ("total_created", "Pull requests created."),
            ("total_created_by_copilot", "Pull requests created by Copilot."),
            ("total_reviewed", "Pull requests reviewed."),
            ("total_reviewed_by_copilot", "Pull requests reviewed by Copilot."),
            ("total_merged", "Pull requests merged."),
            ("total_merged_created_by_copilot", "Merged pull requests that Copilot created."),
            ("total_merged_reviewed_by_copilot", "Merged pull requests that Copilot reviewed."),
            ("total_suggestions", "Suggestions made in reviews."),
            ("total_applied_suggestions", "Those of them that were applied."),
            ("total_copilot_suggestions", "Suggestions that Copilot made in reviews."),
            ("total_copilot_applied_suggestions", "Those of them that were applied."),
        )
    ),
    *(
        Column(
            f"pull_requests_{name}",
            "amount",
            f"{meaning}, in minutes; a median, so it is never averaged or added. Null: none.",
            path=f"pull_requests.{name}",
        )
        for name, meaning in (
            ("median_minutes_to_merge", "Median time from opening to merging"),
            ("median_minutes_to_merge_copilot_authored", "The same of pull requests that Copilot wrote"),
            ("median_minutes_to_merge_copilot_reviewed", "The same of pull requests that Copilot reviewed"),
        )
    ),
    Column(
        "pull_requests_copilot_suggestions_by_comment_type",
        "json",
        "Copilot's suggestions by type of comment, as sent.",
        path="pull_requests.copilot_suggestions_by_comment_type",
    ),
)

_TOTALS_TABLES = (
    Table(
        "totals_day",
        "One row per scope and day: GitHub's own totals, against which the sums of the users' rows are held.",
        (
            _ORGANIZATION_ID,
            _ENTERPRISE_ID,
            *_SEVEN,
            *(_people(f"{period}_active_users", f"Active people, {window}") for period, window in _WINDOWS.items()),
            _people("monthly_active_chat_users", "People who used IDE chat, since the first of the month"),
            _people("monthly_active_agent_users", "People who used agent mode, since the first of the month"),
            *(
                _people(f"{period}_active_copilot_cloud_agent_users", f"People of the cloud agent, {window}")
                for period, window in _WINDOWS.items()
            ),
            *_reviewers("active"),
            *_reviewers("passive"),
            _people("daily_active_cli_users", "People of the Copilot CLI that day; null: none, or before it existed"),
            _people("daily_active_copilot_app_users", "People of the Copilot app that day"),
            *(
                _people(f"{period}_active_vscode_agent_users", f"People of the VS Code Agents window, {window}")
                for period, window in _WINDOWS.items()
            ),
            *_PULL_REQUESTS,
            Column("copilot_feature_engagement", "json", "Engagement by feature, as sent."),
            *_HOUSEKEEPING,
        ),
    ),
    Table("totals_day_ide", "One row per scope, day and editor.", (_IDE, *_SEVEN), (Source("totals_by_ide"),)),
    Table(
        "totals_day_feature", "One row per scope, day and feature.", (_FEATURE, *_SEVEN), (Source("totals_by_feature"),)
    ),
    Table(
        "totals_day_language_feature",
        "One row per scope, day, language and feature; what is capped is in `others`.",
        (_LANGUAGE, _FEATURE, *_SIX),
        (Source("totals_by_language_feature"),),
    ),
    Table(
        "totals_day_language_model",
        "One row per scope, day, language and model; what is capped is in `others`.",
        (_LANGUAGE, _MODEL, *_SIX),
        (Source("totals_by_language_model"),),
    ),
    Table(
        "totals_day_model_feature",
        "One row per scope, day, model and feature; what is capped is in `others`.",
        (_MODEL, _FEATURE, *_SEVEN),
        (Source("totals_by_model_feature"),),
    ),
    Table(
        "totals_day_cli",
        "One row per scope and day with any use of Copilot CLI.",
        _SESSIONS,
        (Source("totals_by_cli", many=False),),
    ),
    Table(
        "totals_day_copilot_app",
        "One row per scope and day with any use of the Copilot app.",
        _SESSIONS,
        (Source("totals_by_copilot_app", many=False),),
    ),
    Table(
        "totals_day_vscode_agent",
        "One row per scope and day with any use of the VS Code Agents window.",
        (
            Column("session_count", "count", "Sessions of the day."),
            Column("total_user_messages", "count", "Messages that people sent; null: unavailable."),
        ),
        (Source("totals_by_vscode_agent", many=False),),
    ),
    Table(
        "totals_day_third_party_agent",
        "One row per scope, day and third-party agent.",
        (
            Column("agent_id", "key_text", "Stable key of the agent."),
            Column("agent_name", "text", "Name of the agent; may change."),
            Column("user_initiated_interaction_count", "count", "Jobs started with this agent, not prompts."),
            Column("session_count", "count", "Sessions with this agent."),
        ),
        (Source("totals_by_3rd_party_agent"),),
    ),
    Table(
        "totals_day_adoption_phase",
        "One row per scope, day and adoption phase.",
        (
            Column("phase_number", "count", "Adoption phase 0 to 3, over the trailing 28 days."),
            Column("phase", "text", "Name of that phase."),
            Column("version", "text", "Version of GitHub's phase definition."),
            Column("total_engaged_users", "count", "Engaged people of that phase."),
            Column("users_in_phase_28d", "count", "People in that phase over the trailing 28 days; since 2026-09-17."),
            Column("total_pull_requests_merged", "count", "Pull requests that they merged; since 2026-07-02."),
            *(
                Column(name, "amount", f"GitHub's average of {what} over them; recompute nothing from it.")
                for name, what in (
                    ("avg_user_initiated_interactions", "prompts"),
                    ("avg_code_generation_activities", "output events"),
                    ("avg_code_acceptance_activities", "accept actions"),
                    ("avg_loc_added", "lines added"),
                    ("avg_loc_deleted", "lines deleted"),
                    ("avg_pull_requests_reviewed", "pull requests reviewed"),
                    ("avg_pull_requests_created", "pull requests created"),
                    ("avg_pull_requests_merged", "pull requests merged"),
                    ("avg_pull_requests_median_minutes_to_merge", "the median minutes to merge"),
                    ("avg_pull_requests_minutes_to_review", "the minutes to review"),
                    ("avg_pull_requests_review_cycles", "the cycles of review"),
                )
            ),
        ),
        (Source("totals_by_ai_adoption_phase"),),
    ),
)

ORGANIZATION_1_DAY = _totals("organization-1-day", "org", date(2025, 12, 12))
ENTERPRISE_1_DAY = _totals("enterprise-1-day", "enterprise", date(2025, 10, 10))

USER_TEAMS_1_DAY = Report(
    name="user-teams-1-day",
    endpoints={kind: f"/{place}/{{scope}}/copilot/metrics/reports/user-teams-1-day" for kind, place in _PLACES.items()},
    # github.blog/changelog, 2026-05-14
    first_day={"org": date(2026, 5, 14), "enterprise": date(2026, 5, 14)},
    key=(Column("team_id", "id", "GitHub's id of the team."), _USER_ID),
    owner=_OWNERS,
    tables=(
        Table(
            "user_team_day",
            "One row per scope, day, team and member; teams with fewer than five seated people are not in it.",
            (
                Column("user_login", "text", "Login on that day; changes on rename, so never a key."),
                _ORGANIZATION_ID,
                _ENTERPRISE_ID,
                Column("slug", "text", "Name of the team in addresses; changes on rename."),
                *_HOUSEKEEPING,
            ),
        ),
    ),
)

REPOS_1_DAY = Report(
    name="repos-1-day",
    endpoints={kind: f"/{place}/{{scope}}/copilot/metrics/reports/repos-1-day" for kind, place in _PLACES.items()},
    # github.blog/changelog, 2026-07-17; the documented example is of 2026-07-14
    first_day={"org": date(2026, 7, 14), "enterprise": date(2026, 7, 14)},
    key=(Column("repo_id", "id", "GitHub's id of the repository."),),
    owner={"org": "organization_id"},
    tables=(
        Table(
            "repo_day",
            "One row per scope, day and repository with pull request activity.",
            (
                _ORGANIZATION_ID,
                _ENTERPRISE_ID,
                Column("repo_owner_name", "text", "Owner of the repository."),
                Column("repo_name", "text", "Name of the repository; changes on rename."),
                Column("repo_visibility", "text", "`PUBLIC`, `INTERNAL` or `PRIVATE`."),
                *_PULL_REQUESTS,
                Column("pull_request_review_times", "json", "Times of reviews as sent; since 2026-09-25."),
                *_HOUSEKEEPING,
            ),
        ),
    ),
)

SEATS = Report(
    name="seats",
    # docs.github.com, REST API endpoints for Copilot user management
    endpoints={"org": "/orgs/{scope}/copilot/billing/seats"},
    first_day={"org": date(2025, 12, 12)},
    key=(_USER_ID,),
    pages_of="seats",
    tables=(
        Table(
            "seat_day",
            "One row per scope, day and person with a seat, as the seats stood when that day had ended.",
            (
                Column("user_login", "text", "Login at that time; changes on rename, so never a key."),
                Column("created_at", "text", "When the seat was assigned (ISO 8601 as sent)."),
                Column("updated_at", "text", "When it was last changed (ISO 8601 as sent); on its way out at GitHub."),
                Column("pending_cancellation_date", "day", "Day on which the seat ends; null: it goes on."),
                Column("last_activity_at", "text", "Last activity that GitHub saw (ISO 8601 as sent); null: none."),
                Column("last_activity_editor", "text", "Editor of that activity, with versions, as sent."),
                Column("last_authenticated_at", "text", "Last sign-in to Copilot (ISO 8601 as sent)."),
                Column("plan_type", "text", "`business`, `enterprise` or `unknown`."),
                Column("assignee", "json", "The person as sent."),
                Column("assigning_team", "json", "The team that the seat is assigned through, as sent; null: none."),
                Column("organization", "json", "The organization that the seat is of, as sent, where GitHub names it."),
            ),
        ),
    ),
)

REPORTS: Mapping[str, Report] = {
    report.name: report
    for report in (USERS_1_DAY, ORGANIZATION_1_DAY, ENTERPRISE_1_DAY, USER_TEAMS_1_DAY, REPOS_1_DAY, SEATS)
}


def raw_columns(report: Report, table: Table) -> tuple[Column, ...]:
    """All columns of `raw.<table>` in their order: the keys, then the table's own."""
    keys = (SCOPE, DAY, *report.key, *((table.discriminator,) if table.discriminator else ()))
    own = table.columns if table.sources else (*table.columns, *_member_sizes(report), UNKNOWN_FIELDS)
    return (*keys, *own)


def _member_sizes(report: Report) -> tuple[Column, ...]:
    """One column per array member: how many elements it had, so that an absent array is not an empty one."""
    return tuple(
        Column(f"{source.member}_count", "count", f"Elements of `{source.member}`; null: the array was absent or null.")
        for table in report.tables
        for source in table.sources
        if source.many
    )
