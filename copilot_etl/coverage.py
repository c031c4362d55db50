"""What is known of every day that GitHub could have a report for: what is there, what is missing, and until when.

GitHub keeps a report for one year, so a day that is not here by then is lost for good.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from copilot_etl.ledger import LedgerDay
from copilot_etl.reports import Report, Scope

LATE_DAYS = 7
"""A day without a report is `not_ready` while it is this young, and `no_report` afterwards."""

RESTATED_DAYS = 4
"""GitHub restates a day for up to three days after it closed; looked at when it is this old, a day is settled."""

OVERDUE_HOURS = 72
"""A day that is not here this long after its end needs somebody: GitHub publishes within two or three days."""

LEAVING_DAYS = 30
"""A missing day that GitHub keeps for no longer than this is told in every message."""

MISSING = "missing"
"""The state of a day that was never asked for."""


@dataclass(frozen=True, slots=True)
class ReportDay:
    """One scope, report and day. `row` is the ledger's, None if the day was never asked for.

    `is_here`: loaded, or final without a report. `is_wanted`: the next scheduled run asks for it. `is_overdue`: it is
    not here, and long past its time. `days_left`: how long GitHub still keeps it; zero or less when it does no more.
    """

    scope: str
    report: str
    day: dt.date
    row: LedgerDay | None
    is_here: bool
    is_wanted: bool
    is_overdue: bool
    days_left: int

    @property
    def state(self) -> str:
        return self.row.state if self.row else MISSING

    @property
    def is_leaving(self) -> bool:
        """Not here, and soon nowhere."""
        return not self.is_here and 0 < self.days_left <= LEAVING_DAYS


def coverage(
    ledger: Iterable[LedgerDay],
    *,
    reports: Sequence[Report],
    scopes: Sequence[Scope],
    start: dt.date,
    now: dt.datetime,
    lookback_days: int,
) -> tuple[ReportDay, ...]:
    """Every complete day (UTC) of every scope and report, by scope, report and day.

    From `start`, the report's first day or the first day that the ledger knows; of scopes that are asked for no more,
    what the ledger knows.
    A scheduled run wants, of the look-back window, every day that is not settled; before it, back to the first day that
    the ledger knows, every day that is missing, failed, or was last looked at too early to be final. `now` is aware,
    in UTC.
    """
    rows: dict[tuple[str, str], dict[dt.date, LedgerDay]] = {}
    for row in ledger:
        rows.setdefault((row.scope, row.report), {})[row.day] = row
    found: list[ReportDay] = []
    for report in reports:
        for scope in report.of(scopes):
            known = rows.pop((scope.key, report.name), {})
            first = max(start, report.first_day[scope.kind])
            if report.pages_of:  # no day before can be asked for
                first = max(first, min(known, default=now.date() - dt.timedelta(days=1)))
            found += _days(report, scope, known, start=first, now=now, lookback_days=lookback_days)
    for strangers in rows.values():  # of a scope that is asked for no more
        found += [
            ReportDay(row.scope, row.report, row.day, row, _is_here(row), False, False, days_left(row.day, now.date()))
            for row in strangers.values()
        ]
    return tuple(sorted(found, key=lambda each: (each.scope, each.report, each.day)))


def _days(
    report: Report,
    scope: Scope,
    known: dict[dt.date, LedgerDay],
    *,
    start: dt.date,
    now: dt.datetime,
    lookback_days: int,
) -> Iterator[ReportDay]:
    today = now.date()
    yesterday = today - dt.timedelta(days=1)
    window = max(start, today - dt.timedelta(days=lookback_days))
    kept_from = max(start, min(min(known, default=window), window))
    day = min(start, min(known, default=start))
    while day < today:
        row = known.get(day)
        is_kept = day >= kept_from
        # A list shows what is now: what was not asked for in its time can be asked for no more.
        is_past = bool(report.pages_of) and day < yesterday
        is_here = _is_here(row) or is_past
        is_settled = is_here if report.pages_of else row is not None and settled(row)
        ended = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), tzinfo=dt.UTC)
        yield ReportDay(
            scope.key,
            report.name,
            day,
            row,
            is_here=is_here,
            is_wanted=is_kept and not is_settled,
            is_overdue=is_kept and not is_here and now - ended > dt.timedelta(hours=OVERDUE_HOURS),
            days_left=days_left(day, today),
        )
        day += dt.timedelta(days=1)


def _is_here(row: LedgerDay | None) -> bool:
    return row is not None and (row.loaded_at is not None or row.state == "no_report")


def wanted_days(found: Iterable[ReportDay]) -> dict[dt.date, tuple[str, ...]]:
    """The days that a scheduled run asks GitHub for, oldest first, with the reports that it asks for."""
    wanted: dict[dt.date, set[str]] = {}
    for each in found:
        if each.is_wanted:
            wanted.setdefault(each.day, set()).add(each.report)
    return {day: tuple(sorted(wanted[day])) for day in sorted(wanted)}


def settled(row: LedgerDay) -> bool:
    """Whether nothing new is to be expected of a day: it was old enough when it was last seen loaded, or missing."""
    if row.state == "no_report":
        return True
    if row.is_first_look:
        # Its own file is still to come, unless GitHub has said that there is none when it was late already.
        late = (row.last_seen_at.date() - row.day).days > LATE_DAYS
        return row.state in ("loaded", "loaded_empty") and row.last_error is not None and late
    return row.state in ("loaded", "loaded_empty") and (row.last_seen_at.date() - row.day).days >= RESTATED_DAYS


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest day of a scope that is loaded, if any, and how many complete days (UTC) have come after it.

    `is_late` says that the next one should be here by now; `reason` is what is known of that one.
    """

    scope: str
    day: dt.date | None
    days_behind: int
    is_late: bool
    reason: str


