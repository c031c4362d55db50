"""The code location as Dagster sees it, and what the schedule asks for at given clock times."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from collections.abc import Callable

import dagster as dg
import pytest

from copilot_etl.definitions import defs
from copilot_etl.defs.pipeline import PARTITIONS, unsettled_days
from copilot_etl.defs.published import CHECKS, PROJECT, loads_landed
from copilot_etl.published import Published, _Refresh
from copilot_etl.report import write
from copilot_etl.reports import REPORTS, USERS_1_DAY
from copilot_etl.sandbox import Fault
from copilot_etl_tests.conftest import Line

DAILY = {f"{report.asset_prefix}/{name}" for report in REPORTS.values() for name in ("files", "tables", "load")}


def test_the_code_location_holds_together() -> None:
    dg.Definitions.validate_loadable(defs)


def test_whatever_loads_the_code_location_writes_for_its_owner_only() -> None:
    shown = "import os, copilot_etl.definitions; print(oct(os.umask(0)))"
    result = subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, umask=0, timeout=120)

    assert result.stdout == "0o77\n"


def test_assets_are_the_reports_walk_the_models_the_published_copy_and_the_page() -> None:
    names = {key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()}

    assert names == {*DAILY, *(table.full_name.replace(".", "/") for table in PROJECT.tables), "published", "report"}


def test_partitions_are_complete_utc_days_since_github_has_any() -> None:
    keys = PARTITIONS.get_partition_keys(current_time=dt.datetime(2026, 11, 24, 0, 30, tzinfo=dt.UTC))

    assert (keys[0], keys[-1]) == ("2025-12-12", "2026-11-23")


def test_models_depend_on_what_their_sql_reads() -> None:
    graph = defs.resolve_asset_graph()

    def upstreams(*key: str) -> set[str]:
        return {parent.to_user_string() for parent in graph.get(dg.AssetKey([*key])).parent_keys}

    assert upstreams("core", "fct_user_day") == {"users_1_day/load"}
    assert upstreams("core", "fct_user_day_deduped") == {"core/fct_user_day"}
    assert upstreams("published") == {model.full_name.replace(".", "/") for model in PROJECT.models}
    assert upstreams("report") == {"published"}


def test_every_rule_is_an_asset_check_or_part_of_its_tables_check() -> None:
    checks = {(key.asset_key.to_user_string(), key.name) for key in defs.resolve_asset_graph().asset_check_keys}

    rules = {(key.asset_key.to_user_string(), key.name) for key in CHECKS}
    assert checks - rules == {("users_1_day/load", name) for name in ("history_is_safe", "newest_day_is_fresh")}
    assert {rule.full_name for rules in CHECKS.values() for rule in rules} == {rule.full_name for rule in PROJECT.rules}
    for key, rules in CHECKS.items():
        assert len({rule.severity for rule in rules}) == 1
        assert rules[0].is_generic or [rule.name for rule in rules] == [key.name]


def test_columns_and_their_meaning_are_in_the_catalog() -> None:
    spec = defs.resolve_asset_graph().get(dg.AssetKey(["marts", "adoption_daily"]))
    schema = spec.metadata["dagster/column_schema"]

    assert isinstance(schema, dg.TableSchema)
    assert [column.name for column in schema.columns][:3] == ["scope", "day", "daily_active_users"]
    assert all(column.description for column in schema.columns)


def asked(line: Line, monkeypatch: pytest.MonkeyPatch, now: str, **env: str) -> list[str] | str:
    """The days the schedule asks for at a clock time, or its reason to skip."""
    for name, value in {**line.github.env(), "COPILOT_ORGS": "octo-org", **env}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COPILOT_DATA_DIR", str(line.store.root))
    with dg.instance_for_test() as instance:
        context = dg.build_schedule_context(
            instance=instance, scheduled_execution_time=dt.datetime.fromisoformat(now).replace(tzinfo=dt.UTC)
        )
        result = unsettled_days(context)
    if isinstance(result, dg.SkipReason):
        return result.skip_message or ""
    assert isinstance(result, list)
    assert len({request.run_key for request in result}) == len(result)
    selected = {key.path[0] for request in result for key in request.asset_selection or ()}
    assert selected == {name.replace("-", "_") for name in env.get("COPILOT_REPORTS", "users-1-day").split(",")}
    return [request.partition_key or "" for request in result]


def day(number: int, month: int = 11) -> dt.date:
    return dt.date(2026, month, number)


def test_a_first_tick_asks_for_the_look_back_window(line: Callable[..., Line], monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(line(), monkeypatch, "2026-11-24T04:15") == [f"2026-11-{n}" for n in range(17, 24)]


def test_a_shorter_window_is_a_setting(line: Callable[..., Line], monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(line(), monkeypatch, "2026-11-24T04:15", COPILOT_LOOKBACK_DAYS="2") == ["2026-11-22", "2026-11-23"]


@pytest.mark.parametrize(
    ("now", "last"),
    [
        ("2026-11-24T04:15", "2026-11-23"),
        ("2026-11-24T22:15", "2026-11-23"),
        ("2026-11-25T04:15", "2026-11-24"),
        ("2026-03-01T04:15", "2026-02-28"),
        ("2028-03-01T04:15", "2028-02-29"),
        ("2027-01-01T04:15", "2026-12-31"),
    ],
)
def test_the_last_day_asked_for_is_yesterday_in_utc(
    line: Callable[..., Line], monkeypatch: pytest.MonkeyPatch, now: str, last: str
) -> None:
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")

    assert asked(line(), monkeypatch, now)[-1] == last


def test_each_report_is_asked_for_the_days_that_it_lacks(
    line: Callable[..., Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = line()
    made.load(*(day(number) for number in range(12, 20)))

    assert asked(made, monkeypatch, "2026-11-20T04:15", COPILOT_REPORTS="user-teams-1-day") == [
        f"2026-11-{number}" for number in range(13, 20)
    ]


def test_settled_days_are_left_alone(line: Callable[..., Line], monkeypatch: pytest.MonkeyPatch) -> None:
    made = line()
    made.load(*(day(number) for number in range(17, 24)))

    assert asked(made, monkeypatch, "2026-11-24T10:15") == ["2026-11-21", "2026-11-22", "2026-11-23"]


def test_when_all_is_settled_the_reason_is_said(line: Callable[..., Line], monkeypatch: pytest.MonkeyPatch) -> None:
    made = line()
    made.load(*(day(number) for number in range(12, 20)))

    assert asked(made, monkeypatch, "2026-11-20T04:15") == ("Every day is settled: loaded, and old enough to be final.")


def test_after_a_pause_of_the_machine_no_missed_day_is_forgotten(
    line: Callable[..., Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = line()
    made.now = dt.datetime(2026, 10, 1, 9, tzinfo=dt.UTC)
    made.load(*(day(number, 9) for number in range(20, 27)))

    days = asked(made, monkeypatch, "2026-11-02T04:15")

    assert (days[0], days[-1], len(days)) == ("2026-09-27", "2026-11-01", 36)


def test_a_late_day_is_asked_for_until_it_is_there(line: Callable[..., Line], monkeypatch: pytest.MonkeyPatch) -> None:
    made = line(Fault("no_content", day="2026-11-17"))
    made.now = dt.datetime(2026, 11, 22, 9, tzinfo=dt.UTC)
    made.load(day(16), day(17))

    assert asked(made, monkeypatch, "2026-11-22T10:15")[:2] == ["2026-11-15", "2026-11-17"]
    made.load(day(17))
    assert "2026-11-17" not in asked(made, monkeypatch, "2026-11-22T16:15")


def test_without_settings_the_schedule_says_what_is_missing(
    line: Callable[..., Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert asked(line(), monkeypatch, "2026-11-24T04:15", GITHUB_TOKEN="") == (
        "GITHUB_TOKEN is not set. Set it, or GITHUB_APP_ID for a GitHub App, "
        "or GITHUB_AUTH=none behind a gateway that signs in."
    )


def test_a_broken_setting_is_said_too(line: Callable[..., Line], monkeypatch: pytest.MonkeyPatch) -> None:
    assert "COPILOT_LOOKBACK_DAYS" in asked(line(), monkeypatch, "2026-11-24T04:15", COPILOT_LOOKBACK_DAYS="many")


def test_the_models_are_refreshed_when_a_load_has_changed_something(
    line: Callable[..., Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = line()
    monkeypatch.setenv("COPILOT_DATA_DIR", str(made.store.root))
    load = dg.AssetKey([USERS_1_DAY.asset_prefix, "load"])
    with dg.instance_for_test() as instance:
        context = dg.build_sensor_context(instance=instance)

        def tick() -> str:
            """The run that is asked for, or the reason why none is."""
            result = loads_landed(context)
            return result.run_key or "" if isinstance(result, dg.RunRequest) else str(result.skip_message)

        def loaded(number: int) -> None:
            made.load(day(number))
            instance.report_runless_asset_event(dg.AssetMaterialization(load, partition=str(day(number))))

        assert tick() == "Nothing was loaded since the last refresh."
        loaded(20)
        assert tick().isdigit()
        now = dt.datetime.now(dt.UTC)
        Published(made.store.published, made.warehouse).refresh(PROJECT, now=now)
        Published(made.store.published, made.warehouse).export(PROJECT)
        write(made.store.published, made.store.report)

        loaded(20)
        assert tick() == "No day was found other than at the last refresh."
        assert tick() == "Nothing was loaded since the last refresh."
        loaded(21)
        assert tick().isdigit()
        loaded(20)
        with made.warehouse.connect():
            assert tick().isdigit()


def test_the_models_have_the_memory_that_is_set(line: Callable[..., Line], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COPILOT_DATA_DIR", str(line().store.root))
    found = []
    run = _Refresh.run

    def spied(self: _Refresh) -> None:
        found.append(self._one("select current_setting('memory_limit')"))
        run(self)

    monkeypatch.setattr(_Refresh, "run", spied)
    tables = [dg.AssetKey([table.schema, table.name]) for table in PROJECT.tables]
    for mib in ("300", ""):
        monkeypatch.setenv("COPILOT_MODELS_MEMORY_MIB", mib)
        with dg.instance_for_test() as instance:
            models = defs.resolve_job_def("models")
            assert models.execute_in_process(instance=instance, asset_selection=tables).success

    assert found == [("300.0 MiB",), ("640.0 MiB",)]
