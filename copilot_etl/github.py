"""GitHub's reports API: the links of a day, every answer told apart, and all files of a day or none."""

from __future__ import annotations

import datetime as dt
import json
import logging
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx
import tenacity

from copilot_etl import __version__, connection, listing
from copilot_etl.credentials import Credentials, Token
from copilot_etl.download import Downloads, Expired, Head, Limits, Lines, Part, Watch
from copilot_etl.errors import CopilotEtlError, NotReady, Refused, Unavailable, Unexpected
from copilot_etl.hosts import Hosts
from copilot_etl.reports import Report, Scope
from copilot_etl.waits import answered_at, asked_wait, retry_after

API_VERSION = "2026-03-10"
USER_AGENT = f"copilot_etl/{__version__}"

_PAGE = 100  # the most that GitHub gives in one

_T = TypeVar("_T")

log = logging.getLogger(__name__)


class NotShown(NotReady):
    """An optional report that needs another permission than the reports of usage."""


class NotFound(NotReady):
    """404: no report for this day, or a scope that the token cannot see; what is known of the scope decides."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """All files of one report, downloaded; `requests` is how often the API was asked.

    `report_day` is its day, of a report of several days the last; `first_day` is the first of those, else None.
    """

    report_day: dt.date
    parts: tuple[Part, ...]
    requests: int
    first_day: dt.date | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """What there is for a day: how many files, and what the first one's host says of it."""

    files: int
    head: Head


@dataclass(frozen=True, slots=True)
class _Question:
    """A report to ask for: `day` is the one it is for; None: the latest, whose days are GitHub's to say.

    `is_list`: it comes in pages, and is not for every token.
    """

    path: str
    scope: Scope
    where: str
    day: dt.date | None
    is_list: bool = False


@dataclass(frozen=True, slots=True)
class _Answer:
    """The signed links of a report and the days it is for."""

    links: tuple[str, ...]
    first_day: dt.date
    last_day: dt.date


class _NoLinks(Unavailable):
    """A report without the documented list of links; its text names the keys that are there, and no value."""


@dataclass(slots=True)
class _Tries:
    """The API requests that one scope's day may still cost, until when (monotonic), and how often a limit was met.

    `is_alone`: the scope has a token, and so a rate limit, of its own.
    """

    left: int
    until: float
    is_alone: bool
    made: int = 0
    limited: int = 0
    without_links: int = 0
    renewed: bool = False


