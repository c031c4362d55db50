"""A day that comes again, or comes with nobody in it; people who change, and organizations that do."""

from __future__ import annotations

import datetime as dt
import json
import os
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from copilot_etl import settings
from copilot_etl.errors import ConfigError
from copilot_etl.sandbox import Organization
from copilot_etl.store import Store
from copilot_etl_tests.conftest import Line
from copilot_etl_tests.faults.case import AT, DAY, NEXT, Case, always, failed, once
from copilot_etl_tests.faults.conftest import Play
from copilot_etl_tests.served import tables

MANY = {"organizations": (Organization("octo-org", "4242001", 60),)}
ASK = "Not loaded, what was loaded stays; if it is right, load the day with --accept-shrink."


def first_two(records: list[dict[str, Any]], **fields: Any) -> list[dict[str, Any]]:
    return [{**records[0], **fields}, *records[1:2]]


CASES = [
    # a day that comes again
    Case(
        "a day that grows is replaced whole",
        publish=lambda records: [*records, {**records[0], "user_id": 1, "user_login": "new"}],
        holds={"select count(*) from raw.user_day where user_id = 1": [(1,)]},
    ),
    Case(
        "a day that shrinks a little leaves no ghosts",
        publish=lambda records: records[2:],
        holds={"select count(*) = max(rows) from raw.user_day, ops.report_days": [(True,)]},
    ),
    Case(
        "lines that were lost before the file was signed are not seen while most are there",
        publish=lambda records: records[:-2],
    ),
    failed(
        "a day that comes without anybody keeps its people and asks",
        state="quarantined",
        publish=lambda _: [b""],
        fetched=(200,),
        line=f"quarantined: {AT}: the new version has 0 people, 9 are loaded. {ASK}",
        heals=True,
    ),
    Case(
        "a report without anybody is loaded, and is not no report",
        earlier=False,
        publish=lambda _: [b""],
        state="loaded_empty",
    ),
    # people
    *(
        Case(
            f"a login that is {words} leaves the person",
            publish=lambda records, login=login: first_two(records, user_login=login),
            holds={"select count(*), count(user_id), count(user_login) from raw.user_day": [(2, 2, logins)]},
        )
        for words, login, logins in (("null", None, 1), ("empty", "", 2))
    ),
    Case(
        "one login of two people stays two people",
        publish=lambda records: [{**record, "user_login": "ada"} for record in first_two(records)],
        holds={"select count(*), count(distinct user_id), count(distinct user_login) from raw.user_day": [(2, 2, 1)]},
    ),
    # an organization that was renamed answers at its new name, with the same id
    Case(
        "an organization that was renamed is found at its new name",
        [once("redirect", status=301)],
        asked=(301, 200),
        holds={"select distinct owner_id from ops.report_days": [("4242001",)]},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_day(play: Play, case: Case) -> None:
    play(case)


def test_a_day_that_lost_most_people_waits_for_a_word(line: Callable[..., Line]) -> None:
    made = line(parts=1, **MANY)
    made.load(DAY)
    before, people = tables(made), len(made.github.truth("octo-org", DAY))
    made.github.publish("octo-org", DAY, made.github.truth("octo-org", DAY)[: people // 3])

    outcome = made.load(DAY)[0]

    assert people >= 20
    assert str(outcome.error) == f"{AT}: the new version has {people // 3} people, {people} are loaded. {ASK}"
    assert (outcome.state, tables(made)) == ("quarantined", before)
    assert made.load(DAY, accept_shrink=True)[0].state == "loaded"
    assert tables(made)["user_day"][0] == people // 3


def test_somebody_who_is_renamed_is_one_person_with_two_logins(line: Callable[..., Line]) -> None:
    made = line(parts=1)
    records = made.github.truth("octo-org", DAY)
    for day, login in ((DAY, "ada"), (NEXT, "ADA-2")):
        made.github.publish("octo-org", day, [{**records[0], "day": str(day), "user_login": login}])

    made.load(DAY, NEXT)

    assert made.query("select user_id, list(user_login order by day) from raw.user_day group by all") == [
        (records[0]["user_id"], ["ada", "ADA-2"])
    ]


def test_somebody_in_two_organizations_has_a_row_in_each(line: Callable[..., Line]) -> None:
    made = line(parts=1)
    somebody = made.github.truth("octo-org", DAY)[0]
    made.github.publish("octo-labs", DAY, [{**somebody, "organization_id": "4242002"}])

    made.load(DAY, scopes=("octo-org", "octo-labs"))

    found = made.query("select scope, user_login from raw.user_day where user_id = ? order by 1", somebody["user_id"])
    assert found == [("octo-labs", somebody["user_login"]), ("octo-org", somebody["user_login"])]


def test_ten_thousand_people_of_a_day_stay_within_memory_and_time(line: Callable[..., Line], tmp_path: Path) -> None:
    made = line(parts=1)
    template = max(made.github.truth("octo-org", DAY), key=lambda record: len(str(record)))
    text = json.dumps({**template, "user_id": 1234567}).encode() + b"\n"
    large = tmp_path / "large"
    with large.open("wb") as file:
        for number in range(10_000):
            file.write(text.replace(b"1234567", str(number + 1).encode(), 1))
    made.github.publish("octo-org", DAY, [large])
    began = time.monotonic()

    tracemalloc.start()
    outcome = made.load(DAY)[0]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert (outcome.state, outcome.rows) == ("loaded", 10_000)
    assert peak < 256 * 2**20
    assert time.monotonic() - began < 60


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_data_folder_of_somebody_else_is_named_with_its_owner() -> None:
    # Not below pytest's own folder, which nobody else may enter.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        os.seteuid(65534)
        try:
            with pytest.raises(ConfigError) as caught:
                Store(Path(folder)).prepare()
        finally:
            os.seteuid(0)

    assert str(caught.value) == (
        f"Cannot write {folder}: Permission denied (it belongs to root). Set COPILOT_DATA_DIR."
    )


# ---------------------------------------------------------------------------------------------------- clocks


@pytest.fixture(params=["Pacific/Kiritimati", "Etc/GMT+12", "Europe/Prague"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A machine that stands elsewhere: 14 hours ahead of UTC, 12 behind, and where the clock is put back."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.delenv("TZ")
    time.tzset()


def test_waits_and_links_do_not_depend_on_where_the_machine_stands(play: Play, zone: str) -> None:
    play(Case("a limit", [once("rate_secondary", wait=90, told="date")], asked=(403, 200), waits=(90,)))


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25", "2026-10-26", "2027-12-31", "2028-01-01", "2028-02-29"])
def test_a_day_is_a_day_of_utc(line: Callable[..., Line], zone: str, day: str) -> None:
    asked = dt.date.fromisoformat(day)
    made = line(parts=1, today=asked + dt.timedelta(days=1))
    made.now = dt.datetime.combine(asked + dt.timedelta(days=1), dt.time(0, 0, 1), tzinfo=dt.UTC)
    made.github.publish("octo-org", asked, [b'{"day": "%s", "user_id": 1}\n' % day.encode()])

    assert made.load(asked)[0].state == "loaded"
    assert made.asked() == [(day, 200)]
    assert made.query("select day, last_seen_at from ops.report_days") == [(asked, made.now.replace(tzinfo=None))]


def test_today_is_today_in_utc(zone: str) -> None:
    today = dt.datetime.now(dt.UTC).date()
    yesterday = today - dt.timedelta(days=1)

    assert settings.read({"COPILOT_START_DAY": str(yesterday)}).start_day == yesterday
    with pytest.raises(ConfigError, match=r"is not a past day \(UTC\)"):
        settings.read({"COPILOT_START_DAY": str(today)})


def test_a_clock_that_is_put_back_does_not_lengthen_a_deadline(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    began, real = time.monotonic(), time.time
    monkeypatch.setattr(time, "time", lambda: real() - 3600 * (time.monotonic() - began))

    play(
        failed(
            "a drip",
            *always("drip", side="blob", every=0.1),
            limits={"file_tries": 1, "file_seconds": 1.0},
            fetched=(200,),
            line=f"failed: {AT}: 127.0.0.1 took more than 1 s for a file. Try again later.",
        )
    )

    assert time.monotonic() - began < 10
