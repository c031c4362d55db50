"""What a served day must look like in every raw table, worked out from its JSON alone."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from copilot_etl.reports import USERS_1_DAY, Column, Table, raw_columns

Row = tuple[Any, ...]
Rows = Mapping[str, Counter[Row]]
"""The rows of one scope and day by table, each with how often it stands there."""

UNKNOWN = "unknown_fields"
COLUMNS: Mapping[str, Sequence[str]] = {
    table.name: [column.name for column in raw_columns(USERS_1_DAY, table) if column.name not in ("scope", "day")]
    for table in USERS_1_DAY.tables
}
NO_ROWS: Rows = {table.name: Counter() for table in USERS_1_DAY.tables}

_CONVERT = {
    "id": int,
    "count": int,
    "amount": float,
    "text": str,
    "key_text": str,
    "flag": bool,
    "day": dt.date.fromisoformat,
}


def rows_of(records: Iterable[Mapping[str, Any]]) -> Rows:
    """The rows of a day's records. An exact repeat of a record counts once; of `unknown_fields` only whether it is null
    is told, which the caller decides by the records it sends."""
    rows: dict[str, Counter[Row]] = {table.name: Counter() for table in USERS_1_DAY.tables}
    seen: set[int] = set()
    for record in records:
        key = int(record["user_id"])
        if key in seen:
            continue
        seen.add(key)
        for table in USERS_1_DAY.tables:
            if not table.sources:
                rows[table.name][_record_row(key, record, table)] += 1
            for source in table.sources:
                member = record.get(source.member)
                for item in (member or ()) if source.many else (() if member is None else (member,)):
                    label = (source.label,) if table.discriminator else ()
                    values = [
                        _value(item, column, path=source.name_key if column.name == "name" else "")
                        for column in table.columns
                    ]
                    rows[table.name][key, *label, *values] += 1
    return rows


def _record_row(key: int, record: Mapping[str, Any], table: Table) -> Row:
    sizes = [
        None if record.get(source.member) is None else len(record[source.member])
        for each in USERS_1_DAY.tables
        for source in each.sources
        if source.many
    ]
    return (key, *(_value(record, column) for column in table.columns), *sizes)


def _value(item: Mapping[str, Any], column: Column, *, path: str = "") -> Any:
    *parents, last = (path or column.path or column.name).split(".")
    inner: Any = item
    for name in parents:
        inner = (inner or {}).get(name)
    value = (inner or {}).get(last)
    if value is None and column.was:
        value = (inner or {}).get(column.was)
    return None if value is None else _CONVERT[column.kind](value)


def differences(found: Rows, expected: Rows) -> str:
    """Which tables differ and by how many rows; empty when none does."""
    said = []
    for table, rows in expected.items():
        lost, more = (rows - found[table]).total(), (found[table] - rows).total()
        if lost or more:
            said.append(f"{table}: {lost} lost, {more} too many")
    return "; ".join(said)
