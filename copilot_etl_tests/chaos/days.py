"""Many mornings: days come late and are restated, requests fail, runs are killed or meet; in the end all is true.

Each morning a run asks for the look-back window. After the last one GitHub is well again, and at most two more runs
over all days must make every day of every organization equal to what is served.
"""

from __future__ import annotations

import datetime as dt
import json
import signal
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from copilot_etl.sandbox import Organization, Request
from copilot_etl_tests.chaos import weather
from copilot_etl_tests.chaos.seed import chance
from copilot_etl_tests.chaos.stage import TODAY, Run, Stage, Watched
from copilot_etl_tests.chaos.tally import Tally
from copilot_etl_tests.chaos.truth import NO_ROWS, differences, rows_of

SCOPES = (
    Organization("octo-org", "4242001", 7),
    Organization("octo-labs", "4242002", 5),
    Organization("octo-ops", "4242003", 6),
)
LOOK_BACK = 3
PARTS = 5  # at most: one more than may be in flight
_FIRST = dt.date(2025, 12, 12)


@dataclass(frozen=True, slots=True)
class _Morning:
    """What is special about a run: nothing, a kill, a second run beside it, or the whole command."""

    number: int
    killed: bool = False
    doubled: bool = False
    whole: bool = False


def run(folder: Path, seed: int, *, days: int, organizations: int = 2, faulty: float = 0.2, whole: int = 1) -> Tally:
    """So many days of so many organizations; `whole` runs are of the whole command."""
    tally = Tally("simulated days")
    started = time.perf_counter()
    random = chance(seed, "days")
    first = max(TODAY - dt.timedelta(days=days + LOOK_BACK), _FIRST)
    calendar = [first + dt.timedelta(days=each) for each in range(min(days, (TODAY - first).days))]
    with Watched(seed=seed, organizations=SCOPES[:organizations]) as github:
        stage = Stage(github, folder / "days")
        stage.folder.mkdir()
        scopes = list(github.world.organizations)
        due = _publications(github, calendar, random)
        for scope in scopes:
            for day in calendar:
                github.publish(scope, day, None)
        for morning in _mornings(len(calendar) + LOOK_BACK, whole, random):
            for scope, day, parts in due.get(morning.number, ()):
                github.publish(scope, day, parts)
                tally.count("versions published")
            window = calendar[max(0, morning.number - LOOK_BACK) : morning.number + 1]
            window = window[-1:] if morning.whole else window
            slow = not morning.whole and random.random() < 0.3
            github.faults = weather.forecast(random, scopes, window, parts=PARTS, chance=faulty, slow=slow)
            _live(stage, morning, window, tally, random, slow=slow)
        github.faults = ()
        wrong = _wrong(stage, scopes, calendar)
        tally.count("org-days", len(calendar) * len(scopes))
        tally.count("org-days behind when the faults ended", len(wrong))
        for extra in range(2):
            if wrong or not extra:
                stage.load(calendar[0], calendar[-1])
                tally.count("extra runs")
                wrong = _wrong(stage, scopes, calendar)
        tally.hold(not wrong, f"{len(wrong)} org-days are not the truth: {wrong[:3]}")
        tally.hold(not (strays := stage.strays()), f"left behind: {strays[:3]}")
        tally.hold(not (leaks := stage.leaks()), f"secrets: {leaks[:5]}")
        tally.count("requests", len(github.journal))
    tally.seconds = time.perf_counter() - started
    return tally


def _publications(
    github: Watched, calendar: Sequence[dt.date], random: Random
) -> Mapping[int, list[tuple[str, dt.date, list[bytes]]]]:
    """By morning, what GitHub publishes: three versions of each day, the first of them sometimes late."""
    due: dict[int, list[tuple[str, dt.date, list[bytes]]]] = {}
    for scope in github.world.organizations:
        for number, day in enumerate(calendar):
            late = random.choices((0, 1, 2), (85, 11, 4))[0]
            early = list(github.world.records(scope, day, final=False))
            between = [{**record, "loc_added_sum": 1 + (record.get("loc_added_sum") or 0)} for record in early]
            final = list(github.world.records(scope, day))
            for version, records in enumerate((early, between, final)):
                parts = _split(records, random.randint(1, PARTS)) if records else []
                due.setdefault(number + late + version, []).append((scope, day, parts))
    return due


