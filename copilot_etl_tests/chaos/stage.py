"""A fake GitHub, a data folder and the pipeline as a process between them, with everything that can be seen outside."""

from __future__ import annotations

import datetime as dt
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

import duckdb
import zstandard

from copilot_etl.sandbox import Organization, Sandbox
from copilot_etl_tests.chaos.truth import COLUMNS, UNKNOWN, Rows
from copilot_etl_tests.conftest import SIGNED_QUERY

ROOT = Path(__file__).parents[2]
TODAY = dt.datetime.now(dt.UTC).date()
FIRST = dt.date(2026, 10, 6)  # a Tuesday on which the record has every member that it ever had
SCOPE = "octo-org"
TINY = (Organization(SCOPE, "4242001", 6),)

Face = Literal["walk", "cli"]
_MODULES: Mapping[Face, str] = {"walk": "copilot_etl_tests.chaos.walk", "cli": "copilot_etl"}
_SIGNED = re.compile(rb"[A-Za-z0-9+/]{43}=|(?:[A-Za-z0-9]|%2[BF]){43}%3D")

# What may lie under the data folder when no run is under way; of the scratch folder only what a kill left, until the
# next run sweeps it.
_EXPECTED = re.compile(
    r"raw/users-1-day/[^/]+/[^/]+/([0-9a-f]{64}\.ndjson\.zst|manifest\.json)|raw/landing\.lock|lake/loading\.lock|lake/\w+/scope=[^/]+/day=[^/]+/rows\.parquet"
    r"|warehouse\.(duckdb|lock)|published/(copilot\.duckdb|\w+\.parquet|dictionary\.md|copilot\.lock)|dagster/.*"
    r"|scratch/.*|report\.html"
)


class Watched(Sandbox):
    """A fake GitHub that remembers every signature it gave out."""

    def __init__(self, **options: Any) -> None:
        self.signatures: set[bytes] = set()
        super().__init__(**{"today": TODAY, "late": False, "restatements": False, **options})

    def _sign(self, path: str, expires: str) -> str:
        query = super()._sign(path, expires)
        self.signatures.add(unquote(query.rpartition("sig=")[2]).encode())
        return query


@dataclass(frozen=True, slots=True)
class Run:
    """How a process ended, and all that it said."""

    code: int
    stdout: str
    stderr: str

    @property
    def said(self) -> str:
        return f"exit {self.code}, {self.stderr.strip()[-300:]!r}"

    @property
    def killed(self) -> bool:
        return self.code in (-9, 137)

    @property
    def crashed(self) -> bool:
        return "Traceback" in self.stderr or "Traceback" in self.stdout or self.code in (-11, -6, 139, 134)


class Stage:
    """One data folder in front of a fake GitHub. `copy` makes another one with the same content."""

    def __init__(self, github: Watched, folder: Path) -> None:
        self.github = github
        self.folder = folder
        self.data = folder / "data"
        self.outputs: list[bytes] = []

    def copy(self, folder: Path) -> Stage:
        other = Stage(self.github, folder)
        folder.mkdir(parents=True)
        if self.data.exists():
            shutil.copytree(self.data, other.data)
        return other

    # ------------------------------------------------------------------------------------------ running

    def env(self, **more: str) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        path = os.pathsep.join([*((more.pop("PYTHONPATH"),) if "PYTHONPATH" in more else ()), str(ROOT)])
        mine = {"COPILOT_DATA_DIR": str(self.data), "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
        return {**kept, **self.github.env(), **mine, **more}

    def start(
        self, *args: str, face: Face = "walk", before: Sequence[str] = (), env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """The pipeline as a process; `before` are words in front of it, such as a tracer's."""
        return subprocess.Popen(
            [*before, sys.executable, "-m", _MODULES[face], *args],
            env=self.env(**(env or {})),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait(self, process: subprocess.Popen[str], *, timeout: float = 300.0) -> Run:
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            stdout, stderr = process.communicate()
            stderr += f"\nstill running after {timeout:.0f} s"
        self.outputs += [stdout.encode(), stderr.encode()]
        return Run(process.returncode, stdout, stderr)

    def run(self, *args: str, **options: Any) -> Run:
        return self.wait(self.start(*args, **options))

    def load(self, first: dt.date, last: dt.date | None = None, **options: Any) -> Run:
        return self.run("load", "--from", str(first), "--to", str(last or first), **options)

    # ------------------------------------------------------------------------------------------ looking

    @property
    def warehouse(self) -> Path:
        return self.data / "warehouse.duckdb"

    def days(self) -> dict[tuple[str, dt.date], Rows]:
        """The rows of every scope and day that has any."""
        found: dict[tuple[str, dt.date], dict[str, Counter[Any]]] = defaultdict(
            lambda: {table: Counter() for table in COLUMNS}
        )
        with self.opened() as connection:
            for table, names in COLUMNS.items() if connection else ():
                columns = ", ".join(f'"{name}"' for name in names if name != UNKNOWN)
                query = f'select scope, day, {columns} from raw."{table}"'
                for scope, day, *row in connection.execute(query).fetchall():
                    found[scope, day][table][tuple(row)] += 1
        return dict(found)

    def ledger(self) -> dict[tuple[str, dt.date], tuple[str, int | None]]:
        """State and number of people of every scope and day that was looked at."""
        with self.opened() as connection:
            query = 'select scope, day, state, "rows" from ops.report_days'
            rows = connection.execute(query).fetchall() if connection else []
        return {(scope, day): (state, people) for scope, day, state, people in rows}

    @contextmanager
    def opened(self) -> Iterator[Any]:
        """A connection to a copy of the warehouse, so that looking changes nothing; None when there is no file."""
        if not self.warehouse.exists():
            yield None
            return
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            for file in (self.warehouse, Path(f"{self.warehouse}.wal")):
                if file.exists():
                    shutil.copyfile(file, Path(folder) / file.name)
            with duckdb.connect(Path(folder) / self.warehouse.name) as connection:
                yield connection

    def strays(self) -> list[str]:
        """Files that nobody would expect in the data folder after a finished run."""
        names = [path.relative_to(self.data).as_posix() for path in self.data.rglob("*") if path.is_file()]
        return [name for name in names if not _EXPECTED.fullmatch(name)]

    def leaks(self) -> list[str]:
        """Where the token or a signed link's secret is written: any file of the folder, any output."""
        return sorted({f"{what} in {where}" for where, content in self._written() for what in self._secrets(content)})

    def _written(self) -> Iterator[tuple[str, bytes]]:
        for number, output in enumerate(self.outputs):
            yield f"output {number}", output
        for path in self.folder.rglob("*"):
            if path.is_file() and path.name != "trace":
                content = path.read_bytes()
                yield str(path.relative_to(self.folder)), content
                if path.suffix == ".zst":
                    # A kill may leave half a frame in the scratch folder; what is there of it counts.
                    yield f"inside {path.name}", zstandard.ZstdDecompressor().decompressobj().decompress(content)

    def _secrets(self, content: bytes) -> Iterator[str]:
        if self.github.token.encode() in content:
            yield "the token"
        if SIGNED_QUERY.search(content):
            yield "sig="
        for match in _SIGNED.finditer(content):
            if unquote(match[0].decode()).encode() in self.github.signatures:
                yield "a signature"
