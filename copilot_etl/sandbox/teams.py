"""Made-up teams: a few in each organization, people in several of them, people in none, and people who move.

A team is told of on a day when at least five of its members have a seat on it. So one team of each organization,
which has only four, is never told of, and a young one is told of from the day its fifth member joins.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from copilot_etl.sandbox.world import Person, Record, World

LEAST_SEATED = 5

_SLUGS = ("platform", "payments", "frontend", "data", "security")
_TOO_SMALL = "pilots"
_MOVES = dt.date(2026, 10, 5)


@dataclass(frozen=True, slots=True)
class Team:
    """A team of an organization; slugs repeat over organizations, ids do not."""

    id: int
    login: str
    slug: str

    @property
    def name(self) -> str:
        return self.slug.capitalize()


class Teams:
    """The teams of a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._of: dict[str, tuple[Team, ...]] = {}
        for login, organization in world.organizations.items():
            slugs = (*_SLUGS[: max(1, min(len(_SLUGS), organization.people // 6))], _TOO_SMALL)
            first = 70_000 + int(organization.id) % 10_000 * 10
            self._of[login] = tuple(Team(first + number, login, slug) for number, slug in enumerate(slugs))

    def of(self, login: str) -> Sequence[Team]:
        return self._of[login]

    def records(self, scope: str, day: dt.date) -> Iterator[Record]:
        """A record of each team and member. An enterprise's report names the enterprise, and only it."""
        ids = self._world.ids(scope)
        owner = {name: ids[name] for name in (("organization_id",) if scope in self._of else ("enterprise_id",))}
        for login in self._world.owns(scope):
            for team, members in self.members(login, day).items():
                if len(members) < LEAST_SEATED:
                    continue
                for person in members:
                    yield {
                        "user_id": person.user_id,
                        "user_login": person.login_on(day),
                        "day": day.isoformat(),
                        **owner,
                        "team_id": team.id,
                        "slug": team.slug,
                    }

    def members(self, login: str, day: dt.date) -> Mapping[Team, Sequence[Person]]:
        """Who of each team has a seat on this day, small teams included."""
        *teams, too_small = self._of[login]
        found: dict[Team, list[Person]] = {team: [] for team in self._of[login]}
        for number, person in enumerate(self._world.seated(login, day)):
            random = Random(f"{self._world.seed} teams {login} {person.user_id}")
            # Small organizations have few to spare, so fewer of their people are in no team.
            wanted = random.choices((0, 1, 2), (15, 55, 30) if len(teams) > 2 else (8, 72, 20))[0]
            own = random.sample(range(len(teams)), k=min(wanted, len(teams)))
            if own and random.random() < 0.1 and day >= _MOVES:
                own = sorted({(place + 1) % len(teams) for place in own})
            for place in own:
                found[teams[place]].append(person)
            if number < LEAST_SEATED - 1:
                found[too_small].append(person)
        return found
