"""`copilot-etl load` as the smallest process: the command line's own words and exits, without Dagster and the models.

Importing Dagster and building the models cost eight of the nine seconds of a load, and neither touches the days. So
this replaces the one function between them, and shortens the client's patience. With `CHAOS_PATIENCE=usual` the client
keeps its own.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping, Sequence

import tenacity

from copilot_etl import cli, pipeline
from copilot_etl.download import Limits
from copilot_etl.errors import CopilotEtlError
from copilot_etl.github import GitHub
from copilot_etl.pipeline import Outcome
from copilot_etl.settings import Settings
from copilot_etl.store import Store
from copilot_etl.warehouse import Warehouse

IMPATIENT = Limits(
    connect_seconds=1.0,
    read_seconds=1.0,
    api_seconds=1.5,
    file_seconds=2.0,
    backoff=tenacity.wait_random(0, 0.05),
)


def load(
    chosen: Settings,
    days: Mapping[dt.date, tuple[str, ...]],
    scopes: Sequence[str],
    *,
    accept_shrink: bool,
    force: bool,
    from_raw: bool,
    first_look: bool,
) -> list[Outcome]:
    """Every day of every scope in this process; what nobody foresaw is told in the words of the command line."""
    if first_look:
        raise CopilotEtlError("no first look in a chaos")
    switches = {"accept_shrink": accept_shrink, "force": force}
    try:
        return _days(chosen, sorted(days), scopes, from_raw=from_raw, **switches)
    except CopilotEtlError:
        raise
    except Exception as error:
        raise CopilotEtlError(f"the load run failed: {str(error).splitlines()[0][:160]}.") from error


def _days(
    chosen: Settings, days: Sequence[dt.date], scopes: Sequence[str], *, from_raw: bool, **switches: bool
) -> list[Outcome]:
    store = Store(chosen.data_dir)
    with GitHub(
        api_url=chosen.api_url,
        token=chosen.token,
        allow_loopback_http=chosen.allow_loopback_http,
        limits=None if os.environ.get("CHAOS_PATIENCE") == "usual" else IMPATIENT,
    ) as github:
        return list(
            pipeline.run(
                chosen.reports,
                scopes=[scope for scope in chosen.scopes if not scopes or scope.key in scopes],
                days=days,
                github=None if from_raw else github,
                store=store,
                warehouse=Warehouse(store.warehouse),
                clock=lambda: dt.datetime.now(dt.UTC),
                **switches,
            )
        )


if __name__ == "__main__":
    if not hasattr(cli, "_load"):
        raise SystemExit("copilot_etl.cli has no _load any more; walk.py must replace what runs the days now.")
    cli._load = load
    cli.main(prog_name="copilot-etl")
