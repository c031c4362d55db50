"""A day from link to table: real sockets, a real DuckDB file, and the faults that days meet."""

from __future__ import annotations

import datetime as dt
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast
from unittest.mock import Mock

import duckdb
import pytest

from copilot_etl import ahead, coverage, gate, landing, ledger, pipeline, records, warehouse
from copilot_etl.errors import Refused
from copilot_etl.reports import REPORTS, USERS_1_DAY, Column, Report, Scope, Source, Table
from copilot_etl.sandbox import Fault
from copilot_etl.sandbox import reports as served
from copilot_etl_tests.conftest import Line
from copilot_etl_tests.served import assert_equal_to_what_was_served, tables

DAY = dt.date(2026, 11, 10)
NEXT = dt.date(2026, 11, 11)
LATER = dt.date(2026, 11, 12)


def test_every_table_holds_what_was_served(line: Callable[..., Line]) -> None:
    made = line()

    outcomes = made.load(DAY, NEXT, scopes=("octo-org", "octo-labs"))

    assert {outcome.state for outcome in outcomes} == {"loaded"}
    for scope in ("octo-org", "octo-labs"):
        for day in (DAY, NEXT):
            assert_equal_to_what_was_served(made, scope, day)
    assert made.github.violations() == []


def test_an_interrupt_while_duckdb_works_ends_the_run_and_is_no_fault_of_the_day(
    line: Callable[..., Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(number: int, frame: object) -> None:
        raise SystemExit

    def slow(connection: Any, *values: Any, **options: Any) -> None:
        connection.execute("set threads = 1")  # what DuckDB's own thread has begun, no signal interrupts
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        connection.execute("select sum(sqrt(a.i * b.j)) from range(1000000) a(i), range(1000000) b(j)")

    made = line()
    before = signal.signal(signal.SIGUSR1, stop)
    try:
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(ledger, "note_loaded", slow)
            made.load(DAY, NEXT)
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert made.warehouse.ledger() == (), "nothing was loaded, and no fault is noted"
    assert list(made.store.scratch.iterdir()) == []
    assert [outcome.state for outcome in made.load(DAY, NEXT)] == ["loaded", "loaded"]


def test_an_interrupt_that_something_else_fails_of_ends_the_run_all_the_same(
    line: Callable[..., Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = Mock(side_effect=duckdb.InvalidInputException("a thread still works with it"))

    def interrupted(unfolding: Any, *values: Any) -> None:
        unfolding._session._database = Mock(close=busy)
        raise SystemExit

    made = line()
    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(records._Unfolding, "finish", interrupted)
        made.load(DAY, NEXT)

    busy.assert_called()
    assert made.warehouse.ledger() == ()


@pytest.mark.parametrize("day", ["2025-12-16", "2026-03-03", "2026-04-07", "2026-04-14", "2026-06-23", "2026-09-22"])
def test_every_generation_of_the_record_loads(line: Callable[..., Line], day: str) -> None:
    made = line()

    assert [outcome.state for outcome in made.load(dt.date.fromisoformat(day))] == ["loaded"]
    assert_equal_to_what_was_served(made, "octo-org", dt.date.fromisoformat(day))


def test_the_ledger_says_what_was_loaded(line: Callable[..., Line]) -> None:
    made = line(parts=3)
    made.load(DAY)

    row = made.ledger()["octo-org", DAY]
    manifest = landing.versions(made.store.raw, "users-1-day", "octo-org", DAY)[-1]
    served = made.github._report("octo-org", str(DAY)) or []
    assert row == replace(
        row,
        state="loaded",
        rows=len(made.github.truth("octo-org", DAY)),
        files=3,
        bytes=sum(len(part) for part in served if isinstance(part, bytes)),
        content_hash=manifest.content_hash,
        unknown_fields=0,
        attempts=1,
        loaded_at=made.now.replace(tzinfo=None),
        last_error=None,
    )


def test_the_same_day_twice_changes_nothing(line: Callable[..., Line]) -> None:
    made = line()
    made.load(DAY)
    before, files = tables(made), {path: path.stat().st_mtime_ns for path in made.store.lake.rglob("*.parquet")}
    made.now += dt.timedelta(hours=6)

    outcome = made.load(DAY)[0]

    assert (outcome.state, outcome.changed) == ("loaded", False)
    assert tables(made) == before
    assert {path: path.stat().st_mtime_ns for path in made.store.lake.rglob("*.parquet")} == files
    row = made.ledger()["octo-org", DAY]
    assert (row.attempts, row.last_seen_at - row.first_seen_at) == (2, dt.timedelta(hours=6))


def test_a_restated_day_that_shrinks_leaves_no_ghosts(line: Callable[..., Line]) -> None:
    made = line()
    made.load(DAY, NEXT)
    neighbour = made.query("select bit_xor(hash(t)) from raw.user_day_feature as t where day = ?", NEXT)
    made.github.publish("octo-org", DAY, made.github.truth("octo-org", DAY)[:2])

    outcome = made.load(DAY)[0]

    assert (outcome.state, outcome.changed, outcome.rows) == ("loaded", True, 2)
    assert_equal_to_what_was_served(made, "octo-org", DAY)
    assert made.query("select bit_xor(hash(t)) from raw.user_day_feature as t where day = ?", NEXT) == neighbour


def test_the_file_does_not_grow_with_every_reload(line: Callable[..., Line]) -> None:
    made = line()
    path = made.store.warehouse
    made.load(DAY)
    size = path.stat().st_size
    meanings = "select schema_name, table_name, column_name, data_type, comment from duckdb_columns() order by all"
    keys = "select table_name, constraint_column_names from duckdb_constraints() order by all"
    before = [made.query(meanings), made.query(keys)]

    for _ in range(4):
        made.load(DAY, force=True)
        assert path.stat().st_size <= 1.1 * size
        assert [made.query(meanings), made.query(keys)] == before
        assert_equal_to_what_was_served(made, "octo-org", DAY)

    assert made.ledger()["octo-org", DAY].attempts == 5
    assert path.stat().st_mode & 0o777 == 0o600
    assert {each.name for each in path.parent.glob("warehouse*")} == {path.name, "warehouse.lock"}


@pytest.mark.parametrize("fault", [duckdb.IOException("No space left on device"), OSError(28, "No space left")])
def test_a_file_that_cannot_be_copied_stays_as_it_is(
    line: Callable[..., Line], monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    made = line()
    made.load(DAY)
    tried = []

    def fails(connection: duckdb.DuckDBPyConnection, name: str, target: Path, option: str) -> None:
        tried.append(target.write_bytes(b"half of it"))
        raise fault

    monkeypatch.setattr(warehouse, "copy_compact", fails)
    outcome = made.load(DAY, force=True)[0]

    assert tried
    assert (outcome.state, outcome.changed) == ("loaded", True)
    assert_equal_to_what_was_served(made, "octo-org", DAY)
    assert not made.store.warehouse.with_suffix(".new").exists()


def test_an_interrupt_while_the_file_is_copied_ends_the_run(
    line: Callable[..., Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = line()
    made.load(DAY)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(warehouse, "copy_compact", Mock(side_effect=RuntimeError("Query interrupted")))
        made.load(DAY, force=True)

    assert_equal_to_what_was_served(made, "octo-org", DAY)
    assert made.load(DAY)[0].changed is False


def test_who_reads_the_file_when_it_would_be_copied_is_not_waited_for(line: Callable[..., Line]) -> None:
    made = line()
    made.load(DAY)
    with made.client() as github:
        loading = pipeline.run(
            [USERS_1_DAY],
            scopes=[Scope("org", "octo-org")],
            days=[DAY],
            github=github,
            store=made.store,
            warehouse=(mine := made.warehouse),
            clock=lambda: made.now,
            force=True,
        )
        assert next(loading).changed
        mine.let_go()
        size = made.store.warehouse.stat().st_size
        code = f"""
            import duckdb, sys
            with duckdb.connect({str(made.store.warehouse)!r}, read_only=True):
                print("ready", flush=True)
                sys.stdin.read()
        """
        with subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as reader:
            assert reader.stdout
            assert reader.stdout.readline() == b"ready\n"
            started = time.monotonic()
            assert list(loading) == []
            assert time.monotonic() - started < 10  # of 20 that a day would wait
            reader.communicate()

    assert made.store.warehouse.stat().st_size == size


def test_a_fault_of_ours_on_one_day_leaves_its_neighbours_alone(
    line: Callable[..., Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = line()
    normalise = records.normalise

    def fails(*args: Any, day: dt.date, **options: Any) -> Any:
        if day == DAY:
            raise ZeroDivisionError("https://files/?sig=secret")
        return normalise(*args, day=day, **options)

    monkeypatch.setattr(records, "normalise", fails)

    bad, good = made.load(DAY, NEXT)

    assert (bad.state, good.state) == ("failed", "loaded")
    assert re.fullmatch(
        r"octo-org 2026-11-10: unforeseen ZeroDivisionError at test_pipeline.py:\d+. Please report this.",
        str(bad.error),
    )


def test_an_unknown_organization_stays_unknown_and_its_days_are_not_lost(line: Callable[..., Line]) -> None:
    made = line(Fault("not_found", scope="octo-org", times=2))
    for _ in range(2):
        outcomes = made.load(DAY, NEXT)
        assert [outcome.state for outcome in outcomes] == ["failed", "failed"]
        assert all(isinstance(outcome.error, Refused) for outcome in outcomes)
    assert len(made.asked()) == 2

    assert not coverage.settled(made.ledger()["octo-org", DAY])
    assert [outcome.state for outcome in made.load(DAY, NEXT)] == ["loaded", "loaded"]


def test_404_for_a_new_day_of_a_known_organization_is_no_report(line: Callable[..., Line]) -> None:
    made = line(Fault("not_found", day=str(NEXT)))
    made.load(DAY)

    assert made.load(NEXT)[0].state == "no_report"


def test_404_for_one_day_of_a_known_organization_is_no_report(line: Callable[..., Line]) -> None:
    made = line(Fault("not_found", day=str(NEXT)))

    assert [outcome.state for outcome in made.load(DAY, NEXT, LATER)] == ["loaded", "no_report", "loaded"]


def test_a_foreign_host_fails_its_day_and_not_the_others(line: Callable[..., Line]) -> None:
    made = line(Fault("foreign_link", day=str(NEXT)))

    outcomes = made.load(DAY, NEXT, LATER)

    assert [outcome.state for outcome in outcomes] == ["loaded", "failed", "loaded"]
    assert str(outcomes[1].error) == (
        "octo-org 2026-11-11: download host evil.test is not allowed (COPILOT_DOWNLOAD_HOSTS)."
    )


def test_unknown_fields_are_kept_and_counted(line: Callable[..., Line]) -> None:
    made = line(Fault("new_field", part=0), Fault("new_nested_field", part=1))

    outcome = made.load(DAY)[0]

    assert outcome.unknown_fields == {"new_field": 1, "totals_by_feature[].new": 1}
    kept = made.query("select unknown_fields from raw.user_day where unknown_fields is not null order by all")
    assert '{"new_field":{"a":[1]}}' in [text for (text,) in kept]
    assert made.ledger()["octo-org", DAY].unknown_fields == 2


def test_null_stays_null(line: Callable[..., Line]) -> None:
    made = line()
    records = [
        {"day": str(DAY), "user_id": 1},
        {"day": str(DAY), "user_id": 2, "code_generation_activity_count": None, "totals_by_ide": None},
        {"day": str(DAY), "user_id": 3, "code_generation_activity_count": 0, "totals_by_ide": []},
    ]
    made.github.publish("octo-org", DAY, records)

    made.load(DAY)

    assert made.query(
        "select user_id, user_login, code_generation_activity_count, totals_by_ide_count from raw.user_day order by all"
    ) == [(1, None, None, None), (2, None, None, None), (3, None, 0, 0)]


def test_a_kill_between_parquet_and_load_loses_nothing(line: Callable[..., Line]) -> None:
    made = line()
    made.load(DAY)
    before = tables(made)
    script = f"""
        import datetime as dt, os, signal
        from pathlib import Path
        from copilot_etl import pipeline
        from copilot_etl.github import GitHub
        from copilot_etl.reports import USERS_1_DAY, Scope
        from copilot_etl.store import Store
        from copilot_etl.warehouse import Warehouse
        Warehouse.replace_day = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
        store = Store(Path({str(made.store.root)!r}))
        with GitHub(api_url={made.github.api_url!r}, token={made.github.token!r}, allow_loopback_http=True) as github:
            list(pipeline.run([USERS_1_DAY], scopes=[Scope("org", "octo-org")], days=[dt.date(2026, 11, 11)],
                github=github, store=store, warehouse=Warehouse(store.warehouse),
                clock=lambda: dt.datetime.now(dt.UTC)))
    """

    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], env=os.environ, timeout=60)

    assert killed.returncode == -signal.SIGKILL
    assert list(made.store.lake.rglob(f"day={NEXT}/*.parquet")), "the kill came after the Parquet files"
    assert tables(made) == before
    assert ("octo-org", NEXT) not in made.ledger()
    assert made.load(DAY, NEXT)[1].state == "loaded"
    assert_equal_to_what_was_served(made, "octo-org", NEXT)


def test_a_full_disk_fails_the_day_in_one_line(line: Callable[..., Line], monkeypatch: pytest.MonkeyPatch) -> None:
    made = line()
    made.load(DAY)
    before = tables(made)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", str(made.store.raw))

    monkeypatch.setattr(landing, "land", full)
    outcome = made.load(NEXT)[0]

    assert (outcome.state, str(outcome.error)) == (
        "failed",
        f"octo-org 2026-11-11: No space left on device: {made.store.raw}",
    )
    assert tables(made) == before


def test_the_leftovers_of_killed_runs_are_swept(line: Callable[..., Line]) -> None:
    made = line()
    made.store.prepare()
    moment = dt.datetime.now().timestamp() - 60
    (made.store.scratch / "killed" / "files").mkdir(parents=True)
    (made.store.scratch / "killed" / "files" / "00000.zst").write_bytes(b"personal data")
    with made.store.workspace() as alive:
        for folder in (made.store.scratch / "killed", alive.parent):
            os.utime(folder, (moment, moment))

        made.load(DAY)

        assert [path.name for path in made.store.scratch.iterdir()] == [alive.parent.name]
    assert not list(made.store.scratch.iterdir())


# ------------------------------------------------------------------------------------------ days on their way


def many_files(logins: str, *, lines: int = 50) -> list[bytes]:
    """A day's records in more files than are downloaded at once."""
    record = '{{"day":"{}","user_id":{},"user_login":"{}"}}\n'
    return [
        "".join(record.format(DAY, n, logins) for n in range(part * lines, (part + 1) * lines)).encode()
        for part in range(6)
    ]


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Is set when the gate has met a line."""
    met = threading.Event()
    admit = gate.Gate.admit

    def tells(*args: Any) -> Any:
        met.set()
        return admit(*args)

    monkeypatch.setattr(gate.Gate, "admit", tells)
    return met


@pytest.fixture
def unfolded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The records that each unfolding found, 0 of one that came to nothing."""
    found: list[int] = []
    normalise = records.normalise

    def counts(*args: Any, **options: Any) -> records.Normalised:
        found.append(0)
        done = normalise(*args, **options)
        found[-1] = done.records
        return done

    monkeypatch.setattr(records, "normalise", counts)
    return found


def test_a_day_that_never_landed_is_unfolded_while_its_files_arrive(
    line: Callable[..., Line], judged: threading.Event, unfolded: list[int]
) -> None:
    seen: list[bool] = []
    last = Fault("pause", side="blob", part=5, times=2, args={"until": lambda: seen.append(judged.wait(patience))})
    made = line(last)
    made.github.publish("octo-org", DAY, many_files("first"))
    patience = 10.0

    (outcome,) = made.load(DAY)

    assert (outcome.state, outcome.rows, seen, unfolded) == ("loaded", 300, [True], [300])
    assert min(outcome.seconds.values()) > 0
    assert made.query("select count(distinct user_id), min(user_login) from raw.user_day") == [(300, "first")]
    assert not list(made.store.scratch.iterdir())

    made.github.publish("octo-org", DAY, many_files("second"))
    judged.clear()
    patience = 0.5

    (outcome,) = made.load(DAY)

    assert (outcome.changed, seen) == (True, [True, False])  # it could have been the same again
    assert made.query("select count(distinct user_id), min(user_login) from raw.user_day") == [(300, "second")]


def test_a_day_may_land_while_its_first_file_is_read(
    line: Callable[..., Line], monkeypatch: pytest.MonkeyPatch, unfolded: list[int]
) -> None:
    made = line()
    files = many_files("any")
    made.github.publish("octo-org", DAY, [*files[:5], files[5] + files[0].splitlines(keepends=True)[0]])
    admit, land = gate.Gate.admit, landing.land
    has_landed = threading.Event()

    def lands(*args: Any, **options: Any) -> landing.Manifest:
        done = land(*args, **options)
        has_landed.set()
        return done

    def waits(*args: Any) -> Any:
        assert has_landed.wait(10)
        return admit(*args)

    monkeypatch.setattr(gate.Gate, "admit", waits)
    monkeypatch.setattr(landing, "land", lands)

    (outcome,) = made.load(DAY)

    assert (outcome.state, outcome.rows, outcome.duplicates, unfolded) == ("loaded", 300, 1, [300])


def test_what_was_read_before_links_expired_counts_for_nothing(
    line: Callable[..., Line], judged: threading.Event, unfolded: list[int]
) -> None:
    def restated() -> None:
        assert judged.wait(10)
        made.github.publish("octo-org", DAY, many_files("second"))

    wait = Fault("pause", side="blob", part=4, args={"until": restated})
    made = line(wait, Fault("expired", side="blob", part=5))
    made.limits = replace(made.limits, parallel=1)
    made.github.publish("octo-org", DAY, many_files("first"))

    (outcome,) = made.load(DAY)

    assert (outcome.state, outcome.rows, unfolded) == ("loaded", 300, [0, 300])
    assert made.query("select count(*), min(user_login), max(user_login) from raw.user_day") == [
        (300, "second", "second")
    ]
    assert not list(made.store.scratch.iterdir())


def test_a_bad_line_in_a_day_that_arrives_keeps_the_bytes_and_says_where(line: Callable[..., Line]) -> None:
    made = line()
    files = many_files("any")
    made.github.publish("octo-org", DAY, [files[0] + b"{\n", *files[1:]])

    (outcome,) = made.load(DAY)

    assert outcome.reason == f"octo-org {DAY}: part 1 line 51: not valid JSON. Not loaded; the bytes are kept."
    (version,) = landing.versions(made.store.raw, "users-1-day", "octo-org", DAY)
    assert [part.lines for part in version.parts] == [51, 50, 50, 50, 50, 50]
    assert not list(made.store.scratch.iterdir())


def test_a_run_that_ends_while_a_day_arrives_leaves_nothing_behind(
    line: Callable[..., Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, threads = line(), threading.active_count()
    made.github.publish("octo-org", DAY, many_files("any", lines=10_000))
    admit = gate.Gate.admit
    judged: list[None] = []

    def slow(*args: Any) -> Any:
        judged.append(None)
        time.sleep(0.0002)
        return admit(*args)

    def stopped(*args: Any, **options: Any) -> None:
        while not judged:
            time.sleep(0.01)
        raise SystemExit

    monkeypatch.setattr(gate.Gate, "admit", slow)
    monkeypatch.setattr(landing, "land", stopped)
    with pytest.raises(SystemExit):
        made.load(DAY, NEXT)

    assert len(judged) < 60_000  # nobody waits for the rest
    assert not list(made.store.scratch.iterdir())
    until = time.monotonic() + 10
    while threading.active_count() > threads and time.monotonic() < until:
        time.sleep(0.01)
    assert threading.active_count() <= threads


def test_the_next_day_is_fetched_while_a_day_is_loaded(
    line: Callable[..., Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = line()
    normalise = records.normalise
    seen: dict[dt.date, bool] = {}

    def waits_for_the_next(*args: Any, day: dt.date, **options: Any) -> records.Normalised:
        until = time.monotonic() + 5
        wanted = (str(day + dt.timedelta(days=1)), 200)
        while wanted not in made.asked("blob") and day < LATER and time.monotonic() < until:
            time.sleep(0.01)
        seen[day] = wanted in made.asked("blob")
        return normalise(*args, day=day, **options)

    monkeypatch.setattr(records, "normalise", waits_for_the_next)

    outcomes = made.load(DAY, NEXT, LATER)

    assert [outcome.state for outcome in outcomes] == ["loaded"] * 3
    assert seen == {DAY: True, NEXT: True, LATER: False}
    assert made.github.violations() == []


def test_two_days_are_unfolded_at_once_while_a_day_is_loaded(
    line: Callable[..., Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = line()
    normalise, replace_day = records.normalise, warehouse.Warehouse.replace_day
    both = threading.Barrier(3)

    def meets(*args: Any, day: dt.date, **options: Any) -> records.Normalised:
        if day > DAY:
            both.wait(10)
        return normalise(*args, day=day, **options)

    def meets_both(self: Any, normalised: Any, **options: Any) -> Any:
        if normalised.day == DAY:
            both.wait(10)
        return replace_day(self, normalised, **options)

    monkeypatch.setattr(records, "normalise", meets)
    monkeypatch.setattr(warehouse.Warehouse, "replace_day", meets_both)

    assert [outcome.state for outcome in made.load(DAY, NEXT, LATER)] == ["loaded"] * 3
    for day in (DAY, NEXT, LATER):
        assert_equal_to_what_was_served(made, "octo-org", day)


def test_the_next_day_is_unfolded_while_a_day_is_loaded_if_it_is_small(
    line: Callable[..., Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = line()
    normalise, replace_day = records.normalise, warehouse.Warehouse.replace_day
    unfolded: dict[dt.date, threading.Event] = {day: threading.Event() for day in (DAY, NEXT, LATER)}
    seen: dict[dt.date, bool] = {}

    def tells(*args: Any, day: dt.date, **options: Any) -> records.Normalised:
        done = normalise(*args, day=day, **options)
        unfolded[day].set()
        return done

    def waits_for_the_next(self: Any, normalised: Any, **options: Any) -> Any:
        if normalised.day < LATER:
            seen[normalised.day] = unfolded[normalised.day + dt.timedelta(days=1)].wait(patience)
        return replace_day(self, normalised, **options)

    monkeypatch.setattr(records, "normalise", tells)
    monkeypatch.setattr(warehouse.Warehouse, "replace_day", waits_for_the_next)
    patience = 10.0
    assert [outcome.state for outcome in made.load(DAY, NEXT, LATER)] == ["loaded"] * 3
    assert seen == {DAY: True, NEXT: True}
    for day in (DAY, NEXT, LATER):
        assert_equal_to_what_was_served(made, "octo-org", day)
    assert not list(made.store.scratch.iterdir())

    for event in unfolded.values():
        event.clear()
    monkeypatch.setattr(ahead, "SMALL", 1)
    patience = 0.5
    made.load(DAY, NEXT, LATER, force=True)
    assert seen == {DAY: False, NEXT: False}


def test_what_was_unfolded_for_a_run_that_ends_is_taken_away(
    line: Callable[..., Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = line()
    begun, threads = threading.Event(), threading.active_count()
    normalise = records.normalise

    def slow(*args: Any, day: dt.date, **options: Any) -> records.Normalised:
        if day > DAY:
            begun.set()
            time.sleep(0.3)
        return normalise(*args, day=day, **options)

    def stopped(*args: Any, **options: Any) -> None:
        assert begun.wait(10)
        raise SystemExit

    monkeypatch.setattr(records, "normalise", slow)
    monkeypatch.setattr(records, "publish", stopped)
    with pytest.raises(SystemExit):
        made.load(DAY, NEXT, LATER)

    assert not list(made.store.scratch.iterdir())
    until = time.monotonic() + 10
    while threading.active_count() > threads and time.monotonic() < until:
        time.sleep(0.01)
    assert threading.active_count() <= threads
    assert made.warehouse.ledger() == ()


def test_a_day_unfolded_before_its_scope_had_an_id_is_held_to_it_all_the_same(line: Callable[..., Line]) -> None:
    made = line()
    for day, owner in ((DAY, "1"), (NEXT, "2"), (LATER, "1")):
        made.github.publish("octo-org", day, [{"day": str(day), "user_id": 1, "organization_id": owner}])

    outcomes = made.load(DAY, NEXT, LATER)

    assert [outcome.state for outcome in outcomes] == ["loaded", "quarantined", "loaded"]
    assert "part 1 line 1: organization_id is not that of the other records and days" in str(outcomes[1].error)
    assert not list(made.store.scratch.iterdir())


def test_a_day_is_asked_for_once_however_far_ahead_it_was_begun(line: Callable[..., Line]) -> None:
    made = line(Fault("foreign_link", day=str(NEXT)))
    days = [DAY + dt.timedelta(days=n) for n in range(5)]

    outcomes = made.load(*days)

    assert [outcome.state for outcome in outcomes] == ["loaded", "failed", "loaded", "loaded", "loaded"]
    assert [day for day, _ in made.asked()] == [str(day) for day in days]


def test_nothing_more_is_asked_after_a_token_dies_on_the_way(line: Callable[..., Line]) -> None:
    made = line(Fault("bad_token", day=str(NEXT), times=None))

    outcomes = made.load(DAY, NEXT, LATER)

    assert [outcome.state for outcome in outcomes] == ["loaded", "failed", "failed"]
    assert made.asked() == [(str(DAY), 200), (str(NEXT), 401)]


def test_a_report_that_nobody_has_heard_of_is_one_entry_of_the_catalogue(
    line: Callable[..., Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key, its columns and an array: gate, Parquet, table, comments, ledger and rebuild follow from them."""
    made_up = Report(
        name="hackathons-1-day",
        endpoints={"org": "/orgs/{scope}/copilot/metrics/reports/hackathons-1-day"},
        first_day={"org": dt.date(2026, 11, 1)},
        key=(Column("hackathon_id", "id", "GitHub's id of the hackathon."),),
        tables=(
            Table("hackathon_day", "One row per scope, day and hackathon.", (Column("title", "text", "Its title."),)),
            Table(
                "hackathon_day_prize",
                "One row per scope, day, hackathon and prize.",
                (Column("place", "count", "1 is the first."), Column("credits", "amount", "Credits to win.")),
                (Source("prizes"),),
            ),
        ),
    )
    offered = served.Report(made_up.name, {"orgs": dt.date(2026, 11, 1)})
    for catalogue, entry in ((REPORTS, made_up), (served.REPORTS, offered), (served._BY_ADDRESS, offered)):
        monkeypatch.setitem(cast(dict[str, Any], catalogue), made_up.name, entry)
    made = line()
    prizes = [{"place": 1, "credits": 90.5}, {"place": 2, "credits": 10}]
    records = [{"day": str(DAY), "hackathon_id": 7, "title": "Ahoy", "prizes": prizes, "mood": "good"}]
    made.github.publish("octo-org", DAY, records, report=made_up.name)

    with made.client() as github:
        (outcome,) = pipeline.run(
            [made_up],
            scopes=[Scope("org", "octo-org")],
            days=[DAY],
            github=github,
            store=made.store,
            warehouse=made.warehouse,
            clock=lambda: made.now,
        )

    assert (outcome.state, outcome.rows, outcome.new_fields) == ("loaded", 1, ("mood",))
    assert made.query("select hackathon_id, title, prizes_count, unknown_fields from raw.hackathon_day") == [
        (7, "Ahoy", 2, '{"mood":"good"}')
    ]
    assert made.query("select place, credits from raw.hackathon_day_prize order by all") == [(1, 90.5), (2, 10.0)]
    assert made.query("select comment from duckdb_columns() where column_name = 'place'") == [("1 is the first.",)]
    rebuilt = list(pipeline.rebuild([made_up], store=made.store, warehouse=made.warehouse, clock=lambda: made.now))
    assert [each.state for each in rebuilt] == ["loaded"]
    assert made.query("select count(*) from raw.hackathon_day_prize") == [(2,)]


# ------------------------------------------------------------------------------------------- what did not change


def test_the_bytes_of_a_file_that_is_here_are_not_read_again(line: Callable[..., Line]) -> None:
    """Its host says size and Content-MD5 before the bytes; with `force` they are read all the same."""
    made = line(parts=3)
    made.load(DAY)
    made.github.faults = [Fault("truncate", side="blob", part=1, times=None)]

    again = made.load(DAY)
    forced = made.load(DAY, force=True)

    assert [(each.state, each.changed, each.error) for each in again] == [("loaded", False, None)]
    assert [each.state for each in forced] == ["failed"]
    assert "broke off" in str(forced[0].error)


def test_a_file_of_the_same_size_with_other_bytes_is_read(line: Callable[..., Line]) -> None:
    made = line(parts=1)
    records = made.github.truth("octo-org", DAY)
    made.load(DAY)
    renamed = {**records[0], "user_login": "x" * len(records[0]["user_login"])}
    made.github.publish("octo-org", DAY, [renamed, *records[1:]])

    (outcome,) = made.load(DAY)

    assert outcome.changed
    first, second = landing.versions(made.store.raw, "users-1-day", "octo-org", DAY)
    assert first.parts[0].size == second.parts[0].size


def test_a_day_is_loaded_again_by_force(line: Callable[..., Line]) -> None:
    made = line()
    made.load(DAY)
    before = tables(made)
    made.now += dt.timedelta(hours=1)

    (outcome,) = made.load(DAY, force=True)

    assert (outcome.state, outcome.changed) == ("loaded", True)
    assert tables(made) == before
    assert made.ledger()["octo-org", DAY].loaded_at == made.now.replace(tzinfo=None)
    assert made.query("select count(*) from ops.restatements") == [(0,)]
    assert len(landing.versions(made.store.raw, "users-1-day", "octo-org", DAY)) == 1


@pytest.mark.parametrize("harm", ["flipped", "cut short", "removed", "of an older version"])
def test_only_a_file_that_lies_as_it_landed_is_known(line: Callable[..., Line], harm: str) -> None:
    made = line(parts=2)
    made.load(DAY)
    place = made.store.raw, "users-1-day", "octo-org", DAY
    first, second = landing.known(*place)
    if harm == "flipped":
        first.path.write_bytes(bytes([*first.path.read_bytes()[:-1], first.path.read_bytes()[-1] ^ 1]))
    elif harm == "cut short":
        first.path.write_bytes(first.path.read_bytes()[:-1])
    elif harm == "removed":
        first.path.unlink()
    else:
        (version,) = landing.versions(*place)
        for part in version.parts:
            object.__setattr__(part, "stored", None if part.sha256 == first.sha256 else part.stored)
        landing._write(
            version.folder,
            [
                {
                    "content_hash": version.content_hash,
                    "fetched_at": version.fetched_at,
                    "report_day": version.report_day,
                    "parts": [asdict(part) for part in version.parts],
                }
            ],
        )

    assert landing.known(*place) == (second,)
    (outcome,) = made.load(DAY)
    assert (outcome.state, outcome.changed) == ("loaded", False)
    with landing.open_part(landing.versions(*place)[-1], landing.versions(*place)[-1].parts[0]) as stream:
        assert stream.read()
