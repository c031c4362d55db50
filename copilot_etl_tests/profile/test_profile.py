"""Where the time of a load is said to have gone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from copilot_etl.profile import profile, table
from copilot_etl_tests.conftest import Line

DAY = dt.date(2026, 11, 20)


def test_every_second_of_a_load_belongs_to_a_stage(line: Callable[..., Line]) -> None:
    made = line()
    outcomes = made.load(DAY)

    stages = profile(outcomes, store=made.store, models={"models": 2.0, "publish": 1.0}, total=10.0)

    assert [stage.name for stage in stages] == ["files", "tables", "load", "models", "publish", "the rest"]
    assert round(sum(stage.seconds for stage in stages), 6) == 10.0
    assert [stage.name for stage in stages if stage.bytes] == ["files", "tables", "load"]
    assert stages[0].bytes == outcomes[0].bytes
    assert table(stages, total=10.0).splitlines()[-1].split() == ["total", "10.00"]


def test_stages_of_several_days_overlap_so_nothing_is_said_of_the_rest(line: Callable[..., Line]) -> None:
    made = line()
    outcomes = made.load(DAY, DAY + dt.timedelta(days=1))

    stages = profile(outcomes, store=made.store, models={"models": 2.0, "publish": 1.0}, total=1.5)

    assert [stage.name for stage in stages] == ["files", "tables", "load", "models", "publish"]
    assert table(stages, total=1.5).splitlines()[-1].split() == ["total", "1.50"]
