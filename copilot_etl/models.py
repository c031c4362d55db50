"""`sql/` as models, rules, seeds and macros: names from paths, upstreams from the SQL, meanings from property files.

`sql/<schema>/<name>.sql` is one select and becomes the table `<schema>.<name>`; `<name>.yml` beside it describes the
table and each column in dbt's property-file shape. `sql/seeds/<name>.csv` is a small table of its own, described the
same way. A rule is a query for its offenders: a file `sql/checks/<schema>/<table>/<rule>.sql`, or one of dbt's generic
tests named in a property file. `sql/macros/<name>.sql` creates a macro for what cannot be added up.
"""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, Literal

import duckdb
import yaml

from copilot_etl.errors import ConfigError

Severity = Literal["error", "warn"]

Materialized = Literal["table", "incremental", "view"]
Period = Literal["day", "week_start_monday", "month_start"]

SCHEMAS = ("core", "marts")

# The same loader in C, where PyYAML has it: a third of the time at every start.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class ModelColumn:
    """A column as its property file promises it; `data_type` is DuckDB's name."""

    name: str
    data_type: str
    description: str


@dataclass(frozen=True, slots=True)
class Model:
    """One table (or view) made by one select; `upstreams` are the tables it reads, with their schema.

    An `incremental` model is rebuilt only for the periods that changed: its column `period` says which rows belong
    to one, and a row reads nothing but the days of its period and the `days_before` days in front of it.
    `additivity` says over what its numbers may not be added up. `fingerprint` changes with the model's own text.
    """

    schema: str
    name: str
    sql: str
    description: str
    columns: tuple[ModelColumn, ...]
    upstreams: tuple[str, ...]
    materialized: Materialized = "table"
    period: Period = "day"
    days_before: int = 0
    additivity: str = ""

    @property
    def full_name(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def grain(self) -> str:
        """The first line of the SQL: `one row per ...`."""
        return self.sql.splitlines()[0].removeprefix("--").strip()

    @property
    def fingerprint(self) -> str:
        text = repr((self.sql, self.materialized, self.period, self.days_before))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Seed:
    """A small table that people keep by hand in a CSV file with a header."""

    name: str
    file: Path
    description: str
    columns: tuple[ModelColumn, ...]

    schema = "seeds"

    @property
    def full_name(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.file.read_bytes() + repr(self.columns).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Macro:
    """A macro of the published file: `sql` creates it, `description` is its comment."""

    name: str
    sql: str
    description: str
    is_table: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """A query whose rows break a rule; of severity `error`, one row keeps the new models out.

    `all_days` is true for a rule that is to count over the whole history, not just over what was rebuilt; `is_generic`
    for one of dbt's generic tests in a property file.
    """

    schema: str
    table: str
    name: str
    sql: str
    description: str
    severity: Severity
    all_days: bool = False
    upstreams: tuple[str, ...] = ()
    is_generic: bool = False

    @property
    def full_name(self) -> str:
        return f"{self.schema}.{self.table}.{self.name}"


@dataclass(frozen=True, slots=True)
class Project:
    """Everything in `sql/`: models in the order in which they can be built."""

    seeds: tuple[Seed, ...]
    models: tuple[Model, ...]
    rules: tuple[Rule, ...]
    macros: tuple[Macro, ...]

    @property
    def tables(self) -> tuple[Seed | Model, ...]:
        return (*self.seeds, *self.models)

    @property
    def fingerprint(self) -> str:
        """A hash that changes with anything in `sql/`: selects, seeds, meanings, rules and macros."""
        seeds = [(seed.full_name, seed.description, seed.fingerprint) for seed in self.seeds]
        text = repr((seeds, self.models, self.rules, self.macros))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def read(folder: Path) -> Project:
    """The whole of `sql/`; raises ConfigError with file and fault."""
    seeds = tuple(_seed(file) for file in sorted((folder / "seeds").glob("*.csv")))
    models = read_models(folder, seeds)
    return Project(seeds, models, read_rules(folder, models, seeds), read_macros(folder))


def read_models(folder: Path, seeds: Sequence[Seed] = ()) -> tuple[Model, ...]:
    """All models below a folder, each after those it reads; raises ConfigError with file and fault."""
    known = {seed.full_name for seed in seeds}
    models = {
        model.full_name: model
        for schema in SCHEMAS
        for model in (_model(file) for file in sorted((folder / schema).glob("*.sql")))
    }
    for model in models.values():
        for upstream in model.upstreams:
            if upstream.split(".")[0] in (*SCHEMAS, "seeds") and upstream not in models and upstream not in known:
                raise ConfigError(f"{model.full_name} reads {upstream}, which has no file in sql/.")
    try:
        order = TopologicalSorter({name: model.upstreams for name, model in models.items()}).static_order()
        return tuple(models[name] for name in order if name in models)
    except CycleError as error:
        raise ConfigError(f"Models read each other in a circle: {' -> '.join(error.args[1])}.") from None


def read_rules(folder: Path, models: Sequence[Model], seeds: Sequence[Seed] = ()) -> tuple[Rule, ...]:
    """All rules: the property files' generic tests, then the files below `checks/`."""
    written = [_rule(file) for file in sorted((folder / "checks").glob("*/*/*.sql"))]
    tables: list[Model | Seed] = [*seeds, *models]
    return (*(rule for each in tables for rule in _generic_rules(folder, each)), *written)


def read_macros(folder: Path) -> tuple[Macro, ...]:
    """All macros below a folder, by name."""
    return tuple(_macro(file) for file in sorted((folder / "macros").glob("*.sql")))


def _model(file: Path) -> Model:
    schema, name = file.parent.name, file.stem
    sql = file.read_text().strip().rstrip(";")
    properties = _properties(file.with_suffix(".yml"), name)
    columns = _columns(file, properties)
    config = properties.get("config", {})
    materialized = config.get("materialized", "table")
    period = config.get("unique_key", "day")
    if materialized not in ("table", "incremental", "view"):
        raise ConfigError(f"{_short(file.with_suffix('.yml'))}: materialized is table, incremental or view.")
    if materialized == "incremental" and not (period in PERIODS and period in [column.name for column in columns]):
        raise ConfigError(
            f"{_short(file.with_suffix('.yml'))}: an incremental model needs a unique_key of {', '.join(PERIODS)}."
        )
    meta = config.get("meta", {})
    return Model(
        schema,
        name,
        sql,
        _text(file, properties, "description"),
        columns,
        _upstreams(file, sql),
        materialized,
        period,
        int(meta.get("days_before", 0)),
        " ".join(str(meta.get("additivity", "")).split()),
    )


def _seed(file: Path) -> Seed:
    properties = _properties(file.with_suffix(".yml"), file.stem)
    return Seed(file.stem, file, _text(file, properties, "description"), _columns(file, properties))


def _columns(file: Path, properties: Mapping[str, Any]) -> tuple[ModelColumn, ...]:
    return tuple(
        ModelColumn(*(_text(file, column, key) for key in ("name", "data_type", "description")))
        for column in properties.get("columns", [])
    )


def _macro(file: Path) -> Macro:
    sql = file.read_text().strip().rstrip(";")
    description, _ = _header(sql)
    match = re.search(r"^create or replace macro (\w+)\(.*?\) as (table\b)?", sql, re.MULTILINE | re.DOTALL)
    if not description or not match or match[1] != file.stem:
        raise ConfigError(f"{_short(file)} must say what it is for in a comment, then create the macro {file.stem}.")
    return Macro(file.stem, sql, description, bool(match[2]))


def period_start(period: Period, day: dt.date) -> dt.date:
    """The first day of the period that holds a day."""
    return PERIODS[period](day)


PERIODS: Mapping[str, Callable[[dt.date], dt.date]] = {
    "day": lambda day: day,
    "week_start_monday": lambda day: day - dt.timedelta(days=day.weekday()),
    "month_start": lambda day: day.replace(day=1),
}


def _properties(file: Path, name: str) -> Mapping[str, Any]:
    try:
        for properties in yaml.load(file.read_text(), Loader=_Loader)["models"]:  # noqa: S506 - a safe loader
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
    """The tables that a query reads under a name with a schema, as DuckDB parses it."""
    with _parser().cursor() as parser:
        ((serialized,),) = parser.execute(
            "select json_serialize_sql(?, skip_null := true, skip_empty := true, skip_default := true)", [sql]
        ).fetchall()
    parsed = json.loads(serialized)
    if parsed.get("error_type") == "parser":
        line = sql.count("\n", 0, int(parsed["position"])) + 1 if "position" in parsed else "?"
        raise ConfigError(f"{_short(file)} line {line}: not valid SQL.")
    if len(parsed.get("statements", ())) != 1:
        raise ConfigError(f"{_short(file)} must hold one select, nothing else.")
    return tuple(sorted(set(_tables_in(parsed["statements"]))))


@functools.cache
def _parser() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def _tables_in(parsed: Any) -> Iterator[str]:
    if isinstance(parsed, list):
        for each in parsed:
            yield from _tables_in(each)
    elif isinstance(parsed, dict):
        if parsed.get("type") == "BASE_TABLE" and parsed.get("schema_name"):
            yield f"{parsed['schema_name']}.{parsed['table_name']}"
        yield from _tables_in(list(parsed.values()))


def _rule(file: Path) -> Rule:
    sql = file.read_text().strip().rstrip(";")
    description, options = _header(sql)
    if not description:
        raise ConfigError(f"{_short(file)}: the first line must say what the rule holds, as a comment.")
    return Rule(
        file.parts[-3],
        file.parts[-2],
        file.stem,
        sql,
        description,
        "warn" if options.get("severity") == "warn" else "error",
        options.get("days") == "all",
        _upstreams(file, sql),
    )


def _header(sql: str) -> tuple[str, dict[str, str]]:
    """The comment that opens a file: its text, and its options (`severity: warn`, `days: all`)."""
    comments = re.match(r"(?:--.*\n)*", sql)
    lines = [line.removeprefix("--").strip() for line in (comments[0] if comments else "").splitlines()]
    options = dict(line.split(": ", 1) for line in lines if re.fullmatch(r"(severity|days): \w+", line))
    return " ".join(line for line in lines if not re.fullmatch(r"(severity|days): \w+", line)), options


def _generic_rules(folder: Path, model: Model | Seed) -> Iterator[Rule]:
    file = folder / model.schema / f"{model.name}.yml"
    properties = _properties(file, model.name)
    tests: Iterable[tuple[str, Any]] = [
        *(("", test) for test in properties.get("data_tests", [])),
        *((column["name"], test) for column in properties["columns"] for test in column.get("data_tests", [])),
    ]
    for column, test in tests:
        name, options = (test, {}) if isinstance(test, str) else next(iter(test.items()))
        yield _generic_rule(file, model, column, name.split(".")[-1], options or {})


def _generic_rule(file: Path, model: Model | Seed, column: str, name: str, options: Mapping[str, Any]) -> Rule:
    """One of dbt's generic tests as a query for its offenders."""
    arguments = {**options, **options.get("arguments", {})}
    table = model.full_name
    severity: Severity = "warn" if options.get("config", {}).get("severity") == "warn" else "error"
    upstreams = {table}
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
        upstreams |= {to} if "." in to else set()
        sql = f"from {table} where {column} is not null and {column} not in (select {arguments['field']} from {to})"
        says = f"{column} stands in {to}."
    else:
        raise ConfigError(f"{_short(file)}: data test {name!r} is not one this project knows.")
    sql = sql if sql.startswith("select") else f"select * {sql}"
    rule = f"{name}_{column}" if column else name
    return Rule(
        model.schema, model.name, rule, sql, says, severity, upstreams=tuple(sorted(upstreams)), is_generic=True
    )


def fingerprints(project: Project) -> dict[str, str]:
    """A hash for every model, which changes when its text or that of anything it is made from does."""
    found = {seed.full_name: seed.fingerprint for seed in project.seeds}
    for model in project.models:
        below = [found.get(name, "") for name in model.upstreams]
        found[model.full_name] = hashlib.sha256("".join([model.fingerprint, *below]).encode()).hexdigest()[:16]
    return found


def _short(file: Path) -> str:
    return "/".join(("sql", *file.parts[-2:]))
