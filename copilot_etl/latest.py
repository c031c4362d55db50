"""GitHub's report of the last 28 days, taken apart into its days: a first look, until each day's own file is there.

Its lines are those of the daily files, a person and a day each, and go from here on the same way.
"""

from __future__ import annotations

import datetime as dt
from contextlib import ExitStack
from pathlib import Path

import msgspec

from copilot_etl.download import Lines
from copilot_etl.errors import Quarantined
from copilot_etl.gate import Refusal
from copilot_etl.github import Fetched
from copilot_etl.records import read_lines


class _Dated(msgspec.Struct, gc=False):
    day: dt.date


_day_of = msgspec.json.Decoder(_Dated).decode


def days(fetched: Fetched, *, where: str, into: Path) -> dict[dt.date, Fetched]:
    """One file a day that has lines, by day; each line as it came.

    Works in an empty folder `into`. Raises Quarantined, naming part and line, when one is of no day of the report.
    """
    found: dict[dt.date, Lines] = {}
    with ExitStack() as stack:
        for number, part in enumerate(fetched.parts, 1):
            line = None
            try:
                with part.open() as stream:
                    for line in read_lines(number, stream):
                        day = _day_of(line.text).day
                        if not (fetched.first_day or day) <= day <= fetched.report_day:
                            raise Refusal("day is none of the report's")
                        if day not in found:
                            found[day] = stack.enter_context(Lines(into / f"{day}.zst", part.host))
                        found[day].write(line.text)
                        line = None
            except (Refusal, msgspec.DecodeError, UnicodeDecodeError) as error:
                reason = str(error) if isinstance(error, Refusal) else "no JSON object with a day"
                place = f"part {number} line {line.number}" if line else f"part {number}"
                raise Quarantined(f"{where}: {place}: {reason}. Not loaded; load days without --first-look.") from None
    return {day: Fetched(day, (each.part,), fetched.requests) for day, each in sorted(found.items())}
