"""Made-up repositories of the organizations, and the pull requests of each day that GitHub would report of them.

Each pull request is of one repository and one day, so the numbers of an organization are the sums of its
repositories' numbers, and those of an enterprise the sums of its organizations'; medians are over all of them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from statistics import median

from copilot_etl.sandbox.world import Record, World

# First data day of each member (GitHub's changelog); nothing is back-filled.
PULL_REQUESTS = dt.date(2025, 12, 18)
COMMENT_TYPES = dt.date(2026, 5, 8)
REVIEW_TIMES = dt.date(2026, 9, 25)

_NAMES = (
    "storefront", "payments", "ledger", "identity", "search", "mobile-app", "design-system", "infrastructure",
    "data-platform", "docs", "gateway", "notifications", "website", "experiments", "tools",
)  # fmt: skip
_COMMENT_TYPES = ("bug_risk", "security", "performance", "maintainability", "documentation")


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository: `busy` is how many pull requests it sees on a working day, about."""

    id: int
    owner: str
    name: str
    visibility: str
    busy: float


@dataclass(frozen=True, slots=True)
class PullRequest:
    """What happened to a pull request on one day.

    `author` and `reviewer` are users' ids; `stages` are the minutes from ready to the first review, from there to
    the last and from there to the merge. `suggestions` and `applied` are people's, `comments` Copilot's: type,
    suggestions and how many of them were applied.
    """

    author: int
    reviewer: int
    by_copilot: bool
    reviewed_by_copilot: bool
    reviewed_by_people: bool
    created: bool
    merged: bool
    stages: tuple[float, float, float]
    cycles: int
    suggestions: int
    applied: int
    comments: tuple[tuple[str, int, int], ...]

    @property
    def reviewed(self) -> bool:
        return self.reviewed_by_copilot or self.reviewed_by_people

    @property
    def minutes_to_merge(self) -> float:
        return round(sum(self.stages), 2)


