"""What many tests stand on: a fake GitHub on loopback, and the pipeline pointed at it with a real DuckDB file."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest
import tenacity

from copilot_etl import pipeline
from copilot_etl.download import Limits
from copilot_etl.github import GitHub
from copilot_etl.ledger import LedgerDay
from copilot_etl.pipeline import Outcome
from copilot_etl.reports import USERS_1_DAY, Scope
from copilot_etl.sandbox import Fault, Organization, Sandbox
from copilot_etl.store import Store
from copilot_etl.warehouse import Warehouse

TODAY = dt.date(2026, 11, 24)
SMALL = (Organization("octo-org", "4242001", 12), Organization("octo-labs", "4242002", 8))
SIGNED_QUERY = re.compile(rb"sig=(?!=)|sig%3D")
"""Of a signed link, anywhere; `sig==` is how the base64 of an MD5 may end."""
QUICK = Limits(read_seconds=2.0, api_seconds=4.0, file_seconds=4.0, backoff=tenacity.wait_none())


@dataclass
class Line:
    """The pipeline from a fake GitHub to a DuckDB file.

    `waits` are the seconds it wanted to sleep, `changes` what its client is told otherwise than by the sandbox.
    """

    github: Sandbox
    store: Store
    limits: Limits = QUICK
    now: dt.datetime = dt.datetime(2026, 11, 24, 9, 0, tzinfo=dt.UTC)
    waits: list[float] = field(default_factory=list)
    changes: dict[str, Any] = field(default_factory=dict)
    _open: duckdb.DuckDBPyConnection | None = None

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(self.store.warehouse, wait=20.0)

    def client(self, **changes: Any) -> GitHub:
        values = {
            "api_url": self.github.api_url,
            "token": self.github.token,
            "allow_loopback_http": True,
            "limits": self.limits,
            "sleep": self.waits.append,
        }
        return GitHub(**{**values, **self.changes, **changes})

    def load(self, *days: dt.date, scopes: Sequence[str] = ("octo-org",), **switches: bool) -> list[Outcome]:
        with self.client() as github:
            return list(
                pipeline.run(
                    [USERS_1_DAY],
                    scopes=[Scope("org", name) for name in scopes],
                    days=days,
                    github=github,
                    store=self.store,
                    warehouse=self.warehouse,
                    clock=lambda: self.now,
                    **switches,
                )
            )

    def ledger(self) -> dict[tuple[str, dt.date], LedgerDay]:
        return {(row.scope, row.day): row for row in self.warehouse.ledger()}

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The warehouse, opened once for all queries inside."""
        if self._open is not None:
            yield self._open
            return
        with duckdb.connect(self.store.warehouse, read_only=True) as self._open:
            try:
                yield self._open
            finally:
                self._open = None

    def query(self, sql: str, *params: object) -> list[tuple[Any, ...]]:
        with self.reading() as connection:
            named = len(params) == 1 and isinstance(params[0], dict)
            return connection.execute(sql, params[0] if named else params).fetchall()

    def asked(self, side: str = "api") -> list[tuple[str, int]]:
        return [(request.day, request.status) for request in self.github.journal if request.side == side]


@pytest.fixture
def sandbox() -> Iterator[Callable[..., Sandbox]]:
    """Starts a fake GitHub; without late and restated days unless they are asked for."""
    with ExitStack() as stack:

        def start(*faults: Fault, **options: Any) -> Sandbox:
            quiet = {"today": TODAY, "organizations": SMALL, "late": False, "restatements": False}
            return stack.enter_context(Sandbox(faults=faults, **{**quiet, **options}))

        yield start


@pytest.fixture
def line(sandbox: Callable[..., Sandbox], tmp_path: Path) -> Callable[..., Line]:
    """A pipeline in front of its own fake GitHub."""

    def make(*faults: Fault, **options: Any) -> Line:
        return Line(sandbox(*faults, **options), Store(tmp_path / "data"))

    return make
