"""The notebook run without a browser: its frames are those of the marts, and it leaves the file as it was."""

from __future__ import annotations

import datetime as dt
import re
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from copilot_etl.models import read
from copilot_etl.published import Published
from copilot_etl.sandbox import Sandbox
from copilot_etl.store import Store
from copilot_etl_tests.conftest import SMALL, Line

pytestmark = pytest.mark.xdist_group("notebook")  # what they share is made once

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "copilot_etl" / "notebook.py"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    now = dt.datetime.now(dt.UTC)
    store = Store(tmp_path_factory.mktemp("notebook") / "data")
    with Sandbox(today=now.date(), organizations=SMALL, late=False, restatements=False) as github:
        line = Line(github, store, now=now)
        line.load(*(now.date() - dt.timedelta(days=n) for n in range(28, 0, -1)))
        assert Published(store.published, line.warehouse).refresh(read(ROOT / "sql"), now=now).kept
    return store.published


def test_its_answers_are_those_of_the_marts(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from copilot_etl import notebook

    before = published.read_bytes()
    monkeypatch.setattr(sys, "argv", ["notebook.py", "--published", str(published)])

    outputs, found = notebook.app.run()

    scope = found["scope"].value
    with duckdb.connect(published, read_only=True) as connection:

        def one(query: str) -> object:
            return (connection.execute(query, [scope]).fetchone() or (None,))[0]

        assert scope == "(all organizations)"
        weeks = "select sum(active_users) from marts.adoption_weekly where is_complete and scope = ?"
        assert found["growth"]["active_users"].sum() == one(weeks)
        assert (found["growth"]["new_users"] + found["growth"]["returning_users"]).sum() == one(weeks)
        assert found["models"]["chat_interactions"].sum() == one(
            "select sum(chat_interactions) from marts.model_mix where scope = ?"
        )
        assert found["languages"]["suggested"].sum() == one(
            "select sum(suggested) from (select sum(suggested) as suggested "
            "from marts.completion_acceptance_language_weekly where scope = ? "
            "group by language_canonical having sum(suggested) >= 500)"
        )
        assert len(found["credits"]) == one(
            "select users_with_credits from marts.ai_credits_org_month where scope = ? "
            "order by month_start desc limit 1"
        )
    assert found["stay"]["share"].between(0, 1).all()
    assert found["credits"]["share_so_far"].iloc[-1] == pytest.approx(1)
    charts = [each for each in outputs if each is not None and "vega" in each.text]
    assert len(charts) == 5
    found["marts"].close()
    assert published.read_bytes() == before


def test_as_a_page_it_has_five_questions_and_no_error(published: Path, tmp_path: Path) -> None:
    page = tmp_path / "notebook.html"
    copy = shutil.copy(NOTEBOOK, tmp_path)  # marimo keeps what a notebook showed in a folder beside it

    result = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "marimo",
                "--quiet",
                "export",
                "html",
                str(copy),
                "-o",
                str(page),
                "--no-sandbox",
            ),
            *("--", "--published", str(published)),
        ],
        capture_output=True,
        text=True,
        timeout=240,
        cwd=tmp_path,
    )

    assert result.returncode == 0, result.stderr[-2000:]
    text = page.read_text()
    assert [int(number) for number in re.findall(r"## ([1-5])\. ", text)][:5] == [1, 2, 3, 4, 5]
    assert "marimo-error" not in text


def test_it_passes_marimos_own_check() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "marimo", "check", str(NOTEBOOK)],
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert result.returncode == 0, result.stdout + result.stderr
