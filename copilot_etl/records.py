"""Raw NDJSON of a day → the report's flat tables as Parquet: read in bounded pieces, gated, unfolded by DuckDB.

The gate judges a piece while DuckDB unfolds the two before it, so memory does not grow with the file. The first line
that cannot be trusted quarantines the whole day; what an earlier version left in the lake stays.
"""

from __future__ import annotations

import datetime as dt
import gzip
import json
import threading
import zlib
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from copilot_etl import durable
from copilot_etl.errors import CopilotEtlError, Quarantined
from copilot_etl.gate import UNKNOWN, Gate, Refusal, Shape, shape_of, strict_json
from copilot_etl.reports import DUCKDB_TYPES, Column, Kind, Report, Source, Table, raw_columns

Opener = Callable[[], AbstractContextManager[BinaryIO]]
"""Opens one raw part for reading from its start, checking its hash on the way."""

LINE_CAP = 8 * 2**20  # a record of 8 MiB is three orders of magnitude beyond the largest one seen
_BLOCK = 4 * 2**20
_PIECE = 32 * 2**20
_WORKERS = 2  # DuckDB has nothing to share out in a piece, so pieces are shared out instead
_ARRAY_CAP = 256 * 2**20  # an array-wrapped file is the web export's look, and read whole
_INFLATED_CAP = 4 * 2**30
_FOOTER = b"copilot_etl"


@dataclass(frozen=True, slots=True)
class Normalised:
    """One day of one scope in the lake: rows by table, and what the gate noticed on the way.

    `records` is the number of people; `duplicates` the exact repeats that were dropped; `owner_id` the id of the
    organization that the records name; `unknown_records` how many records have an unknown field, `unknown_fields` the
    same by path.
    """

    report: str
    scope: str
    day: dt.date
    content_hash: str
    records: int
    duplicates: int
    owner_id: str | None
    unknown_records: int
    unknown_fields: Mapping[str, int]
    rows: Mapping[str, int]

    def path(self, lake: Path, table: str) -> Path:
        return _path(lake, table, self.scope, self.day)


def normalise(
    report: Report,
    *,
    scope: str,
    day: dt.date,
    content_hash: str,
    parts: Sequence[Opener],
    lake: Path,
    folder: Path,
    owner: str = "",
    owner_id: str | None = None,
    hold: Callable[[int], None] = lambda records: None,
) -> Normalised:
    """Reads all parts of a day and puts one Parquet file a table into the lake; works in an empty `folder`.

    `owner` is the field of a record that says whose report it is from, `owner_id` its value in earlier days; `hold` is
    asked, with the number of people, before anything reaches the lake. Raises Quarantined, naming part, line and
    reason, when the bytes cannot be trusted.
    """
    gate = Gate(report, day, owner=owner, owner_id=owner_id)
    with (
        _disk_faults(scope, day),
        _Unfolding(report, scope=scope, day=day, folder=folder) as unfolding,
        ThreadPoolExecutor(_WORKERS, thread_name_prefix="unfold") as workers,
    ):
        seen: set[int] = set()
        repeated: set[int] = set()
        pending: deque[Future[list[pa.Table]]] = deque()
        for piece in _pieces(_judged(gate, parts, seen, repeated, scope=scope, day=day)):
            if len(pending) == _WORKERS:
                unfolding.write(pending.popleft().result())
            pending.append(workers.submit(unfolding.unfold, piece))
            del piece  # the worker's alone from here on
        while pending:
            unfolding.write(pending.popleft().result())
        duplicates = _duplicates(report, parts, repeated, scope=scope, day=day) if repeated else 0
        hold(len(seen))
        summary = Normalised(
            report.name,
            scope,
            day,
            content_hash,
            len(seen),
            duplicates,
            gate.owner_id,
            gate.unknown_records,
            dict(gate.unknown_fields),
            unfolding.rows,
        )
        unfolding.publish(lake, summary)
    return summary


def read(lake: Path, report: Report, *, scope: str, day: dt.date) -> Normalised | None:
    """What the lake holds of a day; None unless every table of the report is there and of one version."""
    footers = []
    for table in report.tables:
        try:
            footers.append(pq.read_metadata(_path(lake, table.name, scope, day)).metadata[_FOOTER])
        except (FileNotFoundError, KeyError, TypeError, pa.ArrowInvalid):
            return None
    if len(set(footers)) != 1:
        return None
    return Normalised(**{**json.loads(footers[0]), "day": day})


