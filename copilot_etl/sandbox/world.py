"""Made-up organizations whose reports look like real ones: the same seed gives the same people and the same days.

Activity is heavy-tailed, weak on weekends and grows. Records change shape on the days GitHub changed theirs, and
the sums that hold in real records hold here. None of it is anybody's data.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

Record = dict[str, Any]

METRICS = (
    "user_initiated_interaction_count",
    "code_generation_activity_count",
    "code_acceptance_activity_count",
    "loc_suggested_to_add_sum",
    "loc_suggested_to_delete_sum",
    "loc_added_sum",
    "loc_deleted_sum",
)
FIRST_DAY = dt.date(2025, 12, 12)

# First data day of each member (GitHub's changelog); nothing is back-filled.
CLI_MEMBER = dt.date(2026, 3, 5)
CLOUD_AGENT = dt.date(2026, 3, 25)
USED_CLI = dt.date(2026, 4, 1)
CODE_REVIEW = dt.date(2026, 4, 6)
CLI_IN_TOTALS = dt.date(2026, 4, 9)
PHASE = dt.date(2026, 5, 29)
SERVER_SIDE = dt.date(2026, 6, 15)
CREDITS = dt.date(2026, 6, 19)
APP = dt.date(2026, 7, 28)
THIRD_PARTY = dt.date(2026, 8, 7)
VSCODE_AGENT = dt.date(2026, 9, 11)
CUSTOMIZATION = dt.date(2026, 9, 17)

_SYLLABLES = (
    "ada", "ber", "cor", "dan", "eli", "fre", "gus", "han", "ivo", "jul", "kai", "lin",
    "mar", "nor", "oki", "pia", "rae", "sam", "tov", "uma", "vik", "wes", "yan", "zoe",
)  # fmt: skip
_IDES = (
    ("vscode", "copilot-chat", "1.{}.0"),
    ("intellij", "copilot-intellij", "2026.{}"),
    ("visualstudio", "copilot-vs", "18.{}.0"),
    ("neovim", "copilot.vim", "0.{}.1"),
    ("xcode", "copilot", "26.{}"),
)
_IDE_WEIGHTS = (62, 19, 10, 5, 4)
# Editors spell one language in several ways, and so does the report.
_LANGUAGES = (
    "python", "typescript", "typescriptreact", "javascript", "go", "java", "csharp", "c#", "rust", "sql", "markdown",
    "yaml", "terraform", "hcl", "shellscript", "powershell", "plaintext", "kotlin", "php", "dotenv",
)  # fmt: skip
_MODELS = (
    (dt.date(2025, 1, 1), "gpt-4.1"),
    (dt.date(2025, 1, 1), "claude-sonnet-4.5"),
    (dt.date(2025, 1, 1), "gpt-5-mini"),
    (dt.date(2026, 2, 5), "gpt-5.3-codex"),
    (dt.date(2026, 2, 17), "claude-sonnet-4.6"),
    (dt.date(2026, 3, 5), "gpt-5.4"),
    (dt.date(2026, 4, 16), "claude-opus-4.7"),
)
_CLI_MODELS = ("claude-4.6-sonnet", "gpt-5.3-codex", "claude-haiku-4.5", "claude-4.5-haiku")
# Feature, first data day, weight, generations a prompt, share of them accepted, lines of each.
_CHATS = (
    ("chat_panel_ask_mode", dt.date(2025, 1, 1), 45, 0.8, 0.22, 11),
    ("chat_panel_agent_mode", dt.date(2025, 1, 1), 34, 1.6, 0.03, 9),
    ("chat_inline", dt.date(2025, 1, 1), 10, 1.0, 0.45, 7),
    ("chat_panel_edit_mode", dt.date(2025, 1, 1), 5, 1.2, 0.20, 10),
    ("chat_panel_plan_mode", dt.date(2026, 3, 2), 6, 0.5, 0.02, 8),
    ("chat_panel_custom_mode", dt.date(2025, 1, 1), 2, 1.1, 0.05, 9),
)


@dataclass(frozen=True, slots=True)
class Organization:
    """One made-up organization: `id` is GitHub's `organization_id`, `people` the seats it will have."""

    login: str
    id: str
    people: int


