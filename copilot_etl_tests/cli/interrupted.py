"""`copilot-etl` that is terminated while Dagster writes down the first day; the next day is coming then.

Dagster hears the signal, its asset is suspended, and nothing is raised in our code.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from dagster import DagsterEventType, EventLogEntry
from dagster._core.storage.event_log.sqlite import SqliteEventLogStorage

from copilot_etl.cli import main

_store_event = SqliteEventLogStorage.store_event
_sent: list[int] = []


def store_event(self: SqliteEventLogStorage, event: EventLogEntry) -> None:
    if event.is_dagster_event and event.dagster_event_type == DagsterEventType.ASSET_MATERIALIZATION and not _sent:
        _sent.append(signal.SIGTERM)
        while not any(Path(os.environ["COPILOT_DATA_DIR"], "scratch").iterdir()):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)
    _store_event(self, event)


if __name__ == "__main__":
    SqliteEventLogStorage.store_event = store_event  # type: ignore[method-assign]
    main(prog_name="copilot-etl")
