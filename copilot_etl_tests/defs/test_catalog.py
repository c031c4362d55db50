"""What a reader of Dagster's pages is shown: columns, previews, numbers, reasons, links; and never a person."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from copilot_etl.definitions import defs
from copilot_etl.defs.pipeline import DayConfig
from copilot_etl.defs.published import PROJECT, _reason, newest_day_is_fresh
from copilot_etl.preview import names_people
from copilot_etl.published import Breach
from copilot_etl.reports import REPORTS, raw_columns
from copilot_etl.sandbox import Fault, Sandbox
from copilot_etl_tests.conftest import SMALL
from copilot_etl_tests.defs.test_history import STORAGE

pytestmark = pytest.mark.xdist_group("catalog")  # what they share is made once

TODAY = dt.datetime.now(dt.UTC).date()
DAYS = [TODAY - dt.timedelta(days=n) for n in range(12, 7, -1)]
BAD = DAYS[1]


def run(
    job: str, instance: dg.DagsterInstance, *, tags: dict[str, str] | None = None, config: Any = None
) -> dg.ExecuteInProcessResult:
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    return defs.resolve_job_def(job).execute_in_process(
        instance=instance, tags=tags or {}, run_config={**quiet, "ops": config or {}}, raise_on_error=False
    )


def one_day(day: dt.date) -> dict[str, str]:
    return {"dagster/asset_partition_range_start": str(day), "dagster/asset_partition_range_end": str(day)}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Three days loaded by the newest of them and a look-back of two, one of them bad; then the models."""
    root = tmp_path_factory.mktemp("catalog")
    fault = Fault("unprocessable", scope="octo-labs", day=str(BAD), times=None)
    with (
        Sandbox(faults=[fault], today=TODAY, organizations=SMALL, late=False, restatements=False) as github,
        pytest.MonkeyPatch.context() as patch,
        dg.instance_for_test(overrides=STORAGE) as instance,
    ):
        for name, value in github.env().items():
            patch.setenv(name, value)
        patch.setenv("COPILOT_DATA_DIR", str(root / "data"))
        patch.delenv("COPILOT_REPORTS", raising=False)
        config = {"load_days": {"config": {"look_back": 2}}}
        load = run("load", instance, tags=one_day(DAYS[2]), config=config)
        bad = run("load", instance, tags=one_day(BAD))
        models = run("models", instance)
        yield {
            "root": root / "data",
            "load": load,
            "bad": bad,
            "models": models,
            "freshness": run("freshness", instance),
            "instance": instance,
            "logins": {r["user_login"] for o in SMALL for d in DAYS[:3] for r in github.truth(o.login, str(d))},
        }


def metadata(story: dict[str, Any], *key: str) -> dict[str, dg.MetadataValue[Any]]:
    event = story["instance"].get_latest_materialization_event(dg.AssetKey([*key]))
    assert event and event.asset_materialization
    return dict(event.asset_materialization.metadata)


def reason(result: dg.ExecuteInProcessResult) -> str:
    """What the run's page says of its only failed step."""
    (failed,) = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    assert failed.user_failure_data
    return failed.user_failure_data.description or ""


def checks(result: dg.ExecuteInProcessResult) -> list[dg.AssetCheckEvaluation]:
    return result.get_asset_check_evaluations()


def words(found: dict[str, dg.MetadataValue[Any]]) -> str:
    return " ".join(str(value.value) for value in found.values())


# ------------------------------------------------------------------------------------- what stands there before a run


def test_every_asset_has_a_description_an_owner_a_kind_and_a_group() -> None:
    graph = defs.resolve_asset_graph()

    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.description, key
        assert node.owners == ["team:data"], key
        assert node.kinds, key
        layer = (
            key.path[0] if key.path[0] in ("core", "marts", "seeds") else "raw" if len(key.path) > 1 else "published"
        )
        assert node.group_name == layer, key


@pytest.mark.parametrize("report", REPORTS.values(), ids=lambda report: report.name)
@pytest.mark.parametrize(("stage", "place"), [("tables", "lake"), ("load", "raw")])
def test_the_columns_of_every_raw_table_are_in_the_catalog(report: Any, stage: str, place: str) -> None:
    found = defs.resolve_asset_graph().get(dg.AssetKey([report.asset_prefix, stage])).metadata

    assert found["dagster/table_name"] == f"{place}.{report.tables[0].name}"
    for n, table in enumerate(report.tables):
        schema = found["dagster/column_schema"] if n == 0 else found[f"{place}.{table.name}"].value
        assert [column.name for column in schema.columns] == [each.name for each in raw_columns(report, table)]
        assert all(column.description and column.type for column in schema.columns)
        assert f"| `{place}.{table.name}` | {table.grain} |" in found["tables"].value


def test_a_launch_has_words_for_look_back_scopes_and_force() -> None:
    fields = DayConfig.to_config_schema().as_field().config_type.fields  # type: ignore[attr-defined]

    assert {name: field.default_value for name, field in fields.items()} == {
        "look_back": 0,
        "scopes": [],
        "accept_shrink": False,
        "force": False,
        "from_raw": False,
        "first_look": False,
    }
    for name, word in {"look_back": "Look-back:", "scopes": "Scopes:", "force": "Force:"}.items():
        assert fields[name].description.startswith(word)


# ------------------------------------------------------------------------------------------- what a run leaves


def test_a_look_back_loads_the_days_before_too(story: dict[str, Any]) -> None:
    green = story["instance"].get_materialized_partitions(dg.AssetKey(["users_1_day", "load"]))

    assert green == {str(DAYS[0]), str(DAYS[2])}, "the bad day between them is not green"
    assert reason(story["load"]).startswith("1 of 3 days did not load whole; the others did.\n- octo-labs ")


