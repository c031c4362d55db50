"""The code location: everything found in `defs/`."""

import os

import dagster as dg

from copilot_etl.defs import alerts, pipeline, published, report

# Raw files, Parquet, spill and Dagster's logs hold personal data, whoever started the process that writes them.
os.umask(0o077)

defs = dg.Definitions.merge(
    pipeline.defs,
    published.defs,
    report.defs,
    alerts.defs,
    # One process a run: half the start-up cost, and two steps of a run never meet at the warehouse file.
    dg.Definitions(executor=dg.in_process_executor),
)
