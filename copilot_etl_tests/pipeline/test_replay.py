"""Landed bytes read again: new fields for past days, a warehouse made anew, and what GitHub restated."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from filelock import FileLock

from copilot_etl import landing, pipeline, records, warehouse
from copilot_etl.pipeline import Outcome
from copilot_etl.reports import USERS_1_DAY, Column, Report, Scope
from copilot_etl.sandbox import Fault, Organization
from copilot_etl.warehouse import Warehouse
from copilot_etl_tests.conftest import Line

DAY = dt.date(2026, 11, 10)
NEXT = dt.date(2026, 11, 11)
LATER = dt.date(2026, 11, 12)
OPS = ("report_days", "restatements", "field_days", "schema_drift")


def replay(made: Line, *days: dt.date, report: Report = USERS_1_DAY) -> list[Outcome]:
    return list(
        pipeline.run(
            [report],
            scopes=[Scope("org", "octo-org")],
            days=days,
            github=None,
            store=made.store,
            warehouse=made.warehouse,
            clock=lambda: made.now,
        )
    )


def rebuild(made: Line) -> list[Outcome]:
    return list(pipeline.rebuild([USERS_1_DAY], store=made.store, warehouse=made.warehouse, clock=lambda: made.now))


def checksums(made: Line) -> dict[str, Any]:
    names = [*(f"raw.{table.name}" for table in USERS_1_DAY.tables), *(f"ops.{name}" for name in OPS)]
    return {name: made.query(f"select count(*), sum(hash(each)) from {name} as each") for name in names}


# ------------------------------------------------------------------------------------------------ from raw


def test_landed_bytes_are_read_again_without_asking(line: Callable[..., Line]) -> None:
    made = line()
    made.load(DAY, NEXT)
    before, asked, ledger = checksums(made), made.asked(), made.ledger()
    made.now += dt.timedelta(hours=5)

    outcomes = replay(made, DAY, NEXT, LATER)

    assert [(outcome.state, outcome.changed) for outcome in outcomes] == [
        ("loaded", True),
        ("loaded", True),
        ("missing", False),
    ]
    assert made.asked() == asked
    after = checksums(made)
    del before["ops.report_days"], after["ops.report_days"]
    assert after == before
    assert made.ledger() == {key: replace(row, loaded_at=made.now.replace(tzinfo=None)) for key, row in ledger.items()}


def test_a_newly_known_field_is_picked_up_for_past_days(
    line: Callable[..., Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = line(Fault("new_field", times=None, args={"fields": {"coffee_count": 3}}))
    made.load(DAY)
    main, *rest = USERS_1_DAY.tables
    knowing = replace(main, columns=(*main.columns, Column("coffee_count", "count", "Cups.")))
    report = replace(USERS_1_DAY, tables=(knowing, *rest))
    monkeypatch.setitem(warehouse.REPORTS, report.name, report)

    (outcome,) = replay(made, DAY, report=report)

    assert (outcome.state, outcome.unknown_records) == ("loaded", 0)
    assert made.query("select distinct coffee_count from raw.user_day where coffee_count is not null") == [(3,)]
    assert made.query("select count(*) from ops.schema_drift") == [(0,)]


def test_a_version_that_landed_and_did_not_load_is_tried_again(line: Callable[..., Line]) -> None:
    made = line(restatements=True)
    made.github.today = NEXT
    made.load(DAY)
    made.github.today = LATER + dt.timedelta(days=1)
    with made.client() as github, made.store.workspace() as folder:  # as if killed between landing and load
        fetched = github.fetch(USERS_1_DAY, Scope("org", "octo-org"), DAY, into=folder)
        landing.land(made.store.raw, "users-1-day", "octo-org", DAY, fetched=fetched, fetched_at=made.now)

    (outcome,) = replay(made, DAY)

    assert outcome.rows == len(made.github.truth("octo-org", DAY))
    assert made.query(
        "select new_hash = content_hash from ops.restatements join ops.report_days using (scope, day)"
    ) == [(True,)]


# ------------------------------------------------------------------------------------------------ rebuild


def made_with_history(line: Callable[..., Line]) -> Line:
    """A day that was restated, one that is quarantined after it was loaded, one that has no report."""
    made = line(
        Fault("malformed_line", day=str(NEXT), part=0, skip=1, times=None),
        Fault("no_content", day=str(LATER), times=None),
        restatements=True,
    )
    made.github.today = LATER
    made.load(DAY, NEXT)
    made.github.today = LATER + dt.timedelta(days=3)
    made.now += dt.timedelta(hours=1)
    made.load(DAY, NEXT, LATER)
    return made


def test_a_rebuilt_warehouse_is_the_same_to_the_last_checksum(line: Callable[..., Line]) -> None:
    made = made_with_history(line)
    before, asked = checksums(made), made.asked()
    states = {row.day: row.state for row in made.ledger().values()}
    assert states == {DAY: "loaded", NEXT: "quarantined", LATER: "no_report"}
    assert made.query("select count(*) from ops.restatements") == [(1,)]
    for file in made.store.lake.rglob("*.parquet"):
        file.unlink()

    rebuild(made)

    assert checksums(made) == before
    assert made.asked() == asked
    assert made.query("select distinct lake_hash from ops.report_days where day = ?", DAY) == [
        (records.lake_hash(made.store.lake, USERS_1_DAY, scope="octo-org", day=DAY),)
    ]
    assert not list(made.store.root.glob("rebuilt*"))


@pytest.mark.parametrize("loss", ["removed", "overwritten", "flipped"])
def test_a_lost_warehouse_is_made_from_the_landed_bytes(line: Callable[..., Line], loss: str) -> None:
    made = made_with_history(line)
    before = checksums(made)
    file = made.store.warehouse
    if loss == "removed":
        file.unlink()
    elif loss == "overwritten":
        file.write_bytes(b"not a database" * 1000)
    else:
        content = bytearray(file.read_bytes())
        for at in range(4096, len(content), 4096):
            content[at] ^= 0xFF
        file.write_bytes(content)

    rebuild(made)

    after = checksums(made)
    same = [name for name in before if not name.startswith("ops.report_days")]
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    assert file.with_name("warehouse.duckdb.damaged").exists() is (loss != "removed")
    assert {row.state for row in made.ledger().values()} == {"loaded", "quarantined"}


def test_a_day_whose_raw_file_is_damaged_keeps_the_rows_it_has(line: Callable[..., Line]) -> None:
    made = line()
    made.load(DAY, NEXT)
    before = checksums(made)
    part, *_ = (made.store.raw / "users-1-day" / "octo-org" / str(DAY)).glob("*.zst")
    part.write_bytes(part.read_bytes()[:-9])

    outcomes = rebuild(made)

    assert [(outcome.day, outcome.state) for outcome in outcomes] == [(DAY, "quarantined"), (NEXT, "loaded")]
    assert checksums(made) == before


def test_a_rebuild_that_is_given_up_changes_nothing(line: Callable[..., Line]) -> None:
    made = line()
    made.load(DAY, NEXT)
    before = made.store.warehouse.read_bytes()

    rebuilding = pipeline.rebuild([USERS_1_DAY], store=made.store, warehouse=made.warehouse, clock=lambda: made.now)
    next(rebuilding)
    rebuilding.close()

    assert made.store.warehouse.read_bytes() == before
    assert not list(made.store.root.glob("rebuilt*"))


def test_a_rebuild_that_waits_for_a_load_does_not_hold_it_up(line: Callable[..., Line]) -> None:
    made = line()
    made.load(DAY)

    with FileLock(made.store.lake / "loading.lock"):  # a load between its two locks
        rebuilding = threading.Thread(target=rebuild, args=(made,))
        rebuilding.start()
        time.sleep(1)
        ledger = Warehouse(made.store.warehouse, wait=2.0).ledger()
        assert rebuilding.is_alive()
    rebuilding.join(timeout=60)

    assert [row.state for row in ledger] == ["loaded"]
    assert not rebuilding.is_alive()
    assert [row.state for row in made.ledger().values()] == ["loaded"]


# ------------------------------------------------------------------------------------------- restatements


def test_what_a_restatement_changed_is_noted(line: Callable[..., Line]) -> None:
    made = line(restatements=True)
    made.github.today = NEXT
    made.load(DAY)
    before = {record["user_id"]: record for record in made.github.truth("octo-org", DAY)}
    made.github.today = NEXT + dt.timedelta(days=3)
    made.now += dt.timedelta(days=1)

    (outcome,) = made.load(DAY)

    after = {record["user_id"]: record for record in made.github.truth("octo-org", DAY)}
    changed = [key for key in before.keys() & after.keys() if before[key] != after[key]]
    counter = "code_generation_activity_count"
    sums = [f"map_extract_value(counters_{when}, '{counter}')::bigint" for when in ("before", "after")]
    assert outcome.restated_rows == len(before.keys() ^ after.keys()) + len(changed) > 0
    assert made.query(
        "select scope, day, seen_at, rows_before, rows_after, rows_added, rows_removed, rows_changed, "
        f"{', '.join(sums)} from ops.restatements"
    ) == [
        (
            "octo-org",
            DAY,
            made.now.replace(tzinfo=None),
            len(before),
            len(after),
            len(after.keys() - before.keys()),
            len(before.keys() - after.keys()),
            len(changed),
            sum(record[counter] for record in before.values()),
            sum(record[counter] for record in after.values()),
        )
    ]


def test_the_same_day_again_is_no_restatement(line: Callable[..., Line]) -> None:
    made = line()
    made.load(DAY)
    made.load(DAY)
    replay(made, DAY)

    assert made.query("select count(*) from ops.restatements") == [(0,)]


def test_an_accepted_shrink_is_accepted_when_it_is_read_again(line: Callable[..., Line]) -> None:
    made = line(organizations=[Organization("octo-org", "4242001", 120)])
    made.load(DAY)
    made.github.publish("octo-org", DAY, made.github.truth("octo-org", DAY)[::5])
    assert [outcome.state for outcome in made.load(DAY)] == ["quarantined"]
    (accepted,) = made.load(DAY, accept_shrink=True)
    before = checksums(made)

    rebuild(made)

    assert accepted.state == "loaded"
    assert checksums(made) == before


# -------------------------------------------------------------------------------------------------- drift


def test_a_new_field_is_met_once_and_noted_with_its_type_and_days(line: Callable[..., Line]) -> None:
    fields = {"fields": {"coffee_count": 3}}
    made = line(*(Fault("new_field", day=str(day), part=0, args=fields) for day in (NEXT, LATER)))
    first, second, third = (outcome for day in (DAY, NEXT, LATER) for outcome in made.load(day))

    assert (first.new_fields, second.new_fields, third.new_fields) == ((), ("coffee_count",), ())
    assert made.query("from ops.schema_drift") == [
        ("octo-org", "users-1-day", "coffee_count", "appeared", "number", NEXT, LATER, 2, 2)
    ]


def test_a_known_field_that_ceases_to_come_is_noted(line: Callable[..., Line]) -> None:
    made = line(Fault("set_in_all", day=str(LATER), times=None, args={"fields": {"ai_credits_used": None}}))
    made.load(DAY, NEXT, LATER)

    assert made.query("select path, change, first_day, last_day, days from ops.schema_drift") == [
        ("ai_credits_used", "disappeared", LATER, LATER, 1)
    ]


# ------------------------------------------------------------------------------------- beyond what GitHub keeps


def test_beyond_the_first_day_three_days_are_asked_for_and_the_others_marked(line: Callable[..., Line]) -> None:
    made = line(Fault("no_content", times=None))
    days = [dt.date(2025, 11, 1) + dt.timedelta(days=n) for n in range(20)]

    outcomes = made.load(*days)

    assert len(made.asked()) == 3
    assert {outcome.state for outcome in outcomes} == {"no_report"}
    assert str(outcomes[-1].error) == "No report: GitHub keeps none of octo-org this old; not asked for."
    assert {row.state for row in made.ledger().values()} == {"no_report"}
