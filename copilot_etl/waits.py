"""How long a server asks to be left alone, in seconds and by its own clock."""

from __future__ import annotations

import datetime as dt
import email.utils

import httpx
import tenacity

from copilot_etl.errors import Unavailable


def retry_after(headers: httpx.Headers) -> float | None:
    """The wait in seconds that an answer asks for, by the answer's own clock, since ours may be wrong."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    at = http_date(text)
    return (at - answered_at(headers)).total_seconds() if at else None


def answered_at(headers: httpx.Headers) -> dt.datetime:
    """When an answer was given: its `Date`, or our own clock without one."""
    return http_date(headers.get("date")) or dt.datetime.now(dt.UTC)


def http_date(text: str | None) -> dt.datetime | None:
    try:
        found = email.utils.parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)


def asked_wait(state: tenacity.RetryCallState) -> float:
    """The wait in seconds that the server asked for in the failed attempt; 0 when it named none."""
    error = state.outcome.exception() if state.outcome else None
    return max(error.retry_after or 0.0, 0.0) if isinstance(error, Unavailable) else 0.0