@contextmanager
def _disk_faults(scope: str, day: dt.date) -> Iterator[None]:
    """A fault of the disk below DuckDB as an error of ours; its text has a path and the system's words, no data."""
    try:
        yield
    except duckdb.IOException as error:
        raise CopilotEtlError(f"{scope} {day}: {str(error).splitlines()[0]}") from None


def _path(lake: Path, table: str, scope: str, day: dt.date) -> Path:
    return lake / table / f"scope={scope}" / f"day={day}" / "rows.parquet"


# ------------------------------------------------------------------------------------------------ lines


class _Line(NamedTuple):
    part: int
    number: int
    text: bytes


def _lines(part: int, stream: BinaryIO) -> Iterator[_Line]:
    """The lines of one file, split on `\\n` only: other separators are legal inside JSON strings.

    Raises Refusal for a file that is no NDJSON at all.
    """
    stream = _inflated(stream)
    number, rest = 0, b""
    first = True
    while block := stream.read(_BLOCK):
        if first:
            block, first = block.removeprefix(b"\xef\xbb\xbf"), False
            if block.lstrip()[:1] == b"[":
                yield from _array(part, block, stream)
                return
        lines = (rest + block if rest else block).split(b"\n")
        rest = lines.pop()
        # Only the line that began in an earlier block, or has not ended, can be longer than a block.
        for longest, where in ((lines[0] if lines else b"", number + 1), (rest, number + len(lines) + 1)):
            if len(longest) > LINE_CAP:
                raise Refusal(f"line {where} is longer than {LINE_CAP // 2**20} MiB")
        for line in lines:
            number += 1
            if line and not line.isspace():
                yield _Line(part, number, line)
    if rest and not rest.isspace():
        yield _Line(part, number + 1, rest)


def _inflated(stream: BinaryIO) -> BinaryIO:
    """The stream itself, or what it holds when the file is gzip under whatever name."""
    magic = stream.read(2)
    rewound = cast(BinaryIO, _Rewound(magic, stream))
    return cast(BinaryIO, _Capped(gzip.GzipFile(fileobj=rewound))) if magic == b"\x1f\x8b" else rewound


