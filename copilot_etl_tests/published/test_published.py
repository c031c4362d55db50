"""The analysts' file: rebuilt where it changed, swapped in whole, never seen half, readable by older DuckDBs."""

from __future__ import annotations

import datetime as dt
import random
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from copilot_etl.errors import ConfigError
from copilot_etl.models import Macro, Model, ModelColumn, Project, Rule, Seed, read
from copilot_etl.published import Published, Refreshed, Span, _Refresh
from copilot_etl.warehouse import Warehouse
from copilot_etl_tests.conftest import TODAY, Line

SQL = Path(__file__).parents[2] / "sql"
DAY = dt.date(2026, 11, 10)
NOW = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)


def model(sql: str, *columns: tuple[str, str], name: str = "example", **more: Any) -> Model:
    described = tuple(ModelColumn(column, kind, f"What {column} means.") for column, kind in columns)
    return Model("marts", name, sql, "What it is for.", described, (), **more)


def rule(sql: str, severity: str = "error") -> Rule:
    return Rule("marts", "example", "a_rule", sql, "What it holds.", severity)  # type: ignore[arg-type]


def number(n: int) -> Model:
    return model(f"select {n} as n", ("n", "integer"))


def project(*models: Model, rules: tuple[Rule, ...] = (), macros: tuple[Macro, ...] = ()) -> Project:
    return Project((), models, rules, macros)


