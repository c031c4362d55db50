"""Raw NDJSON to Parquet: what is read, what is tolerated, and what quarantines the day."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import json
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from copilot_etl import records
from copilot_etl.errors import CopilotEtlError, Quarantined
from copilot_etl.records import Normalised, normalise
from copilot_etl.reports import USERS_1_DAY

DAY = dt.date(2026, 10, 1)

FEATURE = {
    "feature": "code_completion",
    "user_initiated_interaction_count": 0,
    "code_generation_activity_count": 4,
    "code_acceptance_activity_count": 1,
    "loc_suggested_to_add_sum": 10,
    "loc_suggested_to_delete_sum": 0,
    "loc_added_sum": 8,
    "loc_deleted_sum": None,
}


def record(user_id: Any = 1, **fields: Any) -> dict[str, Any]:
    return {"day": "2026-10-01", "user_id": user_id, "user_login": f"login{user_id}", **fields}


def ndjson(*rows: Any) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def load(folder: Path, *parts: bytes, **options: Any) -> Normalised:
    @contextmanager
    def opened(part: bytes) -> Iterator[BinaryIO]:
        yield io.BytesIO(part)

    scratch = Path(tempfile.mkdtemp(dir=folder))
    made = normalise(
        USERS_1_DAY,
        scope="acme",
        day=DAY,
        content_hash=lambda: "0" * 64,
        parts=[lambda part=part: opened(part) for part in parts],
        folder=scratch,
        **options,
    )
    records.publish(made, report=USERS_1_DAY, folder=scratch, lake=folder / "lake")
    return made


def query(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    """Rows of a query over the lake, whose tables have their names."""
    with duckdb.connect() as connection:
        for table in USERS_1_DAY.tables:
            file = folder / "lake" / table.name / "scope=acme" / "day=2026-10-01" / "rows.parquet"
            connection.execute(f"create view {table.name} as from read_parquet('{file}', hive_partitioning = false)")
        return connection.execute(sql).fetchall()


def test_one_session_has_day_after_day_also_after_a_bad_one_and_at_once(tmp_path: Path) -> None:
    def one(number: int) -> Normalised:
        return load(tmp_path / str(number), ndjson(*(record(each + 1) for each in range(number))), session=session)

    for number in range(5):
        (tmp_path / str(number)).mkdir()
    with records.Session(tmp_path / "spill") as session:
        one(3)
        with pytest.raises(Quarantined, match="line 2: a key stands twice"):
            load(tmp_path, ndjson(record(1)) + b'{"day": "2026-10-01", "user_id": 2, "user_id": 2}', session=session)
        with ThreadPoolExecutor(4) as pool:
            assert [made.records for made in pool.map(one, [4, 2, 1, 0])] == [4, 2, 1, 0]
        with session.cursor() as connection:
            assert connection.execute("select count(*) from duckdb_tables()").fetchone() == (0,)

    for number in range(5):
        assert query(tmp_path / str(number), "select count(*) from user_day") == [(number,)]


@pytest.mark.parametrize("fault", [duckdb.FatalException, duckdb.InternalException])
def test_a_fault_of_duckdb_itself_ends_its_database_and_not_the_session(
    tmp_path: Path, fault: type[duckdb.Error]
) -> None:
    with records.Session(tmp_path / "spill") as session:
        with pytest.raises(fault), session.cursor() as connection:
            connection.execute("create table invalid (a int)")
            raise fault("database has been invalidated")
        load(tmp_path, ndjson(record(1)), session=session)
        with session.cursor() as connection:
            assert connection.execute("select count(*) from duckdb_tables()").fetchone() == (0,)

    assert query(tmp_path, "select count(*) from user_day") == [(1,)]


def test_every_member_becomes_rows_of_its_table(tmp_path: Path) -> None:
    row = record(
        organization_id="100",
        code_generation_activity_count=4,
        ai_credits_used=12.5,
        ai_adoption_phase={"phase": "Phase 2", "phase_number": 2, "version": "v1"},
        totals_by_ide=[
            {
                "ide": "vscode",
                "code_generation_activity_count": 4,
                "last_known_ide_version": {"ide_version": "1.115.0", "sampled_at": "2026-10-01T02:55:30.4810000Z"},
                "last_known_plugin_version": None,
            }
        ],
        totals_by_feature=[FEATURE],
        totals_by_cli={
            "session_count": 1,
            "request_count": 3,
            "prompt_count": 2,
            "token_usage": {"output_tokens_sum": 5},
        },
        totals_by_3rd_party_agent=[
            {"agent_id": "2246796", "agent_name": "Claude", "user_initiated_interaction_count": 2}
        ],
        totals_by_vscode_agent={"session_count": 0, "total_user_messages": None},
        totals_by_mcp=[{"mcp": "github", "interaction_count": 8}, {"mcp": "other", "interaction_count": 3}],
        totals_by_skill=[{"skill": "other", "user_initiated_interaction_count": 19}],
    )

    summary = load(tmp_path, ndjson(row))

    assert {name: count for name, count in summary.rows.items() if count} == {
        "user_day": 1,
        "user_day_ide": 1,
        "user_day_feature": 1,
        "user_day_cli": 1,
        "user_day_third_party_agent": 1,
        "user_day_vscode_agent": 1,
        "user_day_cli_customization": 3,
    }
    assert query(tmp_path, "from user_day_ide select scope, day, user_id, ide, ide_version_sampled_at, plugin") == [
        ("acme", DAY, 1, "vscode", "2026-10-01T02:55:30.4810000Z", None)
    ]
    assert query(tmp_path, "from user_day_cli select session_count, output_tokens_sum, prompt_tokens_sum") == [
        (1, 5, None)
    ]
    assert query(
        tmp_path, "from user_day_cli_customization select customization_type, name, interaction_count order by all"
    ) == [("mcp", "github", 8), ("mcp", "other", 3), ("skill", "other", 19)]
    assert query(tmp_path, "from user_day select ai_credits_used, ai_adoption_phase_number, organization_id") == [
        (12.5, 2, "100")
    ]


def test_absent_null_and_zero_stay_apart(tmp_path: Path) -> None:
    load(
        tmp_path,
        ndjson(
            record(1, loc_added_sum=0, totals_by_ide=[], used_cli=False),
            record(2, loc_added_sum=None, totals_by_ide=None),
            record(3),
        ),
    )

    assert query(
        tmp_path, "from user_day select user_id, loc_added_sum, totals_by_ide_count, used_cli order by all"
    ) == [
        (1, 0, 0, False),
        (2, None, None, None),
        (3, None, None, None),
    ]


def test_old_spellings_are_read_where_the_new_name_is_absent_or_null(tmp_path: Path) -> None:
    ide = {"ide": "vscode", "generated_loc_sum": 7, "accepted_loc_sum": 5, "loc_added_sum": None}

    load(tmp_path, ndjson(record(totals_by_ide=[ide])))

    assert query(tmp_path, "from user_day_ide select loc_suggested_to_add_sum, loc_added_sum") == [(7, 5)]


@pytest.mark.parametrize("people", [1, 60], ids=["seldom", "on every record"])
def test_unknown_fields_are_kept_and_counted_by_path(tmp_path: Path, people: int) -> None:
    rows = [
        record(n, novel={"a": [n]}, totals_by_ide=[{"ide": "vim"}, {"ide": "zed", "odd": n}]) for n in range(people)
    ]

    summary = load(tmp_path, ndjson(*rows))

    assert summary.unknown_fields == {"novel": people, "totals_by_ide[].odd": people}
    kept = query(tmp_path, "from user_day select unknown_fields order by user_id")
    assert [json.loads(text) for (text,) in kept] == [
        {"novel": {"a": [n]}, "totals_by_ide[1].odd": n} for n in range(people)
    ]


def test_a_line_may_hold_any_text(tmp_path: Path) -> None:
    odd = [
        "a\u2028b\u0085c",
        "=cmd|'/c calc'!A0",
        "\x00",
        "</script>",
        "\u202e",
        "😀",
        "x" * 10_000,
        "'; drop table raw --",
    ]

    load(tmp_path, ndjson(*(record(n, totals_by_language_feature=[{"language": text}]) for n, text in enumerate(odd))))
    plain = json.dumps(record(99, totals_by_language_feature=[{"language": "a\u2028b"}]), ensure_ascii=False).encode()

    assert [row[0] for row in query(tmp_path, "from user_day_language_feature select language order by user_id")] == odd
    load(tmp_path, plain)
    assert query(tmp_path, "from user_day_language_feature select language") == [("a\u2028b",)]


@pytest.mark.parametrize(
    "parts",
    [
        [ndjson(record(1), record(2))],
        [ndjson(record(1)), ndjson(record(2))],
        [b"\xef\xbb\xbf" + ndjson(record(1), record(2))],
        [ndjson(record(1), record(2)).replace(b"\n", b"\r\n")],
        [b"\n" + ndjson(record(1)) + b"\n  \n" + ndjson(record(2)).rstrip()],
        [json.dumps([record(1), record(2)], indent=2).encode()],
        [gzip.compress(ndjson(record(1), record(2)))],
        [ndjson(record(1)), b"", ndjson(record(2))],
        [ndjson(record(1), record("2"))],
        [ndjson(record(1), record(2), record(1))],
        [ndjson(record(1), record(2)), b'{"user_id": 1, "day": "2026-10-01", "user_login": "login1"}\n'],
    ],
    ids=[
        "one",
        "two",
        "bom",
        "crlf",
        "blanks",
        "array",
        "gzip",
        "empty-part",
        "id-as-text",
        "duplicate",
        "duplicate-otherwise-written",
    ],
)
def test_the_same_people_come_out_of_every_tolerated_form(tmp_path: Path, parts: list[bytes]) -> None:
    summary = load(tmp_path, *parts)

    assert summary.records == 2
    assert query(tmp_path, "from user_day select user_id, user_login order by all") == [(1, "login1"), (2, "login2")]


def test_a_whole_number_may_be_written_as_a_fraction(tmp_path: Path) -> None:
    load(tmp_path, ndjson(record(1, loc_added_sum=8.0, totals_by_feature=[{**FEATURE, "loc_added_sum": 3.0}])))

    assert query(tmp_path, "select u.loc_added_sum, f.loc_added_sum from user_day u, user_day_feature f") == [(8, 3)]


GOOD = ndjson(record(1))
BAD_LINES: dict[str, tuple[bytes, str]] = {
    "cut": (b'{"day":"2026-10-01","user_id":2', "not valid JSON"),
    "html": (b"<html><body>sign in</body></html>", "not valid JSON"),
    "scalar": (b"5", "expected an object, got a number"),
    "null": (b"null", "expected an object, got null"),
    "two objects": (b'{"day":"2026-10-01","user_id":2}{"day":"2026-10-01","user_id":3}', "not valid JSON"),
    "bad utf-8": (b'{"day":"2026-10-01","user_id":2,"user_login":"\xff"}', "not UTF-8"),
    "bad utf-8 in an unknown field": (b'{"day":"2026-10-01","user_id":2,"new":"\xff"}', "not UTF-8"),
    "lone surrogate": (b'{"day":"2026-10-01","user_id":2,"user_login":"\\ud800"}', "not valid JSON"),
    "NUL byte": (b'{"day":"2026-10-01","user_id":2,"user_login":"a\x00"}', "not valid JSON"),
    "NaN": (b'{"day":"2026-10-01","user_id":2,"ai_credits_used":NaN}', "not valid JSON"),
    "infinity": (b'{"day":"2026-10-01","user_id":2,"ai_credits_used":1e999}', "not valid JSON"),
    "deep": (b'{"day":"2026-10-01","user_id":2,"new":' + b"[" * 20_000 + b"]" * 20_000 + b"}", "nested too deeply"),
    "no id": (ndjson({"day": "2026-10-01"}), "user_id is missing"),
    "null id": (ndjson(record(None)), "user_id is missing"),
    "id with leading zeros": (ndjson(record("007")), "user_id: expected a number"),
    "no day": (ndjson({"user_id": 2}), "day is missing"),
    "other day": (ndjson({**record(2), "day": "2026-10-02"}), "day is not the day of the report"),
    "other day, unknown field": (ndjson({**record(2), "day": "2026-10-02", "x": 1}), "day is not the day"),
    "text for a count": (ndjson(record(2, loc_added_sum="5")), "loc_added_sum: expected a number, got a string"),
    "boolean for a count": (ndjson(record(2, loc_added_sum=True)), "expected a number, got a boolean"),
    "fraction": (ndjson(record(2, loc_added_sum=3.5)), "loc_added_sum: expected a whole number"),
    "negative": (ndjson(record(2, loc_added_sum=-1)), "loc_added_sum: negative"),
    "negative credits": (ndjson(record(2, ai_credits_used=-0.5)), "ai_credits_used: negative"),
    "endless credits": (b'{"day":"2026-10-01","user_id":2,"ai_credits_used":1' + b"0" * 400 + b"}", "more than any"),
    "endless count": (b'{"day":"2026-10-01","user_id":2,"loc_added_sum":1' + b"0" * 400 + b"}", "beyond 64 bits"),
    "endless id": (b'{"day":"2026-10-01","user_id":1' + b"0" * 400 + b"}", "user_id: beyond 64 bits"),
    "credits of a nation": (ndjson(record(2, ai_credits_used=1e12)), "ai_credits_used: more than any day can have"),
    "fraction that a float rounds": (
        b'{"day":"2026-10-01","user_id":2,"loc_added_sum":9007199254740993.0}',
        "loc_added_sum: expected a whole number",
    ),
    "unknown key twice": (b'{"day":"2026-10-01","user_id":2,"new":1,"new":2}', "a key stands twice"),
    "key twice in an unknown object": (b'{"day":"2026-10-01","user_id":2,"new":{"a":1,"a":2}}', "a key stands twice"),
    "beyond 64 bits": (ndjson(record(2, loc_added_sum=2**63)), "loc_added_sum: beyond 64 bits"),
    "object for a count": (ndjson(record(2, loc_added_sum={})), "expected a number, got an object"),
    "number for a text": (ndjson(record(2) | {"user_login": 5}), "user_login: expected a string"),
    "number for a flag": (ndjson(record(2, used_cli=1)), "used_cli: expected a boolean"),
    "object for an array": (ndjson(record(2, totals_by_ide={})), "totals_by_ide: expected an array"),
    "null element": (ndjson(record(2, totals_by_ide=[None])), "totals_by_ide[]: expected an object"),
    "array for an object": (ndjson(record(2, totals_by_cli=[])), "totals_by_cli: expected an object"),
    "bad nested count": (ndjson(record(2, totals_by_feature=[{"loc_added_sum": "x"}])), "totals_by_feature[].loc"),
    "bad window day": (ndjson(record(2, report_end_day="01.10.2026")), "report_end_day: not a day"),
    "key twice": (b'{"day":"2026-10-01","user_id":2,"user_id":3}', "a key stands twice in one object"),
    "nested key twice": (
        b'{"day":"2026-10-01","user_id":2,"totals_by_ide":[{"ide":"vim","ide":"zed"}]}',
        "a key stands twice in one object",
    ),
    "conflict": (ndjson(record(1, loc_added_sum=5)), "a second, different record of one user_id"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_LINES)
def test_one_bad_line_quarantines_the_day_by_number_and_reason(tmp_path: Path, name: str) -> None:
    text, reason = BAD_LINES[name]
    load(tmp_path, ndjson(record(1), record(2)))
    before = {file: file.read_bytes() for file in (tmp_path / "lake").rglob("*.parquet")}

    with pytest.raises(Quarantined) as caught:
        load(tmp_path, ndjson(record(7)), GOOD + text.rstrip(b"\n") + b"\n" + ndjson(record(8)))

    message = str(caught.value)
    assert message.startswith("acme 2026-10-01: part 2 line 2: ")
    assert reason in message
    assert len(message) <= 200
    assert "login" not in message.replace("user_login", "")
    assert {file: file.read_bytes() for file in (tmp_path / "lake").rglob("*.parquet")} == before


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", "a\tb", "", "ключ"])
def test_an_unknown_field_may_have_any_name_on_every_record(tmp_path: Path, name: str) -> None:
    summary = load(tmp_path, ndjson(*(record(n, **{name: n}) for n in range(60))))

    assert (summary.records, summary.unknown_records) == (60, 60)
    assert query(tmp_path, "select count(*) from user_day where unknown_fields is not null") == [(60,)]


def test_records_that_differ_in_a_detail_are_no_repeat(tmp_path: Path) -> None:
    with pytest.raises(Quarantined, match="part 1 line 2: a second, different record of one user_id"):
        load(tmp_path, ndjson(record(1, new=True), record(1, new=1)))


@pytest.mark.parametrize("lead", range(3))
def test_a_line_that_duckdb_quotes_and_cuts_within_a_letter_is_quarantined_too(tmp_path: Path, lead: int) -> None:
    texts = "x" * lead + "漢字" * 2000
    line = f'{{"day":"2026-10-01","user_id":2,"user_login":"{texts}","totals_by_ide":[{{"ide":"a","ide":"{texts}"}}]}}'

    with pytest.raises(Quarantined, match="part 1 line 1: a key stands twice"):
        load(tmp_path, line.encode() + b"\n")


def test_a_repeat_in_which_a_key_stands_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Quarantined, match="part 1 line 2: a key stands twice"):
        load(tmp_path, GOOD + b'{"used_cli":true,"used_cli":true,' + GOOD[1:])


def test_a_record_of_another_organization_is_refused(tmp_path: Path) -> None:
    rows = ndjson(record(1), record(2, organization_id="42"), record(3, organization_id="", new=1))
    owner = {"owner": "organization_id"}

    assert load(tmp_path, rows, **owner).owner_id == "42"
    assert load(tmp_path, rows, **owner, owner_id="42").owner_id == "42"
    for bad, known in ((rows, "43"), (rows + ndjson(record(4, organization_id="43")), None)):
        with pytest.raises(Quarantined, match="organization_id is not that of the other records and days"):
            load(tmp_path, bad, **owner, owner_id=known)


def test_a_line_beyond_the_cap_is_not_read_into_memory(tmp_path: Path) -> None:
    with pytest.raises(Quarantined, match="longer than 8 MiB"):
        load(tmp_path, GOOD + b'{"user_login":"' + b"x" * (records.LINE_CAP + 5 * 2**20))


def test_a_wrapped_report_is_no_ndjson(tmp_path: Path) -> None:
    with pytest.raises(Quarantined, match="line 1: user_id is missing"):
        load(tmp_path, json.dumps({"day_totals": [record(1)]}).encode())


def test_damaged_gzip_is_quarantined(tmp_path: Path) -> None:
    with pytest.raises(Quarantined, match="damaged gzip"):
        load(tmp_path, gzip.compress(GOOD * 100)[:-20])


def test_a_day_without_records_has_its_tables_without_rows(tmp_path: Path) -> None:
    summary = load(tmp_path, b"")

    assert summary.records == 0
    assert query(tmp_path, "select (select count(*) from user_day), (select count(*) from user_day_cli)") == [(0, 0)]


def test_many_pieces_give_the_rows_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = ndjson(*(record(n, totals_by_feature=[FEATURE]) for n in range(500)))
    monkeypatch.setattr(records, "_PIECE", 5_000)
    monkeypatch.setattr(records, "_BLOCK", 777)

    summary = load(tmp_path, rows)

    assert summary.rows["user_day"] == summary.rows["user_day_feature"] == 500
    assert query(tmp_path, "select sum(user_id), sum(code_generation_activity_count) from user_day_feature") == [
        (sum(range(500)), 2000)
    ]


def test_a_table_without_rows_in_one_piece_is_counted_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = {"session_count": 2, "total_user_messages": 5}
    rows = [record(1), record(2, totals_by_vscode_agent=agent), record(3, totals_by_vscode_agent=agent), record(4)]
    monkeypatch.setattr(records, "_PIECE", 1)

    summary = load(tmp_path, ndjson(*rows))

    found = records.fields(summary, report=USERS_1_DAY, lake=tmp_path / "lake")
    assert [(each.filled, each.rows) for each in found if each.path == "totals_by_vscode_agent.session_count"] == [
        (2, 2)
    ]


def test_a_bad_line_is_numbered_in_its_file_not_in_its_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [ndjson(record(n)) for n in range(100)]
    rows[77] = b'{"day":"2026-10-01","user_id":77,"used_cli":true,"used_cli":false}\n'
    monkeypatch.setattr(records, "_PIECE", 1_000)

    with pytest.raises(Quarantined, match="part 1 line 78: a key stands twice"):
        load(tmp_path, b"".join(rows))


def test_the_lake_tells_what_it_holds(tmp_path: Path) -> None:
    summary = load(tmp_path, ndjson(record(1, novel=1)))

    assert records.read(tmp_path / "lake", USERS_1_DAY, scope="acme", day=DAY) == summary
    (tmp_path / "lake" / "user_day_cli" / "scope=acme" / "day=2026-10-01" / "rows.parquet").unlink()
    assert records.read(tmp_path / "lake", USERS_1_DAY, scope="acme", day=DAY) is None


def test_a_flipped_bit_in_parquet_is_found(tmp_path: Path) -> None:
    load(tmp_path, ndjson(*(record(n, loc_added_sum=n * 7919) for n in range(2_000))))
    file = tmp_path / "lake" / "user_day" / "scope=acme" / "day=2026-10-01" / "rows.parquet"
    column = pq.read_metadata(file).row_group(0).column(2)
    data = bytearray(file.read_bytes())
    data[column.data_page_offset + column.total_compressed_size - 1] ^= 1  # behind the page header, which has no sum
    file.write_bytes(data)

    with pytest.raises((OSError, pa.ArrowInvalid)):
        pq.ParquetFile(file, page_checksum_verification=True).read()


def test_a_disk_fault_below_duckdb_is_told_without_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise duckdb.IOException('IO Error: Could not write file "/data/spill": No space left on device\nmore')

    monkeypatch.setattr(duckdb, "connect", full)

    with pytest.raises(CopilotEtlError) as caught:
        load(tmp_path, ndjson(record()))
    assert str(caught.value) == (
        'acme 2026-10-01: IO Error: Could not write file "/data/spill": No space left on device'
    )


@pytest.mark.parametrize("day", ["2026-1-6", "20260106", "2026-02-30", "2026-01-06T00:00Z", "\uff12026-01-06"])
def test_a_day_in_another_spelling_is_refused(tmp_path: Path, day: str) -> None:
    with pytest.raises(Quarantined, match=r"report_start_day: not a day \(YYYY-MM-DD\)"):
        load(tmp_path, ndjson(record(report_start_day=day)))