class _Rewound:
    """A stream whose first bytes were read for a look and are given again."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._head, self._stream = head, stream

    def read(self, size: int = -1) -> bytes:
        head, self._head = self._head, b""
        return head + self._stream.read(max(size - len(head), 0) if size >= 0 else -1)


class _Capped:
    """A gzip stream that ends with a Refusal instead of filling the machine."""

    def __init__(self, stream: gzip.GzipFile) -> None:
        self._stream, self._left = stream, _INFLATED_CAP

    def read(self, size: int) -> bytes:
        try:
            block = self._stream.read(size)
        except (OSError, EOFError, zlib.error):
            raise Refusal("damaged gzip") from None
        self._left -= len(block)
        if self._left < 0:
            raise Refusal(f"gzip of more than {_INFLATED_CAP // 2**30} GiB")
        return block


def _array(part: int, block: bytes, stream: BinaryIO) -> Iterator[_Line]:
    """The elements of an array-wrapped file, each as a line of its own; `number` is the element's."""
    data = block + stream.read(_ARRAY_CAP)
    if stream.read(1):
        raise Refusal(f"a JSON array of more than {_ARRAY_CAP // 2**20} MiB")
    try:
        items = msgspec.json.decode(data, type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refusal("not NDJSON, and not a valid JSON array") from None
    for number, item in enumerate(items, 1):
        # A raw line break cannot stand inside a JSON string, so this changes white space only.
        yield _Line(part, number, bytes(item).replace(b"\n", b" "))


def _judged(
    gate: Gate, parts: Sequence[Opener], seen: set[int], repeated: set[int], *, scope: str, day: dt.date
) -> Iterator[_Line]:
    """The lines that passed the gate, the first of each key; keys that stand more than once go to `repeated`."""
    for part, open_part in enumerate(parts, 1):
        line = None
        try:
            with open_part() as stream:
                for line in _lines(part, stream):
                    key, text = gate.admit(line.text)
                    if key in seen:
                        repeated.add(key)
                    else:
                        seen.add(key)
                        yield line if text is line.text else _Line(part, line.number, text)
                line = None
        except Refusal as refusal:
            where = f"part {part} line {line.number}" if line else f"part {part}"
            raise _quarantined(scope, day, where, str(refusal)) from None


def _duplicates(report: Report, parts: Sequence[Opener], repeated: set[int], *, scope: str, day: dt.date) -> int:
    """How many repeats there are of the given keys; Quarantined when two records of one key differ."""
    first: dict[int, bytes] = {}
    count = 0
    for part, open_part in enumerate(parts, 1):
        with open_part() as stream:
            for line in _lines(part, stream):
                where = f"part {part} line {line.number}"
                key = int(msgspec.json.decode(line.text)[report.key.name])
                if key in repeated:
                    try:
                        record = msgspec.json.encode(strict_json(line.text), order="sorted")
                    except Refusal as refusal:
                        raise _quarantined(scope, day, where, str(refusal)) from None
                    if first.setdefault(key, record) != record:
                        raise _quarantined(scope, day, where, f"a second, different record of one {report.key.name}")
                    count += 1
    return count - len(first)


def _quarantined(scope: str, day: dt.date, where: str, reason: str) -> Quarantined:
    return Quarantined(
        f"{scope} {day}: {where}: {reason}. Not loaded; the bytes are kept, what was loaded before stays."
    )


# ---------------------------------------------------------------------------------------------- pieces


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some lines, with where each came from."""

    texts: list[bytes]
    longest: int
    part: array[int]
    number: array[int]


def _pieces(lines: Iterable[_Line]) -> Iterator[_Piece]:
    texts: list[bytes] = []
    part, number = array("l"), array("l")
    size = 0
    for line in lines:
        texts.append(line.text)
        part.append(line.part)
        number.append(line.number)
        size += len(line.text) + 1
        if size >= _PIECE:
            yield _Piece(texts, max(map(len, texts)), part, number)
            texts, part, number, size = [], array("l"), array("l"), 0
    if texts:
        yield _Piece(texts, max(map(len, texts)), part, number)


class _Unfolding:
    """Pieces go in, one growing Parquet file a table comes out; `rows` counts them.

    `unfold` may be called from several threads, `write` takes its results in the order of the pieces.
    """

    def __init__(self, report: Report, *, scope: str, day: dt.date, folder: Path) -> None:
        self._report, self._scope, self._day, self._folder = report, scope, day, folder
        self._columns = _record_columns(report)
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._closing = ExitStack()
        self.rows: dict[str, int] = dict.fromkeys((table.name for table in report.tables), 0)

    def __enter__(self) -> _Unfolding:
        self._database = self._closing.enter_context(duckdb.connect())
        self._database.execute(f"set temp_directory = '{_quoted(self._folder / 'spill')}'")
        self._database.execute("set memory_limit = '512MiB'")
        self._database.execute("set threads = 1")
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def unfold(self, piece: _Piece) -> list[pa.Table]:
        """The rows of every table of the report, in the catalogue's order."""
        file = self._folder / f"piece-{threading.get_ident()}.ndjson"
        with file.open("wb") as out:
            out.write(b"\n".join(piece.texts))
        columns = ", ".join(f"'{name}': '{kind}'" for name, kind in self._columns.items())
        with self._database.cursor() as connection:
            try:
                connection.execute(
                    f"create temp table stage as select * from read_json($file, format = 'newline_delimited', "
                    f"columns = {{{columns}}}, maximum_object_size = {max(piece.longest + 1, 2**20)})",
                    {"file": str(file)},
                )
            except duckdb.InvalidInputException:
                raise self._unreadable(piece) from None
            return self._unfolded(connection)

    def _unreadable(self, piece: _Piece) -> Quarantined:
        # DuckDB's message quotes the line and misnumbers nested faults, so the line is looked for again here.
        for part, number, text in zip(piece.part, piece.number, piece.texts, strict=True):
            try:
                strict_json(text)
            except Refusal as refusal:
                return _quarantined(self._scope, self._day, f"part {part} line {number}", str(refusal))
        return _quarantined(self._scope, self._day, "a line", "not readable as JSON")

    def _unfolded(self, connection: duckdb.DuckDBPyConnection) -> list[pa.Table]:
        return [
            connection.sql(_unfold_query(self._report, table), params={"scope": self._scope}).to_arrow_table()
            for table in self._report.tables
        ]

    def write(self, tables: Sequence[pa.Table]) -> None:
        for table, rows in zip(self._report.tables, tables, strict=True):
            self.rows[table.name] += rows.num_rows
            self._writer(table.name, rows.schema).write_table(rows)

    def _writer(self, table: str, schema: pa.Schema) -> pq.ParquetWriter:
        if table not in self._writers:
            self._writers[table] = self._closing.enter_context(
                # DuckDB's own writer leaves out page checksums, without which a flipped bit is read as data.
                pq.ParquetWriter(self._file(table), schema, compression="zstd", write_page_checksum=True)
            )
        return self._writers[table]

    def _file(self, table: str) -> Path:
        return self._folder / f"{table}.parquet"

    def publish(self, lake: Path, summary: Normalised) -> None:
        """Closes the files and moves them into the lake, each whole."""
        if not self._writers:  # a day without records has its tables too, with no rows
            columns = ", ".join(f'"{name}" {kind}' for name, kind in self._columns.items())
            self._database.execute(f"create temp table stage ({columns})")
            self.write(self._unfolded(self._database))
        footer = json.dumps({**asdict(summary), "day": str(summary.day)}, sort_keys=True).encode()
        for writer in self._writers.values():
            writer.add_key_value_metadata({_FOOTER: footer})
        self._closing.close()
        for table in self._report.tables:
            target = summary.path(lake, table.name)
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            durable.settle(self._file(table.name), target)


# ----------------------------------------------------------------------------------- derived from the catalogue


def _record_columns(report: Report) -> dict[str, str]:
    """The record as DuckDB's `read_json` is to read it: JSON name to type."""
    columns = {name: _duckdb_type(kind) for name, kind in shape_of(report).fields.items()}
    return {**columns, "day": "DATE", UNKNOWN: "VARCHAR"}


def _duckdb_type(kind: Kind | Shape) -> str:
    if not isinstance(kind, Shape):
        return DUCKDB_TYPES[kind]
    inner = ", ".join(f'"{name}" {_duckdb_type(field)}' for name, field in kind.fields.items())
    return f"STRUCT({inner})" + ("[]" if kind.many else "")


def _unfold_query(report: Report, table: Table) -> str:
    """The query that unfolds the staged records into the rows of a table; `$scope` is bound."""
    selects = [_unfold_source(report, table, source) for source in table.sources] or [_unfold_record(report, table)]
    return "\nunion all\n".join(selects)


def _unfold_record(report: Report, table: Table) -> str:
    members = [source.member for each in report.tables for source in each.sources if source.many]
    values = [
        *(_value("stage", column) for column in table.columns),
        *(f'len(stage."{member}")' for member in members),
        f'stage."{UNKNOWN}"',
    ]
    return _select(report, table, ["$scope", "stage.day", f"stage.{report.key.name}", *values], "stage")


def _unfold_source(report: Report, table: Table, source: Source) -> str:
    values = ["$scope", "stage.day", f"stage.{report.key.name}"]
    if table.discriminator:
        values.append(f"'{source.label}'")
    for column in table.columns:
        values.append(_value("item", column, name=source.name_key if column.name == "name" else ""))
    if source.many:
        return _select(report, table, values, f'stage, unnest(stage."{source.member}") as element(item)')
    return _select(
        report, table, values, f'(select *, "{source.member}" as item from stage) as stage where item is not null'
    )


def _value(base: str, column: Column, *, name: str = "") -> str:
    steps = (name or column.json_path).split(".")
    value = ".".join([base, *(f'"{step}"' for step in steps)])
    if column.was:
        return f"coalesce({value}, " + ".".join([base, *(f'"{step}"' for step in steps[:-1]), f'"{column.was}"']) + ")"
    return value


def _select(report: Report, table: Table, values: Sequence[str], source: str) -> str:
    columns = raw_columns(report, table)
    spelled = ", ".join(
        f'({value})::{column.duckdb_type} as "{column.name}"' for value, column in zip(values, columns, strict=True)
    )
    return f"select {spelled} from {source}"


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
