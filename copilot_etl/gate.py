"""The strict gate: each line of a report is judged before anything else reads it.

A line that has exactly the documented shape costs one typed decode in C and keeps nothing but its key.
A line that is refused gets a second, slow look, which either finds what is tolerated (a field unknown to
this version, `8.0` for a count, an id sent as digits) or names the reason why the day cannot be trusted.
Reasons name paths and types only, never the text of a line.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
import math
import operator
import re
import types
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, cast

import msgspec
import msgspec.structs

from copilot_etl.reports import Column, Kind, Report

UNKNOWN = "$copilot_etl.unknown_fields"
"""Name under which a line's unknown fields are put in front of it for the reader behind the gate."""

_INT64 = 2**63 - 1
_EXACT_FLOAT = 2**53  # beyond it a float no longer names one whole number
_AMOUNT = 10**11  # far beyond any credits of a day, and what a DECIMAL(18, 6) still holds
_ADOPT_AFTER = 20  # sightings after which an unknown field is decoded in C like a known one
_ADOPT_AT_MOST = 200  # a file with endless new names must not make an endless type

_STRICT: Mapping[Kind, Any] = {
    "id": Annotated[int, msgspec.Meta(ge=-_INT64 - 1, le=_INT64)],
    "text": str,
    "key_text": str | int,
    "day": dt.date,
    "flag": bool,
    "count": Annotated[int, msgspec.Meta(ge=0, le=_INT64)],
    "amount": Annotated[float, msgspec.Meta(ge=0, le=_AMOUNT)],
    "json": Any,
}

Key = Hashable
"""What tells the records of a scope and day apart: the value of the key column, or a tuple of several (or none)."""


def key_of(report: Report, record: Mapping[str, Any]) -> Key:
    """The key of a decoded record."""
    values = tuple(int(record[column.name]) for column in report.key)
    return values[0] if len(values) == 1 else values


_ESCAPED = re.compile(r'["\\\x00-\x1f]')


class Refusal(Exception):
    """Why a line cannot be trusted: a path and a reason, no text of the line."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A JSON object of the record: its fields are kinds, objects, or (`many`) arrays of objects."""

    fields: dict[str, Kind | Shape]
    many: bool = False


def shape_of(report: Report) -> Shape:
    """The whole record that the report's tables are unfolded from."""
    record = Shape({"day": "text", **{column.name: column.kind for column in report.key}})
    for table in report.tables:
        if not table.sources:
            _add(record, table.columns)
        for source in table.sources:
            member = Shape({}, many=source.many)
            record.fields[source.member] = member
            _add(member, table.columns, name_key=source.name_key)
    return record


def _add(shape: Shape, columns: tuple[Column, ...], *, name_key: str = "") -> None:
    for column in columns:
        *parents, last = (name_key if name_key and column.name == "name" else column.json_path).split(".")
        parent = shape
        for name in parents:
            parent = cast(Shape, parent.fields.setdefault(name, Shape({})))
        parent.fields[last] = column.kind
        if column.was:
            parent.fields[column.was] = column.kind


