"""Dagster's history in files that stay open: the same files, and nothing lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml

from copilot_etl.defs import history

ROOT = Path(__file__).parents[2]
STORAGE = {"storage": yaml.safe_load((ROOT / "dagster.yaml").read_text())["storage"]}


@dg.asset
def something() -> None:
    pass


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "home").mkdir()
    yield tmp_path / "home"


def materialized(instance: dg.DagsterInstance) -> list[str]:
    records = instance.fetch_materializations(something.key, limit=100).records
    return [record.run_id for record in records]


def test_dagster_reads_what_ours_wrote_and_ours_what_dagster_wrote(home: Path) -> None:
    with dg.instance_for_test(temp_dir=str(home), overrides=STORAGE) as ours:
        first = dg.materialize([something], instance=ours).run_id
    with dg.instance_for_test(temp_dir=str(home)) as theirs:
        assert type(theirs.event_log_storage).__module__.startswith("dagster.")
        assert materialized(theirs) == [first]
        assert [event.message for event in theirs.all_logs(first) if event.message]
        second = dg.materialize([something], instance=theirs).run_id
    with dg.instance_for_test(temp_dir=str(home), overrides=STORAGE) as ours:
        assert type(ours.event_log_storage).__module__ == history.__name__
        assert materialized(ours) == [second, first]
        assert len(ours.get_runs()) == 2


def test_a_file_stays_open_between_events_and_only_a_few_do(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    make = history._engine

    def counted(address: str) -> object:
        opened.append(address)
        return make(address)

    monkeypatch.setattr(history, "_engine", counted)
    with dg.instance_for_test(temp_dir=str(home), overrides=STORAGE) as instance:
        runs = [dg.materialize([something], instance=instance).run_id for _ in range(history._OPEN_FILES + 2)]
        assert len(opened) == len(set(opened)), "each run's file was opened once"
        assert len(instance.event_log_storage._engines) == history._OPEN_FILES  # type: ignore[attr-defined]
        assert len(list(instance.all_logs(runs[0]))) > 5, "one that was closed is opened again"


def test_wiping_leaves_no_file_open_that_is_gone(home: Path) -> None:
    with dg.instance_for_test(temp_dir=str(home), overrides=STORAGE) as instance:
        dg.materialize([something], instance=instance)
        instance.wipe()
        assert not materialized(instance)
        again = dg.materialize([something], instance=instance).run_id
        assert materialized(instance) == [again]
        (file,) = home.rglob(f"{again}.db")
        with sqlite3.connect(file) as connection:
            assert connection.execute("select count(*) from event_logs").fetchone() > (5,)
