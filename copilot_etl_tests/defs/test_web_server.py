"""The real web server and daemon: a backfill with bad days, the models after it, no secret left.

The processes are the ones that `copilot-etl ui` starts, the counterpart is the fake GitHub, and the clock is the real
one.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
import zstandard

from copilot_etl.sandbox import Fault, Organization, Sandbox

pytestmark = pytest.mark.xdist_group("web server")  # what they share is made once

TODAY = dt.datetime.now(dt.UTC).date()
DAYS = [(TODAY - dt.timedelta(days=n)).isoformat() for n in range(12, 7, -1)]
BAD_DAY = DAYS[2]
REFUSED_DAY = DAYS[3]

BACKFILL = """
mutation ($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
STATUS = """
query ($id: String!) {
  partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } }
  runsOrError { ... on Runs { results { jobName status } } }
}
"""
PARTITIONS = """
query ($key: AssetKeyInput!) {
  assetNodeOrError(assetKey: $key) { ... on AssetNode {
    assetMaterializations { partition metadataEntries { label ... on IntMetadataEntry { intValue } } }
    latestMaterializationByPartition { partition }
    partitionStats { numMaterialized numFailed }
  } }
}
"""


class Webhook(HTTPServer):
    """Takes the alerts."""

    def __init__(self) -> None:
        self.received: list[str] = []
        received = self.received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def web_server(env: dict[str, str], log: Path) -> Iterator[str]:
    """`copilot-etl ui`, ready to answer; its address."""
    port = free_port()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "copilot_etl", "ui", "--port", str(port)],
            env={**os.environ, **env},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=0,
        )
        try:
            until(lambda: answers(f"http://127.0.0.1:{port}/server_info"), seconds=90, log=log)
            yield f"http://127.0.0.1:{port}/graphql"
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
            time.sleep(1)


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def until(true: Callable[[], Any], *, seconds: float, log: Path) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := true():
            return found
        time.sleep(0.5)
    raise AssertionError(f"not within {seconds} s; the server's log ends with\n{log.read_text()[-3000:]}")


def graphql(url: str, query: str, **variables: Any) -> dict[str, Any]:
    answer = httpx.post(url, json={"query": query, "variables": variables}, timeout=30).json()
    assert "errors" not in answer, answer["errors"]
    return answer["data"]


def key(*path: str) -> dict[str, list[str]]:
    return {"path": list(path)}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """One backfill of five days of two organizations, with a malformed day and a refused one; all that it left."""
    root = tmp_path_factory.mktemp("web server")
    faults = (
        Fault("malformed_line", scope="octo-org", day=BAD_DAY, part=1, times=None),
        Fault("policy_off", scope="octo-labs", day=REFUSED_DAY, times=None),
        Fault("reset", side="blob", day=DAYS[0]),
        Fault("expired", side="blob", day=DAYS[1], part=0),
    )
    organizations = (Organization("octo-org", "4242001", 12), Organization("octo-labs", "4242002", 8))
    webhook = Webhook()
    with Sandbox(faults=faults, organizations=organizations, late=False) as github:
        env = {
            **github.env(),
            "COPILOT_DATA_DIR": str(root / "data"),
            "DAGSTER_HOME": str(root / "home"),
            "COPILOT_ALERT_WEBHOOK_URL": f"http://127.0.0.1:{webhook.server_address[1]}/hook?key=HOOKSECRET",
            "COPILOT_START_DAY": DAYS[0],
        }
        log = root / "server.log"
        with web_server(env, log) as url:
            launched = graphql(
                url,
                BACKFILL,
                params={
                    "assetSelection": [key("users_1_day", name) for name in ("files", "tables", "load")],
                    "partitionNames": DAYS,
                },
            )["launchPartitionBackfill"]
            assert launched["__typename"] == "LaunchBackfillSuccess", launched

            def ended() -> Any:
                status = graphql(url, STATUS, id=launched["backfillId"])
                done = status["partitionBackfillOrError"]["status"].startswith("COMPLETED")
                runs = [(run["jobName"], run["status"]) for run in status["runsOrError"]["results"]]
                return done and ("models", "SUCCESS") in runs and webhook.received and status

            status = until(ended, seconds=240, log=log)
            assets = {
                name: graphql(url, PARTITIONS, key=key("users_1_day", name))["assetNodeOrError"]
                for name in ("files", "tables", "load")
            }
        yield {
            "root": root,
            "status": status,
            "assets": assets,
            "alerts": webhook.received,
            "github": github,
            "token": github.token,
        }
    webhook.shutdown()