class Repositories:
    """The repositories of a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._of = {login: tuple(self._made(login)) for login in world.organizations}

    def of(self, login: str) -> Sequence[Repository]:
        return self._of[login]

    def records(self, scope: str, day: dt.date, *, final: bool = True) -> Iterator[Record]:
        """A record of each repository with anything to tell; no repository has comment types, as at GitHub."""
        for login in self._world.owns(scope):
            for repository in self._of[login]:
                pulls = self.pull_requests(repository, day, final=final)
                if not pulls:
                    continue
                record: Record = {
                    "day": day.isoformat(),
                    **self._world.ids(login),
                    "repo_id": repository.id,
                    "repo_owner_name": repository.owner,
                    "repo_name": repository.name,
                    "repo_visibility": repository.visibility,
                    "pull_requests": {
                        # Here a median of nothing is left out; in the totals it is null.
                        **{name: value for name, value in numbers(pulls).items() if value is not None},
                        "copilot_suggestions_by_comment_type": [],
                    },
                }
                if day >= REVIEW_TIMES:
                    record["pull_request_review_times"] = review_times(pulls)
                yield record

    def everything(self, scope: str, day: dt.date, *, final: bool = True) -> list[PullRequest]:
        """All pull requests of a scope's day."""
        return [
            pull
            for login in self._world.owns(scope)
            for repository in self._of[login]
            for pull in self.pull_requests(repository, day, final=final)
        ]

    def pull_requests(self, repository: Repository, day: dt.date, *, final: bool = True) -> list[PullRequest]:
        """What happened in a repository; before a day is `final`, some of it is missing."""
        random = Random(f"{self._world.seed} pull requests {repository.id} {day}")
        people = [person.user_id for person in self._world.seated(repository.owner, day)]
        if not people:
            return []
        weekday = 1.0 if day.weekday() < 5 else 0.1
        amount = int(repository.busy * weekday * random.lognormvariate(0.0, 0.4) + random.random())
        found = [_pull_request(random, people) for _ in range(amount)]
        return [pull for number, pull in enumerate(found) if final or number % 16 != 5]

    def _made(self, login: str) -> Iterator[Repository]:
        organization = self._world.organizations[login]
        random = Random(f"{self._world.seed} repositories {login}")
        for number in range(min(len(_NAMES), 2 + organization.people // 12)):
            yield Repository(
                id=900_000_000 + int(organization.id) % 10_000 * 100 + number,
                owner=login,
                name=_NAMES[number],
                visibility=random.choices(("PRIVATE", "INTERNAL", "PUBLIC"), (60, 30, 10))[0],
                busy=random.lognormvariate(0.0, 0.7) * max(1.0, organization.people / 40),
            )


def numbers(pulls: Sequence[PullRequest]) -> Record:
    """The documented numbers of pull requests; a median of none is None."""
    merged = [pull for pull in pulls if pull.merged]

    def count(those: Callable[[PullRequest], bool]) -> int:
        return sum(map(those, pulls))

    def minutes(those: Callable[[PullRequest], bool]) -> float | None:
        times = [pull.minutes_to_merge for pull in merged if those(pull)]
        return round(median(times), 2) if times else None

    by_copilot = sum(made for pull in pulls for _, made, _ in pull.comments)
    applied = sum(used for pull in pulls for _, _, used in pull.comments)
    return {
        "total_created": count(lambda pull: pull.created),
        "total_reviewed": count(lambda pull: pull.reviewed),
        "total_merged": len(merged),
        "median_minutes_to_merge": minutes(lambda pull: True),
        "total_suggestions": by_copilot + sum(pull.suggestions for pull in pulls),
        "total_applied_suggestions": applied + sum(pull.applied for pull in pulls),
        "total_created_by_copilot": count(lambda pull: pull.created and pull.by_copilot),
        "total_reviewed_by_copilot": count(lambda pull: pull.reviewed_by_copilot),
        "total_merged_created_by_copilot": count(lambda pull: pull.merged and pull.by_copilot),
        "total_merged_reviewed_by_copilot": count(lambda pull: pull.merged and pull.reviewed_by_copilot),
        "median_minutes_to_merge_copilot_authored": minutes(lambda pull: pull.by_copilot),
        "median_minutes_to_merge_copilot_reviewed": minutes(lambda pull: pull.reviewed_by_copilot),
        "total_copilot_suggestions": by_copilot,
        "total_copilot_applied_suggestions": applied,
    }


def comment_types(pulls: Sequence[PullRequest]) -> list[Record]:
    """Copilot's suggestions by type; they sum to the two numbers above."""
    found: dict[str, list[int]] = {}
    for pull in pulls:
        for kind, made, used in pull.comments:
            sums = found.setdefault(kind, [0, 0])
            sums[0] += made
            sums[1] += used
    return [
        {"comment_type": kind, "total_copilot_suggestions": made, "total_copilot_applied_suggestions": used}
        for kind, (made, used) in sorted(found.items())
    ]


def review_times(pulls: Sequence[PullRequest]) -> list[Record]:
    """How long people's pull requests waited for people, by stage; empty when none of them was merged."""
    waited = [pull.stages for pull in pulls if pull.merged and pull.reviewed_by_people and not pull.by_copilot]
    if not waited:
        return []
    entry: Record = {"authored_by": "human", "reviewed_by": "human", "total_merged": len(waited)}
    for stage, times in zip(
        ("ready_to_first_review", "first_to_final_review", "final_review_to_merge"),
        zip(*waited, strict=True),
        strict=True,
    ):
        ordered = sorted(times)
        entry[f"median_minutes_{stage}"] = round(median(ordered), 2)
        entry[f"p90_minutes_{stage}"] = round(ordered[max(0, -(-len(ordered) * 9 // 10) - 1)], 2)
    return [entry]


def _pull_request(random: Random, people: Sequence[int]) -> PullRequest:
    by_copilot, by_people = random.random() < 0.15, random.random() < 0.7
    by_review = random.random() < 0.45
    merged = random.random() < 0.5
    comments = []
    if by_review:
        for kind in random.sample(_COMMENT_TYPES, k=random.randint(0, 3)):
            made = random.randint(1, 5)
            comments.append((kind, made, random.randint(0, made)))
    suggestions = random.randint(0, 3) if by_people else 0
    return PullRequest(
        author=random.choice(people),
        reviewer=random.choice(people),
        by_copilot=by_copilot,
        reviewed_by_copilot=by_review,
        reviewed_by_people=by_people,
        # Something happened to it that day, or it would not be here.
        created=random.random() < 0.55 or not (merged or by_people or by_review),
        merged=merged,
        stages=(
            round(random.lognormvariate(4.0, 1.2), 2),
            round(random.lognormvariate(3.0, 1.5), 2) if random.random() < 0.6 else 0.0,
            round(random.lognormvariate(3.2, 1.3), 2),
        ),
        cycles=random.choices((1, 2, 3, 4), (60, 25, 10, 5))[0],
        suggestions=suggestions,
        applied=random.randint(0, suggestions),
        comments=tuple(comments),
    )
