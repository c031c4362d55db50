"""The command line as a process: what it prints, how it ends, and what it leaves, against the fake GitHub."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from copilot_etl import cli, settings
from copilot_etl.sandbox import Fault, Sandbox
from copilot_etl.sandbox.app import App
from copilot_etl_tests.conftest import SMALL

ROOT = Path(__file__).parents[2]
TODAY = dt.datetime.now(dt.UTC).date()
TUESDAY = TODAY - dt.timedelta(days=9 + (TODAY.weekday() - 3) % 7)
DAY, NEXT = str(TUESDAY), str(TUESDAY + dt.timedelta(days=1))


@dataclass
class Shell:
    """Runs `copilot-etl` with only the variables that are named, and with few models unless `module` is the whole."""

    github: Sandbox
    data: Path
    module: str = "copilot_etl_tests.cli.small"

    def env(self, **changes: str) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return {**kept, **self.github.env(), "COPILOT_DATA_DIR": str(self.data), **changes}

    def run(self, *args: str, **changes: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", self.module, *args],
            env=self.env(**changes),
            capture_output=True,
            text=True,
            timeout=120,
            cwd=ROOT,
            umask=0,
        )

    def start(self, *args: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", self.module, *args],
            env=self.env(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )


@pytest.fixture
def shell(sandbox: Callable[..., Sandbox], tmp_path: Path) -> Callable[..., Shell]:
    def make(*faults: Fault, **options: Any) -> Shell:
        return Shell(sandbox(*faults, today=TODAY, **options), tmp_path / "data with spaces")

    return make


def load_range(shell: Shell) -> subprocess.CompletedProcess[str]:
    return shell.run("load", "--from", DAY, "--to", NEXT)


def test_load_loads_builds_and_publishes_and_a_second_time_changes_nothing(shell: Callable[..., Shell]) -> None:
    made = shell()
    made.module = "copilot_etl"

    first = load_range(made)
    second = load_range(made)

    rows = sum(len(made.github.truth(org.login, day)) for org in SMALL for day in (DAY, NEXT))
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout == f"4 scope-days: 4 loaded; 4 new or changed with {rows} rows.\n"
    assert (second.returncode, second.stderr) == (0, "")
    assert second.stdout == "4 scope-days: 4 loaded; 0 new or changed with 0 rows.\n"
    assert jobs(made) == ["load", "models", "load"]
    with duckdb.connect(made.data / "published" / "copilot.duckdb", read_only=True) as connection:
        assert connection.execute("select count(*) from core.fct_user_day").fetchone() == (rows,)
    assert made.github.violations() == []


def test_a_report_that_somebody_deleted_is_there_again_after_the_next_load(shell: Callable[..., Shell]) -> None:
    made = shell()
    made.module = "copilot_etl"
    load_range(made)
    page = made.data / "report.html"
    page.unlink()

    result = load_range(made)

    assert (result.returncode, result.stderr) == (0, "")
    assert page.exists()
    assert jobs(made) == ["load", "models", "load", "models"]


def test_a_first_look_is_there_at_once_and_leaves_its_days_open(shell: Callable[..., Shell]) -> None:
    made = shell()
    days = {str(TODAY - dt.timedelta(days=back)) for back in range(1, 29)}

    result = made.run("load", "--first-look")

    looks = len({(scope.login, day) for scope in SMALL for day in days if made.github.truth(scope.login, day)})
    *_, last = result.stdout.splitlines()
    assert (result.returncode, result.stderr) == (0, "")
    assert last == f"A first look at {looks} scope-days; `copilot-etl load` puts each day's own file in their place."
    assert len([each for each in made.github.journal if each.side == "api"]) == len(SMALL)
    assert not green(made)

    second = made.run("load")

    assert (second.returncode, second.stderr) == (0, "")
    # A day without anybody is not in the report of 28 days, so the first of them may be another one.
    assert green(made) == {day for day in days if day >= min(green(made))} and len(green(made)) > 20
    with duckdb.connect(made.data / "warehouse.duckdb", read_only=True) as connection:
        marks = connection.execute("select distinct coalesce(is_first_look, false) from ops.report_days").fetchall()
        assert marks == [(False,)]
        assert connection.execute("select count(*) from ops.restatements").fetchone() == (0,)


def jobs(made: Shell) -> list[str]:
    """The jobs of Dagster's runs, in their order."""
    with closing(sqlite3.connect(made.data / "dagster" / "history" / "runs.db")) as history:
        return [job for (job,) in history.execute("select pipeline_name from runs order by id").fetchall()]


