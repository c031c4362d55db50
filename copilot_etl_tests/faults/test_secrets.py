"""Every fault in one run with every logger at DEBUG, and then a search of every byte that it left or said."""

from __future__ import annotations

import ast
import base64
import datetime as dt
import inspect
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import duckdb
import zstandard

from copilot_etl.sandbox import Fault, Organization, Sandbox, server
from copilot_etl.sandbox.faults import CONTENT
from copilot_etl_tests.conftest import SIGNED_QUERY, SMALL

ROOT = Path(__file__).parents[2]
FIRST = dt.date(2026, 1, 5)
LOUD = """
import dataclasses, logging
logging.basicConfig(level=logging.DEBUG, format="%(name)s %(message)s %(args)s")
from copilot_etl import github
from copilot_etl_tests.conftest import QUICK
github.Limits = lambda: dataclasses.replace(QUICK, read_seconds=0.5, api_seconds=2.0, file_seconds=1.0)
from copilot_etl.cli import main
import copilot_etl.definitions
for name in list(logging.root.manager.loggerDict):
    logging.getLogger(name).setLevel(logging.DEBUG)
logging.Logger.setLevel = lambda self, level: None  # nobody turns them down again, Dagster's neither
main()
"""
# What a library logs becomes an event of the run.
DAGSTER = """
python_logs:
  python_log_level: DEBUG
  managed_python_loggers: [root, copilot_etl, dagster, httpx, httpcore, httpcore.connection, httpcore.http11]
"""
REFUSALS = ("policy_off", "no_role", "forbidden", "sso", "not_found", "unprocessable", "gone", "bad_token")
API = (
    "links_empty", "links_missing", "links_null", "links_bad_type", "wrong_report_day", "extra_fields", "dup_link",
    "foreign_link", "trap_link", "scheme_link", "links_expired", "body_null", "body_array", "body_empty_string",
    "body_string", "no_content", "empty_body", "garbled", "html", "close", "truncate", "hang", "redirect", "reset",
    "links", "headers", "compressed", "status", "delay", "drip", "chunk_cut", "eof_cut", "rate_primary",
    "rate_secondary",
)  # fmt: skip
BLOB = (
    "expired", "blob_not_found", "server_busy", "bad_md5", "gzip", "html", "redirect", "close", "reset", "truncate",
    "chunk_cut", "eof_cut", "hang", "status", "headers", "delay", "drip", "pause",
)  # fmt: skip
NEED_ARGUMENTS = {"raw_value": {"value": "NaN"}, "set_day": {"value": "2026-01-01"}, "set_login": {"value": "x"},
                  "set_org": {"value": "1"}, "set_in_all": {"fields": {"used_chat": None}},
                  "replaced": {"content": b"nothing"}, "huge_line": {"bytes": 9 * 2**20},
                  "gzip_bomb": {"mebibytes": 8}}  # fmt: skip


def arguments(kind: str, token: str) -> dict[str, Any]:
    """What a kind needs, as hostile as it can be: the other side tells the token and a signature in all it may say."""
    echo = f"Authorization: Bearer {token} https://files.test/x?sig=SECRET"
    return {
        "seconds": 0.2 if kind == "delay" else 3.0,
        "every": 0.001,
        "until": lambda: None,
        "links": [f"https://user:{token}@evil.test/x?sig=SECRET"],
        "code": 500,
        "body": echo,
        "headers": {"X-GitHub-Request-Id": echo, "Retry-After": echo, "Sunset": echo, "ETag": echo},
        **NEED_ARGUMENTS.get(kind, {}),
    }


def faults(token: str) -> list[Fault]:
    """One fault a day for octo-org; those after which a scope is not asked again on one organization each."""
    kinds = [("blob", kind) for kind in CONTENT]
    kinds += [("api", kind) for kind in API] + [("blob", kind) for kind in BLOB]
    planned = [
        Fault(kind, scope="octo-org", day=str(FIRST + dt.timedelta(days=n)), side=side,
              times=1 if kind.startswith("rate_") else None, args=arguments(kind, token))  # type: ignore[arg-type]
        for n, (side, kind) in enumerate(kinds)
    ]  # fmt: skip
    last = str(FIRST + dt.timedelta(days=len(kinds)))
    return [*planned, *(Fault(kind, scope=f"org-{n}", day=last, times=None) for n, kind in enumerate(REFUSALS))]