class Gate:
    """Judges the lines of one day. `unknown_fields` counts, by path, the records that hold such a field,
    `unknown_records` those that hold any; `unknown_types` are the JSON types that its values had.

    `owner` is the field that says whose report a record is from; `owner_id` its value in earlier days (None: the first
    record that has one decides), and no record may say another.
    """

    def __init__(self, report: Report, day: dt.date, *, owner: str = "", owner_id: str | None = None) -> None:
        self._shape = shape_of(report)
        self._report = report
        self._key = tuple(column.name for column in report.key)
        self._key_of: Callable[[Any], Key] = operator.attrgetter(*self._key) if self._key else lambda record: ()
        self._day = day.isoformat()
        self._owner = owner
        self.owner_id = owner_id
        self._adopted: list[tuple[str, ...]] = []
        self.unknown_fields: Counter[str] = Counter()
        self.unknown_types: dict[str, set[str]] = {}
        self.unknown_records = 0
        self._build()

    def _build(self) -> None:
        self._decode: Callable[[bytes], Any] = msgspec.json.Decoder(
            _struct(self._shape, tuple(self._adopted), required=(*self._key, "day"))
        ).decode

    def admit(self, line: bytes) -> tuple[Key, bytes]:
        """The line's key and the line as the reader behind the gate may see it.

        Raises Refusal when the line cannot be trusted.
        """
        try:
            if not line.isascii():
                line.decode()  # strict UTF-8, also inside fields that no type describes
            record = self._decode(line)
        except UnicodeDecodeError:
            raise Refusal("not UTF-8") from None
        except (msgspec.DecodeError, RecursionError):
            return self._second_look(line)
        if record.day != self._day:
            raise Refusal("day is not the day of the report")
        if self._owner:
            self._hold_owner(getattr(record, self._owner))
        if self._adopted:
            line = self._with_unknown(
                line, {place: raw for path in self._adopted for place, raw in _find(record, path)}
            )
        return self._key_of(record), line

    def _second_look(self, line: bytes) -> tuple[Key, bytes]:
        record = strict_json(line)
        if not isinstance(record, dict):
            raise Refusal(f"expected an object, got {_type_name(record)}")
        unknown: dict[str, Any] = {}
        for path, place, value in _unknown(record, self._shape):
            unknown[place] = value
            self._consider(path, place)
        for name in (*self._key, "day"):
            if record.get(name) is None:
                raise Refusal(f"{name} is missing")
        if record["day"] != self._day:
            raise Refusal("day is not the day of the report")
        if self._owner:
            self._hold_owner(record.get(self._owner))
        return key_of(self._report, record), self._with_unknown(line, unknown)

    def _hold_owner(self, value: str | int | None) -> None:
        if value is None or value == "":
            return
        if self.owner_id is None:
            self.owner_id = str(value)
        elif str(value) != self.owner_id:
            raise Refusal(f"{self._owner} is not that of the other records and days")

    def _consider(self, path: tuple[str, ...], place: str) -> None:
        """Takes an unknown field that is seen often into the type, so that it costs C speed again."""
        often = self.unknown_fields[_counted(place)] >= _ADOPT_AFTER
        # msgspec takes no name that JSON would have to escape.
        if (
            often
            and not any(_ESCAPED.search(name) for name in path)
            and path not in self._adopted
            and len(self._adopted) < _ADOPT_AT_MOST
        ):
            self._adopted.append(path)
            self._build()

    def _with_unknown(self, line: bytes, unknown: Mapping[str, Any]) -> bytes:
        if not unknown:
            return line
        self.unknown_records += 1
        types: dict[str, set[str]] = {}
        for place, value in unknown.items():
            types.setdefault(_counted(place), set()).add(_json_type(value))
        self.unknown_fields.update(types.keys())
        for path, names in types.items():
            self.unknown_types.setdefault(path, set()).update(names)
        # The line itself stays as sent, so that the reader still sees a key that stands twice.
        inner = msgspec.json.encode(msgspec.json.encode(unknown).decode())
        return b'{"' + UNKNOWN.encode() + b'":' + inner + b"," + line.lstrip()[1:]


def strict_json(line: bytes) -> Any:
    """A line as JSON in which no key stands twice; Refusal otherwise."""
    try:
        msgspec.json.decode(line)  # takes neither NaN nor two values, which the standard library does
        return json.loads(line, object_pairs_hook=_unique)
    except RecursionError:
        raise Refusal("nested too deeply") from None
    except ValueError:
        raise Refusal("not valid JSON") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refusal("a key stands twice in one object")
    return found


def _struct(shape: Shape, adopted: tuple[tuple[str, ...], ...], *, required: tuple[str, ...] = ()) -> Any:
    """A msgspec type that takes exactly this shape; `adopted` paths below it are kept as raw JSON."""
    fields: list[Any] = []
    rename: dict[str, str] = {}

    def add(name: str, kind: Any) -> None:
        attribute = name if name.isidentifier() and not name.startswith("_") else f"field_{len(fields)}"
        rename[attribute] = name
        optional = kind if kind is Any else kind | None
        fields.append((attribute, kind) if name in required else (attribute, optional, None))

    for name, kind in shape.fields.items():
        if isinstance(kind, Shape):
            inner: Any = _struct(kind, tuple(path[1:] for path in adopted if path[0] == name and len(path) > 1))
            add(name, types.GenericAlias(list, inner) if kind.many else inner)
        else:
            add(name, _STRICT[kind])
    for number, path in enumerate(adopted):
        if len(path) == 1:
            attribute = f"adopted_{number}"
            rename[attribute] = path[0]
            fields.append((attribute, msgspec.Raw | msgspec.UnsetType, msgspec.UNSET))
    # Fields with defaults must follow the required ones.
    fields.sort(key=lambda item: len(item) > 2)
    return msgspec.defstruct("Record", fields, rename=rename, forbid_unknown_fields=True, gc=False)


