"""A small second reader of a day's file: the standard library's JSON and the README's rules, nothing of the product's.

It says accept, with the records, or refuse. Slow on purpose and short enough to be checked by eye.
"""

from __future__ import annotations

import datetime as dt
import gzip
import io
import json
import math
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from copilot_etl.reports import USERS_1_DAY, Kind

LINE_CAP = 8 * 2**20
FREE = 16 * 2**20
FOLD = 100
_INT64 = 2**63
_MOST = 10**11  # of an amount

Fields = dict[str, Any]
"""A known field by name: a kind, the fields of an object, or a list with the fields of its items."""


class Refused(Exception):
    """The file or line cannot be trusted."""


def _known() -> Fields:
    record: Fields = {"day": "text", "user_id": "id"}
    for table in USERS_1_DAY.tables:
        places: list[tuple[Fields, str]] = [] if table.sources else [(record, "")]
        for source in table.sources:
            member: Fields = {}
            record[source.member] = [member] if source.many else member
            places.append((member, source.name_key))
        for fields, name_key in places:
            for column in table.columns:
                inner = fields
                *parents, last = (name_key if name_key and column.name == "name" else column.json_path).split(".")
                for name in parents:
                    inner = inner.setdefault(name, {})
                for name in (last, column.was):
                    if name:
                        inner[name] = column.kind
    return record


KNOWN = _known()


def read(parts: Iterable[bytes], day: dt.date, *, owner: str = "") -> list[Mapping[str, Any]]:
    """The records of a day's files, without repeats; `owner` is the organization that earlier days named.

    Raises Refused.
    """
    found: dict[int, Mapping[str, Any]] = {}
    for part in parts:
        for line in _lines(part):
            record = admit(line, day)
            mine = record.get("organization_id")
            if mine not in (None, ""):
                owner = owner or str(mine)
                _hold(str(mine) == owner)
            key = int(record["user_id"])
            _hold(key not in found or _same(found[key], record))
            found[key] = record
    return list(found.values())


def _same(one: Any, other: Any) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _lines(part: bytes) -> Sequence[bytes]:
    if part[:2] == b"\x1f\x8b":
        try:
            most = max(FREE, FOLD * len(part))
            part = gzip.GzipFile(fileobj=io.BytesIO(part)).read(most + 1)
        except (OSError, EOFError, zlib.error):
            raise Refused from None
        _hold(len(part) <= most)
    part = part.removeprefix(b"\xef\xbb\xbf")
    if part.lstrip()[:1] == b"[":
        items = parse(part)
        return [json.dumps(item).encode() for item in items]
    lines = part.split(b"\n")
    _hold(all(len(line) <= LINE_CAP for line in lines))
    return [line for line in lines if line.strip()]


def admit(line: bytes, day: dt.date) -> Mapping[str, Any]:
    """The record of one line; raises Refused."""
    record = parse(line)
    _hold(isinstance(record, dict))
    _hold(record.get("user_id") is not None and record.get("day") == day.isoformat())
    _check_object(record, KNOWN)
    return record


def parse(text: bytes) -> Any:
    """JSON as the standard has it: UTF-8, one value, one of each key, numbers that are finite."""
    try:
        value = json.loads(text.decode(), object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_finite)
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no character
    except (ValueError, RecursionError):
        raise Refused from None
    return value


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    _hold(len({name for name, _ in pairs}) == len(pairs))
    return dict(pairs)


def _refuse(_: str) -> None:
    raise Refused


def _finite(text: str) -> float:
    value = float(text)
    _hold(math.isfinite(value))
    return value


def _check_object(value: Any, fields: Fields) -> None:
    _hold(isinstance(value, dict))
    for name, kind in fields.items():
        inner = value.get(name)
        if inner is None:
            continue
        if isinstance(kind, list):
            _hold(isinstance(inner, list))
            for item in inner:
                _check_object(item, kind[0])
        elif isinstance(kind, dict):
            _check_object(inner, kind)
        else:
            _check_value(inner, kind)


def _check_value(value: Any, kind: Kind) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value, whole = (int(value), True) if kind in ("count", "id") else (value, False)
    if kind == "count":
        _hold(whole and 0 <= value < _INT64)
    elif kind == "id":
        digits = isinstance(value, str) and re.fullmatch(r"0|[1-9][0-9]{0,18}", value) is not None
        _hold((whole or digits) and -_INT64 <= int(value) < _INT64)
    elif kind == "amount":
        _hold(isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _MOST)
    elif kind == "flag":
        _hold(isinstance(value, bool))
    elif kind == "text":
        _hold(isinstance(value, str))
    elif kind == "key_text":
        _hold(isinstance(value, str) or whole)
    elif kind == "day":
        _hold(isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value) is not None)
        try:
            dt.date.fromisoformat(value)
        except ValueError:
            raise Refused from None


def _hold(good: bool) -> None:
    if not good:
        raise Refused
