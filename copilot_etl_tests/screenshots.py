"""The pictures of the README: `python -m copilot_etl_tests.screenshots`, anew from a fake GitHub with one failed day.

Not a test: it needs Chromium and a minute. It loads into a temporary folder and leaves PNG files in `screenshots/`.
"""

from __future__ import annotations

import datetime as dt
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import httpx
from playwright.sync_api import Browser, Page, sync_playwright

from copilot_etl.sandbox import Fault, Sandbox
from copilot_etl_tests.report.conftest import CHROMIUM, FLAGS

ROOT = Path(__file__).parents[1]
FOLDER = Path(__file__).with_name("screenshots")
DAYS = 75
MOST_BYTES = 300_000


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        load(data)
        FOLDER.mkdir(exist_ok=True)
        with sync_playwright() as playwright, web_server(data) as url:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS])
            report(browser, data / "report.html")
            dagster(browser, url)
            browser.close()
    for file in FOLDER.glob("*.png"):
        if file.stat().st_size > MOST_BYTES:
            sys.exit(f"{file.name} has {file.stat().st_size:,} bytes, more than {MOST_BYTES:,}")


def load(data: Path) -> None:
    """Two organizations' days with one that GitHub answers wrongly."""
    today = dt.datetime.now(dt.UTC).date()
    bad = Fault("garbled", scope="octo-labs", day=str(today - dt.timedelta(days=19)), times=None)
    with Sandbox(faults=[bad]) as github:
        first = str(today - dt.timedelta(days=DAYS))
        environment = {**os.environ, **github.env(), "COPILOT_DATA_DIR": str(data), "COPILOT_START_DAY": first}
        command = [sys.executable, "-m", "copilot_etl", "load", "--from", first]
        if subprocess.run(command, env=environment, cwd=ROOT).returncode not in (0, 1):
            sys.exit("the days could not be loaded")


def report(browser: Browser, file: Path) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(file.as_uri())
    page.screenshot(path=FOLDER / "report.png")


def dagster(browser: Browser, url: str) -> None:
    page = browser.new_page(viewport={"width": 1400, "height": 560})
    page.goto(f"{url}/assets/users_1_day/load?view=partitions")
    settle(page)
    page.screenshot(path=FOLDER / "days.png")
    # The graph alone, with the first and the last group open: all groups open would be too much to read.
    page = browser.new_page(viewport={"width": 1700, "height": 520}, device_scale_factor=1.5)
    groups = ",".join(f"global@global:{group}" for group in ("raw", "published"))
    page.goto(f"{url}/asset-groups?expanded={quote(groups)}")
    settle(page)
    page.screenshot(path=FOLDER / "assets.png", clip={"x": 545, "y": 170, "width": 1112, "height": 240})


def settle(page: Page) -> None:
    """Dagster's page asks for more after it is there, and draws its graph in a worker."""
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(4_000)


@contextmanager
def web_server(data: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    first = str(dt.datetime.now(dt.UTC).date() - dt.timedelta(days=DAYS))
    environment = {
        **os.environ,
        "COPILOT_DATA_DIR": str(data),
        "COPILOT_START_DAY": first,
        "COPILOT_ORGS": "octo-org,octo-labs",
        "DAGSTER_HOME": str(data / "dagster"),
    }
    command = [sys.executable, "-m", "dagster_webserver", "-w", str(ROOT / "workspace.yaml")]
    server = subprocess.Popen(
        [*command, "-h", "127.0.0.1", "-p", str(port), "--read-only"],
        env=environment,
        cwd=data,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(90):
            try:
                httpx.get(f"{url}/server_info", trust_env=False)
                break
            except httpx.TransportError:
                time.sleep(1)
        yield url
    finally:
        server.terminate()
        server.wait(30)


if __name__ == "__main__":
    main()