def green(made: Shell) -> set[str]:
    """The partitions that Dagster holds for loaded."""
    with closing(sqlite3.connect(made.data / "dagster" / "history" / "runs" / "index.db")) as events:
        found = events.execute(
            "select partition from event_logs where dagster_event_type = 'ASSET_MATERIALIZATION' "
            """and asset_key = '["users_1_day", "load"]'"""
        ).fetchall()
    return {day for (day,) in found}


def test_every_load_writes_the_report_which_names_nobody(shell: Callable[..., Shell]) -> None:
    made = shell()
    made.module = "copilot_etl"
    load_range(made)

    page = (made.data / "report.html").read_text()
    result = made.run("report", "--include-users")

    with duckdb.connect(made.data / "published" / "copilot.duckdb", read_only=True) as connection:
        logins = [login for (login,) in connection.execute("select user_login from core.dim_user").fetchall()]
    named = (made.data / "report-with-users.html").read_text()
    assert result.returncode == 0
    assert result.stdout.startswith(f"{made.data / 'report-with-users.html'} (")
    assert result.stderr == "It names people: pass it on only to those who may see that.\n"
    assert [login for login in logins if login in page] == []
    assert [login for login in logins if login not in named] == []
    assert (made.data / "report.html").read_text() == page


@pytest.mark.parametrize("command", ["report", "notebook"])
def test_without_a_published_file_it_says_what_to_run(shell: Callable[..., Shell], command: str) -> None:
    result = shell().run(command)

    assert result.returncode == 2
    assert "does not exist yet" in result.stderr
    assert "copilot-etl load" in result.stderr


def test_files_and_folders_are_for_their_owner_only(shell: Callable[..., Shell]) -> None:
    made = shell()
    load_range(made)

    modes = {(path.is_dir(), path.stat().st_mode & 0o777) for path in (made.data, *made.data.rglob("*"))}
    assert modes == {(True, 0o700), (False, 0o600)}


def test_one_refused_organization_is_exit_code_3_and_the_other_is_loaded(shell: Callable[..., Shell]) -> None:
    made = shell(Fault("no_role", scope="octo-labs", times=None))

    result = load_range(made)

    assert result.returncode == 3
    assert "2 failed, 2 loaded" in result.stdout
    assert result.stderr.splitlines() == [
        f"failed: octo-labs {DAY}: The token may not read metrics of octo-labs (403): "
        "needs an owner or 'View organization Copilot metrics'. (+1 not asked for)"
    ]


def test_a_quarantined_day_is_exit_code_1_and_one_line(shell: Callable[..., Shell]) -> None:
    made = shell(Fault("malformed_line", scope="octo-org", day=DAY, part=0, times=None))

    result = load_range(made)

    assert result.returncode == 1
    assert re.fullmatch(rf"quarantined: octo-org {DAY}: part 1 line \d+: not valid JSON\. .*\n", result.stderr)


def test_a_day_that_is_not_there_yet_is_exit_code_0(shell: Callable[..., Shell]) -> None:
    made = shell(Fault("no_content", day=NEXT, times=None))

    result = load_range(made)

    assert (result.returncode, result.stderr) == (0, "")
    assert "2 loaded, 2 no_report" in result.stdout


