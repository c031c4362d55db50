"""polars: scan the parts with explicit types, explode, Parquet, insert by DuckDB. `with_polars.py PARTS OUT`."""

import json
import sys
import time
from pathlib import Path

import duckdb
import polars as pl
from shape import ARRAYS, OBJECTS, RECORD, Fields, paths, table

TYPES = {"BIGINT": pl.Int64, "VARCHAR": pl.String, "DATE": pl.String, "DOUBLE": pl.Float64, "BOOLEAN": pl.Boolean}


def kind_of(fields: str | Fields) -> pl.DataType:
    return (
        TYPES[fields]()
        if isinstance(fields, str)
        else pl.Struct({name: kind_of(kind) for name, kind in fields.items()})
    )


def column(base: pl.Expr, path: str) -> pl.Expr:
    for step in path.split("."):
        base = base.struct.field(step)
    return base


def rows(member: str, fields: Fields, records: pl.LazyFrame, *, many: bool) -> pl.LazyFrame:
    item = pl.col("item")
    frame = records.select("day", "user_id", pl.col(f"totals_by_{member}").alias("item"))
    frame = frame.explode("item", empty_as_null=False, keep_nulls=False) if many else frame.filter(item.is_not_null())
    if table(member) == "user_day_cli_customization":
        values = [
            pl.lit(member).alias("customization_type"),
            column(item, member).alias("name"),
            column(item, "interaction_count"),
        ]
    else:
        values = [column(item, path).alias(name) for name, path in paths(fields).items()]
    return frame.select(pl.lit("acme").alias("scope"), "day", "user_id", *values)


def main() -> None:
    parts, out = Path(sys.argv[1]), Path(sys.argv[2])
    started = time.perf_counter()
    schema = {
        **{name: kind_of(kind) for name, kind in RECORD.items()},
        **{f"totals_by_{name}": pl.List(kind_of(fields)) for name, fields in ARRAYS.items()},
        **{f"totals_by_{name}": kind_of(fields) for name, fields in OBJECTS.items()},
    }
    records = pl.scan_ndjson(sorted(parts.glob("part-*.ndjson")), schema=schema).with_columns(
        pl.col("day").str.to_date()
    )
    records = records.collect().lazy()  # read once, as the others do
    frames: dict[str, list[pl.LazyFrame]] = {
        "user_day": [
            records.select(
                pl.lit("acme").alias("scope"),
                *(
                    (column(pl.col(path.split(".")[0]), path.split(".", 1)[1]) if "." in path else pl.col(path)).alias(
                        name
                    )
                    for name, path in paths(RECORD).items()
                ),
            )
        ]
    }
    for name, fields in ARRAYS.items():
        frames.setdefault(table(name), []).append(rows(name, fields, records, many=True))
    for name, fields in OBJECTS.items():
        frames[table(name)] = [rows(name, fields, records, many=False)]
    with duckdb.connect(out / "out.duckdb") as connection:
        connection.execute("create schema raw")
        for name, each in frames.items():
            file = out / f"{name}.parquet"
            pl.concat(each).collect().write_parquet(file, compression="zstd")
            connection.execute(f"create table raw.{name} as from '{file}'")
    print(json.dumps({"seconds": time.perf_counter() - started}))


if __name__ == "__main__":
    main()
