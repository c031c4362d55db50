"""A flipped bit is found where it is: in a raw file, a manifest, Parquet, the warehouse, the published file."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from copilot_etl.audit import Finding, audit
from copilot_etl.models import Project, read
from copilot_etl.published import Published
from copilot_etl.reports import USERS_1_DAY
from copilot_etl_tests.conftest import Line

SQL = Path(__file__).parents[2] / "sql"
DAY = dt.date(2026, 11, 10)
NEXT = dt.date(2026, 11, 11)
SMALL = Project((), tuple(each for each in read(SQL).models if each.full_name == "marts.schema_drift"), (), ())
LOAD = f"copilot-etl load --report users-1-day --from {DAY} --to {DAY} --scope octo-org"
FROM_RAW = f"copilot-etl load --from-raw --report users-1-day --from {DAY} --to {DAY} --scope octo-org"


@pytest.fixture
def made(line: Callable[..., Line]) -> Line:
    """Two loaded days, one of which was restated, and a published file of one mart."""
    made = line()
    made.load(DAY, NEXT)
    made.github.publish("octo-org", DAY, made.github.truth("octo-org", DAY)[:5])
    made.load(DAY)
    publish(made)
    return made


def publish(made: Line) -> None:
    Published(made.store.published, made.warehouse).refresh(SMALL, now=made.now, full=True)


def findings(made: Line) -> list[str]:
    found = audit([USERS_1_DAY], store=made.store, warehouse=made.warehouse)
    return [str(each) for each in found if isinstance(each, Finding)]


def flip(file: Path, at: int) -> None:
    """Turns one bit of a file."""
    content = bytearray(file.read_bytes())
    content[at] ^= 0x10
    file.write_bytes(content)


def newest_part(made: Line) -> Path:
    folder = made.store.raw / "users-1-day" / "octo-org" / str(DAY)
    return max(folder.glob("*.zst"), key=lambda file: file.stat().st_mtime_ns)


def test_what_is_as_it_was_left_has_no_findings(made: Line) -> None:
    assert findings(made) == []


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_flipped_bit_in_a_raw_file(made: Line, share: float) -> None:
    part = newest_part(made)
    flip(part, int(part.stat().st_size * share))

    (said,) = findings(made)

    name = part.name.removesuffix(".ndjson.zst")[:12]
    assert said.startswith(f"raw octo-org {DAY}: raw file {name} is ")
    assert said.endswith(f". Mend: {LOAD}")
    made.load(DAY)
    assert findings(made) == []


def test_a_damaged_manifest_is_found_and_mended_by_loading_the_day(made: Line) -> None:
    manifest = newest_part(made).with_name("manifest.json")
    manifest.write_bytes(manifest.read_bytes().replace(b'"lines": ', b'"lines": 1'))

    assert findings(made) == [f"raw octo-org {DAY}: the manifest of users-1-day is damaged. Mend: {LOAD}"]
    made.load(DAY)
    assert findings(made) == []


def test_an_older_version_is_held_too(made: Line) -> None:
    folder = newest_part(made).parent
    older = min(folder.glob("*.zst"), key=lambda file: file.stat().st_mtime_ns)
    older.unlink()

    assert findings(made) == [
        f"raw octo-org {DAY}: raw file {older.name[:12]} is missing (an earlier version). "
        "Mend: not possible, GitHub serves the latest version only"
    ]


def test_raw_files_that_are_gone(made: Line) -> None:
    shutil.rmtree(newest_part(made).parent)

    assert findings(made) == [f"raw octo-org {DAY}: the raw files of users-1-day are missing. Mend: {LOAD}"]


@pytest.mark.parametrize("table", ["user_day", "user_day_language_feature"])
def test_a_flipped_bit_in_a_parquet_file(made: Line, table: str) -> None:
    (file,) = (made.store.lake / table / "scope=octo-org" / f"day={DAY}").iterdir()
    flip(file, file.stat().st_size // 2)

    assert findings(made) == [
        f"lake octo-org {DAY}: the Parquet files of users-1-day are not what was loaded. Mend: {FROM_RAW}"
    ]


def test_a_parquet_file_that_is_gone(made: Line) -> None:
    shutil.rmtree(made.store.lake / "user_day" / "scope=octo-org" / f"day={DAY}")

    assert findings(made) == [f"lake octo-org {DAY}: the Parquet files of users-1-day are missing. Mend: {FROM_RAW}"]


@pytest.mark.parametrize(
    ("change", "table"),
    [
        ("delete from raw.user_day_ide where day = $day and loc_added_sum % 2 = 0", "user_day_ide"),
        ("update raw.user_day set loc_added_sum = loc_added_sum + 1 where day = $day", "user_day"),
        ("insert into raw.user_day_feature from raw.user_day_feature where day = $day limit 1", "user_day_feature"),
    ],
)  # fmt: skip
def test_rows_that_are_not_those_of_the_parquet(made: Line, change: str, table: str) -> None:
    with duckdb.connect(made.store.warehouse) as connection:
        connection.execute(change, {"day": DAY})

    assert findings(made) == [f"warehouse octo-org {DAY}: rows of raw.{table} are not the Parquet's. Mend: {FROM_RAW}"]


def test_rows_of_a_day_that_is_not_in_the_ledger(made: Line) -> None:
    with duckdb.connect(made.store.warehouse) as connection:
        connection.execute("insert into raw.user_day (scope, day, user_id) values ('octo-org', '2026-11-01', 1)")

    assert findings(made) == [
        "warehouse octo-org 2026-11-01: raw.user_day has rows of a day that is not loaded. Mend: copilot-etl rebuild"
    ]


def test_flipped_bits_in_the_warehouse(made: Line) -> None:
    content = bytearray(made.store.warehouse.read_bytes())
    for at in range(3 * 4096 + 100, len(content), 65536):
        content[at] ^= 0x10
    made.store.warehouse.write_bytes(content)

    said = findings(made)

    assert said
    assert all(each.startswith("warehouse") and each.endswith("Mend: copilot-etl rebuild") for each in said)


def test_a_published_file_that_is_damaged_old_or_gone(made: Line) -> None:
    file = made.store.published
    content = bytearray(file.read_bytes())
    for at in range(3 * 4096 + 100, len(content), 65536):
        content[at] ^= 0x10
    file.write_bytes(content)
    assert findings(made) == ["published copilot.duckdb: the file is damaged. Mend: copilot-etl publish --full"]

    publish(made)
    assert findings(made) == []

    made.github.publish("octo-org", NEXT, made.github.truth("octo-org", NEXT)[:3])
    made.load(NEXT)
    assert findings(made) == [
        "published copilot.duckdb: the file was made from other versions of the days than are loaded. "
        "Mend: copilot-etl publish"
    ]

    file.unlink()
    assert findings(made) == ["published copilot.duckdb: the file is missing. Mend: copilot-etl publish"]
