"""The reports there are: where each is asked for, since when it exists, and its records of a scope's day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from copilot_etl.sandbox.repositories import Repositories
from copilot_etl.sandbox.teams import Teams
from copilot_etl.sandbox.totals import Final, Totals, trailing
from copilot_etl.sandbox.world import FIRST_DAY, Record, World

USERS = "users-1-day"
USERS_28 = "users-28-day"
LATEST = "latest"

_ENTERPRISE_FIRST_DAY = dt.date(2025, 10, 10)


@dataclass(frozen=True, slots=True)
class Report:
    """A report: `since` is its first day by kind of scope (`orgs`, `enterprises`), without which it is not there.

    A report that is not `of_days` is asked for as `/latest` and covers the last 28 complete days.
    """

    name: str
    since: Mapping[str, dt.date]
    of_days: bool = True
    one_file: bool = False

    @property
    def address(self) -> str:
        return self.name if self.of_days else f"{self.name}/{LATEST}"


def _both(day: dt.date) -> Mapping[str, dt.date]:
    return {"orgs": day, "enterprises": day}


_USERS_SINCE = {"orgs": FIRST_DAY, "enterprises": _ENTERPRISE_FIRST_DAY}

REPORTS: Mapping[str, Report] = {
    report.name: report
    for report in (
        Report(USERS, _USERS_SINCE),
        Report("organization-1-day", {"orgs": FIRST_DAY}, one_file=True),
        Report("enterprise-1-day", {"enterprises": _ENTERPRISE_FIRST_DAY}, one_file=True),
        Report("user-teams-1-day", _both(dt.date(2026, 5, 14)), one_file=True),
        Report("repos-1-day", _both(dt.date(2026, 7, 17))),
        Report(USERS_28, _USERS_SINCE, of_days=False),
    )
}
_BY_ADDRESS = {report.address: report for report in REPORTS.values()}


def place_of(scope: str) -> str:
    """The kind of a scope, as paths name it."""
    return "enterprises" if "." in scope else "orgs"


def asked_for(place: str, address: str) -> Report | None:
    """The report of an address below `/metrics/reports/`, for this kind of scope."""
    report = _BY_ADDRESS.get(address)
    return report if report and place in report.since else None


class Reports:
    """What the reports of a world say."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.teams = Teams(world)
        self.repositories = Repositories(world)
        self._totals = Totals(world, self.repositories)

    def records(self, report: Report, scope: str, day: dt.date, *, final: Final) -> Iterator[Record]:
        """The records of a day; of `users-28-day`, those of the 28 days that end with it."""
        since = report.since[place_of(scope)]
        if report.name == USERS:
            yield from self.world.records(scope, day, final=final(day))
        elif report.name == "user-teams-1-day":
            yield from self.teams.records(scope, day)
        elif report.name == "repos-1-day":
            yield from self.repositories.records(scope, day, final=final(day))
        elif report.of_days:
            yield self._totals.record(scope, day, since=since, final=final)
        else:
            days = trailing(day)
            window = {"report_start_day": days[0].isoformat(), "report_end_day": day.isoformat()}
            for each in days:
                if each >= since:
                    yield from ({**window, **row} for row in self.world.records(scope, each, final=final(each)))