def test_the_run_of_one_failed_day_says_the_line_that_helps_and_no_more(story: dict[str, Any]) -> None:
    assert reason(story["bad"]) == f"octo-labs {BAD}: GitHub rejected the request (422). Please report this."


def test_the_numbers_of_a_partition_can_be_plotted(story: dict[str, Any]) -> None:
    found = metadata(story, "users_1_day", "load")

    for name in ("rows", "users", "bytes", "seconds", "unknown fields", "restated records", "files"):
        assert isinstance(found[name].value, int | float), name
    assert found["users"].value == found["rows"].value


def test_a_mart_shows_its_newest_rows(story: dict[str, Any]) -> None:
    text = str(metadata(story, "marts", "adoption_daily")["preview"].value)

    head, _, first, *_ = text.splitlines()
    assert head.startswith("| scope | day | daily_active_users | weekly_active_users_7d |")
    assert first.split(" | ")[1] == str(DAYS[2])
    assert len([line for line in text.splitlines() if line.startswith("| ")]) == 6


def test_no_page_names_a_person(story: dict[str, Any]) -> None:
    assert len(story["logins"]) > 10
    shown = [table for table in PROJECT.tables if "preview" in metadata(story, table.schema, table.name)]
    assert {table.schema for table in shown} == {"marts"}
    assert len(shown) > 15
    for table in PROJECT.tables:
        text = words(metadata(story, table.schema, table.name))
        assert [login for login in story["logins"] if login in text] == [], table.full_name
    people = {model.full_name for model in PROJECT.models if model.schema == "marts" and names_people(model)}
    assert {"marts.user_activity", "marts.idle_users", "marts.ai_credits_user_month"} <= people
    assert people.isdisjoint({table.full_name for table in shown})


def test_report_and_dictionary_are_linked(story: dict[str, Any]) -> None:
    report, published = metadata(story, "report"), metadata(story, "published")

    for link, path in (
        (report["link to the report"], report["path"]),
        (published["link to the dictionary"], published["dictionary"]),
    ):
        assert link.value == Path(str(path.value)).as_uri()
        assert Path(str(path.value)).is_file()


def test_a_check_that_holds_says_so_shortly(story: dict[str, Any]) -> None:
    said = {each.description or "" for each in checks(story["models"]) if each.passed}

    assert "It holds." in said
    assert any(each.startswith("All ") and each.endswith(" rules hold.") for each in said)


def broken(severity: str, *offenders: int) -> Sequence[Breach]:
    rule = next(rule for rule in PROJECT.rules if rule.severity == severity)
    return [Breach(rule, number) for number in offenders]


@pytest.mark.parametrize(("number", "said"), [(1, "1 row breaks it: "), (1200, "1,200 rows break it: ")])
def test_a_broken_rule_is_a_reason_with_its_number(number: int, said: str) -> None:
    breach = broken("warn", number)

    assert _reason(breach, 3) == said + breach[0].rule.description


def test_a_blocking_rule_says_what_becomes_of_the_file() -> None:
    assert _reason(broken("error", 2), 1).endswith("\nThe analysts' file stays as it was until this holds again.")


# ------------------------------------------------------------------------------------------------- freshness


def fresh(monkeypatch: pytest.MonkeyPatch, line: Any, **env: str) -> dg.AssetCheckResult:
    for name, value in {**line.github.env(), "COPILOT_DATA_DIR": str(line.store.root), **env}.items():
        monkeypatch.setenv(name, value)
    return newest_day_is_fresh()  # type: ignore[return-value]


def test_an_old_newest_day_is_told_with_what_to_do(line: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    made = line(today=TODAY)
    made.now = dt.datetime.now(dt.UTC)
    made.load(TODAY - dt.timedelta(days=9))

    result = fresh(monkeypatch, made, COPILOT_ORGS="octo-org")

    assert not result.passed
    assert result.severity == dg.AssetCheckSeverity.WARN
    assert result.description == (
        f"octo-org: the newest loaded day is {TODAY - dt.timedelta(days=9)}, 8 complete days came after it. "
        f"{TODAY - dt.timedelta(days=8)}: nobody asked GitHub for it. Is the schedule on? Load it: copilot-etl load"
    )
    assert result.metadata["days behind"].value == 8
    made.load(*(TODAY - dt.timedelta(days=n) for n in (40, 30)))
    assert not fresh(monkeypatch, made, COPILOT_ORGS="octo-org").passed, "a backfill of old days is no news"


def test_a_new_newest_day_is_fresh(line: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    made = line(today=TODAY)
    made.now = dt.datetime.now(dt.UTC)
    made.load(TODAY - dt.timedelta(days=2))

    result = fresh(monkeypatch, made, COPILOT_ORGS="octo-org")

    assert result.passed
    assert result.description == "Every scope is as new as GitHub's reports are."


def test_one_scope_that_lags_is_named_alone(line: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    made = line(today=TODAY)
    made.now = dt.datetime.now(dt.UTC)
    made.load(TODAY - dt.timedelta(days=2))

    result = fresh(monkeypatch, made, COPILOT_ORGS="octo-org,octo-labs")

    assert not result.passed
    assert (result.description or "").startswith("octo-labs: the newest loaded day is none, ")
    assert result.metadata["scopes behind"].value == 1


def test_freshness_is_asked_for_when_nothing_is_loaded_any_more(story: dict[str, Any]) -> None:
    schedules = {each.name: each for each in defs.schedules or () if isinstance(each, dg.ScheduleDefinition)}

    assert schedules["freshness_schedule"].default_status == dg.DefaultScheduleStatus.RUNNING
    passed = {each.check_name: each.passed for each in checks(story["freshness"])}
    assert set(passed) == {"history_is_safe", "newest_day_is_fresh"}
    assert not passed["newest_day_is_fresh"]
