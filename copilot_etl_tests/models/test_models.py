"""`sql/` as models and rules: what is read from it, and how a fault in it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from copilot_etl.errors import ConfigError
from copilot_etl.models import read_models, read_rules

YML = """
version: 2
models:
  - name: {name}
    description: What it is for.
    columns:
      - name: n
        data_type: integer
        description: What it means.
        data_tests: [not_null, unique]
"""


def write(folder: Path, name: str, sql: str, yml: str = YML) -> None:
    file = folder / f"{name}.sql"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(sql)
    if yml:
        file.with_suffix(".yml").write_text(yml.format(name=file.stem))


def test_a_model_is_named_by_its_path_and_knows_what_it_reads(tmp_path: Path) -> None:
    write(tmp_path, "core/b", "with a as (select * from raw.user_day) select n from a join core.c on a.n = core.c.n")
    write(tmp_path, "core/c", "select n from ops.report_days;")
    write(tmp_path, "marts/a", "-- from core.nothing\nselect n from core.b, (select 'core.d' as x)")

    models = read_models(tmp_path)

    assert [(model.full_name, model.upstreams) for model in models] == [
        ("core.c", ("ops.report_days",)),
        ("core.b", ("core.c", "raw.user_day")),
        ("marts.a", ("core.b",)),
    ]
    assert models[0].columns[0].description == "What it means."


@pytest.mark.parametrize(
    ("sql", "yml", "says"),
    [
        ("select n from", YML, "sql/core/a.sql line 1: not valid SQL."),
        ("select 1 as n; select 2 as n", YML, "sql/core/a.sql must hold one select, nothing else."),
        ("create table x (n int)", YML, "sql/core/a.sql must hold one select, nothing else."),
        ("select n from core.missing", YML, "core.a reads core.missing, which has no file in sql/."),
        ("select 1 as n", "", "sql/core/a.yml is missing: describe the model and its columns there."),
        ("select 1 as n", "a: [", "sql/core/a.yml is no dbt property file (version, models, name, columns)."),
        ("select 1 as n", "models: []", "sql/core/a.yml does not describe a."),
        ("select 1 as n", YML.replace("What it means.", ""), "sql/core/a.yml: n has no description."),
    ],
)
def test_a_fault_names_file_and_reason(tmp_path: Path, sql: str, yml: str, says: str) -> None:
    write(tmp_path, "core/a", sql, yml)

    with pytest.raises(ConfigError) as caught:
        read_models(tmp_path)

    assert str(caught.value) == says


def test_a_circle_is_named(tmp_path: Path) -> None:
    write(tmp_path, "core/a", "select n from core.b")
    write(tmp_path, "core/b", "select n from core.a")

    with pytest.raises(ConfigError) as caught:
        read_models(tmp_path)

    assert "in a circle" in str(caught.value)


def test_rules_come_from_property_files_and_from_checks(tmp_path: Path) -> None:
    write(tmp_path, "core/a", "select 1 as n")
    write(tmp_path, "checks/core/a/small", "-- n is small.\n-- severity: warn\nselect * from core.a where n > 9", "")

    rules = read_rules(tmp_path, read_models(tmp_path))

    assert [(rule.name, rule.severity, rule.description) for rule in rules] == [
        ("not_null_n", "error", "n is never null."),
        ("unique_n", "error", "n is unique."),
        ("small", "warn", "n is small."),
    ]


def test_a_rule_without_a_sentence_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "core/a", "select 1 as n")
    write(tmp_path, "checks/core/a/small", "select * from core.a", "")

    with pytest.raises(ConfigError) as caught:
        read_rules(tmp_path, read_models(tmp_path))

    assert str(caught.value) == "sql/a/small.sql: the first line must say what the rule holds, as a comment."


def test_an_unknown_data_test_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "core/a", "select 1 as n", YML.replace("unique", "is_nice"))

    with pytest.raises(ConfigError) as caught:
        read_rules(tmp_path, read_models(tmp_path))

    assert str(caught.value) == "sql/core/a.yml: data test 'is_nice' is not one this project knows."
