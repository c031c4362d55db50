"""The one direction of imports, read from the source."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "copilot_etl"
MAY_IMPORT = {
    "errors": set(),
    "reports": set(),
    "durable": set(),
    "gate": {"reports"},
    "hosts": {"errors"},
    "connection": {"errors", "hosts"},
    "waits": {"errors"},
    "download": {"errors", "hosts", "connection", "waits"},
    "credentials": {"reports", "errors", "waits"},
    "listing": {"errors"},
    "github": {"reports", "errors", "hosts", "connection", "waits", "download", "credentials", "listing"},
    "landing": {"errors", "durable", "download", "github"},
    "models": {"reports", "errors"},
    "records": {"reports", "errors", "durable", "gate"},
    "latest": {"errors", "download", "gate", "github", "records"},
    "ledger": {"reports", "records"},
    "warehouse": {"reports", "errors", "durable", "records", "ledger"},
    "dictionary": {"models"},
    "published": {"reports", "errors", "durable", "models", "dictionary", "ledger", "warehouse"},
    "preview": {"models"},
    "coverage": {"reports", "ledger"},
    "store": {"errors"},
    "ahead": {"reports", "errors", "download", "github", "landing", "records", "coverage", "store"},
    "pipeline": {
        *("reports", "errors", "github", "landing", "latest", "records", "ledger"),
        *("coverage", "store", "ahead", "warehouse"),
    },
    "profile": {"reports", "records", "pipeline", "store"},
    "preflight": {"reports", "errors", "github", "coverage"},
    "audit": {"reports", "errors", "landing", "records", "ledger", "store", "warehouse"},
    "report": {"errors", "durable", "report"},
    "notebook": set(),
    "settings": {"reports", "errors", "credentials"},
}


def imported(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return names


def own(names: set[str]) -> set[str]:
    return {name.split(".")[1] for name in names if name.startswith("copilot_etl.")} - {"__version__"}


@pytest.mark.parametrize("module", MAY_IMPORT)
def test_a_core_module_imports_only_what_is_below_it(module: str) -> None:
    files = [PACKAGE / f"{module}.py"] if (PACKAGE / f"{module}.py").exists() else [*(PACKAGE / module).rglob("*.py")]
    assert files
    for file in files:
        assert own(imported(file)) <= MAY_IMPORT[module]


def test_only_the_edge_knows_dagster() -> None:
    knowing = {
        file.relative_to(PACKAGE).parts[0]
        for file in PACKAGE.rglob("*.py")
        if any(name.split(".")[0] == "dagster" for name in imported(file))
    }

    assert knowing == {"definitions.py", "defs", "cli.py"}


def test_only_the_edge_reads_settings() -> None:
    reading = {
        file.relative_to(PACKAGE).parts[0]
        for file in PACKAGE.rglob("*.py")
        if "settings" in own(imported(file)) or "os.environ" in file.read_text()
    }

    assert reading == {"settings.py", "defs", "cli.py"}


def test_the_sandbox_knows_nothing_of_the_pipeline() -> None:
    assert all(not own(imported(file)) - {"sandbox"} for file in (PACKAGE / "sandbox").rglob("*.py")), (
        "the fake GitHub is the tests' counterpart, so it shares no code with what it tests"
    )
