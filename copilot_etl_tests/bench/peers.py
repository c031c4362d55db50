"""The peers in a virtual environment of their own, so that none of them is ever a dependency of this project."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

# The engine and Arrow are of the versions that CI tests ours with, so that the candidates differ in nothing else.
REQUIREMENTS = ("dlt[duckdb]==1.31.0", "duckdb==2.0.1", "orjson==3.13.0", "pandas==3.1.1", "polars==2.1.0",
                "pyarrow==26.0.1")  # fmt: skip


def python(folder: Path) -> Path:
    """The interpreter that has the peers; installs them when what is there is of another list."""
    environment = folder / "peers"
    stamp = environment / "requirements.txt"
    wanted = "\n".join(REQUIREMENTS)
    interpreter = environment / "bin" / "python"
    if not stamp.exists() or stamp.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", environment], check=True)
        pip = [interpreter, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        subprocess.run([*pip, *REQUIREMENTS], check=True)
        stamp.write_text(wanted)
    return interpreter
