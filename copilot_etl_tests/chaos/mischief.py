"""Ways to spoil a report: a line of it, or the bytes of a whole file. Half of them leave something that is valid."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from copilot_etl.sandbox.faults import CONTENT

MARK = "zqxj"
"""Stands in every login and every made-up text; where it is shown, the text of a line was shown."""

_VALUES: tuple[str, ...] = (
    *("null", "true", "false", "0", "1", "-1", "-0", "-0.0", "8.0", "8.5", "1e2", "1E+2", "1e-2", "1e999", "-1e999"),
    *("NaN", "Infinity", "-Infinity", "nan", "01", "+1", ".5", "1.", "0x10", "1_000", "9007199254740991", "1e11"),
    *("9007199254740992.0", "9007199254740993", "9223372036854775807", "9223372036854775808", "-9223372036854775808"),
    *("-9223372036854775809", "18446744073709551615", "18446744073709551616", "1e18", "1e19", "123456789012345678901"),
    *("100000000000.5", "1" + "0" * 400, '"5"', '"-5"', '"007"', '"9223372036854775807"', '"9223372036854775808"'),
    *('""', '" "', '"2026-10-06"', '"2026-1-6"', '"2026-13-01"', '"0001-01-01"', '"20261006"', '"2026-10-06T00:00Z"'),
    *("[]", "{}", "[null]", "[[]]", "[{}]", "[1]", '["a"]', '{"a":1}', '{"a":1,"a":2}', "[{},{}]", "[{},null]"),
    *(r'"\u0000"', r'"\ud83d\ude00"', r'"\ud800"', r'"\udc00\ud800"', r'"\x41"', r'"\u12"', r'"\/\b\f\n\r\t\"\\"'),
    *('"é漢字😀"', '"\u2028\u2029\u0085"', "'a'", "undefined", "None", "True", "", '"tab\there"', '"\x7f"'),
    *("{" + '"a":{' * 40 + "}" * 41, "[" * 40 + "]" * 40),
    *("[" * 20_000 + "]" * 20_000, '{"a":' * 20_000 + "1" + "}" * 20_000),
)
"""JSON texts, right and wrong, for any field."""

_BYTES = (b"\0", b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x80", b"\xe2\x82", b"\xef\xbb\xbf",
          b"\r", b"\t", b"\x0b", b"\x0c", b"\x1a", b"\x85", b"\\", b'"', b"{", b"}", b"[", b"]", b",", b":", b"//x",
          b"/* */", b" ", b"\xc2\xa0", b"e", b"-", b"0")  # fmt: skip

_NAME = re.compile(r'"[^"\\]*": ?')
_NUMBER = re.compile(r'": ?(-?[0-9]+)(?=[,}])')
_DECODER = json.JSONDecoder()


def line(record: Mapping[str, Any], random: Random) -> bytes:
    """A line made of a record: mostly spoiled once, sometimes not, sometimes more than once."""
    text = json.dumps(record, separators=random.choice(((",", ":"), (", ", ": "))), ensure_ascii=random.random() < 0.5)
    spoiled = text
    for _ in range(random.choices((0, 1, 2, 4), (10, 70, 15, 5))[0]):
        spoiled = random.choices(_TEXT_CHANGES, _TEXT_WEIGHTS)[0](spoiled, random)
    data = spoiled.encode("utf-8", "surrogatepass")
    if random.random() < 0.25:
        data = random.choice(_BYTE_CHANGES)(data, random)
    return data.replace(b"\n", b" ")


def _field(text: str, random: Random) -> tuple[int, int, str] | None:
    """Where some `"name":value` of a JSON text has its value, and the quoted name; None when it is no JSON there."""
    found = [match.span() for match in _NAME.finditer(text)]
    if not found:
        return None
    begin, start = random.choice(found)
    try:
        _, end = _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    return start, end, text[begin : text.index(":", begin)]


def _value(text: str, random: Random) -> str:
    found = _field(text, random)
    return text[: found[0]] + random.choice(_VALUES) + text[found[1] :] if found else text


def _number(text: str, random: Random) -> str:
    """A number by another: wrong types and too large ones are found by chance too seldom."""
    found = [match.span(1) for match in _NUMBER.finditer(text)]
    if not found:
        return text
    start, end = random.choice(found)
    most = 10.0 ** random.choice((0, 3, 15, 16, 18, 19, 30))
    whole, broken = random.randrange(int(most) + 1), random.random() * most
    new = random.choice((str(whole), repr(broken), f'"{whole}"'))
    return text[:start] + new + text[end:]


def _rename(text: str, random: Random) -> str:
    found = _field(text, random)
    if not found:
        return text
    start, _, name = found
    bare = name.strip('"')
    new = random.choice(
        (bare.upper(), bare.title(), bare + " ", " " + bare, bare + "_x", "", "$x", "a.b", "a[0]", "\\u0061" + bare[1:],
         "".join(f"\\u{ord(letter):04x}" for letter in bare), "'; drop table raw.user_day; --", "é", bare + "\\u0000")
    )  # fmt: skip
    at = text.rfind(name, 0, start)
    return text[:at] + f'"{new}"' + text[at + len(name) :]


def _add(text: str, random: Random) -> str:
    """A field that nobody knows yet, in the record or in one of its objects."""
    at = random.choice([index for index, letter in enumerate(text) if letter == "{"] or [0])
    return f'{text[: at + 1]}"new_{random.randrange(5)}":{random.choice(_VALUES)},{text[at + 1 :]}'


def _double(text: str, random: Random) -> str:
    """A key that stands twice, somewhere, with the same value or another one."""
    found = _field(text, random)
    if not found:
        return text
    start, end, name = found
    value = random.choice((text[start:end], random.choice(_VALUES)))
    return f"{text[:end]},{name}:{value}{text[end:]}"


def _drop(text: str, random: Random) -> str:
    record = _object(text)
    if record:
        inner = random.choice([record, *(each for each in record.values() if isinstance(each, dict) and each)])
        del inner[random.choice(list(inner))]
    return json.dumps(record, ensure_ascii=False) if record is not None else text


def _empty_member(text: str, random: Random) -> str:
    record = _object(text)
    if record is None:
        return text
    member = random.choice([name for name in record if name.startswith("totals_by")] or ["totals_by_ide"])
    record[member] = random.choice((None, [], {}, [None], 5, "x", [{"new": 1}], [{}], {"session_count": None}))
    return json.dumps(record, ensure_ascii=False)


def _object(text: str) -> dict[str, Any] | None:
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _cut(text: str, random: Random) -> str:
    return text[: random.randrange(len(text) + 1)]


def _two(text: str, random: Random) -> str:
    return text + random.choice(("", " ", ",")) + random.choice((text, "{}", "1", "null"))


def _wrap(text: str, random: Random) -> str:
    return random.choice(("{}", "{{{}}}", '{{ "x": {} }}', " {} ", "({})", '"{}"', "{};")).format(text)


def _swap(text: str, random: Random) -> str:
    if len(text) < 2:
        return text
    at = random.randrange(len(text) - 1)
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


_TEXT_CHANGES: tuple[Callable[[str, Random], str], ...] = (
    *(_value, _number, _rename, _add, _double, _drop, _empty_member, _cut, _two, _wrap, _swap),
)
_TEXT_WEIGHTS = (30, 20, 10, 10, 6, 6, 6, 4, 3, 2, 4)


def _flip(data: bytes, random: Random) -> bytes:
    if not data:
        return data
    at = random.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :]


def _insert(data: bytes, random: Random) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] + random.choice(_BYTES) + data[at:]


def _erase(data: bytes, random: Random) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] + data[at + random.choice((1, 1, 2, 7)) :]


def _exchange(data: bytes, random: Random) -> bytes:
    """Two blocks in each other's place."""
    if len(data) < 8:
        return data
    one, two, three = sorted(random.sample(range(len(data)), 3))
    return data[:one] + data[two:three] + data[one:two] + data[three:]


