"""A fake GitHub on loopback: the reports API on one port, the file host on another, strict about both.

What GitHub would refuse is refused, what a polite client must not do is written down as a violation, and links
are signed and expire.
"""

from __future__ import annotations

import base64
import datetime as dt
import email.utils
import gzip
import hashlib
import hmac
import json
import re
import socket
import ssl
import struct
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qs, quote

from copilot_etl.sandbox.faults import CONTENT, Fault, Plan
from copilot_etl.sandbox.reports import LATEST, REPORTS, USERS, USERS_28, Reports, asked_for, place_of
from copilot_etl.sandbox.seats import LONGEST_PAGE, PAGE, Seats
from copilot_etl.sandbox.world import ORGANIZATIONS, Enterprise, Organization, Record, World, lateness

if TYPE_CHECKING:
    from copilot_etl.sandbox.app import App

_ENDPOINT = re.compile(r"/(orgs|enterprises)/([^/]+)/copilot/(?:metrics/reports/([a-z0-9/-]+)|billing/(seats))")
_BLOB = re.compile(r"/([a-z0-9-]+)-report/blue/v0/([^/]+)/(\d{4}-\d{2}-\d{2})/(\w+)/part-(\d{5})\.json")
_API_VERSIONS = (None, "2022-11-28", "2026-03-10")
_LIMIT = 5_000


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it was met; `path` has no query, `headers` are lower-case names, `at` is monotonic seconds."""

    side: str
    method: str
    path: str
    scope: str
    day: str
    part: int | None
    status: int
    headers: frozenset[str]
    violations: tuple[str, ...]
    at: float
    report: str = ""


class Sandbox:
    """A fake GitHub with made-up organizations, as a context manager; both servers are up inside it.

    `today` is its calendar day (UTC): later days are not there, yesterday may be late, and a day is restated until
    it is three days old. `link_ttl` is how many seconds a signed link lives, `skew` how many its clock is ahead.
    `tls` is a certificate and its key: all of it is https then. `app` is a GitHub App that may sign in, besides
    whoever has the token. `enterprise` owns the organizations, if there is one. `may_read_seats` is whether the token
    may read the seats, too: what reads reports often may not.

    A scope is an organization's login or an enterprise's `scope`; a report is named as in `reports.REPORTS`.
    """

    def __init__(
        self,
        *,
        seed: int = 7,
        today: dt.date | None = None,
        organizations: Sequence[Organization] = ORGANIZATIONS,
        parts: int = 2,
        link_ttl: float = 3600.0,
        faults: Sequence[Fault] = (),
        ports: tuple[int, int] = (0, 0),
        late: bool = True,
        restatements: bool = True,
        skew: float = 0.0,
        tls: tuple[Path, Path] | None = None,
        app: App | None = None,
        enterprise: Enterprise | None = None,
        may_read_seats: bool = True,
    ) -> None:
        self.world = World(seed, organizations, enterprise=enterprise)
        self.reports = Reports(self.world)
        self.seats = Seats(self.world, self.reports.teams)
        self.may_read_seats = may_read_seats
        self.today = today or dt.datetime.now(dt.UTC).date()
        self.token = "ghp_" + hashlib.sha256(f"token {seed}".encode()).hexdigest()[:36]
        self.app = app
        self.journal: list[Request] = []
        self.link_ttl = link_ttl
        self.max_in_flight: Counter[str] = Counter()
        self._seed = seed
        self._parts = parts
        self._late = late
        self._restatements = restatements
        self._skew = skew
        self._tls = tls
        self._plan = Plan(faults)
        self.signed: list[str] = []
        """Every link that was ever given out, to look for."""
        self._key = hashlib.sha256(f"key {seed}".encode()).digest()
        self._published: dict[tuple[str, str, str], Sequence[bytes | Path] | None] = {}
        self._contents: OrderedDict[tuple[str, str, str, str, int], bytes | Path] = OrderedDict()
        self._refused_links: set[str] = set()
        self._quiet_until = 0.0
        self._in_flight: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._ports = ports
        self._servers: list[_Server] = []

    # -------------------------------------------------------------------------------------- being one

    def __enter__(self) -> Sandbox:
        for side, port in zip(("api", "blob", "trap"), (*self._ports, 0), strict=True):
            handler = {"api": _Api, "blob": _Blob, "trap": _Trap}[side]
            server = _Server(("127.0.0.1", port), handler, sandbox=self)
            if self._tls:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(*self._tls)
                server.socket = context.wrap_socket(server.socket, server_side=True)
            self._servers.append(server)
            threading.Thread(target=server.serve_forever, args=(0.02,), name=f"sandbox-{side}", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()
        self._servers.clear()

    @property
    def api_url(self) -> str:
        return self._url(0)

    @property
    def blob_url(self) -> str:
        return self._url(1)

    @property
    def trap_url(self) -> str:
        """A third server that nobody may ever ask: each request to it is a violation."""
        return self._url(2)

    def _url(self, number: int) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._servers[number].server_address[1]}"

    def env(self) -> dict[str, str]:
        """The environment variables that point copilot_etl here, whatever else is set."""
        signs_in = {"GITHUB_AUTH": "token", "GITHUB_TOKEN": self.token}
        if self.app:
            signs_in = {
                "GITHUB_AUTH": "app",
                "GITHUB_APP_ID": self.app.client_id,
                "GITHUB_APP_PRIVATE_KEY": self.app.private_key.replace("\n", "\\n"),
            }
        return {
            "GITHUB_API_URL": self.api_url,
            **signs_in,
            "COPILOT_ORGS": ",".join(self.world.organizations),
            "COPILOT_ALLOW_LOOPBACK_HTTP": "1",
            **({"COPILOT_ENTERPRISES": self.world.enterprise.slug} if self.world.enterprise else {}),
        }

    # --------------------------------------------------------------------------------- what is served

    @property
    def faults(self) -> Sequence[Fault]:
        return tuple(self._plan.faults)

    @faults.setter
    def faults(self, faults: Sequence[Fault]) -> None:
        self._plan = Plan(faults)

    def publish(
        self,
        scope: str,
        day: dt.date | str,
        content: Sequence[Record] | Sequence[bytes | Path] | None,
        *,
        report: str = USERS,
    ) -> None:
        """Serves this for a day from now on: records, or the parts as bytes or files; None answers 204.

        The other reports of the day stay as they are. The day of `users-28-day` is its last one, or `latest`.
        """
        parts: Sequence[bytes | Path] | None
        if content is None or not content or isinstance(content[0], bytes | Path):
            parts = content  # type: ignore[assignment]
        else:
            parts = self._split([_line(record) for record in content], report)  # type: ignore[arg-type]
        self._published[scope, self._day(scope, day), report] = parts

    def truth(self, scope: str, day: dt.date | str, *, report: str = USERS) -> list[Record]:
        """The records that are served for a day now; empty when there is no report."""
        parts = self._report(scope, self._day(scope, day), report)
        return [
            json.loads(line)
            for part in parts or ()
            for line in (part if isinstance(part, bytes) else part.read_bytes()).split(b"\n")
            if line
        ]

    def violations(self) -> list[tuple[str, str]]:
        """What a polite client must not do, and where it was done."""
        return [(what, request.path) for request in self.journal for what in request.violations]

    def latest(self, scope: str) -> dt.date:
        """The last day of the 28-day report now: neither it nor any day before is still to come."""
        days = [self.today - dt.timedelta(days=back) for back in (3, 2, 1)]
        ready = [day for place, day in enumerate(days) if all(self._ready(scope, each) for each in days[: place + 1])]
        return max(ready, default=days[0] - dt.timedelta(days=1))

    def _day(self, scope: str, day: dt.date | str) -> str:
        return str(self.latest(scope) if day == LATEST else day)

    def _ready(self, scope: str, day: dt.date, report: str = USERS) -> bool:
        # Each report has its own hour: one of a day may be there while another is not.
        named = scope if report == USERS else f"{scope} {report}"
        return (self.today - day).days >= 1 + (lateness(self._seed, named, day) if self._late else 0)

    def _final(self, day: dt.date) -> bool:
        return not self._restatements or (self.today - day).days >= 3

    def _report(self, scope: str, day: str, report: str = USERS) -> Sequence[bytes | Path] | None:
        if (scope, day, report) in self._published:
            return self._published[scope, day, report]
        date = dt.date.fromisoformat(day)
        known = REPORTS[report]
        since = known.since.get(place_of(scope))
        if scope not in self.world.scopes or since is None or date < since:
            return None
        if known.of_days and not self._ready(scope, date, report):
            return None
        lines = [_line(record) for record in self.reports.records(known, scope, date, final=self._final)]
        # A day without a user is a report without a line; the others have none without anything to tell.
        return self._split(lines, report) if lines or report == USERS else None

    def _split(self, lines: Sequence[bytes], report: str) -> list[bytes]:
        parts = 1 if REPORTS[report].one_file else self._parts
        return [b"".join(lines[number::parts]) for number in range(parts)]

    def _sign(self, path: str, expires: str) -> str:
        digest = hmac.new(self._key, f"{path}\n{expires}".encode(), hashlib.sha256).digest()
        query = {"sv": "2025-05-05", "se": expires, "sr": "b", "sp": "r", "sig": base64.b64encode(digest).decode()}
        return "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())

    def _links(
        self,
        scope: str,
        day: str,
        parts: Sequence[bytes | Path],
        *,
        seconds: float | None = None,
        report: str = USERS,
    ) -> list[str]:
        lives = dt.timedelta(seconds=self.link_ttl if seconds is None else seconds)
        expires = (dt.datetime.now(dt.UTC) + lives).isoformat(timespec="milliseconds")
        version = hashlib.sha256(
            b"".join(part if isinstance(part, bytes) else str(part).encode() for part in parts)
        ).hexdigest()[:12]
        links = []
        for number, part in enumerate(parts):
            path = f"/{report}-report/blue/v0/{scope}/{day}/{version}/part-{number:05}.json"
            with self._lock:
                self._contents[report, scope, day, version, number] = part
                while len(self._contents) > max(64, len(parts)):
                    self._contents.popitem(last=False)
            links.append(f"{self.blob_url}{path}?{self._sign(path, expires)}")
        self.signed += links
        return links


def _line(record: Record) -> bytes:
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


# ------------------------------------------------------------------------------------------- the servers


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[_Handler], *, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        super().__init__(address, handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away in the middle are part of the game."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    side: ClassVar[str]
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.violations: list[str] = []
        self.scope, self.day = "", ""
        self.report = ""
        self.part: int | None = None

    def log_message(self, format: str, *args: object) -> None:
        """The journal says it better."""

    def do_GET(self) -> None:
        sandbox = self.server.sandbox
        side = type(self).side
        self.asked = side
        self.violations, self.scope, self.day, self.part = [], "", "", None
        self.report = ""
        with sandbox._lock:
            sandbox._in_flight[side] += 1
            sandbox.max_in_flight[side] = max(sandbox.max_in_flight[side], sandbox._in_flight[side])
        try:
            self.answer(sandbox)
        finally:
            with sandbox._lock:
                sandbox._in_flight[side] -= 1

    def answer(self, sandbox: Sandbox) -> None:
        raise NotImplementedError

    @property
    def pathname(self) -> str:
        return self.path.partition("?")[0]

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string((timestamp or time.time()) + self.server.sandbox._skew)

    def note(self, status: int) -> None:
        self.server.sandbox.journal.append(
            Request(
                self.asked,
                self.command,
                self.pathname,
                self.scope,
                self.day,
                self.part,
                status,
                frozenset(name.lower() for name in self.headers),
                tuple(self.violations),
                time.monotonic(),
                self.report,
            )
        )

    def send(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        self.note(status)
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 204 and "Transfer-Encoding" not in (headers or {}):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def play_transport(self, fault: Fault, body: bytes, headers: Mapping[str, str]) -> bool:
        """Plays a fault of the line itself; False when the fault is of another kind."""
        at = int(len(body) * fault.args.get("at", 0.5))
        kind = fault.kind
        if kind == "hang":
            self.note(0)
            time.sleep(fault.args.get("seconds", 60.0))
        elif kind in ("close", "reset") and not fault.args.get("at"):
            self.note(0)
        elif kind in ("truncate", "reset"):
            self.send_promising(len(body), headers, body[:at])
        elif kind == "pause":  # until its `until` returns
            self.send_promising(len(body), headers, body[:at])
            fault.args["until"]()
            self.wfile.write(body[at:])
        elif kind == "drip":
            self.send_promising(len(body), headers, b"")
            for number in range(len(body)):
                self.wfile.write(body[number : number + 1])
                time.sleep(fault.args.get("every", 0.1))
        elif kind == "chunk_cut":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.note(200)
            self.wfile.write(f"{at:x}\r\n".encode() + body[:at] + b"\r\n")
        elif kind == "eof_cut":
            self.note(200)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body[:at])
        else:
            return False
        self.close_connection = True
        if kind == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        return True

    def send_promising(self, length: int, headers: Mapping[str, str], body: bytes) -> None:
        self.note(200)
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


class _Api(_Handler):
    side = "api"

    def answer(self, sandbox: Sandbox) -> None:
        if time.monotonic() < sandbox._quiet_until:
            self.violations.append("early_retry")
        by_id = re.fullmatch(r"/organizations/([0-9]+)(/.+)", self.pathname)
        logins = {each.id: login for login, each in sandbox.world.organizations.items()}
        path = f"/orgs/{logins.get(by_id[1], '')}{by_id[2]}" if by_id else self.pathname
        found = _ENDPOINT.fullmatch(path)
        query = parse_qs(self.path.partition("?")[2])
        self.scope = found[2].lower() if found else ""
        self.day = query.get("day", [""])[0]
        if self.serve_app(sandbox) or self.refuse_strictly(sandbox):
            return
        report = asked_for(found[1], found[3]) if found and found[3] else None
        if not found or self.command != "GET" or not (report or found[4]) or "." in self.scope:
            return self.refuse(404, "Not Found")
        self.scope = scope = self.scope if found[1] == "orgs" else f"enterprise.{self.scope}"
        self.report = report.name if report else found[4]
        if not report:
            return self.list_seats(sandbox, query)
        if report.of_days and (set(query) != {"day"} or not _is_day(self.day)):
            return self.refuse(422, 'Invalid request.\n\n"day" wasn\'t supplied or is malformed.')
        if not report.of_days:
            self.day = sandbox._day(scope, LATEST)
        parts = sandbox._report(scope, self.day, report.name)
        faults = sandbox._plan.due("api", scope, self.day, report=report.name)
        for fault in faults:
            if self.play(fault, sandbox, parts):
                return
        if scope not in sandbox.world.scopes and parts is None:
            return self.refuse(404, "Not Found")
        if parts is None and report.of_days:
            return self.send(204, headers=self.limits())
        self.envelope(self.promise(sandbox._links(scope, self.day, parts or [], report=report.name)))

    def promise(self, links: Sequence[str]) -> dict[str, Any]:
        """The envelope of a report."""
        if self.report != USERS_28:
            return {"download_links": links, "report_day": self.day}
        first = dt.date.fromisoformat(self.day) - dt.timedelta(days=27)
        return {"download_links": links, "report_start_day": str(first), "report_end_day": self.day}

    def list_seats(self, sandbox: Sandbox, query: Mapping[str, list[str]]) -> None:
        """A page of seats, with links to the others as GitHub gives them: by the organization's id."""
        for fault in sandbox._plan.due("api", self.scope, "", report=self.report):
            if self.play(fault, sandbox, None):
                return
        if self.scope not in sandbox.world.organizations:
            return self.refuse(404, "Not Found")
        if not sandbox.may_read_seats:
            return self.refuse(403, "Resource not accessible by integration")
        size = min(LONGEST_PAGE, _number(query, "per_page", PAGE))
        number = _number(query, "page", 1)
        body = sandbox.seats.page(self.scope, sandbox.today, number=number, size=size)
        last = max(1, -(-body["total_seats"] // size))
        address = f"{sandbox.api_url}/organizations/{sandbox.world.organizations[self.scope].id}/copilot/billing/seats"
        others = {"prev": number - 1, "next": number + 1, "last": last, "first": 1}
        links = [
            f'<{address}?per_page={size}&page={page}>; rel="{name}"'
            for name, page in others.items()
            if (number > 1 if name in ("prev", "first") else number < last)
        ]
        self.envelope(body, headers={"Link": ", ".join(links)} if links else None)

    do_POST = _Handler.do_GET

    def serve_app(self, sandbox: Sandbox) -> bool:
        """Answers what only a GitHub App may ask, with its JWT; False for all else."""
        if not sandbox.app:
            return False
        signed = self.headers.get("Authorization", "")
        answered = sandbox.app.answer(self.command, self.pathname, signed, time.time() + sandbox._skew)
        if not answered:
            return False
        (status, body), violations = answered
        self.asked = "app"
        self.scope = self.pathname.split("/")[2] if self.pathname.count("/") == 3 else ""
        self.violations += violations
        if not self.headers.get("User-Agent"):
            self.violations.append("no_user_agent")
        if not any(self.play(fault, sandbox, None) for fault in sandbox._plan.due("app", self.scope, "")):
            self.envelope(body, status)
        return True

    def refuse_strictly(self, sandbox: Sandbox) -> bool:
        if not self.headers.get("User-Agent"):
            self.violations.append("no_user_agent")
            self.send(403, b"Request forbidden by administrative rules. Please make sure your request has a User-Agent")
        elif self.headers.get("X-GitHub-Api-Version") not in _API_VERSIONS:
            self.violations.append("unsupported_api_version")
            self.refuse(400, "API version is not supported")
        elif self.headers.get("Authorization") != f"Bearer {sandbox.token}":
            return self.refuse_app(sandbox)
        else:
            return False
        return True

    def refuse_app(self, sandbox: Sandbox) -> bool:
        """Refuses who is neither the token's owner nor the App where it is installed; False for the latter."""
        if not sandbox.app:
            self.refuse(401, "Bad credentials")
            return True
        place = "enterprise." if self.pathname.startswith("/enterprises/") else ""
        refusal, violations = sandbox.app.judge(self.headers.get("Authorization", ""), f"{place}{self.scope}")
        self.violations += violations
        if refusal:
            self.refuse(refusal[0], refusal[1]["message"])
        return refusal is not None

    def play(self, fault: Fault, sandbox: Sandbox, parts: Sequence[bytes | Path] | None) -> bool:
        """Plays one fault; False when it only changes nothing of the answer."""
        args = fault.args
        live = args.get("links_live")
        links = sandbox._links(self.scope, self.day, parts, seconds=live, report=self.report) if parts else []
        body = self.promise(links)
        refusals = {
            "bad_token": (401, "Bad credentials"),
            "policy_off": (403, "The 'Copilot usage metrics' policy must be enabled to use this API"),
            "no_role": (403, "This endpoint requires admin, or relevant organization role access"),
            "forbidden": (403, "Resource not accessible by integration"),
            "not_found": (404, "Not Found"),
            "gone": (410, "This API version is no longer supported"),
            "unprocessable": (422, "Invalid request."),
        }
        answers: dict[str, Any] = {
            "links_empty": {**body, "download_links": []},
            "links_missing": {"report_day": self.day},
            "links_null": {**body, "download_links": None},
            "links_bad_type": {**body, "download_links": [{"href": link} for link in links]},
            "wrong_report_day": {**body, "report_day": "2026-01-01"},
            "extra_fields": {**body, "generated_at": "2026-11-24T03:00:00Z", "more": [1]},
            "links": {**body, "download_links": args.get("links", [])},
            "dup_link": {**body, "download_links": [*links, *links]},
            "foreign_link": {**body, "download_links": [f"https://{args.get('host', 'evil.test')}/x?sig=SECRET"]},
            "trap_link": {**body, "download_links": [f"{sandbox.trap_url}/x?sig=SECRET"]},
            "scheme_link": {**body, "download_links": [f"{args.get('scheme', 'file')}:///etc/passwd?sig=SECRET"]},
            "links_expired": body,
            "body_null": None,
            "body_array": [body],
            "body_empty_string": "",
            "body_string": "No report available for this day",
        }
        if fault.kind in refusals:
            self.refuse(*refusals[fault.kind])
        elif fault.kind in answers:
            self.envelope(answers[fault.kind], headers=args.get("headers"))
        elif fault.kind == "headers":
            self.envelope(body, headers=args["headers"])
        elif fault.kind == "compressed":
            self.send(200, gzip.compress(json.dumps(body).encode()), {"Content-Encoding": "gzip"})
        elif fault.kind == "sso":
            self.refuse(403, "Resource protected by SSO", {"X-GitHub-SSO": "required; url=https://example.test/sso"})
        elif fault.kind in ("rate_primary", "rate_secondary"):
            self.limit(fault, sandbox)
        elif fault.kind == "no_content":
            self.send(204, headers=self.limits())
        elif fault.kind == "status":
            self.send(args["code"], str(args.get("body", "")).encode(), args.get("headers", {}))
        elif fault.kind == "empty_body":
            self.send(200, b"", self.limits())
        elif fault.kind == "garbled":
            self.send(200, json.dumps(body).encode()[:-9], self.limits())
        elif fault.kind == "html":
            self.send(200, b"<!DOCTYPE html><title>Sign in</title>", {"Content-Type": "text/html"})
        elif fault.kind == "delay":
            time.sleep(args["seconds"])
            return False
        elif fault.kind == "redirect":
            self.redirect(fault, sandbox)
        else:
            return self.play_transport(fault, json.dumps(body).encode(), self.limits())
        return True

    def limit(self, fault: Fault, sandbox: Sandbox) -> None:
        """A rate limit that ends after `wait` seconds, told the way `rate_primary` or `rate_secondary` tells it."""
        wait = float(fault.args.get("wait", 1))
        sandbox._quiet_until = time.monotonic() + wait
        ends = time.time() + sandbox._skew + wait
        headers = self.limits()
        message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
        if fault.kind == "rate_primary":
            message = "API rate limit exceeded for user ID 1."
            headers |= {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(ends))}
        elif fault.args.get("told") == "date":
            headers["Retry-After"] = email.utils.formatdate(ends + 1, usegmt=True)
        elif fault.args.get("told", "seconds") == "seconds":
            headers["Retry-After"] = str(int(-(-wait // 1)))
        self.refuse(fault.args.get("status", 403), message, headers)

    def redirect(self, fault: Fault, sandbox: Sandbox) -> None:
        to = fault.args.get("to", "same")
        where = {"same": self.path, "loop": self.path, "trap": f"{sandbox.trap_url}/orgs"}.get(to, to)
        self.send(fault.args.get("status", 301), b"", {"Location": where})

    def refuse(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        body = {"message": message, "documentation_url": "https://docs.github.com/rest", "status": str(status)}
        self.envelope(body, status, headers)

    def envelope(self, body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        self.send(
            status,
            json.dumps(body).encode(),
            {"Content-Type": "application/json; charset=utf-8", **self.limits(), **(headers or {})},
        )

    def limits(self) -> dict[str, str]:
        used = sum(request.side == "api" for request in self.server.sandbox.journal)
        return {
            "x-ratelimit-limit": str(_LIMIT),
            "x-ratelimit-remaining": str(max(1, _LIMIT - used)),
            "x-ratelimit-used": str(used),
            "x-ratelimit-reset": str(int(time.time()) + 3600),
            "x-ratelimit-resource": "core",
        }


class _Blob(_Handler):
    side = "blob"

    def answer(self, sandbox: Sandbox) -> None:
        found = _BLOB.fullmatch(self.pathname)
        if found:
            self.report, self.scope, self.day, self.part = found[1], found[2], found[3], int(found[5])
        for name in self.headers:
            if name.lower() == "authorization" or name.lower().startswith("x-github"):
                self.violations.append(f"{name.lower()}_on_blob")
        if self.violations:
            return self.fail(400, "InvalidAuthenticationInfo")
        if not found:
            return self.fail(404, "BlobNotFound")
        expires = parse_qs(self.path.partition("?")[2]).get("se", [""])[0]
        if self.path.partition("?")[2] != sandbox._sign(self.pathname, expires):
            self.violations.append("signature_changed")
            return self.fail(403, "AuthenticationFailed")
        if self.path in sandbox._refused_links:
            self.violations.append("reused_expired_link")
            return self.fail(403, "AuthenticationFailed")
        if dt.datetime.fromisoformat(expires) < dt.datetime.now(dt.UTC):
            sandbox._refused_links.add(self.path)
            return self.fail(403, "AuthenticationFailed")
        with sandbox._lock:
            content = sandbox._contents.get((found[1], found[2], found[3], found[4], int(found[5])))
        if content is None:
            return self.fail(404, "BlobNotFound")
        self.serve(sandbox, content)

    def serve(self, sandbox: Sandbox, content: bytes | Path) -> None:
        faults = sandbox._plan.due("blob", self.scope, self.day, self.part, report=self.report)
        if isinstance(content, Path) and not faults:
            return self.serve_file(content)
        body = content if isinstance(content, bytes) else content.read_bytes()
        for fault in faults:
            if fault.kind in CONTENT:
                body = CONTENT[fault.kind](body, fault.args)
        headers = self.describe(body)
        for fault in faults:
            if fault.kind not in CONTENT and self.play(fault, sandbox, body, headers):
                return
        self.send(200, body, headers)

    def describe(self, body: bytes) -> dict[str, str]:
        return {
            "Content-Type": "application/octet-stream",
            "ETag": f'"0x{hashlib.sha256(body).hexdigest()[:15].upper()}"',
            "Content-MD5": base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode(),
        }

    def play(self, fault: Fault, sandbox: Sandbox, body: bytes, headers: dict[str, str]) -> bool:
        refusals = {
            "expired": (403, "AuthenticationFailed"),
            "blob_not_found": (404, "BlobNotFound"),
            "server_busy": (503, "ServerBusy"),
        }
        if fault.kind in refusals:
            if fault.kind == "expired":
                sandbox._refused_links.add(self.path)
            self.fail(*refusals[fault.kind])
        elif fault.kind == "status":
            self.send(fault.args["code"], str(fault.args.get("body", "")).encode(), fault.args.get("headers", {}))
        elif fault.kind == "headers":
            self.send(200, body, fault.args["headers"])
        elif fault.kind == "bad_md5":
            self.send(200, body, {**headers, "Content-MD5": base64.b64encode(b"0" * 16).decode()})
        elif fault.kind == "gzip":
            self.send(200, CONTENT["gzip_content"](body, {}), {"Content-Encoding": "gzip"})
        elif fault.kind == "html":
            self.send(200, b"<!DOCTYPE html><title>Gateway</title>", {"Content-Type": "text/html"})
        elif fault.kind == "redirect":
            self.send(302, b"", {"Location": f"{sandbox.trap_url}/blob"})
        elif fault.kind == "delay":
            time.sleep(fault.args["seconds"])
            return False
        else:
            return self.play_transport(fault, body, headers)
        return True

    def serve_file(self, path: Path) -> None:
        size = path.stat().st_size
        self.send_promising(size, {"Content-Type": "application/octet-stream"}, b"")
        with path.open("rb") as file:
            self.connection.sendfile(file)

    def fail(self, status: int, code: str) -> None:
        body = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code></Error>'.encode()
        self.send(status, body, {"Content-Type": "application/xml", "x-ms-error-code": code})


class _Trap(_Handler):
    side = "trap"

    def answer(self, sandbox: Sandbox) -> None:
        self.violations.append("trapped")
        self.send(200, b"{}")


def _is_day(text: str) -> bool:
    try:
        return dt.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _number(query: Mapping[str, list[str]], name: str, default: int) -> int:
    """A number of at least one; what is none counts as not given."""
    text = query.get(name, [""])[0]
    return int(text) if re.fullmatch(r"[1-9][0-9]{0,8}", text) else default
