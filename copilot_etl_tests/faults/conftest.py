"""Plays a case from the first request to the line a person reads, over real sockets into a real DuckDB file."""

from __future__ import annotations

import datetime as dt
import logging
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from copilot_etl import cli
from copilot_etl.pipeline import Outcome, Store
from copilot_etl.sandbox import Sandbox
from copilot_etl_tests.conftest import QUICK, SMALL, TODAY, Line
from copilot_etl_tests.faults.case import DAY, Case
from copilot_etl_tests.served import assert_equal_to_what_was_served, tables

Play = Callable[[Case], Line]

LIMITS = replace(QUICK, connect_seconds=0.3, read_seconds=0.3, api_seconds=0.6, file_seconds=0.6)


@pytest.fixture(scope="session")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder into which octo-org's day was loaded, to be copied."""
    with Sandbox(today=TODAY, organizations=SMALL, late=False, restatements=False) as github:
        made = Line(github, Store(tmp_path_factory.mktemp("earlier") / "data"))
        made.load(DAY)
    return made.store.root


@pytest.fixture
def play(
    line: Callable[..., Line],
    earlier: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> Play:
    """Plays a case and holds it to all that it states; the pipeline is given back for more questions."""

    def played(case: Case) -> Line:
        made = line(**{"parts": 1, **case.sandbox})
        made.limits = replace(LIMITS, **case.limits)
        held = partial(tables, made, "octo-org", day=case.day)
        days = [case.day + dt.timedelta(days=number) for number in range(case.days)]
        if case.earlier:
            shutil.copytree(earlier, made.store.root)
            made.github.publish("octo-org", case.day, restated(made.github.truth("octo-org", case.day)))
        if case.publish:
            made.github.publish("octo-org", case.day, case.publish(made.github.truth("octo-org", case.day)))
        logins = {record.get("user_login") for record in made.github.truth("octo-org", case.day)}
        before = held() if case.earlier else {}
        requests = len(made.github.journal)
        made.github.faults = case.faults
        for name, value in case.environ.items():
            monkeypatch.setenv(name, value)
        made.changes = {
            name: value.format(made.github) if isinstance(value, str) else value for name, value in case.client.items()
        }
        caplog.clear()

        outcomes = made.load(*days, scopes=case.scopes)

        # the rows
        if case.rows == "served":
            assert_equal_to_what_was_served(made, "octo-org", case.day)
        elif case.rows == "earlier":
            assert held() == before
        elif case.rows == "none":
            assert {count for count, _ in held().values()} == {0}
        for sql, rows in case.holds.items():
            assert made.query(sql) == list(rows)
        assert not list(made.store.scratch.iterdir()), "nothing half-done stays"

        # the state
        states = {
            (scope, day): state for scope, day, state in made.query("select scope, day, state from ops.report_days")
        }
        expected = {("octo-org", case.day): case.state, **case.also}
        assert {place: states[place] for place in expected} == expected

        # what a person gets
        # Days that GitHub will soon keep no longer are warned of by the machine's calendar, which is not the sandbox's.
        monkeypatch.setattr(cli.coverage, "warning", lambda *_: "")
        code, lines = ended(outcomes, capsys)
        assert code == case.exit_code
        shown = lines[-1] if lines else ""
        assert re.fullmatch(".+".join(map(re.escape, case.line.split("…"))), shown), shown
        for text in (*lines, *caplog.messages):
            assert len(text) <= 200 and text.isprintable(), text
            assert made.github.token not in text and "sig=" not in text and "SECRET" not in text
            assert not any(login and login in text for login in logins)
        warned = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
        assert warned == ([case.logged] if case.logged else [])

        # the requests
        journal = made.github.journal[requests:]
        assert [request.status for request in journal if request.side == "api"] == list(case.asked)
        assert sorted(request.status for request in journal if request.side == "blob") == sorted(case.fetched)
        assert [round(wait) for wait in made.waits if wait] == pytest.approx(list(case.waits), abs=2)
        # Waits are only written down here, so the next question comes before a limit has ended.
        assert {what for request in journal for what in request.violations} <= (
            {"early_retry"} if case.waits else set()
        )

        if case.heals:
            made.github.faults, made.limits = (), LIMITS
            made.changes = {}
            for name in case.environ:
                monkeypatch.delenv(name)
            if case.publish:
                made.github._published.pop(("octo-org", str(case.day)))
            assert made.load(case.day)[0].state == "loaded", "a good version heals the day"
            assert_equal_to_what_was_served(made, "octo-org", case.day)
        return made

    return played


def restated(records: list[dict[str, object]]) -> list[dict[str, object]]:
    """Another version of a day, as GitHub publishes one for three days: other counts, one person less."""
    return [{**record, "loc_added_sum": 4711} for record in records[:-1]]


def ended(outcomes: list[Outcome], capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    """The exit code and the lines on stderr with which `copilot-etl load` ends after these outcomes."""
    capsys.readouterr()
    cli._tell(outcomes)
    code = max((each.error.exit_code for each in outcomes if each.error and not each.good), default=0)
    return code, capsys.readouterr().err.splitlines()
