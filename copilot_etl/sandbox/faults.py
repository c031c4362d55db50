"""A plan of what goes wrong: which kind, for which scope and day, and for how many of its requests."""

from __future__ import annotations

import gzip
import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Side = Literal["api", "blob", "app"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One planned fault. It plays on the first `times` requests that it fits (None: on all), after `skip` others.

    `kind` is one of `CONTENT`'s names, which change the file's bytes, or one that a server plays: see
    `play` in `server.py`. `args` are the kind's own. `report` may be `*` for all of them, or `seats`.
    """

    kind: str
    scope: str = "*"
    day: str = "*"
    side: Side = "api"
    part: int | None = None
    times: int | None = 1
    skip: int = 0
    args: Mapping[str, Any] = field(default_factory=dict)
    report: str = "users-1-day"

    def fits(self, side: Side, scope: str, day: str, part: int | None, *, report: str = "users-1-day") -> bool:
        wanted: Side = "blob" if self.kind in CONTENT else self.side
        return (
            wanted == side
            and self.report in ("*", report)
            and self.scope in ("*", scope)
            and self.day in ("*", day)
            and self.part in (None, part)
        )


class Plan:
    """The faults of a server, and how often each has played. Safe to share between threads."""

    def __init__(self, faults: Sequence[Fault] = ()) -> None:
        self.faults = list(faults)
        self._met: Counter[int] = Counter()
        self._lock = threading.Lock()

    def due(
        self, side: Side, scope: str, day: str, part: int | None = None, *, report: str = "users-1-day"
    ) -> list[Fault]:
        """The faults that this request gets."""
        with self._lock:
            found = []
            for number, fault in enumerate(self.faults):
                if fault.fits(side, scope, day, part, report=report):
                    self._met[number] += 1
                    played = self._met[number] - fault.skip
                    if played > 0 and (fault.times is None or played <= fault.times):
                        found.append(fault)
            return found


def _edit_first(change: Callable[[dict[str, Any], Mapping[str, Any]], object]) -> Callable[..., bytes]:
    """A change of the first record, as a change of the file."""

    def edit(content: bytes, args: Mapping[str, Any]) -> bytes:
        first, _, rest = content.partition(b"\n")
        record = json.loads(first)
        change(record, args)
        return json.dumps(record, separators=(",", ":")).encode() + b"\n" + rest

    return edit


def _append(line: bytes) -> Callable[..., bytes]:
    return lambda content, args: content + line + b"\n"


def _raw_value(content: bytes, args: Mapping[str, Any]) -> bytes:
    """Puts a JSON text where the first record has its generations."""
    name = b'"code_generation_activity_count":'
    head, _, tail = content.partition(name)
    end = min(at for at in (tail.find(b","), tail.find(b"}")) if at >= 0)
    return head + name + str(args["value"]).encode() + tail[end:]


def _repeat(content: bytes, args: Mapping[str, Any]) -> bytes:
    first = content.partition(b"\n")[0]
    return content + first + b"\n"


def _conflict(content: bytes, args: Mapping[str, Any]) -> bytes:
    record = json.loads(content.partition(b"\n")[0])
    record["code_generation_activity_count"] = record.get("code_generation_activity_count", 0) + 1
    return content + json.dumps(record).encode() + b"\n"


def _set(name: str) -> Callable[..., bytes]:
    return _edit_first(lambda record, args: record.update({name: args["value"]}))


def _set_in_all(content: bytes, args: Mapping[str, Any]) -> bytes:
    """The given fields in every record."""
    records = [{**json.loads(line), **args["fields"]} for line in content.splitlines()]
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


CONTENT: Mapping[str, Callable[[bytes, Mapping[str, Any]], bytes]] = {
    "half_last_line": lambda content, args: content[: -len(content.splitlines()[-1]) // 2 - 1],
    "malformed_line": _append(b'{"day": '),
    "not_an_object": _append(b"[1, 2]"),
    "bad_utf8": _append(b'{"user_login": "\xff"}'),
    "nul_byte": _append(b"\0"),
    "deep": _append(b'{"deep": ' + b"[" * 20_000 + b"]" * 20_000 + b"}"),
    "huge_line": lambda content, args: content + b'{"x": "' + b"x" * int(args.get("bytes", 100 * 2**20)) + b'"}\n',
    "duplicate_keys": lambda content, args: content.replace(b'{"', b'{"user_id": 1, "', 1),
    "raw_value": _raw_value,
    "set_day": _set("day"),
    "set_login": _set("user_login"),
    "set_org": _set("organization_id"),
    "set_in_all": _set_in_all,
    "missing_id": _edit_first(lambda record, args: record.pop("user_id")),
    "new_field": _edit_first(lambda record, args: record.update(args.get("fields", {"new_field": {"a": [1]}}))),
    "new_nested_field": _edit_first(lambda record, args: [e.update(new=1) for e in record["totals_by_feature"]]),
    "null_nested": _edit_first(lambda record, args: record.update(totals_by_ide=None)),
    "duplicate_rows": _repeat,
    "conflicting_rows": _conflict,
    "bom": lambda content, args: b"\xef\xbb\xbf" + content,
    "crlf": lambda content, args: content.replace(b"\n", b"\r\n"),
    "blank_lines": lambda content, args: content.replace(b"\n", b"\n\n  \n"),
    "no_final_newline": lambda content, args: content.rstrip(b"\n"),
    "json_array": lambda content, args: b"[" + b",\n".join(content.splitlines()) + b"]",
    "gzip_content": lambda content, args: gzip.compress(content),
    "damaged_gzip": lambda content, args: gzip.compress(content)[:-20],
    "gzip_bomb": lambda content, args: gzip.compress(
        str(args.get("of", "\n")).encode() * 2**20 * int(args.get("mebibytes", 512)), 1
    ),
    "lost_tail": lambda content, args: b"".join(content.splitlines(keepends=True)[: -int(args.get("lines", 1))]),
    "replaced": lambda content, args: args["content"],
    "drop_rows": lambda content, args: b"".join(content.splitlines(keepends=True)[:: int(args.get("keep_every", 2))]),
    "empty": lambda content, args: b"",
}
"""Faults of the file's content, by kind."""