_BYTE_CHANGES: tuple[Callable[[bytes, Random], bytes], ...] = (_flip, _insert, _erase, _exchange)


def file(content: bytes, random: Random) -> tuple[str, bytes]:
    """A file of a day, spoiled in one way that is named."""
    name = random.choice(list(FILES))
    return name, FILES[name](content, random)


def _content(kind: str) -> Callable[[bytes, Random], bytes]:
    """A fault of the fake GitHub's own."""

    def change(content: bytes, random: Random) -> bytes:
        value = random.choice(("2026-10-07", "x", None, 1, MARK)) if kind != "raw_value" else random.choice(_VALUES)
        return CONTENT[kind](
            content,
            {
                "value": value,
                "bytes": random.choice((10, 9 * 2**20)),
                "mebibytes": random.choice((8, 32)),
                "fields": {"used_chat": value},
                "content": str(value).encode(),
            },
        )

    return change


def _spoil_line(content: bytes, random: Random) -> bytes:
    lines = content.splitlines(keepends=True)
    at = random.randrange(len(lines))
    lines[at] = line(json.loads(lines[at]), random) + b"\n"
    return b"".join(lines)


def _lines(change: Callable[[list[bytes], Random], list[bytes]]) -> Callable[[bytes, Random], bytes]:
    return lambda content, random: b"\n".join(change(content.split(b"\n"), random))