def test_a_dead_token_is_exit_code_3(shell: Callable[..., Shell]) -> None:
    made = shell(Fault("bad_token", times=None))

    result = load_range(made)

    assert result.returncode == 3
    assert "Check GITHUB_TOKEN: expired, revoked or for another host." in result.stderr
    assert len(made.github.journal) == 1


MISTAKES: list[tuple[list[str], dict[str, str], str]] = [
    ([], {"GITHUB_TOKEN": ""}, "GITHUB_TOKEN is not set."),
    ([], {"GITHUB_TOKEN": "ghp_x\ny"}, "GITHUB_TOKEN contains a character that cannot be in a token."),
    ([], {"COPILOT_ORGS": " "}, "COPILOT_ORGS is not set."),
    ([], {"COPILOT_ORGS": "a/../b"}, "COPILOT_ORGS: 'a/../b' is not a name GitHub gives."),
    ([], {"GITHUB_TOKEN": " \t "}, "GITHUB_TOKEN is not set."),
    ([], {"GITHUB_TOKEN": "Bearer ghp_x"}, "GITHUB_TOKEN contains a character that cannot be in a token."),
    (["--from", "yesterday"], {}, "--from: 'yesterday' is not a day (YYYY-MM-DD)."),
    (["--from", "' or 1=1 --"], {}, '--from: "\' or 1=1 --" is not a day (YYYY-MM-DD).'),
    (["--from", "2026-2-5"], {}, "--from: '2026-2-5' is not a day (YYYY-MM-DD)."),
    (["--from", "2026-02-31"], {}, "--from: '2026-02-31' is not a day (YYYY-MM-DD)."),
    (["--from", str(TODAY)], {}, f"--from: {TODAY} is not complete before {TODAY + dt.timedelta(days=1)} 00:00 UTC."),
    (["--from", DAY, "--to", "2999-12-31"], {}, "--to: 2999-12-31 is not complete before 3000-01-01 00:00 UTC."),
    (["--from", NEXT, "--to", DAY], {}, f"--from {NEXT} is after --to {DAY}."),
    (["--from", "2025-01-01"], {}, "--from: 2025-01-01 is before the first partition, 2025-12-12"),
    (["--to", DAY], {}, "--to needs --from."),
    (["--first-look", "--from", DAY], {}, "--first-look takes the last 28 days from GitHub: leave out --from, --to"),
    (["--first-look", "--report", "repos-1-day"], {}, "--first-look needs the report users-1-day: add it"),
    (["--from", DAY, "--scope", "other"], {}, "Scope 'other' is not configured; there is octo-org, octo-labs"),
    (["--from", DAY], {"DAGSTER_HOME": "relative"}, "DAGSTER_HOME: relative is not an absolute path."),
    (["--from", DAY], {"DAGSTER_HOME": "/proc/no"}, "Cannot write DAGSTER_HOME /proc/no: "),
    (["--from", DAY], {"COPILOT_DATA_DIR": "/proc/no"}, "Cannot write /proc/no: "),
]


@pytest.mark.parametrize(("args", "env", "says"), MISTAKES)
def test_a_mistake_is_exit_code_2_and_one_line_before_anything_is_asked(
    shell: Callable[..., Shell], args: list[str], env: dict[str, str], says: str
) -> None:
    made = shell()

    result = made.run("load", *args, **env)

    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"copilot-etl: {says}")
    assert result.stderr.count("\n") == 1
    assert len(result.stderr) <= 220
    assert made.github.token not in result.stderr and "ghp_x" not in result.stderr
    assert made.github.journal == []