def test_no_token_and_no_signature_is_in_any_byte_after_every_fault(
    sandbox: Callable[..., Sandbox], tmp_path: Path
) -> None:
    token = Sandbox().token
    plan = faults(token)
    last = max(dt.date.fromisoformat(fault.day) for fault in plan)
    logins = [f"org-{n}" for n in range(len(REFUSALS))]
    made = sandbox(
        *plan,
        organizations=[*SMALL[:1], *(Organization(login, f"77{n}", 3) for n, login in enumerate(logins))],
        parts=1,
    )
    home = tmp_path / "data" / "dagster"
    home.mkdir(parents=True)
    (home / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text() + DAGSTER)
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment = {**kept, **made.env(), "COPILOT_DATA_DIR": str(tmp_path / "data"), "PYTHONPATH": str(ROOT)}

    said = b""
    *stopping, ending = logins  # the last two end the whole run, so each is the last of its own
    for scopes, first in (("octo-org", FIRST), (",".join(stopping), last), (ending, last)):
        ended = subprocess.run(
            [sys.executable, "-c", LOUD, "load", "--from", str(first), "--to", str(last)],
            env={**environment, "COPILOT_ORGS": scopes},
            capture_output=True,
            timeout=300,
        )
        assert ended.returncode in (2, 3), ended.stderr[-2000:]
        said += ended.stdout + ended.stderr

    quoted = {link.partition("sig=")[2].partition("&")[0] for link in made.signed}
    signatures = {each.encode() for text in quoted for each in (text, unquote(text))}
    assert made.token == token and len(signatures) > len(plan)
    assert b"filelock" in said and b"dagster" in said, "the loggers were loud"
    secrets = {*shapes(token), *signatures, b"SECRET", b"Bearer "}
    left = contents(tmp_path)
    assert {".zst", ".parquet", ".duckdb", ".db", ".json", ".lock"} <= {Path(name).suffix for name in left}
    for place, content in {"what was said": said, **left}.items():
        assert [each for each in secrets if each in content] + SIGNED_QUERY.findall(content) == [], place


def shapes(token: str) -> set[bytes]:
    """A token as it is, backwards, URL-quoted, and in base64 wherever in a text it may begin."""
    plain = token.encode()
    encoded = {base64.b64encode(b"." * lead + plain)[4 * bool(lead) : -4] for lead in range(3)}
    return {plain, plain[::-1], quote(token, safe="").encode(), *encoded}


def contents(root: Path) -> dict[str, bytes]:
    """The bytes of every file; those of compressed ones also as they can be read."""
    found = {}
    for path in root.rglob("*"):
        if path.is_file():
            content = found[str(path)] = path.read_bytes()
            if path.suffix == ".zst":
                found[str(path)] += zstandard.ZstdDecompressor().stream_reader(content).read()
            elif path.suffix == ".parquet":
                with duckdb.connect() as connection:
                    found[str(path)] += rows(connection, "read_parquet($path)", path=str(path))
            elif path.suffix == ".duckdb":
                with duckdb.connect(path, read_only=True) as connection:
                    tables = connection.execute("select schema_name, table_name from duckdb_tables()").fetchall()
                    found[str(path)] += b"".join(rows(connection, f'"{schema}"."{name}"') for schema, name in tables)
    return found


def rows(connection: duckdb.DuckDBPyConnection, source: str, **values: str) -> bytes:
    return repr(connection.execute(f"select each::varchar from {source} as each", values).fetchall()).encode()


def test_every_kind_that_the_sandbox_plays_is_in_the_plan() -> None:
    """A kind is what the server compares with, or a name in its tables of answers."""
    known = set(CONTENT)
    for node in ast.walk(ast.parse(inspect.getsource(server))):
        if isinstance(node, ast.Compare) and ast.unparse(node.left) in ("kind", "fault.kind"):
            known |= {each.value for each in ast.walk(node.comparators[0]) if isinstance(each, ast.Constant)}
        targets = {"refusals", "answers"}
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict):
            named = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if ast.unparse(named) in targets:
                known |= {each.value for each in node.value.keys if isinstance(each, ast.Constant)}

    assert known == {fault.kind for fault in faults("token")}
