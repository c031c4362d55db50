"""Raw NDJSON of a day → the report's flat tables as Parquet: read in bounded pieces, gated, unfolded by DuckDB.

The gate judges a piece while DuckDB unfolds the two before it, which wait on the disk, so memory does not grow with the
file. The first line that cannot be trusted quarantines the whole day; what an earlier version left in the lake stays.
"""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import json
import threading
import zlib
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from copilot_etl import durable
from copilot_etl.errors import CopilotEtlError, Quarantined
from copilot_etl.gate import UNKNOWN, Gate, Key, Refusal, Shape, key_of, shape_of, strict_json
from copilot_etl.reports import DUCKDB_TYPES, Column, Kind, Report, Source, Table, raw_columns

Opener = Callable[[], AbstractContextManager[BinaryIO]]
"""Opens one raw part for reading from its start, checking its hash on the way."""

LINE_CAP = 8 * 2**20  # a record of 8 MiB is three orders of magnitude beyond the largest one seen
_BLOCK = 2**18  # what is judged line by line stays in the processor's cache
_PIECE = 64 * 2**20
_FIRST_PIECE = 16 * 2**20  # each twice the one before, so that DuckDB begins early; a small day is one piece
_WORKERS = 2  # DuckDB has nothing to share out in a piece, so pieces are shared out instead
_ARRAY_CAP = 256 * 2**20  # an array-wrapped file is the web export's look, and read whole
_INFLATED_CAP = 4 * 2**30
_INFLATED_FOLD = 100  # records of one day shrink to a tenth or a thirtieth; a bomb to a thousandth
_INFLATED_FREE = 16 * 2**20  # what is small may shrink as it likes
_FOOTER = b"copilot_etl"


@dataclass(frozen=True, slots=True)
class Normalised:
    """One day of one scope in the lake: rows by table, and what the gate noticed on the way.

    `records` is the number of people; `duplicates` the exact repeats that were dropped; `owner_id` the id of the
    organization that the records name; `unknown_records` how many records have an unknown field, `unknown_fields` the
    same by path, and `unknown_types` the JSON types of its values.
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
    unknown_types: Mapping[str, str]
    rows: Mapping[str, int]

    def path(self, lake: Path, table: str) -> Path:
        return table_file(lake, table, scope=self.scope, day=self.day)


def normalise(
    report: Report,
    *,
    scope: str,
    day: dt.date,
    content_hash: Callable[[], str],
    parts: Sequence[Opener],
    folder: Path,
    owner: str = "",
    owner_id: str | None = None,
    session: Session | None = None,
) -> Normalised:
    """Reads all parts of a day and makes one Parquet file a table in an empty `folder`, from where `publish` takes it.

    `content_hash` is asked for when everything is read; `owner` is the field of a record that says whose report it is
    from, `owner_id` its value in earlier days; who normalises several days gives them one `session`. Raises
    Quarantined, naming part, line and reason, when the bytes cannot be trusted.
    """
    gate = Gate(report, day, owner=owner, owner_id=owner_id)
    with (
        _disk_faults(scope, day),
        nullcontext(session) if session else Session(folder) as session,
        _Unfolding(report, session, scope=scope, day=day, folder=folder) as unfolding,
        ThreadPoolExecutor(_WORKERS, thread_name_prefix="unfold") as workers,
    ):
        seen: set[Key] = set()
        repeated: set[Key] = set()
        pending: deque[Future[list[pa.Table]]] = deque()
        for piece in _pieces(_judged(gate, parts, seen, repeated, scope=scope, day=day), folder):
            if len(pending) == _WORKERS:
                unfolding.write(pending.popleft().result())
            pending.append(workers.submit(unfolding.unfold, piece))
        while pending:
            unfolding.write(pending.popleft().result())
        duplicates = _duplicates(report, parts, repeated, scope=scope, day=day) if repeated else 0
        summary = Normalised(
            report.name,
            scope,
            day,
            content_hash(),
            len(seen),
            duplicates,
            gate.owner_id,
            gate.unknown_records,
            dict(gate.unknown_fields),
            {path: "|".join(sorted(names)) for path, names in gate.unknown_types.items()},
            unfolding.rows,
        )
        unfolding.finish(summary)
    return summary


def publish(normalised: Normalised, *, report: Report, folder: Path, lake: Path) -> None:
    """Moves the day's Parquet files from `folder` into the lake, each whole."""
    for table in report.tables:
        target = normalised.path(lake, table.name)
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        durable.settle(_made_file(folder, table.name), target)