@pytest.mark.parametrize(
    ("numbers", "code"),
    [((signal.SIGINT,), 130), ((signal.SIGTERM,), 143), ((signal.SIGINT, signal.SIGINT), 130)],
    ids=["Ctrl-C", "SIGTERM", "Ctrl-C twice"],
)
def test_an_interrupt_ends_at_once_and_leaves_nothing_in_the_way(
    shell: Callable[..., Shell], numbers: tuple[signal.Signals, ...], code: int
) -> None:
    made = shell(Fault("hang", side="blob", day=NEXT, times=None, args={"seconds": 20}))
    process = made.start("load", "--from", DAY, "--to", NEXT)
    deadline = time.monotonic() + 60
    while not (
        any(request.day == NEXT and request.side == "blob" for request in made.github.journal)
        and len(list((made.data / "lake" / "user_day").glob(f"*/day={DAY}/*.parquet"))) == 2
    ):
        assert time.monotonic() < deadline
        time.sleep(0.1)

    for number in numbers:
        process.send_signal(number)
    started = time.monotonic()
    _, errors = process.communicate(timeout=30)

    assert (process.returncode, errors) == (code, "copilot-etl: interrupted; what was loaded stays.\n")
    assert time.monotonic() - started < 10
    # The second Ctrl-C can meet the first one's clearing up; a later run sweeps what is left then.
    assert len(numbers) > 1 or list((made.data / "scratch").iterdir()) == []
    made.github.faults = []
    # The next day is fetched while the second scope's day before is loaded, so that may be cut short, too.
    assert re.search("4 loaded; [23] new", load_range(made).stdout)


def test_an_interrupt_that_dagster_hears_leaves_nothing_of_the_next_day(shell: Callable[..., Shell]) -> None:
    made = shell(Fault("hang", side="blob", day=NEXT, times=None, args={"seconds": 20}))
    made.module = "copilot_etl_tests.cli.interrupted"

    result = load_range(made)

    assert (result.returncode, result.stderr) == (143, "copilot-etl: interrupted; what was loaded stays.\n")
    assert list((made.data / "scratch").iterdir()) == []


def ready(code: str) -> subprocess.Popen[str]:
    """A Python process that has printed `ready`."""
    command = [sys.executable, "-c", textwrap.dedent(code)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout and process.stdout.readline() == "ready\n"
    return process


def test_an_interrupt_that_is_lost_on_its_way_ends_the_command_all_the_same() -> None:
    """What a handler raises can be lost in code that is not ours; here somebody drops it by hand."""
    code = """
        import time
        from copilot_etl import cli
        cli._SIGNALS.listen()
        while True:
            try:
                print("ready", flush=True)
                time.sleep(60)
            except KeyboardInterrupt:
                pass
    """
    process = ready(code)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)

    assert (process.returncode, errors) == (130, "copilot-etl: interrupted; what was loaded stays.\n")


def test_an_interrupt_that_falls_into_a_finalizer_comes_again() -> None:
    code = """
        import time
        from copilot_etl import cli
        class Writer:
            def __del__(self):
                print("ready", flush=True)
                time.sleep(1)
        cli._SIGNALS.listen()
        Writer()
        time.sleep(60)
    """
    process = ready(code)
    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=20)

    assert (process.returncode, errors) == (143, "copilot-etl: interrupted; what was loaded stays.\n")
    assert time.monotonic() - started < cli._GRACE


def test_status_shows_states_and_reasons(shell: Callable[..., Shell]) -> None:
    made = shell(Fault("malformed_line", scope="octo-org", day=DAY, part=0), Fault("no_content", day=NEXT, times=None))
    assert made.run("status").stdout.startswith("Nothing was loaded into ")
    load_range(made)

    shown = made.run("status")
    rows = json.loads(made.run("status", "--json").stdout)

    assert shown.returncode == 1
    assert re.search(r"octo-org users-1-day: \d+ missing, 1 no_report, 1 quarantined\n", shown.stdout)
    assert "!-?" in shown.stdout
    assert "not valid JSON" in shown.stdout
    assert [(row["scope"], row["day"], row["state"]) for row in rows if row["state"] != "missing"] == [
        ("octo-labs", DAY, "loaded"),
        ("octo-labs", NEXT, "no_report"),
        ("octo-org", DAY, "quarantined"),
        ("octo-org", NEXT, "no_report"),
    ]


