"""A published file made by the pipeline itself, copies of it to spoil, and the system's Chromium, offline."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from copilot_etl import report
from copilot_etl.models import read
from copilot_etl.published import Published
from copilot_etl.sandbox import Fault, Sandbox
from copilot_etl.sandbox.world import World
from copilot_etl.store import Store
from copilot_etl_tests.conftest import SMALL, Line

SQL = Path(__file__).parents[2] / "sql"
DAY = dt.timedelta(days=1)
# What is provisional and what is missing goes by the clock, in the marts too.
TODAY = dt.datetime.now(dt.UTC).date()
LAST = TODAY - DAY
FIRST = TODAY - 44 * DAY
WORLD = World(7, SMALL)
# On the day after it somebody is at work in the small organization, where on some days nobody is.
FAILED = next(day for n in range(17, 44) if any(WORLD.records("octo-labs", (day := TODAY - n * DAY) + DAY)))
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
REQUIRED = os.environ.get("BROWSER_TESTS") == "required"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def publish(store: Store, *days: dt.date, faults: Sequence[Fault] = ()) -> Path:
    """Loads days from a fake GitHub, builds every model and gives the analysts' file."""
    with Sandbox(
        seed=WORLD.seed, faults=faults, today=TODAY, organizations=SMALL, late=False, restatements=False
    ) as github:
        line = Line(github, store, now=dt.datetime.now(dt.UTC))
        if days:
            line.load(*days, scopes=[each.login for each in SMALL])
        published = Published(store.published, line.warehouse)
        assert published.refresh(read(SQL), now=line.now).kept
    return store.published


@pytest.fixture(scope="package")
def marts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """44 days of two organizations; one day of one of them failed."""
    days = [FIRST + n * DAY for n in range((LAST - FIRST).days + 1)]
    fault = Fault("unprocessable", scope="octo-labs", day=str(FAILED), times=None)
    return publish(Store(tmp_path_factory.mktemp("marts") / "data"), *days, faults=[fault])


@pytest.fixture
def spoilt(marts: Path, tmp_path: Path) -> Callable[..., Path]:
    """A copy of the published file with statements carried out on it."""

    def make(*statements: str) -> Path:
        copy = tmp_path / "spoilt.duckdb"
        shutil.copyfile(marts, copy)
        with duckdb.connect(copy) as connection:
            for statement in statements:
                connection.execute(statement)
        return copy

    return make


@dataclass
class Shown:
    """A report in a browser, with everything it asked for and complained of."""

    page: Page
    file: Path
    marts: Path
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def sql(self, query: str, *params: object) -> list[tuple[Any, ...]]:
        with duckdb.connect(self.marts, read_only=True) as connection:
            return connection.execute(query, params).fetchall()

    def panel(self, mart: str) -> Any:
        return self.page.locator(f"[data-panel={mart}]")

    def cells(self, mart: str) -> list[tuple[str, ...]]:
        """The table of a panel, opened as a reader would."""
        panel = self.panel(mart)
        panel.locator("summary").click()
        panel.locator("details tbody tr").first.wait_for()
        rows = panel.locator("details tbody").evaluate(
            "body => [...body.rows].map(row => [...row.cells].map(cell => cell.textContent))"
        )
        return [tuple(row) for row in rows]

    def tile(self, name: str) -> tuple[str, str]:
        """A key number and what stands under it."""
        tile = self.page.locator(".kpi", has=self.page.get_by_text(name, exact=True))
        return tile.locator(".value").inner_text(), tile.locator(".of").inner_text()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.fail("No Chromium is installed, and BROWSER_TESTS=required.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS])
        yield browser
        browser.close()


@pytest.fixture
def show(browser: Browser, tmp_path: Path, marts: Path) -> Iterator[Callable[..., Shown]]:
    """Writes a report and opens it; at the end nothing may have been asked for but the file, and nothing gone wrong."""
    shown: list[Shown] = []
    contexts: list[BrowserContext] = []

    def make(
        source: Path = marts,
        *,
        include_users: bool = False,
        width: int = 1280,
        scheme: str = "light",
        choice: str = "",
    ) -> Shown:
        file = tmp_path / f"report-{len(shown)}.html"
        report.write(source, file, include_users=include_users)
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,  # type: ignore[arg-type]
            offline=True,
            locale="en-GB",
        )
        contexts.append(context)
        made = Shown(context.new_page(), file, source)
        made.page.set_default_timeout(10_000)
        made.page.on("request", lambda request: made.asked.append(request.url))
        made.page.on("console", lambda message: made.complaints.append(message.text))
        made.page.on("pageerror", lambda error: made.complaints.append(str(error)))
        made.page.goto(file.as_uri() + choice)
        shown.append(made)
        return made

    yield make
    for context in contexts:
        context.close()
    for each in shown:
        assert {url.split("#")[0] for url in each.asked} == {each.file.as_uri()}
        assert each.complaints == []