def content(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(path, read_only=True) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture
def published(tmp_path: Path) -> Published:
    return Published(tmp_path / "published" / "copilot.duckdb", Warehouse(tmp_path / "warehouse.duckdb"))


# ----------------------------------------------------------------------------------------- whole or not at all


def test_a_built_model_carries_its_meaning(published: Published) -> None:
    refreshed = published.refresh(project(number(1)), now=NOW)

    assert refreshed.kept
    assert refreshed.built["marts.example"].rows == 1
    assert refreshed.size == published.path.stat().st_size
    assert published.path.stat().st_mode & 0o777 == 0o600
    assert content(published.path, "select comment from duckdb_columns() where table_name = 'example'") == [
        ("What n means.",)
    ]
    assert content(published.path, "select comment from duckdb_tables() where table_name = 'example'") == [
        ("What it is for.",)
    ]


@pytest.mark.parametrize(
    ("sql", "differs"),
    [
        ("select 1::bigint as n", "n"),
        ("select 1 as n, 2 as more", "more"),
        ("select 2 as other", "other"),
    ],
)
def test_a_model_that_differs_from_its_description_changes_nothing(
    published: Published, sql: str, differs: str
) -> None:
    published.refresh(project(number(1)), now=NOW)

    with pytest.raises(ConfigError) as caught:
        published.refresh(project(model(sql, ("n", "integer"))), now=NOW)

    assert f"differs from its description: {differs}." in str(caught.value)
    assert content(published.path, "from marts.example") == [(1,)]
    assert [file.name for file in published.path.parent.iterdir()] == ["copilot.duckdb"]


def test_a_broken_rule_leaves_the_file_as_it_was(published: Published) -> None:
    published.refresh(project(number(1)), now=NOW)
    before = published.path.read_bytes()

    refreshed = published.refresh(project(number(2), rules=(rule("from marts.example where n > 1"),)), now=NOW)

    assert (refreshed.kept, refreshed.breaches[0].offenders) == (False, 1)
    assert published.path.read_bytes() == before
    assert [file.name for file in published.path.parent.iterdir()] == ["copilot.duckdb"]


def test_a_warning_is_counted_and_lets_the_models_in(published: Published) -> None:
    broken = rule("from marts.example where n > 1", "warn")

    refreshed = published.refresh(project(number(2), rules=(broken,)), now=NOW)

    assert (refreshed.kept, refreshed.breaches[0].offenders) == (True, 1)
    assert content(published.path, "from marts.example") == [(2,)]


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (project(model("select nothing from nowhere", ("n", "integer"))), "Model marts.example does not run: "),
        (project(number(1), rules=(rule("from marts.nowhere"),)), "Rule marts.example.a_rule does not run: "),
        (project(macros=(Macro("m", "create macro m() as (nothing)", "", False),)), "Macro m does not run: "),
    ],
)
def test_sql_that_does_not_run_is_one_line(published: Published, broken: Project, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        published.refresh(broken, now=NOW)

    assert str(caught.value).startswith(says)
    assert "\n" not in str(caught.value)


def test_a_model_that_needs_too_much_memory_says_what_to_set(published: Published) -> None:
    published.refresh(project(number(1)), now=NOW)
    numbers = "from (select list(range order by random()) as numbers from range(9000000))"  # no list goes to disk
    large = model(f"select len(numbers)::integer as n {numbers}", ("n", "integer"))
    greedy = rule(f"{numbers} where len(numbers) = 0")

    for broken, what in ((project(large), "Model marts.example"), (project(number(1), rules=(greedy,)), "Rule marts")):
        with pytest.raises(ConfigError, match=what + r".* needs more memory than the 64.0 MiB .*COPILOT_MODELS_MEMORY"):
            published.refresh(broken, now=NOW, memory_mib=64)

    assert content(published.path, "from marts.example") == [(1,)]
    assert published.refresh(project(large), now=NOW).kept


def test_a_model_that_is_no_more_leaves_the_file(published: Published) -> None:
    published.refresh(project(number(1), model("select 1 as n", ("n", "integer"), name="old")), now=NOW)
    published.refresh(project(number(1)), now=NOW)

    assert content(published.path, "select table_name from duckdb_tables() where schema_name = 'marts'") == [
        ("example",)
    ]


def test_a_table_may_become_a_view_and_back(published: Published) -> None:
    for materialized in ("table", "view", "table"):
        published.refresh(project(model("select 1 as n", ("n", "integer"), materialized=materialized)), now=NOW)
        assert content(published.path, "from marts.example") == [(1,)]


@pytest.mark.parametrize("left", [b"half of the first page", b""])
def test_what_a_killed_refresh_left_is_no_hindrance(published: Published, left: bytes) -> None:
    published.refresh(project(number(1)), now=NOW)
    published.path.with_suffix(".new").write_bytes(left)
    published.path.with_suffix(".new.wal").write_bytes(left)

    published.refresh(project(number(2)), now=NOW)

    assert content(published.path, "from marts.example") == [(2,)]
    assert [file.name for file in published.path.parent.iterdir()] == ["copilot.duckdb"]


def test_a_published_file_that_is_damaged_is_made_anew(published: Published) -> None:
    published.path.parent.mkdir()
    published.path.write_bytes(b"not a database")

    published.refresh(project(number(2)), now=NOW)

    assert content(published.path, "from marts.example") == [(2,)]


# ------------------------------------------------------------------------------------ only what changed


def make(line: Callable[..., Line]) -> tuple[Line, Published]:
    made = line()
    return made, Published(made.store.published, made.warehouse)


def rows_of(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every model, sorted: what two builds have to agree on."""
    with duckdb.connect(path, read_only=True) as connection:
        tables = connection.execute(
            "select schema_name || '.' || table_name from duckdb_tables() where schema_name in ('core', 'marts')"
        ).fetchall()
        return {
            table: sorted(connection.execute(f"select columns(*)::varchar from {table}").fetchall(), key=str)
            for (table,) in tables
        }


def test_rebuilding_what_changed_gives_the_rows_of_a_full_build(line: Callable[..., Line], tmp_path: Path) -> None:
    made, published = make(line)
    everything = read(SQL)
    chance = random.Random(7)
    both = ("octo-org", "octo-labs")
    span = [TODAY - dt.timedelta(days=n) for n in range(1, 60)]
    # History arrives in pieces and out of order; days are restated, and one organization lags behind.
    pieces = [span[20:36], [span[3], span[55]], span[36:52:3], span[:20]]
    made.now = NOW - dt.timedelta(days=len(pieces))
    spans: list[Span | None] = []
    for piece in pieces:
        made.now += dt.timedelta(days=1)
        made.load(*sorted(piece), scopes=both if chance.random() < 0.7 else both[:1])
        refreshed = published.refresh(everything, now=made.now)
        spans.append(refreshed.built["core.fct_user_day"].span)
        for again in chance.sample(piece, k=min(2, len(piece))):
            records = made.github.truth("octo-org", again)
            made.github.publish("octo-org", again, records[: len(records) // 2] or records)
            made.load(again, scopes=both)
        refreshed = published.refresh(everything, now=made.now)
        spans.append(refreshed.built["core.fct_user_day"].span)

        fresh = Published(tmp_path / "fresh" / "copilot.duckdb", made.warehouse)
        assert fresh.refresh(everything, now=made.now, full=True).built["core.fct_user_day"].span is None
        found, expected = rows_of(published.path), rows_of(fresh.path)
        assert found.keys() == expected.keys()
        for table in expected:
            assert found[table] == expected[table], table

    assert sum(each is not None for each in spans) >= len(pieces)


def test_a_history_that_is_built_in_parts_has_the_rows_of_one_built_at_once(
    line: Callable[..., Line], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, published = make(line)
    everything = read(SQL)
    both = ("octo-org", "octo-labs")
    made.load(*(TODAY - dt.timedelta(days=n) for n in range(160, 20, -4)), scopes=both)
    in_parts: list[Sequence[Span]] = []
    parts_of = _Refresh._parts

    def spied(self: _Refresh, model: Model, span: Span | None) -> list[Span]:
        in_parts.append(parts_of(self, model, span))
        return in_parts[-1]

    def refresh(into: Published, user_days: int, *, full: bool) -> tuple[set[int], list[int]]:
        """In how many parts models were built, and the offenders of each rule."""
        in_parts.clear()
        monkeypatch.setattr("copilot_etl.published._USER_DAYS_AT_ONCE", user_days)
        refreshed = into.refresh(everything, now=NOW, full=full)
        assert refreshed.kept
        return set(map(len, in_parts)), [each.offenders for each in refreshed.breaches]

    monkeypatch.setattr(_Refresh, "_parts", spied)
    whole = Published(tmp_path / "whole" / "copilot.duckdb", made.warehouse)

    parts, offenders = refresh(published, 60, full=True)
    assert {3, 6} <= parts  # models that look back are in fewer
    assert refresh(whole, 10**6, full=True) == ({0}, offenders)
    assert rows_of(published.path) == rows_of(whole.path)

    made.load(*(TODAY - dt.timedelta(days=n) for n in range(20, 0, -1)), scopes=both)
    assert max(refresh(published, 60, full=False)[0]) >= 3
    assert refresh(whole, 10**6, full=True)[0] == {0}
    assert rows_of(published.path) == rows_of(whole.path)


@pytest.mark.parametrize("late", [0, 4, 6], ids=["first of the week", "in mid-week", "last of the week"])
def test_a_late_day_of_an_old_week_leaves_the_rest_of_the_week(
    line: Callable[..., Line], tmp_path: Path, late: int
) -> None:
    made, published = make(line)
    everything = read(SQL)
    monday = TODAY - dt.timedelta(days=TODAY.weekday() + 28)
    week = [monday + dt.timedelta(days=n) for n in range(7)]
    made.load(*(day for day in week if day != week[late]))
    published.refresh(everything, now=NOW)
    made.now += dt.timedelta(days=30)
    made.load(week[late])

    built = published.refresh(everything, now=NOW + dt.timedelta(days=30)).built

    assert built["marts.language_mix"].span == Span(monday, monday + dt.timedelta(days=6))
    fresh = Published(tmp_path / "fresh" / "copilot.duckdb", made.warehouse)
    fresh.refresh(everything, now=NOW + dt.timedelta(days=30))
    assert rows_of(published.path) == rows_of(fresh.path)


def test_days_between_two_loads_have_their_rows(line: Callable[..., Line], tmp_path: Path) -> None:
    made, published = make(line)
    everything = read(SQL)
    for day in (20, 60, 40):  # a first day, an older one, one in between; a week goes by each time
        made.load(TODAY - dt.timedelta(days=day))
        made.now += dt.timedelta(days=7)
        published.refresh(everything, now=made.now)
    made.load(TODAY - dt.timedelta(days=1))
    published.refresh(everything, now=made.now)

    fresh = Published(tmp_path / "fresh" / "copilot.duckdb", made.warehouse)
    fresh.refresh(everything, now=made.now)

    assert rows_of(published.path) == rows_of(fresh.path)


def test_an_unchanged_day_is_not_rebuilt(line: Callable[..., Line]) -> None:
    made, published = make(line)
    everything = read(SQL)
    old, recent = TODAY - dt.timedelta(days=30), TODAY - dt.timedelta(days=1)
    made.load(old, recent)
    first = published.refresh(everything, now=NOW)
    again = published.refresh(everything, now=NOW)

    assert first.built["core.fct_user_day"].span is None
    assert again.built["core.fct_user_day"].span == Span(recent, recent)  # still provisional


def test_a_model_whose_text_changed_is_built_anew_with_all_that_read_it(line: Callable[..., Line]) -> None:
    made, published = make(line)
    made.load(DAY)
    everything = read(SQL)
    published.refresh(everything, now=NOW)
    changed = tuple(
        replace(each, sql=each.sql + "\n-- another text") if each.name == "fct_user_day" else each
        for each in everything.models
    )

    built = published.refresh(replace(everything, models=changed), now=NOW).built

    assert built["core.fct_user_day"].span is None
    assert built["core.fct_user_day_feature"].span is None


def test_full_rebuilds_everything(line: Callable[..., Line]) -> None:
    made, published = make(line)
    made.load(DAY)
    published.refresh(read(SQL), now=NOW)

    assert published.refresh(read(SQL), now=NOW, full=True).built["core.fct_user_day"].span is None


def test_the_file_does_not_grow_with_every_refresh(line: Callable[..., Line]) -> None:
    made, published = make(line)
    made.load(*(TODAY - dt.timedelta(days=n) for n in range(1, 8)))
    sizes = [published.refresh(read(SQL), now=NOW).size for _ in range(5)]

    assert max(sizes) <= 1.1 * sizes[0]


# -------------------------------------------------------------------------------------- what analysts find


def test_the_file_has_models_and_ledger_but_no_raw_rows(line: Callable[..., Line]) -> None:
    made, published = make(line)
    made.load(DAY, TODAY - dt.timedelta(days=1))

    published.refresh(project(number(1)), now=NOW)

    assert content(published.path, "select schema_name, table_name from duckdb_tables() order by all") == [
        ("marts", "example"),
        ("ops", "field_days"),
        ("ops", "model_builds"),
        ("ops", "published"),
        ("ops", "report_days"),
        ("ops", "restatements"),
        ("ops", "schema_drift"),
    ]
    assert content(published.path, "select first_day, last_day, days_loaded, scopes from ops.published") == [
        (DAY, TODAY - dt.timedelta(days=1), 2, 1)
    ]
    uncommented = (
        "select count(*) from duckdb_columns() where not internal and comment is null "
        "union all select count(*) from duckdb_tables() where comment is null"
    )
    assert content(published.path, uncommented) == [(0,), (0,)]


def test_a_parquet_file_a_mart_and_the_dictionary_lie_beside_it(line: Callable[..., Line]) -> None:
    made, published = make(line)
    made.load(DAY)
    everything = read(SQL)
    published.refresh(everything, now=NOW)

    files = published.export(everything)

    marts = {each.name for each in everything.models if each.schema == "marts"}
    assert {file.stem for file in files if file.suffix == ".parquet"} == marts
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in files)
    assert duckdb.sql(f"select count(*) from '{published.path.parent}/adoption_daily.parquet'").fetchall() == content(
        published.path, "select count(*) from marts.adoption_daily"
    )
    text = (published.path.parent / "dictionary.md").read_text()
    for each in everything.models:
        assert f"### {each.full_name}\n" in text
        assert all(f"| `{column.name}` | {column.data_type} | " in text for column in each.columns)
    assert sorted(file.name for file in published.path.parent.iterdir()) == sorted(
        [*(file.name for file in files), "copilot.duckdb"]
    )


# ------------------------------------------------------------------------------------- nothing to be done

FEW = project(number(1))


def publish(made: Line, published: Published, everything: Project = FEW) -> None:
    """What the job `models` does: a refresh, its exports, and then the page of both."""
    published.refresh(everything, now=made.now)
    published.export(everything)
    made.store.report.write_text("page")


def is_current(made: Line, published: Published, everything: Project = FEW) -> bool:
    return published.is_current(everything, now=made.now, followers=[made.store.report])


def test_looks_that_find_nothing_new_leave_the_file_current(line: Callable[..., Line]) -> None:
    made, published = make(line)
    missing = TODAY - dt.timedelta(days=1)
    made.github.publish("octo-org", missing, None)
    assert not is_current(made, published)
    made.load(DAY, missing)
    assert not is_current(made, published)
    publish(made, published)
    assert is_current(made, published)

    made.now += dt.timedelta(hours=6)
    made.load(DAY, missing)

    assert made.ledger()["octo-org", missing].attempts == 2
    assert is_current(made, published)
    made.now += dt.timedelta(days=1)
    publish(made, published)
    assert is_current(made, published)
    made.load(DAY)  # seen on another day, so it may be settled now
    assert not is_current(made, published)


def force(made: Line, published: Published) -> None:
    made.load(DAY, force=True)


def another_day(made: Line, published: Published) -> None:
    made.load(DAY + dt.timedelta(days=1))


def restated(made: Line, published: Published) -> None:
    made.github.publish("octo-org", DAY, made.github.truth("octo-org", DAY)[1:])
    made.load(DAY)


def quarantined(made: Line, published: Published) -> None:
    made.github.publish("octo-org", DAY, [b"no report"])
    made.load(DAY)
    assert made.ledger()["octo-org", DAY].state == "quarantined"


def another_utc_day(made: Line, published: Published) -> None:
    made.now += dt.timedelta(days=1)


def no_parquet(made: Line, published: Published) -> None:
    published.path.with_name("example.parquet").unlink()


def killed_before_the_export(made: Line, published: Published) -> None:
    published.refresh(FEW, now=made.now)
    made.store.report.write_text("a page that somebody asked for")


def killed_before_the_report(made: Line, published: Published) -> None:
    published.refresh(FEW, now=made.now)
    published.export(FEW)


def damaged(made: Line, published: Published) -> None:
    published.path.write_bytes(b"damaged")


def new_warehouse(made: Line, published: Published) -> None:
    made.store.warehouse.unlink()


@pytest.mark.parametrize(
    "change",
    [
        force,
        another_day,
        restated,
        quarantined,
        another_utc_day,
        no_parquet,
        killed_before_the_export,
        killed_before_the_report,
        damaged,
        new_warehouse,
    ],
)
def test_what_a_refresh_would_mend_leaves_the_file_not_current(
    line: Callable[..., Line], change: Callable[[Line, Published], None]
) -> None:
    made, published = make(line)
    made.load(DAY)
    publish(made, published)
    assert is_current(made, published)
    made.now += dt.timedelta(minutes=1)

    change(made, published)

    assert not is_current(made, published)


@pytest.mark.parametrize(
    "other",
    [
        replace(FEW, models=(replace(FEW.models[0], sql=FEW.models[0].sql + " -- other"),)),
        replace(FEW, models=(replace(FEW.models[0], description="Means something else."),)),
        replace(FEW, rules=(rule("from marts.example where n < 0"),)),
        replace(FEW, macros=(Macro("one", "create or replace macro one() as 1", "One.", False),)),
    ],
    ids=["select", "meaning", "rule", "macro"],
)
def test_another_project_leaves_the_file_not_current(line: Callable[..., Line], other: Project) -> None:
    made, published = make(line)
    made.load(DAY)
    publish(made, published)

    assert not is_current(made, published, other)
    publish(made, published, other)
    assert is_current(made, published, other)


def test_a_seed_that_somebody_edited_leaves_the_file_not_current(line: Callable[..., Line], tmp_path: Path) -> None:
    made, published = make(line)
    csv = tmp_path / "pool.csv"
    csv.write_text("credits\n1\n")
    seeded = replace(FEW, seeds=(Seed("pool", csv, "What it is.", (ModelColumn("credits", "bigint", "How many."),)),))
    publish(made, published, seeded)
    assert is_current(made, published, seeded)

    csv.write_text("credits\n2\n")

    assert not is_current(made, published, seeded)


def test_another_version_of_the_code_leaves_the_file_not_current(
    line: Callable[..., Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, published = make(line)
    publish(made, published)
    assert is_current(made, published)

    monkeypatch.setattr("copilot_etl.published.__version__", "99.0")

    assert not is_current(made, published)


# ---------------------------------------------------------------------------------------------- readers


def test_a_hundred_readers_never_see_half_of_a_refresh(published: Published) -> None:
    def publish(n: int) -> Refreshed:
        many = model(f"select {n} as n from range(1000)", ("n", "integer"))
        return published.refresh(project(many, replace(many, name="second")), now=NOW)

    publish(0)
    done = threading.Event()
    code = f"""
        import duckdb, sys
        seen = set()
        while not sys.stdin.closed and len(seen) < 10_000:
            with duckdb.connect({str(published.path)!r}, read_only=True) as connection:
                seen.add(connection.execute("select min(a.n), max(a.n), min(b.n), max(b.n), count(*) "
                    "from marts.example a join marts.second b using (n) group by all").fetchall()[0][:4])
            if sys.stdin.read(1) != "g":
                break
        assert all(len(set(each)) == 1 for each in seen), seen
        print(len(seen))
    """
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]

    def read_on() -> list[tuple[Any, ...]]:
        seen = []
        while not done.is_set():
            seen += content(published.path, "select min(n), max(n), count(*) from marts.example")
        return seen

    with ThreadPoolExecutor(100) as pool:
        readers = [pool.submit(read_on) for _ in range(100)]
        for n in range(1, 7):
            publish(n)
            for process in processes:
                assert process.stdin
                process.stdin.write("g")
                process.stdin.flush()
        done.set()
        seen = [row for reader in readers for row in reader.result()]
    for process in processes:
        assert process.communicate(timeout=60)[0].strip()
        assert process.returncode == 0

    assert len(seen) > 200
    assert all(low == high and count == 1000 for low, high, count in seen)


OLDER = Path(__file__).parents[2] / ".venv" / "older" / "bin" / "python"


@pytest.mark.skipif(not OLDER.exists(), reason="`make test` makes a virtual environment with an older DuckDB")
def test_an_older_duckdb_opens_the_file_with_its_meaning(line: Callable[..., Line]) -> None:
    made, published = make(line)
    made.load(DAY)
    everything = read(SQL)
    published.refresh(everything, now=NOW)
    query = (
        "select (select count(*) from duckdb_columns() where comment is not null), "
        "(select count(*) from marts.adoption_daily), version()"
    )
    code = f"import duckdb; print(duckdb.connect({str(published.path)!r}, read_only=True).sql({query!r}).fetchall())"

    said = subprocess.run([OLDER, "-c", code], capture_output=True, text=True, check=True).stdout

    ((comments, rows),) = content(published.path, query.replace(", version()", ""))
    assert said == f"[({comments}, {rows}, 'v1.5.6')]\n"


def test_two_refreshes_at_once_both_get_through(published: Published) -> None:
    published.refresh(project(number(0)), now=NOW)

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda n: published.refresh(project(number(n)), now=NOW).kept, range(1, 9)))

    assert done == [True] * 8
    assert content(published.path, "select count(*) from marts.example") == [(1,)]
    assert [file.name for file in published.path.parent.iterdir()] == ["copilot.duckdb"]


# ------------------------------------------------------------------------------------------ what a model may reach


@pytest.mark.parametrize(
    "sql",
    [
        "select 1 as n from read_csv('/etc/passwd', header = false, delim = ':')",
        "select 1 as n from read_text('/etc/hostname')",
        "select 1 as n from '{outside}/secret.parquet'",
        "select 1 as n from glob('/etc/*')",
        "select 1 as n from read_json('http://127.0.0.1:9/x.json')",
        "select 1 as n; copy (select 1) to '{outside}/copied.csv'",
        "select 1 as n; attach '{outside}/other.duckdb' as other",
        "select 1 as n; export database '{outside}/export'",
        "select 1 as n from read_text('{published}/dictionary.md')",
        "select 1 as n; copy (select 1) to '{published}/copied.csv'",
        "select 1 as n; attach '{published}/other.duckdb' as other",
        "select 1 as n from sqlite_scan('{outside}/x.db', 'x')",
        "select 1 as n; install httpfs",
        "select 1 as n; load httpfs",
        "select 1 as n; set enable_external_access = true",
        "select 1 as n; set allowed_directories = ['/']",
        "select 1 as n; set temp_directory = '{outside}'",
        "select 1 as n; set memory_limit = '100GB'",
        "select 1 as n; set lock_configuration = false",
        "select 1 as n; reset lock_configuration",
    ],
)
def test_a_model_reaches_no_file_and_no_address(published: Published, tmp_path: Path, sql: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    duckdb.sql("select 'x' as secret").write_parquet(str(outside / "secret.parquet"))

    with pytest.raises(ConfigError, match=r"Model marts\.example does not run"):
        published.refresh(
            project(model(sql.format(outside=outside, published=published.path.parent), ("n", "integer"))), now=NOW
        )

    assert [path.name for path in outside.iterdir()] == ["secret.parquet"]
    assert list(published.path.parent.iterdir()) == []


def test_a_rule_and_a_macro_reach_no_more_than_a_model(published: Published) -> None:
    macro = Macro("example", "attach '/tmp/other.duckdb' as other", "What it is for.", is_table=False)

    with pytest.raises(ConfigError, match=r"Rule marts\.example\.a_rule does not run"):
        published.refresh(project(number(1), rules=(rule("select * from read_text('/etc/hostname')"),)), now=NOW)
    with pytest.raises(ConfigError, match="Macro example does not run"):
        published.refresh(project(number(1), macros=(macro,)), now=NOW)

    assert list(published.path.parent.iterdir()) == []