def test_check_says_what_is_enough_and_what_is_not(shell: Callable[..., Shell]) -> None:
    made = shell(Fault("policy_off", scope="octo-labs", times=None))

    result = made.run("check", COPILOT_ORGS="octo-labs,nobody,octo-org")

    assert result.returncode == 3
    assert "nobody         nobody 20" in result.stderr
    assert re.search(
        r"octo-org       users-1-day: 2 files for \S+ from 127\.0\.0\.1; offered since \S+,", result.stdout
    )
    assert re.search(r"clock          \d s (behind|ahead of) GitHub's\n", result.stdout)
    assert re.search(r"full backfill  \d+ days of reports are not here: about \d+ requests", result.stdout)
    assert re.search(r"data folder    .* can be written, [\d.,]+ GB free\n", result.stdout)
    assert "An owner must enable the policy 'Copilot usage metrics'." in result.stderr
    assert made.github.token not in result.stdout + result.stderr
    asked = Counter(request.scope for request in made.github.journal)
    assert max(asked.values()) <= 3
    assert made.github.violations() == []


def test_check_asks_once_with_a_dead_token(shell: Callable[..., Shell]) -> None:
    made = shell()

    result = made.run("check", GITHUB_TOKEN="dead")

    assert result.returncode == 3
    assert result.stderr.splitlines()[-1].startswith("octo-org       127.0.0.1 refused the token (401).")
    assert len(made.github.journal) == 1


def test_check_names_a_host_that_is_not_allowed(shell: Callable[..., Shell]) -> None:
    made = shell(Fault("foreign_link", scope="octo-org", times=None))

    result = made.run("check", COPILOT_ORGS="octo-org")

    assert result.returncode == 2
    assert "COPILOT_DOWNLOAD_HOSTS" in result.stderr
    assert "SECRET" not in result.stdout + result.stderr


def test_check_names_the_app_its_installation_and_its_permission(shell: Callable[..., Shell]) -> None:
    made = shell(app=App.installed("octo-org"))

    result = made.run("check")

    assert result.returncode == 3
    assert f"sign-in        GitHub App Iv23liSandboxApp0001, at {made.github.api_url}\n" in result.stdout
    assert (
        "octo-org       App copilot-etl-sandbox, installation 7000, organization_copilot_metrics: read" in result.stdout
    )
    assert "App copilot-etl-sandbox is not installed in octo-labs (404)." in result.stderr


def test_an_app_loads_and_leaves_neither_key_nor_token_anywhere(shell: Callable[..., Shell]) -> None:
    made = shell(app=App.installed("octo-org", "octo-labs"))

    result = load_range(made)

    assert (result.returncode, result.stderr) == (0, "")
    assert made.github.violations() == []
    secrets = [*made.github.app._tokens, *made.github.app.private_key.splitlines()[1:-1], "eyJhbGci", "Bearer "]
    files = [path for path in made.data.rglob("*") if path.is_file()]
    assert made.github.app.made == {"octo-org": 1, "octo-labs": 1} and {".db", ".duckdb"} <= {f.suffix for f in files}
    for content in (result.stdout.encode(), *(path.read_bytes() for path in files)):
        assert not any(secret.encode() in content for secret in secrets)


def test_the_demo_works_twice_and_tells_what_to_do_next(tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "COPILOT_DATA_DIR": str(tmp_path / "demo")}

    def demo() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "copilot_etl", "demo", "--days", "8"],
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
            cwd=ROOT,
        )

    first, second = demo(), demo()

    for result in (first, second):
        assert (result.returncode, result.stderr) == (0, "")
        assert "16 scope-days: " in result.stdout
        assert "Day states: " in result.stdout
        assert str(tmp_path / "demo" / "published" / "copilot.duckdb") in result.stdout
        assert "make dev" in result.stdout
        assert len(re.findall(r"^ *\d{4}-\d\d-\d\d +\d+ +\d+ +\d+", result.stdout, re.MULTILINE)) == 5


