"""The floor: DuckDB alone reads the parts once, unfolds them, writes Parquet and inserts. Nothing is checked.

`bare_duckdb.py PARTS_FOLDER OUT_FOLDER`. It dies of one bad line and loses fields that are not spelled out.
"""

import json
import sys
import time
from pathlib import Path

import duckdb
from shape import ARRAYS, OBJECTS, RECORD, Fields, paths, table


def kind_of(fields: str | Fields) -> str:
    if isinstance(fields, str):
        return fields
    return f"STRUCT({', '.join(f'{name} {kind_of(kind)}' for name, kind in fields.items())})"


def select(member: str, fields: Fields, source: str) -> str:
    columns = [f"item.{path} as {name}" for name, path in paths(fields).items()]
    if table(member) == "user_day_cli_customization":
        columns = [f"'{member}' as customization_type", f"item.{member} as name", "item.interaction_count"]
    return f"select 'acme' as scope, day, user_id, {', '.join(columns)} from {source}"


def main() -> None:
    parts, out = Path(sys.argv[1]), Path(sys.argv[2])
    started = time.perf_counter()
    columns = {
        **{name: kind_of(kind) for name, kind in RECORD.items()},
        **{f"totals_by_{name}": f"{kind_of(fields)}[]" for name, fields in ARRAYS.items()},
        **{f"totals_by_{name}": kind_of(fields) for name, fields in OBJECTS.items()},
    }
    queries = {
        "user_day": [
            "select 'acme' as scope, " + ", ".join(f"{p} as {n}" for n, p in paths(RECORD).items()) + " from stage"
        ]
    }
    for name, fields in ARRAYS.items():
        queries.setdefault(table(name), []).append(
            select(name, fields, f'stage, unnest("totals_by_{name}") as element(item)')
        )
    for name, fields in OBJECTS.items():
        source = f'(select *, "totals_by_{name}" as item from stage where "totals_by_{name}" is not null)'
        queries[table(name)] = [select(name, fields, source)]
    with duckdb.connect(out / "out.duckdb") as connection:
        connection.execute("create schema raw")
        connection.execute(
            "create temp table stage as select * from read_json("
            f"'{parts}/part-*.ndjson', format = 'newline_delimited', columns = {json.dumps(columns)})"
        )
        connection.execute("begin")
        for name, selects in queries.items():
            file = out / f"{name}.parquet"
            connection.execute(f"copy ({' union all '.join(selects)}) to '{file}' (format parquet, compression zstd)")
            connection.execute(f"create table raw.{name} as from '{file}'")
        connection.execute("commit")
    print(json.dumps({"seconds": time.perf_counter() - started}))


if __name__ == "__main__":
    main()