class GitHub:
    """Two clients: one that signs in for the API, one without anything for the signed links.

    `credentials` sign the requests; a `token` alone will do, and neither when a gateway at `api_url` signs in. Both
    clients honour the usual proxy and CA variables. `sleep` takes the waits, in seconds. `clock_offset` is how many
    seconds GitHub's clock was ahead of ours in its last answer; None before any.
    """

    clock_offset: float | None = None

    def __init__(
        self,
        *,
        api_url: str,
        token: str | None = None,
        credentials: Credentials | None = None,
        download_hosts: Sequence[str] = (),
        allow_loopback_http: bool = False,
        limits: Limits | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._limits = limits or Limits()
        self._sleep = sleep
        self._url = httpx.URL(api_url)
        self.credentials = credentials or Token(token)
        headers = {
            "Accept": "application/vnd.github+json",
            # What is not compressed cannot grow beyond its cap in one piece.
            "Accept-Encoding": "identity",
            "X-GitHub-Api-Version": API_VERSION,
            "User-Agent": USER_AGENT,
        }
        trusted = connection.trusted()
        self._client = httpx.Client(
            headers=headers, verify=trusted, timeout=self._limits.timeouts, follow_redirects=False
        )
        self._downloads = Downloads(
            hosts=Hosts(api_host=self._url.host, extra=download_hosts, loopback=allow_loopback_http),
            limits=self._limits,
            trusted=trusted,
            user_agent=USER_AGENT,
        )
        self._told: set[str] = set()

    def __enter__(self) -> GitHub:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self._downloads.close()

    def links(self, report: Report, scope: Scope, day: dt.date) -> tuple[str, ...]:
        """The signed links of a day: secrets that live about an hour.

        Raises NotReady (NotFound for a 404), Refused, Unavailable once the tries are used up, or Unexpected.
        """
        return self._links(_of_day(report, scope, day), self._tries()).links

    def fetch(
        self,
        report: Report,
        scope: Scope,
        day: dt.date,
        *,
        into: Path,
        known: Sequence[Part] = (),
        watch: Watch | None = None,
    ) -> Fetched:
        """Asks for the links and downloads every file into a folder: all of them, or nothing stays there.

        The bytes of a file that is one of the `known` ones, as its host says, are not read again. A report in pages
        becomes one file. `watch` is told of many files as they begin, and again when they begin again.
        Links that expire are asked for anew, never used again. Raises like `links`, and ConfigError for a link to
        a host that is not allowed.
        """
        question = _of_day(report, scope, day)
        if report.pages_of:
            return self._list(question, report.pages_of, into)
        return self._fetch(question, into, known=known, watch=watch)

    def fetch_latest(self, report: Report, scope: Scope, *, into: Path) -> Fetched:
        """Downloads the report of the last 28 days, for which there is one request. Raises like `fetch`."""
        return self._fetch(_Question(report.latest[scope.kind], scope, f"{scope.key} latest 28 days", None), into)

    def offer(self, report: Report, scope: Scope, day: dt.date) -> Offer:
        """What GitHub has for a day, from its answer and the beginning of one file's. Raises like `fetch`."""
        links = self.links(report, scope, day)
        where = f"{scope.key} {day}"
        try:
            return Offer(len(links), self._downloads.head(links[0], where))
        except Expired as error:
            raise Unavailable(f"{where}: GitHub's file host refuses a fresh link ({error}). Try again later.") from None

    def count(self, report: Report, scope: Scope, day: dt.date) -> int:
        """How many records a report in pages has now, from one small page. Raises like `links`."""
        question = _of_day(report, scope, day)
        tries = self._tries()
        url = self._address(question, {"per_page": "1"})
        page, _ = self._retrying(partial(self._page, url, question, report.pages_of, tries), tries)
        return page.total

    # ---------------------------------------------------------------------------------------- asking

    def _tries(self) -> _Tries:
        until = time.monotonic() + self._limits.patience
        return _Tries(self._limits.api_tries, until, self.credentials.is_per_scope)

    def _fetch(
        self, question: _Question, into: Path, *, known: Sequence[Part] = (), watch: Watch | None = None
    ) -> Fetched:
        tries = self._tries()
        stale: Expired | None = None
        for _ in range(self._limits.link_rounds):
            answer = self._links(question, tries)
            try:
                parts = self._downloads.fetch(
                    answer.links, into=into, where=question.where, until=tries.until, known=known, watch=watch
                )
                first = answer.first_day if question.day is None else None
                return Fetched(answer.last_day, parts, tries.made, first)
            except Expired as error:
                stale = error
                if not tries.left:
                    break
        raise Unavailable(
            f"{question.where}: GitHub's file host keeps refusing fresh links ({stale}). Try again later."
        )

    def _links(self, question: _Question, tries: _Tries) -> _Answer:
        url = self._address(question, {"day": question.day.isoformat()} if question.day else None)

        def ask() -> _Answer:
            try:
                return self._ask(url, question, tries)
            except _NoLinks as error:
                # Once may be a hiccup; twice is another contract, which no third question changes back.
                tries.without_links += 1
                if tries.without_links > 1:
                    raise Unexpected(str(error)) from None
                raise

        return self._retrying(ask, tries)

    def _list(self, question: _Question, member: str, into: Path) -> Fetched:
        """All pages of a list as one file, in the order of the people's ids, so that equal lists are equal bytes."""
        made = 0
        for _ in range(self._limits.link_rounds):
            pages, requests = self._pages(question, member)
            made += requests
            records = dict(record for page in pages for record in page.records)
            strays = sum(page.strays for page in pages)
            if {page.total for page in pages} == {len(records) + strays}:
                break
        else:
            raise Unavailable(f"{question.where}: the list of {member} changes while it is read. Try again later.")
        if strays:
            log.warning(f"{question.where}: {strays} {member} of nobody are left out.")
        day = question.day or dt.date.min
        with Lines(into / "00000.zst", self._url.host) as lines:
            for user_id, record in sorted(records.items()):
                lines.write(listing.line(day, user_id, record))
        return Fetched(day, (lines.part,), made)

    def _pages(self, question: _Question, member: str) -> tuple[list[listing.Page], int]:
        """The pages as they are now, and how many requests they took; each page has the tries of a report."""
        pages: list[listing.Page] = []
        url: httpx.URL | None = self._address(question, {"per_page": str(_PAGE)})
        requests = 0
        while url:
            if len(pages) == self._limits.pages:
                raise Unexpected(f"{question.where}: the list of {member} has no end. Please report this.")
            tries = self._tries()
            page, url = self._retrying(partial(self._page, url, question, member, tries), tries)
            pages.append(page)
            requests += tries.made
        return pages, requests

    def _page(
        self, url: httpx.URL, question: _Question, member: str, tries: _Tries
    ) -> tuple[listing.Page, httpx.URL | None]:
        """One page, and the address of the next one; None after the last.

        Of GitHub's link only the query is taken: it names organizations by their id, a gateway may have another host,
        and the sign-in goes nowhere else.
        """
        response, body = self._answer(url, question, tries)
        page = listing.page(body, member, where=question.where)
        said = response.links.get("next", {}).get("url")
        if not said:
            return page, None
        try:
            query = httpx.URL(said).query
        except (httpx.InvalidURL, ValueError):
            query = b""
        if not query or query == url.query:
            raise Unexpected(f"{question.where}: GitHub's list of {member} does not say where it goes on.")
        return page, url.copy_with(query=query)

    def _address(self, question: _Question, params: dict[str, str] | None) -> httpx.URL:
        path = self._url.path.rstrip("/") + question.path.format(scope=question.scope.name)
        return self._url.copy_with(path=path, params=params)

    def _retrying(self, ask: Callable[[], _T], tries: _Tries) -> _T:
        """What is asked for, asked again while that may help."""

        def once() -> _T:
            tries.left -= 1
            tries.made += 1
            return ask()

        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Unavailable),
            stop=lambda state: tries.left <= 0 or time.monotonic() + asked_wait(state) > tries.until,
            wait=lambda state: asked_wait(state) or self._limits.backoff(state),
            sleep=self._sleep,
            reraise=True,
        )(once)

    def _ask(self, url: httpx.URL, question: _Question, tries: _Tries) -> _Answer:
        _, body = self._answer(url, question, tries)
        answer = _parse(body, question.where)
        if unknown := answer.keys() - {"download_links", *_days_of(question)}:
            self._tell_once(f"GitHub's answers have keys that this version does not know: {_names(unknown)}.")
        return _dated(answer, question)

    def _answer(self, url: httpx.URL, question: _Question, tries: _Tries) -> tuple[httpx.Response, bytes]:
        """A 200 answer and its body; every other one is raised as what it means."""
        scope, where = question.scope, question.where
        as_app = partial(self._ask_as_app, scope=scope, where=where, tries=tries)
        signed = self.credentials.authorization(scope, as_app)
        response, body = self._follow("GET", url, where, signed)
        if response.status_code == 401 and not tries.renewed and self.credentials.refused(scope, signed):
            # A token can end before its time; a new one that is refused too will not be mended by a third.
            tries.renewed = True
            tries.made += 1
            response, body = self._follow("GET", url, where, self.credentials.authorization(scope, as_app))
        if "sunset" in response.headers or "deprecation" in response.headers:
            self._tell_once(f"GitHub announces the end of API version {API_VERSION}; update copilot_etl.")
        if response.status_code == 200:
            if response.headers.get("content-encoding", "identity").lower() != "identity":
                raise Unexpected(
                    f"{where}: {response.url.host} compresses although it was asked not to. Is a proxy in between?"
                )
            return response, body
        if response.status_code == 401:
            raise self.credentials.refusal(scope, self._url.host)
        error = _error(response, body, scope, where, tries)
        if question.is_list and isinstance(error, (Refused, NotFound)) and response.status_code in (403, 404):
            raise NotShown(
                f"{where}: the token may not read it ({response.status_code}): needs 'GitHub Copilot Business: read', "
                "or manage_billing:copilot of a classic token."
            )
        raise error

    def _ask_as_app(
        self, method: str, path: str, signed: str, *, scope: Scope, where: str, tries: _Tries
    ) -> tuple[httpx.Response, bytes]:
        """The answer to a request that gets a token; a limit or a server in trouble is raised as Unavailable."""
        tries.made += 1
        url = self._url.copy_with(path=self._url.path.rstrip("/") + path)
        response, body = self._follow(method, url, where, signed)
        error = _error(response, body, scope, where, tries)
        if isinstance(error, Unavailable):
            raise error
        return response, body

    def _follow(self, method: str, url: httpx.URL, where: str, signed: str | None) -> tuple[httpx.Response, bytes]:
        """One answer, behind redirects on the same host."""
        for _ in range(self._limits.redirects + 1):
            response, body = self._request(method, url, where, signed)
            if not (300 <= response.status_code < 400 and "location" in response.headers):
                return response, body
            url = self._redirected(url, response, where)
        raise Unexpected(f"{where}: GitHub redirects in a circle. Check GITHUB_API_URL.")

    def _request(self, method: str, url: httpx.URL, where: str, signed: str | None) -> tuple[httpx.Response, bytes]:
        """One answer, with its size and its total time bounded; every fault of the line is Unavailable."""
        deadline = time.monotonic() + self._limits.api_seconds
        body = b""
        try:
            with self._client.stream(method, url, headers={"Authorization": signed} if signed else None) as response:
                self.clock_offset = (answered_at(response.headers) - dt.datetime.now(dt.UTC)).total_seconds()
                for block in response.iter_raw():
                    body += block
                    if len(body) > self._limits.api_bytes:
                        raise Unexpected(
                            f"{where}: GitHub's answer is larger than {self._limits.api_bytes} bytes. "
                            "Is something else at GITHUB_API_URL?"
                        )
                    if time.monotonic() > deadline:
                        raise Unavailable(
                            f"{where}: GitHub took more than {self._limits.api_seconds:.0f} s to answer. "
                            "Try again later."
                        )
        except (httpx.TransportError, httpx.StreamError) as error:
            raise connection.broken(
                error,
                url,
                f"{where}: no answer from {url.host}",
                "Check GITHUB_API_URL and the network, or try again later.",
            ) from None
        return response, body

    def _redirected(self, url: httpx.URL, response: httpx.Response, where: str) -> httpx.URL:
        try:
            target = url.join(response.headers["location"])
        except (httpx.InvalidURL, ValueError):
            raise Unexpected(
                f"{where}: GitHub redirects to something that is no address. Check GITHUB_API_URL."
            ) from None
        if (target.scheme, target.host, target.port) != (url.scheme, url.host, url.port) or target.userinfo:
            raise Unexpected(f"{where}: GitHub redirects to another host; not followed. Check GITHUB_API_URL.")
        return target if target.query else target.copy_with(query=url.query)

    def _tell_once(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            log.warning(text)


def _of_day(report: Report, scope: Scope, day: dt.date) -> _Question:
    return _Question(report.endpoints[scope.kind], scope, f"{scope.key} {day}", day, bool(report.pages_of))


def _days_of(question: _Question) -> tuple[str, ...]:
    """The keys of an answer that say for which days the report is."""
    return ("report_day",) if question.day else ("report_start_day", "report_end_day")


def _dated(answer: dict[str, Any], question: _Question) -> _Answer:
    """The answer with its days, which are those that were asked for."""
    said = [answer.get(key) for key in _days_of(question)]
    try:
        first, *_, last = days = [dt.date.fromisoformat(str(day)) for day in [said[0], *said]]
        right = days == [question.day, question.day] if question.day else first <= last
    except ValueError:
        right = False
    if not right:
        raise Unavailable(f"{question.where}: GitHub answered with the report of another day. Try again later.")
    return _Answer(tuple(answer["download_links"]), first, last)


def _parse(body: bytes, where: str) -> dict[str, Any]:
    """A 200 answer that has links; the ways in which GitHub says "no report (yet)" with a 200 are NotReady."""
    no_report = f"{where}: GitHub answered something that is not a report. Is a proxy or a sign-in page in between?"
    try:
        answer: Any = json.loads(body) if body.strip() else None
    except (ValueError, RecursionError):
        raise Unavailable(no_report) from None
    if answer is None or isinstance(answer, str):
        raise NotReady(f"{where}: no report (yet).")
    if not isinstance(answer, dict):
        raise Unavailable(no_report)
    links = answer.get("download_links")
    if not isinstance(links, list) or not all(isinstance(link, str) for link in links):
        raise _NoLinks(
            f"{where}: GitHub's answer has no list of links (its keys: {_names(answer.keys())}). "
            "The contract changed: update copilot_etl."
        )
    if not links:
        raise NotReady(f"{where}: no report (yet), the list of links is empty.")
    return answer


def _names(keys: Iterable[str]) -> str:
    """Keys of GitHub's answer as they may be shown."""
    return re.sub(r"[^\w.,-]", "?", ",".join(sorted(keys)))[:40]


def _error(response: httpx.Response, body: bytes, scope: Scope, where: str, tries: _Tries) -> CopilotEtlError:
    """What an answer that is not 200 means (contract: rate limits share 403 with refusals that never heal)."""
    status = response.status_code
    text = body.decode(errors="replace").lower()
    name = scope.name
    if status == 204:
        return NotReady(f"{where}: no report (yet).")
    if status == 429 or (status == 403 and _is_limit(response, text)):
        return _limited(response, where, tries)
    if status == 403:
        return _forbidden(response, text, name)
    if status == 404:
        return NotFound(f"{where}: no report, or the token cannot see {name} (404).")
    if status == 410 or (status == 400 and "version" in text):
        return Refused(
            f"GitHub no longer serves API version {API_VERSION} ({status}). Update copilot_etl.", whole_run=True
        )
    if status == 422:
        return Unexpected(f"{where}: GitHub rejected the request (422). Please report this.")
    if status in (408, 500, 502, 503, 504) or status >= 520:
        return Unavailable(
            f"{where}: GitHub is out of order ({status}). Try again later.", retry_after=retry_after(response.headers)
        )
    return Unexpected(f"{where}: GitHub answered with an unexpected status ({status}). Check GITHUB_API_URL.")


def _forbidden(response: httpx.Response, text: str, name: str) -> Refused:
    if "policy must be enabled" in text:
        return Refused(
            f"Copilot usage metrics are switched off for {name} (403). "
            "An owner must enable the policy 'Copilot usage metrics'."
        )
    if "x-github-sso" in response.headers:
        return Refused(f"The token is not authorized for single sign-on of {name} (403). Authorize it in its settings.")
    if "organization role" in text or "requires admin" in text:
        return Refused(
            f"The token may not read metrics of {name} (403): needs an owner or 'View organization Copilot metrics'."
        )
    if "not accessible" in text:
        return Refused(
            f"The token may not read metrics of {name} (403): needs the permission "
            "'Organization Copilot metrics: read'."
        )
    return Refused(f"GitHub forbids reading metrics of {name} (403). Check the token's permissions and the policy.")


def _is_limit(response: httpx.Response, text: str) -> bool:
    headers = response.headers
    return headers.get("x-ratelimit-remaining") == "0" or "retry-after" in headers or "rate limit" in text


def _limited(response: httpx.Response, where: str, tries: _Tries) -> Unavailable:
    """The wait is taken from the answer's own clock, since ours may be wrong."""
    tries.limited += 1
    headers, now = response.headers, answered_at(response.headers)
    reset = headers.get("x-ratelimit-reset", "").strip()
    wait = retry_after(headers)
    if wait is None and headers.get("x-ratelimit-remaining") == "0" and reset.isascii() and reset.isdigit():
        wait = float(reset[:12]) - now.timestamp() + 1
    if wait is None:  # docs.github.com, rate limits: at least a minute, then exponentially
        wait = 60.0 * 2 ** (tries.limited - 1)
    wait = max(wait, 1.0)
    until = (now + dt.timedelta(seconds=min(wait, 10**8))).strftime("%Y-%m-%d %H:%M UTC")
    return Unavailable(
        f"{where}: GitHub's rate limit is reached until {until}. Run again after it.",
        retry_after=wait,
        whole_run=not tries.is_alone,
        whole_scope=tries.is_alone,
    )