def test_the_demo_does_not_mix_with_real_data(shell: Callable[..., Shell]) -> None:
    made = shell()
    made.github.publish("acme", DAY, [b""])
    assert made.run("load", "--from", DAY, "--to", DAY, COPILOT_ORGS="acme").returncode == 0

    result = made.run("demo", "--days", "2")

    assert result.returncode == 2
    assert "holds acme. Set COPILOT_DATA_DIR to another folder for the demo." in result.stderr


@pytest.mark.parametrize(
    ("switches", "says"),
    [
        ([], "octo-org       users-1-day: 2 files for "),
        (["--app", "--enterprise"], "App copilot-etl-sandbox, installation 7002, enterprise_copilot_metrics: read"),
    ],
    ids=["token", "App"],
)
def test_the_sandbox_prints_variables_that_work(tmp_path: Path, switches: list[str], says: str) -> None:
    command = [sys.executable, "-m", "copilot_etl", "sandbox", *switches]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT)
    assert process.stdout
    try:
        lines = [process.stdout.readline()]
        while not lines[-1].startswith("# paste"):
            lines.append(process.stdout.readline())
        env = dict(shlex.split(line.removeprefix("export "))[0].split("=", 1) for line in lines[:-1])
        result = subprocess.run(
            [sys.executable, "-m", "copilot_etl", "check"],
            env={"PATH": os.environ["PATH"], **env, "COPILOT_DATA_DIR": str(tmp_path / "data")},
            capture_output=True,
            text=True,
            timeout=60,
            cwd=ROOT,
        )
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)

    assert (result.returncode, result.stderr) == (0, "")
    assert says in result.stdout
    assert process.returncode == 0


# --------------------------------------------------------------------------------- what is written about it


README = (ROOT / "README.md").read_text()


def test_help_teaches_commands_and_exit_codes() -> None:
    shown = subprocess.run([sys.executable, "-m", "copilot_etl", "--help"], capture_output=True, text=True, cwd=ROOT)

    for command in ("demo", "check", "load", "status", "sandbox", "ui"):
        assert re.search(rf"^  {command} ", shown.stdout, re.MULTILINE)
    for code in ("0", "1", "2", "3", "75", "130"):
        assert re.search(rf"^ +{code} +\w", shown.stdout, re.MULTILINE)
        assert re.search(rf"^\| {code}\b", README, re.MULTILINE)


def test_the_readme_names_every_variable_that_is_read() -> None:
    read = set(re.findall(r'"((?:GITHUB|COPILOT|DAGSTER)_[A-Z_]+)"', Path(settings.__file__).read_text()))

    assert read <= set(re.findall(r"`((?:GITHUB|COPILOT|DAGSTER)_[A-Z_]+)`", README))


def test_no_file_names_a_package_registry() -> None:
    listed = subprocess.run(["git", "ls-files"], capture_output=True, text=True, cwd=ROOT).stdout.split("\n")
    hosts = ["py" + "pi.org", "python" + "hosted.org", "npm" + "js.org", "conda" + ".anaconda.org"]

    for name in filter(None, listed):
        text = (ROOT / name).read_bytes().decode(errors="replace") if (ROOT / name).is_file() else ""
        assert not any(host in text for host in hosts), name


# --------------------------------------------------------------------------------- verify, rebuild, from raw


def test_a_flipped_bit_is_found_named_and_mended(shell: Callable[..., Shell]) -> None:
    made = shell()
    load_range(made)
    clean = made.run("verify")
    (file,) = (made.data / "lake" / "user_day" / "scope=octo-org" / f"day={DAY}").iterdir()
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)

    damaged = made.run("verify")
    line, *rest = damaged.stdout.splitlines()
    command = line.partition(" Mend: copilot-etl ")[2].split()
    asked = len(made.github.journal)
    mended = made.run(*command)

    assert (clean.returncode, clean.stderr) == (0, "")
    assert clean.stdout.startswith("4 scope-days in ")
    assert (damaged.returncode, rest) == (1, [])
    assert line.startswith(f"lake octo-org {DAY}: the Parquet files of users-1-day are not what was loaded.")
    assert damaged.stderr == f"copilot-etl: 1 findings in {made.data}.\n"
    assert (mended.returncode, len(made.github.journal)) == (0, asked)
    assert made.run("verify").returncode == 0


