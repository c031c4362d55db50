"""A glance at a mart: its newest rows as Markdown, for a page whose readers may not see people."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from copilot_etl.models import Model, Project

ROWS = 5
COLUMNS = 10
LETTERS = 40
"""A cell that is longer than this is cut: some hold whole sentences."""

_PERSONAL = ("login", "user_id")
"""A mart with a column of such a name has rows of people, and is not shown, not even without that column."""

_TIMES = ("day", "as_of_day", "week_start_monday", "month_start", "cohort_week", "first_day")


def preview(published: Path, project: Project) -> Mapping[str, str]:
    """The newest rows of each mart that has any and speaks of nobody, by the table's full name."""
    with duckdb.connect(published, read_only=True) as connection:
        found = {
            model.full_name: _rows(connection, model)
            for model in project.models
            if model.schema == "marts" and not names_people(model)
        }
    return {name: text for name, text in found.items() if text}


def names_people(model: Model) -> bool:
    return any(part in column.name for column in model.columns for part in _PERSONAL)


def _rows(connection: duckdb.DuckDBPyConnection, model: Model) -> str:
    names = [column.name for column in model.columns]
    shown = names[:COLUMNS]
    newest = "".join(f"{name} desc, " for name in _TIMES if name in names)
    places = ", ".join(str(n + 1) for n in range(min(3, len(shown))))
    spelled = ", ".join(f'"{name}"' for name in shown)
    rows = connection.execute(
        f"select {spelled} from {model.full_name} order by {newest}{places} limit {ROWS}"
    ).fetchall()
    if not rows:
        return ""
    head = "".join(f"| {name} " for name in shown) + "|\n" + "|---" * len(shown) + "|\n"
    lines = "".join("".join(f"| {_cell(value)} " for value in row) + "|\n" for row in rows)
    more = f"\nand {len(names) - COLUMNS} more columns\n" if len(names) > COLUMNS else ""
    return head + lines + more


def _cell(value: Any) -> str:
    """A value as text that is neither Markdown nor HTML; what is not known is said to be so."""
    if value is None:
        return "null"
    if isinstance(value, float):
        value = round(value, 4)
    text = value.isoformat(" ", "minutes") if isinstance(value, dt.datetime) else str(value)
    if len(text) > LETTERS:
        text = text[: LETTERS - 1] + "\u2026"
    for letter in "\\`*_[]<>|#!":
        text = text.replace(letter, f"\\{letter}" if letter not in "<>" else {"<": "&lt;", ">": "&gt;"}[letter])
    return " ".join(text.split())
