"""Plays a case from the first request to the line a person reads, over real sockets into a real DuckDB file."""

from __future__ import annotations

import datetime as dt
import logging
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from copilot_etl import cli
from copilot_etl.pipeline import Outcome
from copilot_etl.sandbox import Sandbox
from copilot_etl.sandbox.server import Request
from copilot_etl.store import Store
from copilot_etl_tests.conftest import QUICK, SMALL, TODAY, Line
from copilot_etl_tests.faults.case import DAY, Case
from copilot_etl_tests.served import assert_equal_to_what_was_served, tables

Play = Callable[[Case], Line]


@dataclass(frozen=True)
class Earlier:
    """A data folder into which octo-org's day was loaded, to be copied, and what its tables hold."""

    root: Path
    tables: dict[str, tuple[int, int]]


@pytest.fixture(scope="session")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Earlier:
    with Sandbox(today=TODAY, organizations=SMALL, late=False, restatements=False) as github:
        made = Line(github, Store(tmp_path_factory.mktemp("earlier") / "data"))
        made.load(DAY)
    return Earlier(made.store.root, tables(made))


@pytest.fixture
def play(
    line: Callable[..., Line],
    earlier: Earlier,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> Play:
    """Plays a case and holds it to all that it states; the pipeline is given back for more questions."""
    # Days that GitHub will soon keep no longer are warned of by the machine's calendar, which is not the sandbox's.
    monkeypatch.setattr(cli.coverage, "warning", lambda *_: "")

    def played(case: Case) -> Line:
        made = line(**{"parts": 1, **case.sandbox})
        if case.earlier:
            shutil.copytree(earlier.root, made.store.root)
            made.github.publish("octo-org", case.day, restated(made.github.truth("octo-org", case.day)))
        if case.publish:
            made.github.publish("octo-org", case.day, case.publish(made.github.truth("octo-org", case.day)))
        made.github.faults = case.faults
        made.limits = replace(QUICK, **case.limits)
        made.changes = dict(case.client)
        for name, value in case.environ.items():
            monkeypatch.setenv(name, value)
        caplog.clear()

        outcomes = made.load(*(case.day + dt.timedelta(days=n) for n in range(case.days)), scopes=case.scopes)

        with made.reading():
            hold_rows(case, made, before=earlier.tables)
            hold_state(case, made)
        code, said = ended(outcomes, capsys)
        assert code == case.exit_code
        hold_words(case, made, said=said, logged=caplog.records)
        hold_requests(case, made.github.journal, waits=made.waits)
        if case.heals:
            made.github.faults, made.limits = (), QUICK
            if case.publish:
                made.github.publish("octo-org", case.day, [{"day": str(case.day), "user_id": n} for n in range(9)])
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


def hold_rows(case: Case, made: Line, *, before: dict[str, tuple[int, int]]) -> None:
    if case.rows == "served":
        assert_equal_to_what_was_served(made, "octo-org", case.day)
    elif case.rows != "anything":
        found = tables(made, "octo-org", day=case.day)
        assert found == before if case.rows == "earlier" else {count for count, _ in found.values()} == {0}
    for sql, rows in case.holds.items():
        assert made.query(sql) == list(rows)
    assert not list(made.store.scratch.iterdir()), "nothing half-done stays"


def hold_state(case: Case, made: Line) -> None:
    expected = {("octo-org", case.day): case.state, **case.also}
    found = {(scope, day): state for scope, day, state in made.query("select scope, day, state from ops.report_days")}
    assert {place: found.get(place) for place in expected} == expected


def hold_words(case: Case, made: Line, *, said: Sequence[str], logged: Sequence[logging.LogRecord]) -> None:
    """The last line is the one that is stated; all of them are short, and safe to show to anybody."""
    last = said[-1] if said else ""
    assert re.fullmatch(".+".join(map(re.escape, case.line.split("…"))), last), last
    warned = [record.message for record in logged if record.levelno >= logging.WARNING]
    assert warned == ([case.logged] if case.logged else [])
    logins = {str(record.get("user_login") or made.github.token) for record in made.github.truth("octo-org", case.day)}
    for text in (*said, *warned):
        assert len(text) <= 200 and text.isprintable(), text
        assert not any(secret in text for secret in (made.github.token, "sig=", "SECRET", *logins))


def hold_requests(case: Case, journal: Sequence[Request], *, waits: Sequence[float]) -> None:
    assert [request.status for request in journal if request.side == "api"] == list(case.asked)
    assert sorted(request.status for request in journal if request.side == "blob") == sorted(case.fetched)
    assert [round(wait) for wait in waits if wait] == pytest.approx(list(case.waits), abs=2)
    # Waits are only written down here, so the next question comes before a limit has ended.
    allowed = {"early_retry"} if case.waits else set()
    assert {what for request in journal for what in request.violations} <= allowed