def newest(found: Iterable[ReportDay], now: dt.datetime) -> tuple[Newest, ...]:
    """Of days of one report, the newest loaded one of each scope. `now` is aware, in UTC."""
    scopes: dict[str, list[ReportDay]] = {}
    for each in found:
        scopes.setdefault(each.scope, []).append(each)
    return tuple(_newest(scope, days, now) for scope, days in sorted(scopes.items()))


def _newest(scope: str, days: Sequence[ReportDay], now: dt.datetime) -> Newest:
    at = max((n for n, each in enumerate(days) if each.row and each.row.loaded_at), default=-1)
    since = days[at + 1 :]
    if not since:
        return Newest(scope, days[at].day, 0, False, "")
    ended = dt.datetime.combine(since[0].day + dt.timedelta(days=1), dt.time(), tzinfo=dt.UTC)
    row = since[0].row
    if row is None:
        reason = "nobody asked GitHub for it. Is the schedule on? Load it: copilot-etl load"
    elif row.state in ("not_ready", "no_report"):
        reason = f"GitHub had no report of it when it was last asked, {row.last_seen_at:%Y-%m-%d %H:%M} UTC"
    else:
        reason = f"it is {row.state}: {row.last_error}"
    return Newest(
        scope,
        days[at].day if at >= 0 else None,
        len(since),
        now - ended > dt.timedelta(hours=OVERDUE_HOURS),
        f"{since[0].day}: {reason}",
    )


def days_left(day: dt.date, today: dt.date) -> int:
    """How many days GitHub still keeps a report; zero or less when it is gone (one year, as documented)."""
    try:
        gone = day.replace(year=day.year + 1)
    except ValueError:  # 29 February
        gone = day.replace(year=day.year + 1, day=28)
    return (gone - today).days


def warning(missing: Iterable[tuple[str, dt.date]], today: dt.date) -> str:
    """One line on those of some missing days (scope, day) that GitHub will soon not keep any more; else empty."""
    leaving = sorted((days_left(day, today), day, scope) for scope, day in missing)
    leaving = [each for each in leaving if 0 < each[0] <= LEAVING_DAYS]
    if not leaving:
        return ""
    left, day, scope = leaving[0]
    what = f"{len(leaving)} missing days leave" if len(leaving) > 1 else "1 missing day leaves"
    return (
        f"{what} GitHub within {LEAVING_DAYS} days, {scope} {day} in {left}. "
        f"Load them: copilot-etl load --from {day} --to {max(each[1] for each in leaving)}"
    )
