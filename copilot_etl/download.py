"""A signed link to a file on disk: hashed and compressed as it arrives, checked for its end, never shown.

A link is a credential. It goes out byte for byte, to an allowed host over https, without the token; it is in no
log, no exception and no file.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import tenacity
import zstandard

from copilot_etl.errors import ConfigError, Quarantined, Unavailable, Unexpected

# github.blog/changelog, 2026-05-20: the last one is where links point when the CDN is down. Any Azure customer can own
# a name below blob.core.windows.net, so only the form in GitHub's own list is taken.
GITHUB_HOSTS = (
    "copilot-reports.github.com",
    "copilot-reports-*.b01.azurefd.net",
    "usagereports*.blob.core.windows.net",
)
GHE_HOST = "copilot-reports.*.ghe.com"


def _silence(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING


# httpx writes every address, signature included, at INFO, and httpcore at DEBUG. A filter holds even where
# somebody sets those loggers to DEBUG; a filter of a parent logger does not see its children's records.
for _name in ("httpx", *(f"httpcore{part}" for part in ("", ".connection", ".http11", ".http2", ".proxy", ".socks"))):
    logging.getLogger(_name).setLevel(logging.WARNING)
    logging.getLogger(_name).addFilter(_silence)


@dataclass(frozen=True, slots=True)
class Limits:
    """Every bound of the client, in seconds and bytes."""

    connect_seconds: float = 10.0
    read_seconds: float = 30.0
    api_seconds: float = 120.0
    api_bytes: int = 2**20
    api_tries: int = 6
    redirects: int = 3
    link_rounds: int = 3
    patience: float = 15 * 60.0
    file_tries: int = 6
    file_seconds: float = 10 * 60.0
    file_bytes: int = 2 * 2**30
    slow_seconds: float = 60.0
    slow_bytes_per_second: float = 1000.0
    parallel: int = 4
    backoff: Callable[[tenacity.RetryCallState], float] = field(
        default=tenacity.wait_random_exponential(multiplier=1, max=30)
    )

    @property
    def timeouts(self) -> httpx.Timeout:
        return httpx.Timeout(self.read_seconds, connect=self.connect_seconds)


@dataclass(frozen=True, slots=True)
class Part:
    """A downloaded file, compressed with zstd at `path`; hash, size and lines are of the bytes as received."""

    path: Path
    sha256: str
    size: int
    lines: int
    host: str
    etag: str | None


class Expired(Exception):
    """The file host refused a link; only a new one can help. Its text is a status."""


class Downloads:
    """The client for signed links. It has no token, no default parameters, and follows no redirect."""

    def __init__(
        self,
        *,
        api_host: str,
        extra_hosts: Sequence[str],
        allow_loopback_http: bool,
        limits: Limits,
        user_agent: str,
    ) -> None:
        ghe = (GHE_HOST,) if api_host.endswith(".ghe.com") else ()
        self._hosts = [_pattern(host) for host in (*GITHUB_HOSTS, *ghe, *extra_hosts)]
        self._loopback = allow_loopback_http
        self._limits = limits
        self._client = httpx.Client(
            headers={"User-Agent": user_agent, "Accept-Encoding": "identity"},
            timeout=limits.timeouts,
            limits=httpx.Limits(max_connections=limits.parallel),
            follow_redirects=False,
        )

    def close(self) -> None:
        self._client.close()

    def fetch(self, links: Sequence[str], *, into: Path, where: str) -> tuple[Part, ...]:
        """Downloads every link, up to four at once; on any failure nothing stays in the folder.

        Raises ConfigError for a host that is not allowed (before any connection), Expired for a link that needs
        renewal, Unavailable, Unexpected or Quarantined.
        """
        # One file may be linked twice: the path names it, the query only signs it.
        addresses = list(
            {link.partition("?")[0]: (url, link) for link in links for url in [self._allowed(link)]}.values()
        )
        stop = threading.Event()
        pool = ThreadPoolExecutor(self._limits.parallel, thread_name_prefix="download")
        jobs = [
            pool.submit(self._fetch, url, link, into / f"{number:05}.zst", where, stop)
            for number, (url, link) in enumerate(addresses)
        ]
        try:
            done, _ = wait(jobs, return_when=FIRST_EXCEPTION)
        except BaseException:
            # An interrupt does not wait for a server that says nothing.
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        failure = next((error for job in done if (error := job.exception())), None)
        stop.set()
        pool.shutdown(cancel_futures=True)
        if failure:
            for file in into.iterdir():
                file.unlink()
            raise failure
        return tuple(job.result() for job in jobs)

    def _allowed(self, link: str) -> httpx.URL:
        """The parsed link; ConfigError, with the host alone, when it must not be followed."""
        try:
            url = httpx.URL(link)
            host = url.host.lower().removesuffix(".")
        except (httpx.InvalidURL, ValueError, UnicodeError):
            raise Unexpected("GitHub's answer has a link that is no address.") from None
        plain = re.fullmatch(r"[a-z0-9.-]+", host) is not None and not url.userinfo
        if self._loopback and _is_loopback(host) and url.scheme in ("http", "https") and not url.userinfo:
            return url
        if url.scheme != "https" or url.port not in (None, 443):
            raise ConfigError(f"A download link to {_shown(host)} is not plain https; not followed.")
        if not plain or not any(pattern.fullmatch(host) for pattern in self._hosts):
            raise ConfigError(f"Download host {_shown(host)} is not allowed (COPILOT_DOWNLOAD_HOSTS).")
        return url

    def _fetch(self, url: httpx.URL, link: str, path: Path, where: str, stop: threading.Event) -> Part:
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Unavailable),
            stop=tenacity.stop_any(
                tenacity.stop_after_attempt(self._limits.file_tries),
                tenacity.stop_after_delay(self._limits.patience),
                tenacity.stop_when_event_set(stop),
            ),
            wait=self._limits.backoff,
            sleep=tenacity.sleep_using_event(stop),
            reraise=True,
        )(self._once, url, link, path, where, stop)

    def _once(self, url: httpx.URL, link: str, path: Path, where: str, stop: threading.Event) -> Part:
        # The signature covers the query as it was sent, so the request line is the link's own bytes.
        target = re.sub(r"#.*", "", re.sub(r"^[a-zA-Z]+://[^/?#]*", "", link)) or "/"
        try:
            with self._client.stream("GET", url, extensions={"target": target.encode("ascii")}) as response:
                self._check_head(response, url.host, where)
                return self._store(response, path, url.host, where, stop)
        except (httpx.TransportError, httpx.StreamError) as error:
            raise Unavailable(f"{where}: download from {url.host} broke off ({type(error).__name__}).") from None
        except UnicodeEncodeError:
            raise Unexpected(f"{where}: a link has characters that cannot be in an address.") from None

    def _check_head(self, response: httpx.Response, host: str, where: str) -> None:
        status, headers = response.status_code, response.headers
        if status in (401, 403, 404, 410):
            raise Expired(str(status))
        if status in (408, 429) or status >= 500:
            raise Unavailable(f"{where}: {host} is out of order ({status}). Try again later.")
        if status != 200:
            followed = "; redirects are not followed" if 300 <= status < 400 else ""
            raise Unexpected(f"{where}: {host} answered with an unexpected status ({status}){followed}.")
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise Unexpected(f"{where}: {host} compresses although it was asked not to.")
        if "content-length" not in headers and "chunked" not in headers.get("transfer-encoding", "").lower():
            # Without a marked end, a file that was cut short looks like a whole one.
            raise Unavailable(f"{where}: {host} does not say where the file ends.")
        if int(headers.get("content-length", 0)) > self._limits.file_bytes:
            raise self._too_large(where)

    def _store(self, response: httpx.Response, path: Path, host: str, where: str, stop: threading.Event) -> Part:
        sha256 = hashlib.sha256()
        promised = response.headers.get("content-md5")
        md5 = hashlib.md5(usedforsecurity=False) if promised else None
        size = lines = 0
        last = b""
        pace = _Pace(self._limits, where, host)
        with path.open("wb") as file:
            with zstandard.ZstdCompressor(level=1).stream_writer(file, closefd=False) as packed:
                for block in response.iter_raw():
                    sha256.update(block)
                    if md5:
                        md5.update(block)
                    packed.write(block)
                    size += len(block)
                    lines += block.count(b"\n")
                    last = block or last
                    pace.check(size)
                    if size > self._limits.file_bytes:
                        raise self._too_large(where)
                    if stop.is_set():
                        raise Unavailable(f"{where}: another file of the day failed.")
            file.flush()
            os.fsync(file.fileno())
        if md5 and base64.b64encode(md5.digest()).decode() != promised:
            raise Unavailable(f"{where}: the file from {host} does not match its Content-MD5.")
        lines += bool(last) and not last.endswith(b"\n")
        return Part(path, sha256.hexdigest(), size, lines, host, response.headers.get("etag"))

    def _too_large(self, where: str) -> Quarantined:
        return Quarantined(f"{where}: a file is larger than {self._limits.file_bytes / 2**30:.0f} GiB. Not loaded.")


class _Pace:
    """Ends a download that drips: a read timeout alone never does."""

    def __init__(self, limits: Limits, where: str, host: str) -> None:
        self._limits, self._where, self._host = limits, where, host
        self._start = self._mark = time.monotonic()
        self._marked = 0

    def check(self, size: int) -> None:
        now = time.monotonic()
        if now - self._start > self._limits.file_seconds:
            raise Unavailable(
                f"{self._where}: {self._host} took more than {self._limits.file_seconds:.0f} s for a file."
            )
        if now - self._mark > self._limits.slow_seconds:
            if size - self._marked < self._limits.slow_bytes_per_second * self._limits.slow_seconds:
                raise Unavailable(f"{self._where}: {self._host} sends too slowly.")
            self._mark, self._marked = now, size


def _pattern(host: str) -> re.Pattern[str]:
    return re.compile(re.escape(host).replace(r"\*", "[a-z0-9-]+"))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _shown(host: str) -> str:
    return re.sub(r"[^a-z0-9.:-]", "?", host)[:80] or "(none)"