def test_rebuild_makes_everything_from_raw_without_the_network(shell: Callable[..., Shell]) -> None:
    made = shell()
    load_range(made)

    def marts() -> list[tuple[object, ...]]:
        with duckdb.connect(made.data / "published" / "copilot.duckdb", read_only=True) as connection:
            return connection.execute("from marts.adoption_daily order by all").fetchall()

    before, asked = marts(), len(made.github.journal)
    shutil.rmtree(made.data / "lake")
    shutil.rmtree(made.data / "published")
    (made.data / "warehouse.duckdb").unlink()

    rebuilt = made.run("rebuild", GITHUB_TOKEN="", COPILOT_ORGS="")

    assert (rebuilt.returncode, rebuilt.stderr) == (0, "")
    assert rebuilt.stdout.startswith("4 scope-days: 4 loaded; 4 new or changed with ")
    assert (marts(), len(made.github.journal)) == (before, asked)
    assert made.run("verify").returncode == 0


def test_from_raw_needs_no_token_and_something_that_has_landed(shell: Callable[..., Shell]) -> None:
    made = shell()
    nothing = made.run("load", "--from-raw", GITHUB_TOKEN="")
    load_range(made)
    asked = len(made.github.journal)
    again = made.run("load", "--from-raw", "--scope", "octo-labs", GITHUB_TOKEN="")

    assert (nothing.returncode, nothing.stdout) == (
        0,
        f"Nothing has landed in {made.data / 'raw'} of these days. Load them without --from-raw.\n",
    )
    assert again.stdout.startswith("2 scope-days: 2 loaded; 2 new or changed with ")
    assert len(made.github.journal) == asked


def test_status_says_what_is_missing_and_what_will_be_asked_for(shell: Callable[..., Shell]) -> None:
    made = shell(Fault("malformed_line", scope="octo-org", day=NEXT, part=0, times=None))
    load_range(made)
    start = str(TUESDAY - dt.timedelta(days=2))

    told = made.run("status", COPILOT_START_DAY=start, COPILOT_ORGS="octo-org")
    days = json.loads(made.run("status", "--json", COPILOT_START_DAY=start, COPILOT_ORGS="octo-org").stdout)

    octo = [each for each in days if each["scope"] == "octo-org"]
    yesterday = TODAY - dt.timedelta(days=1)
    assert told.returncode == 1
    assert f"next run asks for {(TODAY - TUESDAY).days - 1} days, {NEXT} to {yesterday}" in told.stdout
    assert f"2 days were never asked for: copilot-etl load --from {start} --to" in told.stdout
    assert re.search(rf"days are not here 72 hours after their end, {NEXT} first", told.stdout)
    assert [each["state"] for each in octo[:5]] == ["missing", "missing", "loaded", "quarantined", "missing"]
    assert [each["is_wanted"] for each in octo[:5]] == [False, False, False, True, True]
    assert octo[3]["days_left"] == (dt.date.fromisoformat(NEXT).replace(year=TUESDAY.year + 1) - TODAY).days
    assert all(len(line) <= 200 for line in told.stdout.splitlines())


def test_a_fault_of_dagsters_history_is_told_in_sqlites_words() -> None:
    try:
        try:
            raise sqlite3.OperationalError("database or disk is full")
        except sqlite3.Error as error:
            raise RuntimeError("[parameters: ('much', 'text')]") from error
    except RuntimeError as error:
        assert cli._history_fault(error) == "database or disk is full"
    assert cli._history_fault(ValueError("another")) == ""
