"""`sql/` as models and rules: names from paths, upstreams from the SQL, meanings from the property files beside it.

`sql/<schema>/<name>.sql` is one select and becomes the table `<schema>.<name>`; `<name>.yml` beside it describes the
table and each column in dbt's property-file shape. A rule is a query for its offenders: a file
`sql/checks/<schema>/<table>/<rule>.sql`, or one of dbt's generic tests named in a property file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, Literal

import sqlglot
import yaml
from sqlglot import exp

from copilot_etl.errors import ConfigError

Severity = Literal["error", "warn"]

SCHEMAS = ("core", "marts")


@dataclass(frozen=True, slots=True)
class ModelColumn:
    """A column as its property file promises it; `data_type` is DuckDB's name."""

    name: str
    data_type: str
    description: str


@dataclass(frozen=True, slots=True)
class Model:
    """One table made by one select; `upstreams` are the tables it reads, with their schema."""

    schema: str
    name: str
    sql: str
    description: str
    columns: tuple[ModelColumn, ...]
    upstreams: tuple[str, ...]

    @property
    def full_name(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class Rule:
    """A query whose rows break a rule; of severity `error`, one row keeps the new models out."""

    schema: str
    table: str
    name: str
    sql: str
    description: str
    severity: Severity


def read_models(folder: Path) -> tuple[Model, ...]:
    """All models below a folder, each after those it reads; raises ConfigError with file and fault."""
    models = {
        model.full_name: model
        for schema in SCHEMAS
        for model in (_model(file) for file in sorted((folder / schema).glob("*.sql")))
    }
    for model in models.values():
        for upstream in model.upstreams:
            if upstream.split(".")[0] in SCHEMAS and upstream not in models:
                raise ConfigError(f"{model.full_name} reads {upstream}, which has no file in sql/.")
    try:
        order = TopologicalSorter({name: model.upstreams for name, model in models.items()}).static_order()
        return tuple(models[name] for name in order if name in models)
    except CycleError as error:
        raise ConfigError(f"Models read each other in a circle: {' -> '.join(error.args[1])}.") from None


def read_rules(folder: Path, models: Sequence[Model]) -> tuple[Rule, ...]:
    """All rules: the property files' generic tests, then the files below `checks/`."""
    written = [_rule(file) for file in sorted((folder / "checks").glob("*/*/*.sql"))]
    return (*(rule for model in models for rule in _generic_rules(folder, model)), *written)


def _model(file: Path) -> Model:
    schema, name = file.parent.name, file.stem
    sql = file.read_text().strip().rstrip(";")
    properties = _properties(file.with_suffix(".yml"), name)
    columns = tuple(
        ModelColumn(*(_text(file, column, key) for key in ("name", "data_type", "description")))
        for column in properties.get("columns", [])
    )
    return Model(schema, name, sql, _text(file, properties, "description"), columns, _upstreams(file, sql))


def _properties(file: Path, name: str) -> Mapping[str, Any]:
    try:
        for properties in yaml.safe_load(file.read_text())["models"]:
            if properties["name"] == name:
                return properties
    except FileNotFoundError:
        raise ConfigError(f"{_short(file)} is missing: describe the model and its columns there.") from None
    except (yaml.YAMLError, KeyError, TypeError):
        raise ConfigError(f"{_short(file)} is no dbt property file (version, models, name, columns).") from None
    raise ConfigError(f"{_short(file)} does not describe {name}.")


def _text(file: Path, properties: Mapping[str, Any], key: str) -> str:
    text = " ".join(str(properties.get(key) or "").split())
    if not text:
        raise ConfigError(f"{_short(file.with_suffix('.yml'))}: {properties.get('name')} has no {key}.")
    return text


def _upstreams(file: Path, sql: str) -> tuple[str, ...]:
    try:
        statements = sqlglot.parse(sql, dialect="duckdb")
    except sqlglot.errors.ParseError as error:
        where = error.errors[0] if error.errors else {}
        raise ConfigError(f"{_short(file)} line {where.get('line', '?')}: not valid SQL.") from None
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise ConfigError(f"{_short(file)} must hold one select, nothing else.")
    return tuple(sorted({f"{table.db}.{table.name}" for table in statements[0].find_all(exp.Table) if table.db}))


def _rule(file: Path) -> Rule:
    sql = file.read_text().strip().rstrip(";")
    comments = re.match(r"(?:--.*\n)*", sql)
    lines = [line.removeprefix("--").strip() for line in (comments[0] if comments else "").splitlines()]
    severity: Severity = "warn" if "severity: warn" in lines else "error"
    description = " ".join(line for line in lines if not line.startswith("severity:"))
    if not description:
        raise ConfigError(f"{_short(file)}: the first line must say what the rule holds, as a comment.")
    _upstreams(file, sql)
    return Rule(file.parts[-3], file.parts[-2], file.stem, sql, description, severity)


def _generic_rules(folder: Path, model: Model) -> Iterator[Rule]:
    file = folder / model.schema / f"{model.name}.yml"
    properties = _properties(file, model.name)
    tests: Iterable[tuple[str, Any]] = [
        *(("", test) for test in properties.get("data_tests", [])),
        *((column["name"], test) for column in properties["columns"] for test in column.get("data_tests", [])),
    ]
    for column, test in tests:
        name, options = (test, {}) if isinstance(test, str) else next(iter(test.items()))
        yield _generic_rule(file, model, column, name.split(".")[-1], options or {})


def _generic_rule(file: Path, model: Model, column: str, name: str, options: Mapping[str, Any]) -> Rule:
    """One of dbt's generic tests as a query for its offenders."""
    arguments = {**options, **options.get("arguments", {})}
    table = model.full_name
    severity: Severity = "warn" if options.get("config", {}).get("severity") == "warn" else "error"
    if name == "not_null":
        sql, says = f"from {table} where {column} is null", f"{column} is never null."
    elif name == "unique":
        sql = f"from {table} where {column} is not null group by {column} having count(*) > 1"
        sql, says = f"select {column} {sql}", f"{column} is unique."
    elif name == "unique_combination_of_columns":
        keys = ", ".join(arguments["combination_of_columns"])
        sql = f"select {keys} from {table} group by {keys} having count(*) > 1"
        says, column = f"One row for each {keys}.", ""
    elif name == "accepted_values":
        values = ", ".join("'" + str(value).replace("'", "''") + "'" for value in arguments["values"])
        sql = f"from {table} where {column}::varchar not in ({values})"
        says = f"{column} is one of {values}."
    elif name == "relationships":
        to = re.sub(r"ref\('(\w+)'\)", r"\1", arguments["to"])
        sql = f"from {table} where {column} is not null and {column} not in (select {arguments['field']} from {to})"
        says = f"{column} stands in {to}."
    else:
        raise ConfigError(f"{_short(file)}: data test {name!r} is not one this project knows.")
    sql = sql if sql.startswith("select") else f"select * {sql}"
    return Rule(model.schema, model.name, f"{name}_{column}" if column else name, sql, says, severity)


def _short(file: Path) -> str:
    return "/".join(("sql", *file.parts[-2:]))
