"""The report: the published marts as one HTML file for people who decide, which needs neither server nor network.

The page draws its charts with a small script of its own and not with Vega-Lite, though Altair is what the notebook
uses. A page of Vega-Lite worked (961 KiB, offline), but nine tenths of it were the library; what this page is for had
to be built around it anyway: gaps that stay gaps, windows that are not full yet, marks at changes of meaning, values
by keyboard, light and dark and print without drawing again, one width for a phone and one for a wall. And a script of
our own can be named by its hash: the page's Content-Security-Policy then lets nothing else run, not even a script that
came in as somebody's login.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

import duckdb

from copilot_etl import durable
from copilot_etl.errors import ConfigError
from copilot_etl.report.contents import ALL_SCOPES, Content, contents

__all__ = ["ALL_SCOPES", "Written", "write"]


@dataclass(frozen=True, slots=True)
class Written:
    """A report that was written: where, how large, from which days and scopes."""

    path: Path
    size: int
    days: int
    scopes: tuple[str, ...]
    last_day: dt.date | None
    people_28d: int | None


_PEOPLE = (
    "select monthly_active_users_28d from marts.adoption_daily where scope = ? and is_covered order by day desc limit 1"
)


def write(published: Path, target: Path, *, include_users: bool = False) -> Written:
    """Writes the report of a published file, whole, in place of an older one.

    Nobody is named in it unless `include_users` asks for the table of people.
    """
    try:
        with duckdb.connect(published, read_only=True) as connection:
            found = contents(connection, include_users=include_users)
            people = connection.execute(_PEOPLE, found["scopes"][:1]).fetchone() if found["scopes"] else None
    except (duckdb.IOException, duckdb.CatalogException) as error:
        reason = str(error).splitlines()[0][:160] if published.exists() else "it does not exist yet"
        raise ConfigError(f"Cannot read {published}: {reason}. Run `copilot-etl load` or `publish` first.") from None
    except duckdb.BinderException:
        reason = "another version of copilot_etl made it, and its marts have other columns"
        raise ConfigError(f"Cannot read {published}: {reason}. Run `copilot-etl publish` first.") from None
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    durable.write(target, page(found).encode())
    first, days = found["first_day"], found["days"]
    return Written(
        target,
        target.stat().st_size,
        found["days_loaded"],
        tuple(found["scopes"]),
        first + dt.timedelta(days=days - 1) if first else None,
        people[0] if people else None,
    )


def page(found: Content) -> str:
    """The page around its data."""
    files = resources.files(__package__)
    style, script = (files.joinpath(name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    return Template(files.joinpath("page.html").read_text(encoding="utf-8")).substitute(
        policy=f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
        "base-uri 'none'; form-action 'none'",
        style=style,
        script=script,
        data=_json(found),
    )


def _hash(text: str) -> str:
    """The name by which a policy allows this text, and no other, to be a script or a style of the page."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _json(value: Any) -> str:
    """JSON that stays data inside a script element: without `<` there is no tag and no comment in it."""
    text = json.dumps(value, default=str, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