def _shuffled(lines: list[bytes], random: Random) -> list[bytes]:
    return random.sample(lines, len(lines))


def _joined(lines: list[bytes], random: Random) -> list[bytes]:
    at = random.randrange(len(lines) - 1)
    return [*lines[:at], lines[at] + lines[at + 1], *lines[at + 2 :]]


def _sent_twice(lines: list[bytes], random: Random) -> list[bytes]:
    return [*lines, *lines]


FILES: Mapping[str, Callable[[bytes, Random], bytes]] = {
    "bit flip": _flip,
    "byte inserted": _insert,
    "bytes erased": _erase,
    "blocks exchanged": _exchange,
    "cut": lambda content, random: content[: random.randrange(len(content))],
    "cut in front": lambda content, random: content[random.randrange(len(content)) :],
    "zeros at the end": lambda content, random: content[: random.randrange(len(content))] + bytes(512),
    "all zeros": lambda content, random: bytes(len(content)),
    "noise": lambda content, random: random.randbytes(random.randrange(1, 4000)),
    "line spoiled": _spoil_line,
    "lines shuffled": _lines(_shuffled),
    "lines joined": _lines(_joined),
    "file twice": _lines(_sent_twice),
    "old line ends": lambda content, random: content.replace(b"\n", b"\r"),
    "utf-16": lambda content, random: content.decode().encode("utf-16"),
    "latin-1": lambda content, random: content.replace(MARK.encode(), "é".encode("latin-1")),
    "gzip cut": lambda content, random: gzip.compress(content)[: random.randrange(2, 400)],
    "gzip flipped": lambda content, random: _flip(gzip.compress(content), random),
    "gzip twice": lambda content, random: gzip.compress(content) + gzip.compress(content),
    "gzip of gzip": lambda content, random: gzip.compress(gzip.compress(content)),
    "gzip and more": lambda content, random: gzip.compress(content) + b"more",
    "array cut": lambda content, random: CONTENT["json_array"](content, {})[:-1],
    "array of arrays": lambda content, random: b"[" + CONTENT["json_array"](content, {}) + b"]",
    "array and more": lambda content, random: CONTENT["json_array"](content, {}) + b"\n" + content,
    "array spoiled": lambda content, random: _flip(CONTENT["json_array"](content, {}), random),
    "wrapped": lambda content, random: b'{"day_totals": ' + CONTENT["json_array"](content, {}) + b"}",
    "xml": lambda content, random: b"<?xml version='1.0'?><Error><Code>" + MARK.encode() + b"</Code></Error>",
    "csv": lambda content, random: b"day,user_id,user_login\n2026-10-06,1," + MARK.encode() + b"\n",
    **{kind.replace("_", " "): _content(kind) for kind in CONTENT},
}
"""Every way to spoil a file, by name."""
