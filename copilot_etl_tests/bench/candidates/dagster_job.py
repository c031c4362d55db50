"""Dagster's load job over a range of days, a process and run for each 31, as its backfill starts them.

`dagster_job.py FIRST LAST`, with our settings in the environment; with `run` after it, the range of one run.
"""

import datetime as dt
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def main() -> None:
    first, last = (dt.date.fromisoformat(value) for value in sys.argv[1:3])
    home = Path(os.environ["DAGSTER_HOME"])
    if not home.exists():
        home.mkdir(parents=True)
        shutil.copyfile(ROOT / "dagster.yaml", home / "dagster.yaml")
    if sys.argv[3:]:
        execute(first, last)
        return
    from copilot_etl.defs.pipeline import DAYS_A_RUN

    while first <= last:
        end = min(first + dt.timedelta(days=DAYS_A_RUN - 1), last)
        subprocess.run([sys.executable, __file__, str(first), str(end), "run"], check=True, stdout=subprocess.DEVNULL)
        first = end + dt.timedelta(days=1)


def execute(first: dt.date, last: dt.date) -> None:
    import dagster as dg

    from copilot_etl.definitions import defs

    with dg.DagsterInstance.get() as instance:
        job = defs.resolve_job_def("load")
        keys = [key for key in job.asset_layer.executable_asset_keys if key.path[0] == "users_1_day"]
        job.execute_in_process(
            asset_selection=keys,
            instance=instance,
            tags={"dagster/asset_partition_range_start": str(first), "dagster/asset_partition_range_end": str(last)},
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )


if __name__ == "__main__":
    main()