def _made_file(folder: Path, table: str) -> Path:
    return folder / f"{table}.parquet"


def read(lake: Path, report: Report, *, scope: str, day: dt.date) -> Normalised | None:
    """What the lake holds of a day; None unless every table of the report is there and of one version."""
    footers = []
    for table in report.tables:
        try:
            footers.append(pq.read_metadata(table_file(lake, table.name, scope=scope, day=day)).metadata[_FOOTER])
        except (FileNotFoundError, KeyError, TypeError, pa.ArrowInvalid):
            return None
    if len(set(footers)) != 1:
        return None
    return Normalised(**{"unknown_types": {}, **json.loads(footers[0]), "day": day})


@dataclass(frozen=True, slots=True)
class FieldCount:
    """How many of the `rows` that could have a field of GitHub's record have it, on one day."""

    path: str
    is_known: bool
    json_type: str
    filled: int
    rows: int


def fields(normalised: Normalised, *, report: Report, lake: Path) -> list[FieldCount]:
    """Every field that the day's records could have, from the statistics of its Parquet files."""
    found = [
        FieldCount(path, False, normalised.unknown_types.get(path, ""), count, normalised.records)
        for path, count in normalised.unknown_fields.items()
    ]
    for table in report.tables:
        if rows := normalised.rows[table.name]:
            filled = _filled(normalised.path(lake, table.name))
            for column, path in _field_paths(report, table).items():
                kind = next(each.kind for each in raw_columns(report, table) if each.name == column)
                json_type = "array" if path in _members(report) else _JSON_TYPES[kind]
                found.append(FieldCount(path, True, json_type, filled.get(column, 0), rows))
    return found


_JSON_TYPES: Mapping[Kind, str] = {
    "id": "number",
    "text": "string",
    "key_text": "string",
    "day": "string",
    "flag": "boolean",
    "count": "number",
    "amount": "number",
    "json": "json",
}


def _filled(file: Path) -> dict[str, int]:
    """How many values of each column are not null."""
    metadata = pq.read_metadata(file)
    counts: dict[str, int] = {}
    for group in range(metadata.num_row_groups):
        for index in range(metadata.num_columns):
            column = metadata.row_group(group).column(index)
            present = column.num_values - column.statistics.null_count
            counts[column.path_in_schema] = counts.get(column.path_in_schema, 0) + present
    return counts


def _members(report: Report) -> list[str]:
    return [source.member for table in report.tables for source in table.sources if source.many]


def _field_paths(report: Report, table: Table) -> dict[str, str]:
    """Column of a raw table to the path of its field in GitHub's record, for all that is not a key."""
    if not table.sources:
        own = {column.name: column.json_path for column in table.columns}
        return {**own, **{f"{member}_count": member for member in _members(report)}}
    if len(table.sources) > 1:  # several members in one table: which of them lacks a field cannot be told apart
        return {column.name: f"{table.name}.{column.name}" for column in table.columns}
    source = table.sources[0]
    place = f"{source.member}[]" if source.many else source.member
    return {column.name: f"{place}.{column.json_path}" for column in table.columns}


def lake_hash(lake: Path, report: Report, *, scope: str, day: dt.date) -> str:
    """SHA-256 over the hashes of a day's Parquet files, in the catalogue's order; raises FileNotFoundError."""
    digests = []
    for table in report.tables:
        with table_file(lake, table.name, scope=scope, day=day).open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