def test_each_good_day_is_green_and_each_bad_day_is_not(story: dict[str, Any]) -> None:
    good = {DAYS[0], DAYS[1]}
    for name, asset in story["assets"].items():
        green = {each["partition"] for each in asset["latestMaterializationByPartition"] if each}
        # After a refusal the scope is not asked again in this run, so the day behind it is not whole either.
        assert green == good, name


def test_the_good_scope_of_a_bad_day_is_loaded(story: dict[str, Any]) -> None:
    with duckdb.connect(story["root"] / "data" / "warehouse.duckdb", read_only=True) as connection:
        states = connection.execute("select scope, day::varchar, state from ops.report_days").fetchall()
        rows = connection.execute("select scope, day::varchar, count(*) from raw.user_day group by all").fetchall()

    expected = {
        (scope, day): "loaded" if story["github"].truth(scope, day) else "loaded_empty"
        for scope in ("octo-org", "octo-labs")
        for day in DAYS
    }
    expected["octo-org", BAD_DAY] = "quarantined"
    expected["octo-labs", REFUSED_DAY] = expected["octo-labs", DAYS[4]] = "failed"
    assert {(scope, day): state for scope, day, state in states} == expected
    assert {(scope, day): count for scope, day, count in rows} == {
        (scope, day): len(story["github"].truth(scope, day))
        for (scope, day), state in expected.items()
        if state == "loaded" and story["github"].truth(scope, day)
    }


def test_the_models_are_built_without_anybodys_hand(story: dict[str, Any]) -> None:
    with duckdb.connect(story["root"] / "data" / "published" / "copilot.duckdb", read_only=True) as connection:
        days = connection.execute("select distinct day::varchar from marts.adoption_daily order by 1").fetchall()

    assert [day for (day,) in days] == DAYS


def test_the_metadata_are_numbers(story: dict[str, Any]) -> None:
    for asset, label in (("files", "bytes"), ("files", "files"), ("tables", "rows"), ("load", "rows")):
        entries = story["assets"][asset]["assetMaterializations"][0]["metadataEntries"]
        assert next(entry["intValue"] for entry in entries if entry["label"] == label) > 0, (asset, label)


def test_the_failed_run_is_one_clear_message(story: dict[str, Any]) -> None:
    (alert,) = story["alerts"]

    assert "3 of 5 days did not load whole; the others did." in alert
    assert f"- octo-org {BAD_DAY}: part 2 line " in alert
    assert "An owner must enable the policy 'Copilot usage metrics'." in alert
    assert "Traceback" not in alert


def test_github_was_asked_politely(story: dict[str, Any]) -> None:
    assert story["github"].violations() == []


def test_no_secret_and_no_login_is_left_in_any_file(story: dict[str, Any]) -> None:
    token = story["token"].encode()
    secrets = [token, token[::-1], b"sig=", b"HOOKSECRET", b"Bearer ", b"download_links"]
    logins = {record["user_login"].encode() for day in DAYS for record in story["github"].truth("octo-org", day)}
    files = [path for path in story["root"].rglob("*") if path.is_file()]
    kinds = {path.suffix for path in files}
    assert {".zst", ".parquet", ".duckdb", ".db", ".json", ".log"} <= kinds, "everything is really looked at"
    for path in files:
        content = path.read_bytes()
        if path.suffix == ".zst":
            content += zstandard.ZstdDecompressor().stream_reader(content).read()
        found = [secret for secret in secrets if secret in content]
        if (story["root"] / "home") in path.parents or path.name == "server.log":
            found += [login for login in logins if login in content]
        assert not found, (path, found)


def test_every_file_and_folder_is_for_its_owner_only(story: dict[str, Any]) -> None:
    """Servers, daemon and runs were started by somebody who would have shown everything to everybody."""
    loose = {}
    for folder in (story["root"] / "data", story["root"] / "home"):
        for path in (folder, *folder.rglob("*")):
            mode = path.stat().st_mode & 0o777
            if mode != (0o700 if path.is_dir() else 0o600):
                loose[str(path)] = oct(mode)
    assert loose == {}


def test_the_log_would_show_a_secret(story: dict[str, Any]) -> None:
    """The search above finds what is there: the runs' own words stand in Dagster's files as plain bytes."""
    home = b"".join(path.read_bytes() for path in (story["root"] / "home").rglob("*") if path.is_file())

    assert f"octo-org {BAD_DAY}".encode() in home
