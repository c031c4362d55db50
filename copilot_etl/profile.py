"""Where the time of a load went and what it left on disk, stage by stage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from copilot_etl import records
from copilot_etl.pipeline import Outcome
from copilot_etl.reports import REPORTS
from copilot_etl.store import Store

REST = "the rest"


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of the walk: the seconds in it, and the bytes that it received or left, which `what` names."""

    name: str
    seconds: float
    bytes: int | None
    what: str


def profile(
    outcomes: Sequence[Outcome], *, store: Store, models: Mapping[str, float], total: float
) -> tuple[Stage, ...]:
    """The stages of days (`files`, `tables`, `load`), then of `models` as seconds by name.

    Then what is left of `total`, the clock's seconds. Stages of several days overlap, so nothing is said of it then.
    """
    spent = {stage: sum(each.seconds.get(stage, 0.0) for each in outcomes) for stage in ("files", "tables", "load")}
    spent |= models
    stages = (
        Stage("files", spent["files"], sum(each.bytes for each in outcomes), "as received from GitHub"),
        Stage("tables", spent["tables"], _size(_lake_files(outcomes, store)), "Parquet of the days that changed"),
        Stage("load", spent["load"], _size([store.warehouse]), "the warehouse file"),
        Stage("models", spent.get("models", 0.0), _size([store.published]), "the analysts' file"),
        Stage(
            "publish", spent.get("publish", 0.0), _size(store.published.parent.glob("*.parquet")), "a Parquet a mart"
        ),
    )
    if len(outcomes) > 1:
        return stages
    return (*stages, Stage(REST, total - sum(spent.values()), None, "Dagster, start-up, making the file compact"))


def table(stages: Sequence[Stage], *, total: float) -> str:
    """The stages as text, a line each, with their share of the clock's `total` seconds."""
    lines = [f"{'stage':10}{'seconds':>9}{'share':>7}{'bytes':>16}"]
    for stage in stages:
        size = f"{stage.bytes:,}" if stage.bytes is not None else ""
        share = f"{stage.seconds / (total or 1):.0%}"
        lines.append(f"{stage.name:10}{stage.seconds:9.2f}{share:>7}{size:>16}  {stage.what}")
    return "\n".join([*lines, f"{'total':10}{total:9.2f}"])


def _lake_files(outcomes: Iterable[Outcome], store: Store) -> list[Path]:
    return [
        records.table_file(store.lake, each.name, scope=outcome.scope, day=outcome.day)
        for outcome in outcomes
        if outcome.changed
        for each in REPORTS[outcome.report].tables
    ]


def _size(files: Iterable[Path]) -> int:
    return sum(file.stat().st_size for file in files if file.exists())
