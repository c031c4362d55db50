"""The data dictionary: every table, grain, column and macro of the published file, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from copilot_etl.models import Model, Project, Seed


def dictionary(project: Project) -> str:
    """The dictionary as one Markdown document, made from the property files, so that it cannot disagree with them."""
    return "\n".join(_lines(project)) + "\n"


def _lines(project: Project) -> Iterator[str]:
    yield "# Data dictionary"
    yield ""
    yield "What every table of `copilot.duckdb` holds. The same texts are comments in the file:"
    yield "`select schema_name, table_name, column_name, comment from duckdb_columns() where comment is not null`."
    yield ""
    yield "Never add scopes, teams, languages, models or days of *distinct people*: one person counts in each. "
    yield "`scope = '(all organizations)'` counts each person once; an enterprise is a scope of its own."
    for schema, title in (("marts", "Marts: what to query"), ("core", "Core: facts and dimensions")):
        yield from ("", f"## {title}")
        for model in sorted(project.models, key=lambda each: each.name):
            if model.schema == schema:
                yield from _table(model)
    yield from ("", "## Macros: what cannot be added up")
    for macro in project.macros:
        head = macro.sql[macro.sql.index("macro ") + 6 : macro.sql.index(") as") + 1]
        yield from ("", f"### `{' '.join(head.split())}`", "", macro.description)
    yield from ("", "## Seeds: what people keep by hand")
    for seed in project.seeds:
        yield from _table(seed)


def _table(table: Model | Seed) -> Iterator[str]:
    yield from ("", f"### {table.full_name}", "", table.description)
    if isinstance(table, Model):
        yield from ("", f"Grain: {table.grain}.")
        if table.additivity:
            yield from ("", f"May not be summed: {table.additivity}")
    yield from ("", "| Column | Type | Meaning |", "|---|---|---|")
    for column in table.columns:
        meaning = column.description.replace("|", "\\|")
        yield f"| `{column.name}` | {column.data_type} | {meaning} |"