@contextmanager
def _disk_faults(scope: str, day: dt.date) -> Iterator[None]:
    """A fault of the disk below DuckDB as an error of ours; its text has a path and the system's words, no data."""
    try:
        yield
    except duckdb.IOException as error:
        raise CopilotEtlError(f"{scope} {day}: {str(error).splitlines()[0]}") from None


def table_file(lake: Path, table: str, *, scope: str, day: dt.date) -> Path:
    """Where the rows of a table lie in the lake."""
    return lake / table / f"scope={scope}" / f"day={day}" / "rows.parquet"


# ------------------------------------------------------------------------------------------------ lines


class Line(NamedTuple):
    part: int
    number: int
    text: bytes


def read_lines(part: int, stream: BinaryIO) -> Iterator[Line]:
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
                yield Line(part, number, line)
    if rest and not rest.isspace():
        yield Line(part, number + 1, rest)


def _inflated(stream: BinaryIO) -> BinaryIO:
    """The stream itself, or what it holds when the file is gzip under whatever name."""
    magic = stream.read(2)
    rewound = _Rewound(magic, stream)
    return cast(BinaryIO, _Capped(rewound) if magic == b"\x1f\x8b" else rewound)


class _Rewound:
    """A stream whose first bytes were read for a look and are given again; `size` is what was read."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._head, self._stream = head, stream
        self.size = 0

    def read(self, size: int = -1) -> bytes:
        head, self._head = self._head, b""
        block = head + self._stream.read(max(size - len(head), 0) if size >= 0 else -1)
        self.size += len(block)
        return block


class _Capped:
    """A gzip stream that ends with a Refusal instead of filling the machine."""

    def __init__(self, packed: _Rewound) -> None:
        self._packed, self._stream = packed, gzip.GzipFile(fileobj=cast(BinaryIO, packed))
        self._size = 0

    def read(self, size: int) -> bytes:
        try:
            block = self._stream.read(size)
        except (OSError, EOFError, zlib.error):
            raise Refusal("damaged gzip") from None
        self._size += len(block)
        if self._size > _INFLATED_CAP:
            raise Refusal(f"gzip of more than {_INFLATED_CAP // 2**30} GiB")
        if self._size > max(_INFLATED_FREE, self._packed.size * _INFLATED_FOLD):
            raise Refusal(f"gzip that grows more than {_INFLATED_FOLD}-fold")
        return block


def _array(part: int, block: bytes, stream: BinaryIO) -> Iterator[Line]:
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
        yield Line(part, number, bytes(item).replace(b"\n", b" "))


def _judged(
    gate: Gate, parts: Sequence[Opener], seen: set[Key], repeated: set[Key], *, scope: str, day: dt.date
) -> Iterator[Line]:
    """The lines that passed the gate, the first of each key; keys that stand more than once go to `repeated`."""
    for part, open_part in enumerate(parts, 1):
        line = None
        try:
            with open_part() as stream:
                for line in read_lines(part, stream):
                    key, text = gate.admit(line.text)
                    if key in seen:
                        repeated.add(key)
                    else:
                        seen.add(key)
                        yield line if text is line.text else Line(part, line.number, text)
                    line = None  # what is refused before the next line is there is no fault of this one
        except Refusal as refusal:
            where = f"part {part} line {line.number}" if line else f"part {part}"
            raise _quarantined(scope, day, where, str(refusal)) from None


def _duplicates(report: Report, parts: Sequence[Opener], repeated: set[Key], *, scope: str, day: dt.date) -> int:
    """How many repeats there are of the given keys; Quarantined when two records of one key differ."""
    first: dict[Key, bytes] = {}
    names = " and ".join(column.name for column in report.key) or "day"
    count = 0
    for part, open_part in enumerate(parts, 1):
        with open_part() as stream:
            for line in read_lines(part, stream):
                where = f"part {part} line {line.number}"
                key = key_of(report, msgspec.json.decode(line.text))
                if key in repeated:
                    try:
                        record = msgspec.json.encode(strict_json(line.text), order="sorted")
                    except Refusal as refusal:
                        raise _quarantined(scope, day, where, str(refusal)) from None
                    if first.setdefault(key, record) != record:
                        raise _quarantined(scope, day, where, f"a second, different record of one {names}")
                    count += 1
    return count - len(first)


def _quarantined(scope: str, day: dt.date, where: str, reason: str) -> Quarantined:
    return Quarantined(f"{scope} {day}: {where}: {reason}. Not loaded; the bytes are kept.")


# ---------------------------------------------------------------------------------------------- pieces


@dataclass(frozen=True, slots=True)
class _Piece:
    """A file of some lines, with where each came from."""

    file: Path
    longest: int
    part: array[int]
    number: array[int]


def _pieces(lines: Iterator[Line], folder: Path) -> Iterator[_Piece]:
    enough = min(_FIRST_PIECE, _PIECE)
    for index, first in enumerate(lines):
        piece = _write_piece(chain([first], lines), folder / f"piece-{index}.ndjson", enough)
        enough = min(2 * enough, _PIECE)
        yield piece


def _write_piece(lines: Iterable[Line], file: Path, enough: int) -> _Piece:
    part, number = array("l"), array("l")
    size = longest = 0
    with file.open("wb", buffering=_BLOCK) as out:
        for line in lines:
            out.write(line.text)
            out.write(b"\n")
            part.append(line.part)
            number.append(line.number)
            longest = max(longest, len(line.text))
            size += len(line.text) + 1
            if size >= enough:
                break
    return _Piece(file, longest, part, number)


class Session:
    """DuckDB in memory, made on first use, for day after day: a new one takes a tenth of the time of a small day.

    Several threads may use it. What does not fit into its memory lies in `folder`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._database: duckdb.DuckDBPyConnection | None = None
        self._making = threading.Lock()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, fault: type[BaseException] | None, *_: object) -> None:
        # After an interrupt a worker may still be at it, so closing fails: what came first is what is to be told.
        with suppress(duckdb.Error) if fault else nullcontext():
            if self._database:
                self._database.close()

    @contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection of its own to the database, whose temporary tables end with it."""
        with self._making:
            self._database = database = self._database or self._made()
        try:
            with database.cursor() as connection:
                yield connection
        except (duckdb.FatalException, duckdb.InternalException):
            self._database = None  # DuckDB does no more with a database in which it met a fault of its own
            raise

    def _made(self) -> duckdb.DuckDBPyConnection:
        with ExitStack() as stack:
            database = stack.enter_context(duckdb.connect())
            database.execute(f"set temp_directory = '{_quoted(self._folder / 'spill')}'")
            database.execute("set memory_limit = '512MiB'")
            database.execute("set threads = 1")
            # What a piece took is given back after it: a tenth less at the peak of 600 MiB.
            database.execute("set allocator_bulk_deallocation_flush_threshold = '16MiB'")
            stack.pop_all()
            return database


class _Unfolding:
    """Pieces go in, one growing Parquet file a table comes out; `rows` counts them.

    `unfold` may be called from several threads, `write` takes its results in the order of the pieces.
    """

    def __init__(self, report: Report, session: Session, *, scope: str, day: dt.date, folder: Path) -> None:
        self._report, self._session, self._scope, self._day, self._folder = report, session, scope, day, folder
        self._columns = _record_columns(report)
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._closing = ExitStack()
        self.rows: dict[str, int] = dict.fromkeys((table.name for table in report.tables), 0)

    def __enter__(self) -> _Unfolding:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def unfold(self, piece: _Piece) -> list[pa.Table]:
        """The rows of every table of the report, in the catalogue's order."""
        columns = ", ".join(f"'{name}': '{kind}'" for name, kind in self._columns.items())
        with self._session.cursor() as connection:
            try:
                connection.execute(
                    f"create temp table stage as select * from read_json($file, format = 'newline_delimited', "
                    f"columns = {{{columns}}}, maximum_object_size = {max(piece.longest + 1, 2**20)})",
                    {"file": str(piece.file)},
                )
            except (duckdb.InvalidInputException, UnicodeDecodeError):
                # Its message quotes the line and may cut it within a character, which Python then cannot read.
                raise self._unreadable(piece) from None
            piece.file.unlink()
            return self._unfolded(connection)

    def _unreadable(self, piece: _Piece) -> Quarantined:
        # DuckDB's message quotes the line and misnumbers nested faults, so the line is looked for again here.
        with piece.file.open("rb") as lines:
            for part, number, text in zip(piece.part, piece.number, lines, strict=True):
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
            writer = self._writer(table.name, rows.schema)
            if rows.num_rows:  # a row group without rows has no statistics either
                writer.write_table(rows)

    def _writer(self, table: str, schema: pa.Schema) -> pq.ParquetWriter:
        if table not in self._writers:
            texts = [field.name for field in schema if pa.types.is_string(field.type)]
            numbers = [field.name for field in schema if pa.types.is_integer(field.type)]
            self._writers[table] = self._closing.enter_context(
                # DuckDB's own writer leaves out page checksums, without which a flipped bit is read as data.
                pq.ParquetWriter(
                    _made_file(self._folder, table),
                    schema,
                    compression="zstd",
                    use_dictionary=texts,
                    # Small numbers in few bits leave zstd little to do: a quarter less time, an eighth more bytes.
                    column_encoding=dict.fromkeys(numbers, "DELTA_BINARY_PACKED"),
                    write_page_checksum=True,
                )
            )
        return self._writers[table]

    def finish(self, summary: Normalised) -> None:
        """Closes the files, with the summary in their footers."""
        if not self._writers:  # a day without records has its tables too, with no rows
            columns = ", ".join(f'"{name}" {kind}' for name, kind in self._columns.items())
            with self._session.cursor() as connection:
                connection.execute(f"create temp table stage ({columns})")
                self.write(self._unfolded(connection))
        footer = json.dumps({**asdict(summary), "day": str(summary.day)}, sort_keys=True).encode()
        for writer in self._writers.values():
            writer.add_key_value_metadata({_FOOTER: footer})
        self._closing.close()


