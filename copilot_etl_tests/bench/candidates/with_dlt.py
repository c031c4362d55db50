"""dlt into DuckDB: `with_dlt.py PARTS OUT default|parquet`. dlt infers types and unfolds the arrays by itself."""

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"

import dlt
import orjson

PAGE = 1000  # records handed over at once: one by one costs dlt a third more
# The default route loads files of INSERT statements, each parsed as a whole: 100,000 people in one file of each table
# take more than 14 GB and end with an error, so they are cut.
FILE_ROWS = "10000"


@dlt.resource(name="user_day", write_disposition="replace")
def user_day(parts: Path) -> Iterator[list[dict]]:
    page: list[dict] = []
    for part in sorted(parts.glob("part-*.ndjson")):
        with part.open("rb") as lines:
            for line in lines:
                page.append(orjson.loads(line))
                if len(page) == PAGE:
                    yield page
                    page = []
    if page:
        yield page


def main() -> None:
    parts, out, route = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    started = time.perf_counter()
    if route == "default":
        os.environ["NORMALIZE__DATA_WRITER__FILE_MAX_ITEMS"] = FILE_ROWS
    pipeline = dlt.pipeline(
        "copilot",
        destination=dlt.destinations.duckdb(str(out / "out.duckdb")),
        dataset_name="raw",
        pipelines_dir=str(out / "pipelines"),
    )
    pipeline.run(user_day(parts), **({"loader_file_format": "parquet"} if route == "parquet" else {}))
    print(json.dumps({"seconds": time.perf_counter() - started}))


if __name__ == "__main__":
    main()
