"""Dagster's history in its own SQLite files, each of them kept open from one event to the next.

Dagster opens and sets up a file anew for every event, of which a refresh of the models has 650: a quarter of the time
that a small `copilot-etl load` took. The files are the same, so a history can be read with and without this class.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as db
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage

_OPEN_FILES = 8  # one a run, and one over all of them; a web server meets any number of runs
_BUSY_SECONDS = 20.0


class _Events(SqliteEventLogStorage):
    """Events in one file a run, and those of assets in one over all runs."""

    def __init__(self, base_dir: str) -> None:
        self._engines: OrderedDict[str, db.Engine] = OrderedDict()
        super().__init__(base_dir)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[db.Connection]:
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.begin() as connection:
                yield connection

    def _engine(self, shard: str) -> db.Engine:
        engine = self._engines.pop(shard, None) or _engine(self.conn_string_for_shard(shard))
        self._engines[shard] = engine
        if len(self._engines) > _OPEN_FILES:
            self._engines.popitem(last=False)[1].dispose()
        return engine

    def wipe(self) -> None:
        self._close()  # it removes the files
        super().wipe()

    def dispose(self) -> None:
        self._close()
        super().dispose()

    def _close(self) -> None:
        while self._engines:
            self._engines.popitem()[1].dispose()


def _engine(address: str) -> db.Engine:
    engine = db.create_engine(address, connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False})

    @db.event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        # With its write-ahead log SQLite keeps the file whole without a sync an event; a power cut may take the last
        # events, and what was loaded stands in the ledger, not here.
        connection.execute("pragma synchronous = normal")

    return engine


class History(DagsterSqliteStorage):
    """What `dagster.yaml` names as storage; `base_dir` is DAGSTER_HOME, where Dagster would keep it too."""

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        super().__init__(base_dir, inst_data)
        events = self._event_log_storage
        self._event_log_storage = _Events(events._base_dir)
        events.dispose()

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> History:
        return cls.from_local(inst_data=inst_data, **config_value)