ORGANIZATIONS = (Organization("octo-org", "4242001", 120), Organization("octo-labs", "4242002", 45))


@dataclass(frozen=True, slots=True)
class Enterprise:
    """An enterprise that owns all organizations there are: `id` is GitHub's `enterprise_id`."""

    slug: str
    id: str

    @property
    def scope(self) -> str:
        # The name that paths of files and plans of faults have for it; no organization's login has a dot.
        return f"enterprise.{self.slug}"


ENTERPRISE = Enterprise("octo-corp", "4243001")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody's habits: the same on every day and in every organization."""

    user_id: int
    login: str
    later_login: str
    renamed: dt.date
    joined: dt.date
    intensity: float
    presence: float
    ides: tuple[int, ...]
    languages: tuple[str, ...]
    acceptance: float
    chats: bool
    agent: bool
    cli: bool
    app: bool
    cloud_agent: bool
    third_party: bool
    phase: int

    def login_on(self, day: dt.date) -> str:
        return self.later_login if day >= self.renamed else self.login


class World:
    """The people of every organization, and what GitHub would say of them for a day.

    A scope is an organization's login, or that of the `enterprise` if there is one.
    """

    def __init__(
        self, seed: int, organizations: Sequence[Organization] = ORGANIZATIONS, *, enterprise: Enterprise | None = None
    ) -> None:
        self.seed = seed
        self.organizations = {organization.login: organization for organization in organizations}
        self.enterprise = enterprise
        self._people: dict[str, tuple[Person, ...]] = {}
        self._idle: dict[str, tuple[Person, ...]] = {}
        numbers = iter(range(10**9))
        for organization in sorted(organizations, key=lambda each: -each.people):
            others = [person for people in self._people.values() for person in people]
            # Every eighth person of a smaller organization is a member of a larger one, too.
            shared = others[3 :: max(1, len(others) // max(1, organization.people // 8))] if others else []
            shared = shared[: organization.people // 8]
            own = [self._person(next(numbers)) for _ in range(organization.people - len(shared))]
            self._people[organization.login] = (*shared, *own)
            # Seats of people who never use Copilot. Their numbers are far from the others', whom they must not move.
            first = 10**6 * len(self._people)
            idle = range(first, first + organization.people // 10)
            self._idle[organization.login] = tuple(self._person(number) for number in idle)
        if enterprise:
            everybody = {person.user_id: person for people in self._people.values() for person in people}
            self._people[enterprise.scope] = tuple(everybody.values())

    @property
    def scopes(self) -> Sequence[str]:
        return tuple(self._people)

    def owns(self, scope: str) -> Sequence[str]:
        """The organizations of a scope: itself, or all of the enterprise."""
        return (scope,) if scope in self.organizations else tuple(self.organizations)

    def ids(self, scope: str) -> Record:
        """What a record says of whose it is."""
        enterprise_id = self.enterprise.id if self.enterprise else ""
        if scope not in self.organizations:
            return {"enterprise_id": enterprise_id}
        return {"organization_id": self.organizations[scope].id, "enterprise_id": enterprise_id}

    def seated(self, login: str, day: dt.date) -> Sequence[Person]:
        """Who has a seat in an organization on this day, idle or not."""
        return tuple(person for person in (*self._people[login], *self._idle[login]) if person.joined <= day)

    def idle(self, login: str) -> Sequence[Person]:
        """Those of an organization's seats that are never used."""
        return self._idle[login]

    def record(self, person: Person, day: dt.date) -> Record | None:
        """The final record of somebody's day, without whose report it is in; None if GitHub saw nothing."""
        return self._record(person, day, Random(f"{self.seed} {person.user_id} {day}"), share=1.0)

    def records(self, scope: str, day: dt.date, *, final: bool = True) -> Iterator[Record]:
        """The user records of a scope's day; before it is `final`, people and afternoons are missing."""
        ids = self.ids(scope)
        for person in self._people[scope]:
            random = Random(f"{self.seed} {person.user_id} {day}")
            late = Random(f"{self.seed} late {person.user_id} {day}").random()
            if not final and late < 0.06:
                continue
            record = self._record(person, day, random, share=0.7 if not final and late < 0.2 else 1.0)
            if record:
                yield {**ids, **record}

    def _person(self, number: int) -> Person:
        random = Random(f"{self.seed} person {number}")
        login = "".join(random.choices(_SYLLABLES, k=2)) + str(number)
        joined = FIRST_DAY + dt.timedelta(days=int(random.random() ** 1.5 * 300) - 60)
        ides = sorted(set(random.choices(range(len(_IDES)), _IDE_WEIGHTS, k=random.choice((1, 1, 1, 2)))))
        return Person(
            user_id=31_000_000 + 7 * number + int(random.random() * 6),
            login=login,
            later_login=f"{login}-dev" if number % 30 == 11 else login,
            renamed=dt.date(2026, 2 + number % 9, 15),
            joined=joined,
            intensity=random.lognormvariate(0.0, 0.9),
            presence=random.betavariate(2.2, 1.3),
            ides=tuple(ides),
            languages=tuple(dict.fromkeys(random.choices(_LANGUAGES, range(len(_LANGUAGES), 0, -1), k=5))),
            acceptance=random.betavariate(4.4, 15),
            chats=random.random() < 0.75,
            agent=random.random() < 0.5,
            cli=random.random() < 0.3,
            app=random.random() < 0.12,
            cloud_agent=random.random() < 0.15,
            third_party=random.random() < 0.06,
            phase=random.choices((0, 1, 2, 3), (15, 40, 30, 15))[0],
        )

    # ----------------------------------------------------------------------------------------- one record

    def _record(self, person: Person, day: dt.date, random: Random, *, share: float) -> Record | None:
        age = (day - person.joined).days
        if age < 0:
            return None
        weekday = 1.0 if day.weekday() < 5 else 0.12
        if random.random() > person.presence * weekday * min(1.0, 0.6 + age / 150):
            # Rows without IDE activity are real: seen by GitHub's servers only, or billed only.
            if day >= SERVER_SIDE and random.random() < 0.05 * weekday:
                return self._shell(person, day, random, _Cells(), credits=random.random() * 3)
            return None
        cells = _Cells()
        amount = person.intensity * share * random.lognormvariate(0.0, 0.5)
        self._completions(person, random, cells, amount)
        if person.chats and random.random() < 0.8:
            self._chat(person, day, random, cells, amount)
        if person.agent and random.random() < 0.55:
            self._agent_edits(person, day, random, cells, amount)
        record = self._shell(person, day, random, cells, credits=cells.total()[0] * random.uniform(0.2, 1.5))
        self._surfaces(person, day, random, cells, record)
        return {**record, **cells.members(self._versions(person, day, random))}

    def _completions(self, person: Person, random: Random, cells: _Cells, amount: float) -> None:
        for ide in person.ides:
            for language in random.sample(person.languages, k=min(len(person.languages), random.randint(1, 3))):
                generations = int(amount * random.uniform(4, 30))
                acceptances = sum(random.random() < person.acceptance for _ in range(generations))
                if generations:
                    cells.add(
                        (0, generations, acceptances, int(generations * 1.7), 0, int(acceptances * 1.4), 0),
                        feature="code_completion",
                        language=language,
                        ide=_IDES[ide][0],
                    )

    def _chat(self, person: Person, day: dt.date, random: Random, cells: _Cells, amount: float) -> None:
        known = [chat for chat in _CHATS if day >= chat[1]]
        for chat in random.choices(known, [chat[2] for chat in known], k=random.randint(1, 3)):
            prompts = max(1, int(amount * random.uniform(1, 6)))
            generations = int(prompts * chat[3])
            acceptances = sum(random.random() < chat[4] for _ in range(generations))
            cells.add(
                (prompts, generations, acceptances, generations * chat[5], 0, acceptances * chat[5], 0),
                feature=chat[0],
                language=random.choice((*person.languages, "unknown")),
                ide=_IDES[random.choice(person.ides)][0],
                model=_model(day, random),
            )

    def _agent_edits(self, person: Person, day: dt.date, random: Random, cells: _Cells, amount: float) -> None:
        # Edits by an agent count lines added that were never suggested, and nothing is accepted.
        for language in random.sample((*person.languages, "unknown"), k=2):
            edits = max(1, int(amount * random.uniform(1, 8)))
            cells.add(
                (0, edits, 0, 0, 0, edits * random.randint(4, 30), edits * random.randint(0, 12)),
                feature="agent_edit",
                language=language,
                ide=_IDES[person.ides[0]][0],
                model=_model(day, random),
            )

    def _surfaces(self, person: Person, day: dt.date, random: Random, cells: _Cells, record: Record) -> None:
        """What happens outside the editor: CLI, app, agents."""
        uses_cli = person.cli and random.random() < 0.5 and day >= CLI_MEMBER
        if day >= USED_CLI:
            record["used_cli"] = uses_cli
        if uses_cli:
            prompts = random.randint(1, 25)
            record["totals_by_cli"] = {
                **_sessions(random, prompts),
                "last_known_cli_version": {"cli_version": f"1.0.{day.month * 3}", "sampled_at": _moment(day, random)},
            }
            if day >= CLI_IN_TOTALS:
                edits = prompts // 2
                cells.add(
                    (prompts, edits, 0, 0, 0, edits * 9, edits * 3),
                    feature="copilot_cli",
                    language=random.choice(person.languages),
                    model=random.choice(_CLI_MODELS),
                )
            if day >= CUSTOMIZATION:
                _customize(random, record)
        if day >= APP:
            uses_app = person.app and random.random() < 0.4
            record["used_copilot_app"] = uses_app
            if uses_app:
                prompts = random.randint(1, 12)
                record["totals_by_copilot_app"] = _sessions(random, prompts)
                cells.add(
                    (prompts, prompts, 0, prompts * 4, prompts // 3, prompts * 3, prompts // 4),
                    feature="copilot_app",
                    language="unknown",
                    model="auto",
                )
        if day >= THIRD_PARTY and person.third_party:
            record["totals_by_3rd_party_agent"] = [
                {
                    "agent_id": "90210",
                    "agent_name": "Reviewer",
                    "user_initiated_interaction_count": random.randint(1, 4),
                }
            ]
        if day >= VSCODE_AGENT:
            uses = person.agent and random.random() < 0.3
            record["used_vscode_agent"] = uses
            record["totals_by_vscode_agent"] = (
                {"session_count": random.randint(1, 4), "total_user_messages": random.choice((None, 3, 9))}
                if uses
                else None
            )
        for name, value in zip(METRICS, cells.total(), strict=True):
            record[name] = value

    def _shell(self, person: Person, day: dt.date, random: Random, cells: _Cells, *, credits: float) -> Record:
        """The record without its breakdowns."""
        features = cells.features()
        record: Record = {
            "day": day.isoformat(),
            "user_id": person.user_id,
            "user_login": person.login_on(day),
            **dict(zip(METRICS, cells.total(), strict=True)),
            "used_agent": "agent_edit" in features or "chat_panel_agent_mode" in features,
            "used_chat": any(feature.startswith("chat_") for feature in features),
            "totals_by_ide": [],
            "totals_by_feature": [],
            "totals_by_language_feature": [],
            "totals_by_language_model": [],
            "totals_by_model_feature": [],
        }
        if day >= CLOUD_AGENT:
            record["used_copilot_coding_agent"] = person.cloud_agent and random.random() < 0.3
        if day >= CLI_IN_TOTALS:
            record["used_copilot_cloud_agent"] = record["used_copilot_coding_agent"]
        if day >= CODE_REVIEW:
            signal = random.random()
            record["used_copilot_code_review_active"] = None if signal > 0.3 else signal < 0.1
            record["used_copilot_code_review_passive"] = None if signal > 0.3 else signal >= 0.1
        if day >= PHASE:
            name = f"Phase {person.phase}" if person.phase else "No Cohort"
            record["ai_adoption_phase"] = {"phase_number": person.phase, "phase": name, "version": "v1"}
        if day >= CREDITS:
            record["ai_credits_used"] = round(credits, 6)
        return record

    def _versions(self, person: Person, day: dt.date, random: Random) -> dict[str, Record]:
        versions: dict[str, Record] = {}
        for ide in person.ides:
            name, plugin, version = _IDES[ide]
            sampled = _moment(day, random)
            versions[name] = {
                "last_known_ide_version": {"ide_version": version.format(day.month + 98), "sampled_at": sampled},
                "last_known_plugin_version": {
                    "plugin": plugin,
                    "plugin_version": f"0.{day.month + 28}.1",
                    "sampled_at": sampled,
                },
            }
        return versions


class _Cells:
    """A day's activity by editor, feature, language and model, before it is summed five ways."""

    def __init__(self) -> None:
        self._cells: list[tuple[tuple[int, ...], str, str, str | None, str | None]] = []

    def add(
        self, metrics: tuple[int, ...], *, feature: str, language: str, ide: str | None = None, model: str | None = None
    ) -> None:
        self._cells.append((metrics, feature, language, ide, model))

    def total(self) -> list[int]:
        return [sum(column) for column in zip(*(cell[0] for cell in self._cells), strict=True)] or [0] * len(METRICS)

    def features(self) -> set[str]:
        return {cell[1] for cell in self._cells}

    def members(self, versions: dict[str, Record]) -> Record:
        """The five breakdowns. Completions have no model, and what has no editor is missing among the editors."""
        by_ide = self._summed("ide", key=lambda cell: (cell[3],))
        for item in by_ide:
            item.update(versions[item["ide"]])
        return {
            "totals_by_ide": by_ide,
            "totals_by_feature": self._summed("feature", key=lambda cell: (cell[1],)),
            "totals_by_language_feature": self._summed("language", "feature", key=lambda cell: (cell[2], cell[1])),
            "totals_by_language_model": self._summed("language", "model", key=lambda cell: (cell[2], cell[4])),
            "totals_by_model_feature": self._summed("model", "feature", key=lambda cell: (cell[4], cell[1])),
        }

    def _summed(self, *names: str, key: Any) -> list[Record]:
        sums: dict[tuple[str, ...], list[int]] = defaultdict(lambda: [0] * len(METRICS))
        for cell in self._cells:
            labels = key(cell)
            if None in labels:
                continue
            if len(sums) >= 10 and labels not in sums:  # GitHub lists ten and sums the rest
                labels = ("others",) * len(names)
            sums[labels] = [a + b for a, b in zip(sums[labels], cell[0], strict=True)]
        without = 1 if "language" in names else 0  # no interactions by language
        return [
            dict(zip((*names, *METRICS[without:]), (*labels, *values[without:]), strict=True))
            for labels, values in sums.items()
        ]


def _model(day: dt.date, random: Random) -> str:
    known = [name for since, name in _MODELS if day >= since]
    return random.choice((*known, *known[-2:], "auto" if day < dt.date(2026, 3, 20) else "unknown"))


def _sessions(random: Random, prompts: int) -> Record:
    requests = prompts * random.randint(2, 9)
    output, sent = requests * random.randint(150, 900), requests * random.randint(2_000, 30_000)
    return {
        "session_count": max(1, prompts // 3),
        "request_count": requests,
        "prompt_count": prompts,
        "token_usage": {
            "output_tokens_sum": output,
            "prompt_tokens_sum": sent,
            "avg_tokens_per_request": round((output + sent) / requests, 2),
        },
    }


def _customize(random: Random, record: Record) -> None:
    for key, names in (
        ("skill", ("release-notes", "review", "other")),
        ("custom_agent", ("planner", "other")),
        ("mcp", ("github", "playwright", "other")),
        ("slash_cmd", ("explain", "plan", "custom")),
        ("plugin", ("docs",)),
    ):
        used = random.sample(names, k=random.randint(0, len(names)))
        record[f"totals_by_{key}"] = [{key: name, "interaction_count": random.randint(1, 9)} for name in used]
        record[f"distinct_{key}_use_count"] = len(used)


def _moment(day: dt.date, random: Random) -> str:
    second = random.randrange(6 * 3600, 20 * 3600)
    return f"{day}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}.000Z"


@functools.cache
def lateness(seed: int, login: str, day: dt.date) -> int:
    """Days that a report comes later than on the morning after its day: mostly none, sometimes one or two."""
    return Random(f"{seed} lateness {login} {day}").choices((0, 1, 2), (85, 11, 4))[0]
