"""The lock files: what `make` installs is what pyproject.toml asks for, byte for byte."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DIRECT = [*PROJECT["project"]["dependencies"], *PROJECT["build-system"]["requires"]]

EXTRAS = [
    each
    for extra in PROJECT["project"]["optional-dependencies"].values()
    for each in extra
    if not each.startswith("copilot-etl")
]


def locked(name: str) -> dict[str, str]:
    """Version by name; fails for a line that is neither one exact version nor a hash of it."""
    versions: dict[str, str] = {}
    for entry in re.split(r"\n(?=\S)", (ROOT / name).read_text().strip()):
        if not entry.startswith("#"):
            pin = re.fullmatch(
                r"([A-Za-z0-9._-]+)==(\S+)(?: ; [^\\]+)?((?: \\\n    --hash=sha256:[0-9a-f]{64})+)", entry
            )
            assert pin, entry[:200]
            versions[canonicalize_name(pin[1])] = pin[2]
    return versions


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        ("constraints.txt", DIRECT),
        ("constraints-dev.txt", [*PROJECT["project"]["dependencies"], *EXTRAS]),
        ("constraints-older.txt", ["duckdb>=1.5.6,<2"]),
    ],
)
def test_the_lock_has_everything_with_hashes_and_no_address(lock: str, wanted: list[str]) -> None:
    versions = locked(lock)

    for each in map(Requirement, wanted):
        assert each.specifier.contains(versions[canonicalize_name(each.name)]), each
    assert "://" not in (ROOT / lock).read_text()


def test_tests_run_on_the_versions_that_are_shipped() -> None:
    runtime, dev = locked("constraints.txt"), locked("constraints-dev.txt")

    shared = runtime.keys() & dev.keys()
    assert {name: runtime[name] for name in shared} == {name: dev[name] for name in shared}