def _split(records: Sequence[Mapping[str, Any]], parts: int) -> list[bytes]:
    lines = [json.dumps(record, ensure_ascii=False).encode() + b"\n" for record in records]
    return [b"".join(lines[number::parts]) for number in range(parts)]


def _mornings(number: int, whole: int, random: Random) -> list[_Morning]:
    """One run in twenty is killed, one in fifty has another one beside it, and at least one each."""
    chosen = random.sample(range(2, number - 1), max(1, number // 20) + max(1, number // 50) + whole)
    killed, rest = chosen[: max(1, number // 20)], chosen[max(1, number // 20) :]
    doubled, with_cli = rest[: len(rest) - whole], rest[len(rest) - whole :]
    return [_Morning(each, each in killed, each in doubled, each in with_cli) for each in range(number)]


def _live(
    stage: Stage, morning: _Morning, window: Sequence[dt.date], tally: Tally, random: Random, *, slow: bool
) -> None:
    github = stage.github
    before = len(github.journal)
    github.max_in_flight.clear()
    words = ("load", "--from", str(window[0]), "--to", str(window[-1]))
    processes = [stage.start(*words, face="cli" if morning.whole else "walk") for _ in range(1 + morning.doubled)]
    if morning.killed:
        time.sleep(random.uniform(0.4, 2.0))
        processes[0].send_signal(signal.SIGKILL)
    runs = [stage.wait(process) for process in processes]
    tally.count("runs", len(runs))
    tally.count("runs killed", sum(run.killed for run in runs))
    tally.count("runs side by side", len(runs) if morning.doubled else 0)
    where = f"morning {morning.number}"
    for run in runs:
        _hold_ended(run, tally, where, killed=morning.killed)
    _hold_once(stage, tally, where)
    asked = list(github.journal)[before:]
    said = {what for request in asked for what in request.violations}
    if morning.doubled:
        said.discard("early_retry")  # one process does not know what the other was told
    tally.hold(not said, f"{where}: impolite: {sorted(said)}")
    if len(runs) == 1:
        _hold_polite(asked, tally, where)
        in_flight = max(github.max_in_flight.values(), default=0)
        # A server that hangs counts a request as in flight after the client has given it up.
        tally.hold(slow or in_flight <= 4, f"{where}: {in_flight} requests in flight")
    if morning.killed:
        time.sleep(1.5)  # a limit that the dead run was told is not the next one's fault


def _hold_ended(run: Run, tally: Tally, where: str, *, killed: bool) -> None:
    allowed = (0, 1, 2, 3, 75, *((-signal.SIGKILL,) if killed else ()))
    tally.hold(run.code in allowed and not run.crashed, f"{where}: {run.said}")
    tally.hold("unforeseen" not in run.stderr, f"{where}: {run.said}")


def _hold_once(stage: Stage, tally: Tally, where: str) -> None:
    """Nobody stands twice in a day, and the ledger has the number of people that are there."""
    ledger = stage.ledger()
    for key, rows in stage.days().items():
        people = Counter(row[0] for row in rows["user_day"].elements())
        tally.hold(max(people.values(), default=0) <= 1, f"{where}: {key} has somebody twice")
        told = ledger.get(key, ("", 0))[1]
        tally.hold(told == len(people), f"{where}: {key} has {len(people)} people, the ledger says {told}")


def _hold_polite(asked: Sequence[Request], tally: Tally, where: str) -> None:
    questions = [request for request in asked if request.side == "api" and request.status not in (301, 302)]
    tries = Counter((request.scope, request.day) for request in questions)
    tally.hold(max(tries.values(), default=0) <= 6, f"{where}: {tries.most_common(1)} tries")
    refused = [number for number, request in enumerate(questions) if request.status == 401]
    tally.hold(not refused or refused == [len(questions) - 1], f"{where}: asked again after a 401")


def _wrong(stage: Stage, scopes: Sequence[str], calendar: Sequence[dt.date]) -> list[str]:
    found = stage.days()
    said = []
    for scope in scopes:
        for day in calendar:
            expected = rows_of(stage.github.truth(scope, day))
            if difference := differences(found.get((scope, day), NO_ROWS), expected):
                said.append(f"{scope} {day}: {difference}")
    return said
