"""pandas: read_json by lines, json_normalize each member, Parquet, insert by DuckDB. `with_pandas.py PARTS OUT`."""

import json
import sys
import time
from pathlib import Path

import duckdb
import pandas as pd
from shape import ARRAYS, OBJECTS, RECORD, paths, table


def main() -> None:
    parts, out = Path(sys.argv[1]), Path(sys.argv[2])
    started = time.perf_counter()
    records: list[dict] = []
    for part in sorted(parts.glob("part-*.ndjson")):
        with part.open() as lines:
            records += map(json.loads, lines)
    flat = {path: name for name, path in paths(RECORD).items()}
    frames = {"user_day": [pd.json_normalize(records, max_level=1)[list(flat)].rename(columns=flat)]}
    for name, fields in ARRAYS.items():
        frame = pd.json_normalize(records, record_path=f"totals_by_{name}", meta=["day", "user_id"])
        frame = frame.rename(columns={path: column for column, path in paths(fields).items()})
        if table(name) == "user_day_cli_customization":
            frame = frame.rename(columns={name: "name"}).assign(customization_type=name)
        frames.setdefault(table(name), []).append(frame)
    for name, fields in OBJECTS.items():
        chosen = [record for record in records if f"totals_by_{name}" in record]
        frame = pd.json_normalize([record[f"totals_by_{name}"] for record in chosen])
        frame = frame.rename(columns={path: column for column, path in paths(fields).items()})
        frames[table(name)] = [
            frame.assign(day=[record["day"] for record in chosen], user_id=[record["user_id"] for record in chosen])
        ]
    with duckdb.connect(out / "out.duckdb") as connection:
        connection.execute("create schema raw")
        for name, each in frames.items():
            file = out / f"{name}.parquet"
            whole = pd.concat(each, ignore_index=True).assign(scope="acme")
            whole["day"], whole["user_id"] = pd.to_datetime(whole["day"]), whole["user_id"].astype("int64")
            whole.to_parquet(file, compression="zstd")
            connection.execute(f"create table raw.{name} as from '{file}'")
    print(json.dumps({"seconds": time.perf_counter() - started}))


if __name__ == "__main__":
    main()
