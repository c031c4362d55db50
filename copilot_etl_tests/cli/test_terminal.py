"""What a terminal is shown, and what a file: width, folding, and no code that a reader without colours would see."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from copilot_etl.sandbox import Fault, Sandbox
from copilot_etl.store import Store
from copilot_etl.warehouse import Warehouse
from copilot_etl_tests.cli.test_cli import DAY, NEXT, ROOT, TODAY, Shell
from copilot_etl_tests.conftest import SMALL

pytestmark = pytest.mark.xdist_group("terminal")  # what they share is made once

ESCAPE = "\x1b"
BAR = "\u2501"


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """Two days of two organizations are loaded, one of them badly."""
    fault = Fault("malformed_line", scope="octo-org", day=DAY, part=0, times=None)
    with Sandbox(faults=[fault], today=TODAY, organizations=SMALL, late=False, restatements=False) as github:
        made = Shell(github, tmp_path_factory.mktemp("terminal") / "data")
        assert made.run("load", "--from", DAY, "--to", NEXT).returncode == 1
        yield made


def typed(shell: Shell, *args: str, columns: int = 80, **changes: str) -> str:
    """Everything that a command shows on a terminal of so many columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", shell.module, *args],
        env=shell.env(**{"TERM": "xterm-256color", **changes}),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=ROOT,
    )
    os.close(theirs)
    shown = b""
    try:
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # how Linux says that nobody is at the other end
                break
            if not part:
                break
            shown += part
        process.wait(60)
    finally:
        os.close(ours)
        process.kill()
    return shown.decode().replace("\r\n", "\n")


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


@pytest.mark.parametrize("columns", [80, 60])
def test_status_fits_a_terminal(shell: Shell, columns: int) -> None:
    text = typed(shell, "status", columns=columns)

    lines = plain(text).splitlines()
    assert max(map(len, lines)) < columns
    assert [line for line in lines if line != line.rstrip()] == []
    assert f"{ESCAPE}[1mocto-org{ESCAPE}[0m users-1-day: " in text, "a scope is bold, and nothing else is coloured"
    assert set(re.findall(r"\x1b\[[0-9;?]*[A-Za-z]", text)) == {f"{ESCAPE}[1m", f"{ESCAPE}[0m"}
    folded = " ".join(" ".join(lines).split())
    assert re.search(rf"quarantined after 1 look since \S+: octo-org {DAY}: part 1 line \d+", folded)


@pytest.mark.parametrize("changes", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["NO_COLOR", "dumb"])
def test_without_colours_there_is_no_escape_code(shell: Shell, changes: dict[str, str]) -> None:
    for command in (("status",), ("load", "--from", NEXT, "--to", NEXT)):
        text = typed(shell, *command, **changes)
        assert ESCAPE not in text
        assert "octo-org" in text or "2 scope-days: 2 loaded" in text


def test_in_a_file_a_fact_is_a_line_and_no_line_ends_in_blanks(shell: Shell) -> None:
    said = shell.run("status").stdout

    assert ESCAPE not in said
    lines = said.splitlines()
    assert [line for line in lines if line != line.rstrip()] == []
    (quarantined,) = [line for line in lines if "quarantined after" in line]
    assert f"octo-org {DAY}: part 1 line " in quarantined
    assert len(quarantined) > 80, "a terminal would fold it"
    loaded = shell.run("load", "--from", NEXT, "--to", NEXT)
    assert (ESCAPE in loaded.stdout + loaded.stderr, BAR in loaded.stderr) == (False, False)


def test_a_load_shows_a_bar_that_ends_full_and_goes_away(shell: Shell) -> None:
    text = typed(shell, "load", "--from", NEXT, "--to", NEXT)

    frames = [plain(frame) for frame in re.split(r"[\r\n]", text) if BAR in frame]
    assert max(map(len, frames)) <= 80
    assert "2/2" in frames[-1]
    assert "building the models" in frames[-1]
    assert text.rstrip().endswith("2 scope-days: 2 loaded; 0 new or changed with 0 rows.")


def test_status_counts_days_that_are_a_first_look(sandbox: Callable[..., Sandbox], tmp_path: Path) -> None:
    made = Shell(sandbox(today=TODAY), tmp_path / "data")
    assert made.run("load", "--first-look", "--scope", "octo-org").returncode == 0

    lines = made.run("status").stdout.splitlines()
    looks = [row for row in Warehouse(Store(made.data).warehouse).ledger() if row.is_first_look]

    assert len(looks) > 10
    assert [line for line in lines if "a first look" in line] == [
        f"  {len(looks)} days are a first look, until the day's own file is loaded"
    ]
