"""Every fault in one run with every logger at DEBUG, and then a search of every byte that it left or said."""

from __future__ import annotations

import base64
import datetime as dt
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, unquote

import zstandard

from copilot_etl.sandbox import Fault, Organization, Sandbox
from copilot_etl.sandbox.faults import CONTENT
from copilot_etl_tests.conftest import SMALL

ROOT = Path(__file__).parents[2]
FIRST = dt.date(2026, 1, 5)
LOUD = """
import logging
logging.basicConfig(level=logging.DEBUG, format="%(name)s %(message)s %(args)s")
from copilot_etl import github
from copilot_etl_tests.conftest import QUICK
github.Limits = lambda: QUICK
from copilot_etl.cli import main
for name in ("httpx", "httpcore", "httpcore.http11", "httpcore.connection", "dagster", "urllib3"):
    logging.getLogger(name).setLevel(logging.DEBUG)
main()
"""
REFUSALS = ("policy_off", "no_role", "forbidden", "sso", "not_found", "unprocessable", "gone", "bad_token")
API = (
    "links_empty", "links_missing", "links_null", "links_bad_type", "wrong_report_day", "extra_fields", "dup_link",
    "foreign_link", "trap_link", "scheme_link", "links_expired", "body_null", "body_array", "body_empty_string",
    "body_string", "no_content", "empty_body", "garbled", "html", "close", "truncate", "hang", "redirect", "reset",
)  # fmt: skip
BLOB = (
    "expired", "blob_not_found", "server_busy", "bad_md5", "gzip", "html", "redirect", "close", "reset", "truncate",
    "chunk_cut", "eof_cut", "hang",
)  # fmt: skip
LARGE = {"gzip_bomb", "huge_line"}
NEED_ARGUMENTS = {"raw_value": {"value": "NaN"}, "set_day": {"value": "2026-01-01"}, "set_login": {"value": "x"},
                  "set_org": {"value": "1"}, "set_in_all": {"fields": {"used_chat": None}},
                  "replaced": {"content": b"nothing"}}  # fmt: skip


def faults() -> list[Fault]:
    """One fault a day for octo-org; those after which a scope is not asked again on one organization each."""
    kinds = [("blob", kind) for kind in CONTENT if kind not in LARGE]
    kinds += [("api", kind) for kind in API] + [("blob", kind) for kind in BLOB]
    planned = [
        Fault(kind, scope="octo-org", day=str(FIRST + dt.timedelta(days=n)), side=side, times=None,
              args={"seconds": 3.0, **NEED_ARGUMENTS.get(kind, {})})  # type: ignore[arg-type]
        for n, (side, kind) in enumerate(kinds)
    ]  # fmt: skip
    last = str(FIRST + dt.timedelta(days=len(kinds)))
    return [*planned, *(Fault(kind, scope=f"org-{n}", day=last, times=None) for n, kind in enumerate(REFUSALS))]


def test_no_token_and_no_signature_is_in_any_byte_after_every_fault(
    sandbox: Callable[..., Sandbox], tmp_path: Path
) -> None:
    plan = faults()
    last = max(dt.date.fromisoformat(fault.day) for fault in plan)
    logins = [f"org-{n}" for n in range(len(REFUSALS))]
    made = sandbox(
        *plan,
        organizations=[*SMALL[:1], *(Organization(login, f"77{n}", 3) for n, login in enumerate(logins))],
        parts=1,
    )
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

    token = made.token.encode()
    quoted = {link.partition("sig=")[2].partition("&")[0] for link in made.signed}
    signatures = {each.encode() for text in quoted for each in (text, unquote(text))}
    secrets = {token, token[::-1], base64.b64encode(token), quote(made.token, safe="").encode(), b"SECRET", b"sig="}
    assert len(signatures) > len(plan)
    assert b"filelock" in said, "the loggers were loud"
    for place, content in {"what was said": said, **contents(tmp_path)}.items():
        assert [each for each in (*secrets, *signatures) if each in content] == [], place


def contents(root: Path) -> dict[str, bytes]:
    found = {}
    for path in root.rglob("*"):
        if path.is_file():
            found[str(path)] = path.read_bytes()
            if path.suffix == ".zst":
                found[str(path)] += zstandard.ZstdDecompressor().stream_reader(found[str(path)]).read()
    return found
