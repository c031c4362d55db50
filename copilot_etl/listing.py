"""What GitHub lists in pages, as the lines of a report: each record as it came, with its day and person in front.

The records of such a list have no day, for it shows what is now, and the person stands inside them.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import msgspec

from copilot_etl.errors import Unavailable, Unexpected


@dataclass(frozen=True, slots=True)
class Page:
    """The records of one page by person, and how many the whole list says to have; `strays` name no person."""

    total: int
    records: tuple[tuple[int, msgspec.Raw], ...]
    strays: int


class _Person(msgspec.Struct, gc=False):
    id: int
    login: str


class _Assigned(msgspec.Struct, gc=False):
    assignee: _Person | None = None


_assigned = msgspec.json.Decoder(_Assigned).decode


def page(body: bytes, member: str, *, where: str) -> Page:
    """Reads one page; raises Unavailable when it is something else, Unexpected when it is another contract's."""
    try:
        answer = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError):
        raise Unavailable(
            f"{where}: GitHub answered something that is no list. Is a proxy or a sign-in page in between?"
        ) from None
    try:
        total = msgspec.json.decode(answer[f"total_{member}"], type=int)
        found = msgspec.json.decode(answer[member], type=list[msgspec.Raw])
        people = [(_assigned(record).assignee, record) for record in found]
    except (KeyError, UnicodeDecodeError, msgspec.DecodeError, RecursionError):
        raise Unexpected(
            f"{where}: GitHub's list of {member} is not what it documents. The contract changed: update copilot_etl."
        ) from None
    records = tuple((person.id, record) for person, record in people if person)
    return Page(total, records, len(people) - len(records))


def line(day: dt.date, user_id: int, record: msgspec.Raw) -> bytes:
    """A record as a line of the day's report."""
    login = msgspec.json.encode(_assigned(record).assignee.login)  # type: ignore[union-attr]
    front = b'{"day":"%b","user_id":%d,"user_login":%b,' % (str(day).encode(), user_id, login)
    # A raw line break cannot stand inside a JSON string, so this changes white space only.
    return front + bytes(record).strip().replace(b"\n", b" ").replace(b"\r", b" ")[1:]
