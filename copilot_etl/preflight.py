"""Whether GitHub would serve what is configured, since when, and what fetching all of it costs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from copilot_etl.coverage import ReportDay, days_left
from copilot_etl.errors import CopilotEtlError, NotReady, Refused
from copilot_etl.github import GitHub, NotFound, Offer
from copilot_etl.reports import Report, Scope

REQUESTS_AN_HOUR = 5000
"""GitHub's primary limit of a token (docs.github.com, rate limits); an App may have more."""

CLOCK_SECONDS = 60
"""A clock that is further off is worth a word."""

_RECENT_DAYS = 5  # old enough to be there, young enough to be typical
_SECONDS_A_DAY = 0.6  # of work for a scope's day, as the backfill of small organizations was measured
_BYTES_A_SECOND = 15e6  # of reading, checking and loading, as measured for large ones
_DISK_SHARE = 0.35  # raw, lake, warehouse and published file together, of the bytes as received


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of asking for one scope: a line to show, and the exit code it deserves."""

    scope: str
    text: str
    exit_code: int = 0
    whole_run: bool = False
    report: str = ""
    day_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Cost:
    """What loading every day costs that GitHub has and that is not here."""

    days: int
    requests: int
    bytes: int
    minutes: int

    @property
    def disk_bytes(self) -> float:
        return self.bytes * _DISK_SHARE


def look(github: GitHub, reports: Sequence[Report], scope: Scope, *, start: dt.date, now: dt.datetime) -> Finding:
    """Asks for a recent day and for the oldest one, of the first report that the scope has: three requests at most.

    All reports need the same permission and the same policy, so one speaks for all; a list, which needs another one,
    for itself.
    """
    its = [each for each in reports if scope.kind in each.endpoints]
    if not its:
        return Finding(scope.key, f"has none of the reports {', '.join(each.name for each in reports)}.", 2)
    today = now.date()
    lists = "; ".join(_count(github, each, scope, today) for each in its if each.pages_of)
    report = next((each for each in its if not each.pages_of), None)
    if report is None:
        return Finding(scope.key, lists)
    recent = today - dt.timedelta(days=_RECENT_DAYS)
    oldest = max(start, report.first_day[scope.kind])
    while days_left(oldest, today) <= 0:
        oldest += dt.timedelta(days=1)
    offer: Offer | None = None
    try:
        offer = github.offer(report, scope, recent)
        said = f"{report.name}: {offer.files} files for {recent} from {offer.head.host}"
    except NotFound as error:
        return Finding(scope.key, f"{error} Check its name.", Refused.exit_code)
    except NotReady as error:
        said = f"{report.name}: reachable, but {str(error).rstrip('.')}"
    except CopilotEtlError as error:
        return Finding(scope.key, str(error), error.exit_code, getattr(error, "whole_run", False))
    try:
        github.links(report, scope, oldest)
        said += f"; offered since {oldest}, the oldest day it has" if oldest < recent else ""
    except NotReady:
        said += f"; nothing for {oldest}, the oldest day it could have"
    except CopilotEtlError as error:
        return Finding(scope.key, str(error), error.exit_code, getattr(error, "whole_run", False))
    size = (offer.head.size or 0) * offer.files if offer else 0
    return Finding(scope.key, f"{said}; {lists}" if lists else said, report=report.name, day_bytes=size)


def _count(github: GitHub, report: Report, scope: Scope, today: dt.date) -> str:
    """What a list says; that it is not shown is no fault."""
    try:
        return f"{report.name}: {github.count(report, scope, today - dt.timedelta(days=1))} now"
    except CopilotEtlError as error:
        return f"{report.name}: {error}"


def cost(findings: Sequence[Finding], days: Sequence[ReportDay]) -> Cost:
    """What the days that are not here, and that GitHub still has, would cost: one request each, and their files."""
    good = {finding.scope: finding for finding in findings if not finding.exit_code}
    missing = [each for each in days if each.scope in good and not each.is_here and each.days_left > 0]
    size = sum(good[each.scope].day_bytes for each in missing if each.report == good[each.scope].report)
    minutes = (len(missing) * _SECONDS_A_DAY + size / _BYTES_A_SECOND) / 60
    return Cost(len(missing), len(missing), size, round(minutes + 0.5))
