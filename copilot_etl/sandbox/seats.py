"""Made-up seats: who an organization pays for, whether they use Copilot or not, in pages as GitHub lists them."""

from __future__ import annotations

import datetime as dt
from random import Random

from copilot_etl.sandbox.teams import Team, Teams
from copilot_etl.sandbox.world import Person, Record, World

PAGE, LONGEST_PAGE = 50, 100

_LOOK_BACK = 90
_EDITORS = {
    "vscode": "vscode/1.109.0/copilot-chat/0.39.1",
    "intellij": "JetBrains-IU/261.18969/copilot-intellij/1.5.61",
    "visualstudio": "VisualStudio/18.2.1/copilot-vs/1.400.0",
    "neovim": "Neovim/0.11.1/copilot.vim/1.57.0",
    "xcode": "Xcode/26.1/copilot-xcode/0.44.0",
}


class Seats:
    """The seats of a world's organizations."""

    def __init__(self, world: World, teams: Teams) -> None:
        self._world = world
        self._teams = teams
        self._kept: dict[tuple[str, dt.date], list[Record]] = {}

    def of(self, login: str, today: dt.date) -> list[Record]:
        """All seats of an organization on the morning of a day, the oldest first."""
        if (login, today) not in self._kept:
            self._kept[login, today] = self._made(login, today)
        return self._kept[login, today]

    def page(self, login: str, today: dt.date, *, number: int, size: int) -> Record:
        """One page of them, the first being 1."""
        seats = self.of(login, today)
        return {"total_seats": len(seats), "seats": seats[(number - 1) * size : number * size]}

    def _made(self, login: str, today: dt.date) -> list[Record]:
        idle = {person.user_id for person in self._world.idle(login)}
        teams: dict[int, Team] = {}
        for team, members in self._teams.members(login, today).items():
            for person in members:
                teams.setdefault(person.user_id, team)
        people = sorted(self._world.seated(login, today), key=lambda each: (each.joined, each.user_id))
        return [
            self._seat(person, today, team=teams.get(person.user_id), idle=person.user_id in idle) for person in people
        ]

    def _seat(self, person: Person, today: dt.date, *, team: Team | None, idle: bool) -> Record:
        random = Random(f"{self._world.seed} seat {person.user_id}")
        created = f"{person.joined}T{random.randrange(8, 18):02}:{random.randrange(60):02}:00Z"
        last = None if idle else self._last_activity(person, today)
        return {
            "created_at": created,
            "updated_at": created,
            "pending_cancellation_date": str(_next_month(today)) if idle and random.random() < 0.4 else None,
            "last_activity_at": last and last[0],
            "last_activity_editor": last and last[1],
            "last_authenticated_at": last[0] if last else created,
            "plan_type": "enterprise" if self._world.enterprise else "business",
            "assignee": {
                "login": person.login_on(today),
                "id": person.user_id,
                "type": "User",
                "site_admin": False,
            },
            # Some seats are of a team and some of the person, and GitHub tells of a team only with the former.
            "assigning_team": {"id": team.id, "name": team.name, "slug": team.slug} if team else None,
        }

    def _last_activity(self, person: Person, today: dt.date) -> tuple[str, str] | None:
        for back in range(1, _LOOK_BACK):
            day = today - dt.timedelta(days=back)
            record = self._world.record(person, day)
            if record is None:
                continue
            ides = record["totals_by_ide"]
            second = Random(f"{self._world.seed} last {person.user_id} {day}").randrange(6 * 3600, 20 * 3600)
            moment = f"{day}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"
            return moment, _EDITORS[ides[0]["ide"]] if ides else "github.com"
        return None


def _next_month(day: dt.date) -> dt.date:
    return (day.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