# ----------------------------------------------------------------------------------- derived from the catalogue


def _record_columns(report: Report) -> dict[str, str]:
    """The record as DuckDB's `read_json` is to read it: JSON name to type."""
    columns = {name: _duckdb_type(kind) for name, kind in shape_of(report).fields.items()}
    return {**columns, "day": "DATE", UNKNOWN: "VARCHAR"}


def _duckdb_type(kind: Kind | Shape) -> str:
    if not isinstance(kind, Shape):
        return "JSON" if kind == "json" else DUCKDB_TYPES[kind]
    inner = ", ".join(f'"{name}" {_duckdb_type(field)}' for name, field in kind.fields.items())
    return f"STRUCT({inner})" + ("[]" if kind.many else "")


def _unfold_query(report: Report, table: Table) -> str:
    """The query that unfolds the staged records into the rows of a table; `$scope` is bound."""
    selects = [_unfold_source(report, table, source) for source in table.sources] or [_unfold_record(report, table)]
    return "\nunion all\n".join(selects)


def _unfold_record(report: Report, table: Table) -> str:
    values = [
        *(_value("stage", column) for column in table.columns),
        *(f'len(stage."{member}")' for member in _members(report)),
        f'stage."{UNKNOWN}"',
    ]
    return _select(report, table, [*_keys(report), *values], "stage")


def _unfold_source(report: Report, table: Table, source: Source) -> str:
    values = _keys(report)
    if table.discriminator:
        values.append(f"'{source.label}'")
    for column in table.columns:
        values.append(_value("item", column, name=source.name_key if column.name == "name" else ""))
    if source.many:
        return _select(report, table, values, f'stage, unnest(stage."{source.member}") as element(item)')
    return _select(
        report, table, values, f'(select *, "{source.member}" as item from stage) as stage where item is not null'
    )


def _keys(report: Report) -> list[str]:
    return ["$scope", "stage.day", *(f"stage.{column.name}" for column in report.key)]


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
