"""The small size of every part, and that the judges themselves see what is wrong.

The seed is printed with a failure; COPILOT_CHAOS_SEED repeats it, `make chaos` runs the full size.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from pathlib import Path

import pytest

from copilot_etl_tests.chaos import days, disks, files, kills, lines, memory, pairs, reference, seed
from copilot_etl_tests.chaos.kills import Restatement
from copilot_etl_tests.chaos.stage import FIRST, TINY, Stage, Watched
from copilot_etl_tests.chaos.tally import Tally
from copilot_etl_tests.chaos.truth import NO_ROWS, differences, rows_of


@pytest.fixture(scope="module")
def chosen() -> int:
    return seed.choose()


def hold(tally: Tally, number: int) -> None:
    told = "\n".join(tally.violations[:20])
    assert not tally.violations, f"{seed.VARIABLE}={number}; {tally.goal}: {tally.reached}\n{told}"


def test_a_kill_anywhere_leaves_whole_days_and_nothing_to_mend_by_hand(tmp_path: Path, chosen: int) -> None:
    tally = kills.run(tmp_path, chosen, points=40, timed=4)

    hold(tally, chosen)
    assert tally.counts["kills at calls"] >= 30


def test_a_bad_disk_ends_in_one_line_and_no_wrong_row(tmp_path: Path, chosen: int) -> None:
    tally = disks.run(tmp_path, chosen, points=14)

    hold(tally, chosen)
    assert sum(number for name, number in tally.counts.items() if "faults" in name) >= 10


def test_a_malformed_file_is_read_as_the_reference_reads_it_or_not_at_all(tmp_path: Path, chosen: int) -> None:
    hold(files.run(tmp_path, chosen, files=200, whole=0), chosen)


def test_fuzzed_lines_are_accepted_and_refused_as_by_the_reference(tmp_path: Path, chosen: int) -> None:
    hold(lines.run(tmp_path, chosen, lines=50_000), chosen)


def test_a_month_of_faulty_mornings_ends_in_the_truth(tmp_path: Path, chosen: int) -> None:
    hold(days.run(tmp_path, chosen, days=30), chosen)


def test_two_processes_on_one_day_load_its_rows_once(tmp_path: Path, chosen: int) -> None:
    hold(pairs.run(tmp_path, chosen, pairs=10), chosen)


def test_memory_does_not_grow_with_the_file(tmp_path: Path, chosen: int) -> None:
    hold(memory.run(tmp_path, chosen, mebibytes=250, times=2), chosen)


# ------------------------------------------------------------------------------------------ judging the judges


def test_a_row_lost_or_doubled_is_a_difference() -> None:
    rows = rows_of([{"day": str(FIRST), "user_id": each, "totals_by_ide": [{"ide": "x"}]} for each in (1, 2)])
    lost = {**rows, "user_day": Counter(list(rows["user_day"].elements())[:1])}
    doubled = {**rows, "user_day_ide": rows["user_day_ide"] + rows["user_day_ide"]}

    assert differences(rows, rows) == ""
    assert differences(lost, rows) == "user_day: 1 lost, 0 too many"
    assert differences(doubled, rows) == "user_day_ide: 0 lost, 2 too many"
    assert differences(NO_ROWS, rows) == "user_day: 2 lost, 0 too many; user_day_ide: 2 lost, 0 too many"


def test_half_a_day_and_a_warehouse_that_does_not_open_are_seen(tmp_path: Path) -> None:
    with Watched(organizations=TINY) as github:
        scene = Restatement(github, tmp_path / "scene", fresh=True)
        stage = scene.stage
        assert stage.load(FIRST).code == 0
        with stage.opened() as connection:
            connection.execute("delete from raw.user_day_ide where user_id = (select min(user_id) from raw.user_day)")
            connection.execute("checkpoint")
            half = Path(connection.execute("select path from duckdb_databases() where not internal").fetchone()[0])
            connection.close()
            half.replace(stage.warehouse)
        halved, broken = Tally("half"), Tally("broken")
        scene.hold_whole(stage, halved, "here")
        stage.warehouse.write_bytes(b"DUCK" * 4096)
        scene.hold_whole(stage, broken, "here")

    assert [text.partition(":")[0] for text in halved.violations] == ["here"]
    assert "neither old nor new: user_day_ide" in halved.violations[0]
    assert "cannot be read" in broken.violations[0]


def test_secrets_and_strays_are_found(tmp_path: Path) -> None:
    with Watched(organizations=TINY) as github:
        stage = Stage(github, tmp_path)
        assert stage.load(FIRST).code == 0
        assert (stage.leaks(), stage.strays()) == ([], [])

        (stage.data / "raw" / "note").write_text(f"Bearer {github.token}")
        (stage.data / "lake" / "note").write_bytes(b"x" + next(iter(github.signatures)) + b"y")
        stage.outputs.append(b"GET https://files.test/x?sp=r&sig=abc")

        assert [what.rpartition("/")[0] or what for what in stage.leaks()] == [
            "a signature in data/lake",
            "sig= in output 2",
            "the token in data/raw",
        ]
        assert stage.strays() == ["lake/note", "raw/note"]


@pytest.mark.parametrize(
    ("line", "good"),
    [
        ('{"day": "2026-10-06", "user_id": 1}', True),
        ('{"day": "2026-10-06", "user_id": "17", "loc_added_sum": 8.0, "new": [1e3]}', True),
        ('{"day": "2026-10-07", "user_id": 1}', False),
        ('{"day": "2026-10-06"}', False),
        ('{"day": "2026-10-06", "user_id": 1, "user_id": 1}', False),
        ('{"day": "2026-10-06", "user_id": 1, "loc_added_sum": "5"}', False),
        ('{"day": "2026-10-06", "user_id": 1, "new": NaN}', False),
        ('{"day": "2026-10-06", "user_id": 1, "totals_by_ide": [null]}', False),
    ],
)
def test_the_reference_knows_the_rules(line: str, good: bool) -> None:
    try:
        reference.admit(line.encode(), dt.date(2026, 10, 6))
        accepted = True
    except reference.Refused:
        accepted = False

    assert accepted is good
