"""The stages of copilot_etl without Dagster and models: `python -m copilot_etl_tests.bench.candidates.ours --help`."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

from copilot_etl import pipeline
from copilot_etl.github import GitHub
from copilot_etl.reports import USERS_1_DAY, Scope
from copilot_etl.store import Store
from copilot_etl.warehouse import Warehouse

ACME = Scope("org", "acme")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "work", choices=("load", "from-raw", "download"), help="from links, from landed bytes, or only fetch"
    )
    parser.add_argument("folder", type=Path, help="the data folder")
    parser.add_argument("--port", type=int, help="where the server of made-up days is")
    parser.add_argument("--tls", action="store_true", help="it speaks TLS, with a certificate that SSL_CERT_FILE knows")
    parser.add_argument("--day", type=dt.date.fromisoformat, required=True)
    parser.add_argument("--days", type=int, default=1)
    parser.add_argument("--times", type=int, default=1, help="load the same days this often; the last time is told")
    chosen = parser.parse_args()
    store = Store(chosen.folder)
    days = [chosen.day + dt.timedelta(days=n) for n in range(chosen.days)]
    told: dict[str, Any] = {}
    sizes = [_size(store)]
    api_url = f"{'https' if chosen.tls else 'http'}://127.0.0.1:{chosen.port or 1}"
    with GitHub(api_url=api_url, token="made-up", allow_loopback_http=True) as github:
        for _ in range(chosen.times):
            started = time.perf_counter()
            if chosen.work == "download":
                store.prepare()
                for day in days:
                    with store.workspace() as folder:
                        github.fetch(USERS_1_DAY, ACME, day, into=folder)
            else:
                outcomes = list(
                    pipeline.run(
                        [USERS_1_DAY],
                        scopes=[ACME],
                        days=days,
                        github=None if chosen.work == "from-raw" else github,
                        store=store,
                        warehouse=Warehouse(store.warehouse),
                        clock=lambda: dt.datetime.now(dt.UTC),
                    )
                )
                bad = [outcome.reason for outcome in outcomes if outcome.state != "loaded"]
                if bad:
                    raise SystemExit(f"Error: {bad[0]}")
                by_stage: Counter[str] = Counter()
                for outcome in outcomes:
                    by_stage.update(outcome.seconds)
                told = {stage: round(seconds, 3) for stage, seconds in by_stage.items()}
            told["seconds"] = time.perf_counter() - started
            sizes.append(_size(store))
    print(json.dumps({**told, "sizes": sizes}))


def _size(store: Store) -> int:
    return store.warehouse.stat().st_size if store.warehouse.exists() else 0


if __name__ == "__main__":
    main()