def _find(value: Any, path: tuple[str, ...], place: str = "") -> Iterator[tuple[str, msgspec.Raw]]:
    """Where an adopted field stands in a decoded record, and its raw JSON."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _find(item, path, f"{place}[{index}]")
    elif value is not None and value is not msgspec.UNSET:
        if not path:
            yield place, value
        else:
            inner = getattr(value, _attributes(cast(Hashable, type(value)))[path[0]])
            yield from _find(inner, path[1:], f"{place}.{path[0]}" if place else path[0])


@functools.cache
def _attributes(struct: Hashable) -> Mapping[str, str]:
    """JSON name to attribute name of a msgspec type."""
    fields = msgspec.structs.fields(cast(type[msgspec.Struct], struct))
    return {field.encode_name: field.name for field in fields}


def _unknown(value: Mapping[str, Any], shape: Shape, *, path: tuple[str, ...] = (), place: str = "") -> Iterator[Any]:
    """Checks an object against its shape with the tolerated drift; yields (path, place, value) of unknown fields.

    Raises Refusal for everything else.
    """
    for name, inner in value.items():
        here = f"{place}.{name}" if place else name
        known = shape.fields.get(name)
        if known is None:
            yield (*path, name), here, inner
        elif inner is None:
            continue
        elif not isinstance(known, Shape):
            try:
                _check(inner, known)
            except Refusal as refusal:  # only then is the place worth spelling
                raise Refusal(f"{_counted(here)}: {refusal}") from None
        elif known.many:
            if not isinstance(inner, list):
                raise Refusal(f"{_counted(here)}: expected an array, got {_type_name(inner)}")
            for index, item in enumerate(inner):
                yield from _unknown_in(item, known, (*path, name), f"{here}[{index}]")
        else:
            yield from _unknown_in(inner, known, (*path, name), here)


def _unknown_in(value: Any, shape: Shape, path: tuple[str, ...], place: str) -> Iterator[Any]:
    if not isinstance(value, dict):
        raise Refusal(f"{_counted(place)}: expected an object, got {_type_name(value)}")
    return _unknown(value, shape, path=path, place=place)


def _check(value: Any, kind: Kind) -> None:
    """Holds one value to its kind; the tolerated drift is written at `reports.Kind`."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind in ("count", "id", "amount"):
        if kind == "id" and isinstance(value, str) and re.fullmatch(r"0|[1-9][0-9]{0,18}", value):
            value, number = int(value), True
        if not number:
            raise Refusal(f"expected a number, got {_type_name(value)}")
        if isinstance(value, float) and not math.isfinite(value):
            raise Refusal("not a finite number")
        if kind != "amount" and isinstance(value, float) and (value != int(value) or abs(value) >= _EXACT_FLOAT):
            raise Refusal("expected a whole number")
        if kind == "amount" and value > _AMOUNT:
            raise Refusal("more than any day can have")
        if kind != "id" and value < 0:
            raise Refusal("negative")
        if kind != "amount" and not -_INT64 - 1 <= value <= _INT64:
            raise Refusal("beyond 64 bits")
    elif kind == "json":
        return
    elif kind == "flag":
        if not isinstance(value, bool):
            raise Refusal(f"expected a boolean, got {_type_name(value)}")
    elif kind == "day":
        try:
            if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):  # strptime takes 2026-1-6, too
                raise ValueError
            dt.date.fromisoformat(value)
        except (TypeError, ValueError):
            raise Refusal("not a day (YYYY-MM-DD)") from None
    elif not isinstance(value, str) and not (kind == "key_text" and number and isinstance(value, int)):
        raise Refusal(f"expected a string, got {_type_name(value)}")


def _counted(place: str) -> str:
    """A place as it may be counted and shown: `totals_by_ide[3].x` is `totals_by_ide[].x`, odd characters are `?`."""
    return re.sub(r"[^\w.\[\]-]", "?", re.sub(r"\[\d+\]", "[]", place))[:120]


def _type_name(value: Any) -> str:
    name = _json_type(value)
    return name if name == "null" else f"{'an' if name[0] in 'ao' else 'a'} {name}"


_TYPES = {type(None): "null", bool: "boolean", str: "string", list: "array", dict: "object"}
_OPENINGS = {b"n": "null", b"t": "boolean", b"f": "boolean", b'"': "string", b"[": "array", b"{": "object"}


def _json_type(value: Any) -> str:
    if isinstance(value, msgspec.Raw):
        return _OPENINGS.get(bytes(value)[:1], "number")
    return _TYPES.get(type(value), "number")
