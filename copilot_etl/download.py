"""A signed link to a file on disk: hashed and compressed as it arrives, checked for its end, never shown.

A link is a credential. It goes out byte for byte, to an allowed host over https, without the token; it is in no
log, no exception and no file.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import os
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, cast

import httpx
import tenacity
import zstandard

from copilot_etl import connection
from copilot_etl.errors import Quarantined, Unavailable, Unexpected
from copilot_etl.hosts import Hosts
from copilot_etl.waits import asked_wait, retry_after


def _silence(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING


# httpx writes every address, signature included, at INFO, and httpcore at DEBUG. A filter holds even where
# somebody sets those loggers to DEBUG; a filter of a parent logger does not see its children's records.
for _name in ("httpx", *(f"httpcore{part}" for part in ("", ".connection", ".http11", ".http2", ".proxy", ".socks"))):
    logging.getLogger(_name).setLevel(logging.WARNING)
    logging.getLogger(_name).addFilter(_silence)

_ETAG = re.compile(r'(?:W/)?"[0-9A-Za-z._:-]{1,80}"')
"""What is kept of a header goes into a file, so it is kept only when it can be nothing but a version."""


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
    pages: int = 10_000
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
    """A downloaded file, compressed with zstd at `path`; hashes, size and lines are of the bytes as received.

    `md5` is what its host said of them in `Content-MD5`, held against the bytes; None when it said nothing.
    """

    path: Path
    sha256: str
    size: int
    lines: int
    host: str
    etag: str | None
    md5: str | None = None

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """The bytes as received."""
        with self.path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
            yield cast(BinaryIO, stream)


Watch = Callable[[Sequence[Future[Part]]], None]
"""Is told of files whose download begins, in the order in which their Parts will be."""


def _compressor() -> zstandard.ZstdCompressor:
    return zstandard.ZstdCompressor(level=1, write_checksum=True)  # who reads it notices a damage inside


class Lines(AbstractContextManager["Lines"]):
    """A part that is not downloaded as it is but written line by line; `part` is right once it is closed."""

    def __init__(self, path: Path, host: str) -> None:
        self._path, self._host = path, host
        self._file: BinaryIO = path.open("wb")
        self._packed = _compressor().stream_writer(self._file, closefd=True)
        self._sha256 = hashlib.sha256()
        self._size = self._lines = 0

    def write(self, line: bytes) -> None:
        line += b"\n"
        self._packed.write(line)
        self._sha256.update(line)
        self._size += len(line)
        self._lines += 1

    def __exit__(self, *_: object) -> None:
        self._packed.flush(zstandard.FLUSH_FRAME)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._packed.close()

    @property
    def part(self) -> Part:
        return Part(self._path, self._sha256.hexdigest(), self._size, self._lines, self._host, None)


@dataclass(frozen=True, slots=True)
class Head:
    """What a file's answer says before its bytes: `size` is None when it does not say."""

    host: str
    size: int | None


class Expired(Exception):
    """The file host refused a link; only a new one can help. Its text is a status."""


@dataclass(frozen=True, slots=True)
class _Job:
    """One file on its way to `path`; `here` are files that lie here, by Content-MD5 and size. `stop` ends it."""

    url: httpx.URL = field(repr=False)
    link: str = field(repr=False)
    path: Path
    where: str
    stop: threading.Event
    here: Mapping[tuple[str | None, str], Part]


class Downloads:
    """The client for signed links. It has no token, no default parameters, and follows no redirect."""

    def __init__(self, *, hosts: Hosts, limits: Limits, trusted: ssl.SSLContext, user_agent: str) -> None:
        self._hosts = hosts
        self._limits = limits
        self._client = httpx.Client(
            headers={"User-Agent": user_agent, "Accept-Encoding": "identity"},
            verify=trusted,
            timeout=limits.timeouts,
            limits=httpx.Limits(max_connections=limits.parallel),
            follow_redirects=False,
        )

    def close(self) -> None:
        self._client.close()

    def fetch(
        self,
        links: Sequence[str],
        *,
        into: Path,
        where: str,
        until: float,
        known: Iterable[Part] = (),
        watch: Watch | None = None,
    ) -> tuple[Part, ...]:
        """Downloads every link, up to four at once; on any failure nothing stays in the folder.

        Of a file that its host says to be one of the `known` ones, by size and Content-MD5, the bytes are not read:
        its Part is the known one. `watch` is called if there are so many files that some are here before others.
        No file is begun again after `until` on the monotonic clock. Raises ConfigError for a host that is not allowed
        (before any connection), Expired for a link that needs renewal, Unavailable, Unexpected or Quarantined.
        """
        # One file may be linked twice: the path names it, the query only signs it.
        addresses = list({link.partition("?")[0]: (self._hosts.allowed(link, where), link) for link in links}.values())
        stop = threading.Event()
        pool = ThreadPoolExecutor(self._limits.parallel, thread_name_prefix="download")
        here: dict[tuple[str | None, str], Part] = {(part.md5, str(part.size)): part for part in known if part.md5}
        jobs = [
            pool.submit(self._fetch, _Job(url, link, into / f"{number:05}.zst", where, stop, here), until)
            for number, (url, link) in enumerate(addresses)
        ]
        try:
            if watch and len(jobs) > self._limits.parallel:  # fewer arrive together
                watch(jobs)
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

    def head(self, link: str, where: str) -> Head:
        """Asks for a file and hangs up before its bytes, since a signed link is for GET alone. Raises like `fetch`."""
        with self._answer(self._hosts.allowed(link, where), link, where) as response:
            size = response.headers.get("content-length", "")
            return Head(response.url.host, int(size) if size.isdigit() else None)

    def _fetch(self, job: _Job, until: float) -> Part:
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Unavailable),
            stop=lambda state: (
                job.stop.is_set()
                or state.attempt_number >= self._limits.file_tries
                or time.monotonic() + asked_wait(state) > until
            ),
            wait=lambda state: asked_wait(state) or self._limits.backoff(state),
            sleep=tenacity.sleep_using_event(job.stop),
            reraise=True,
        )(self._once, job)

    def _once(self, job: _Job) -> Part:
        with self._answer(job.url, job.link, job.where) as response:
            said = response.headers.get("content-md5"), response.headers.get("content-length", "")
            if said in job.here:
                return replace(job.here[said], host=job.url.host, etag=_etag(response))
            return self._stored(response, job)

    @contextmanager
    def _answer(self, url: httpx.URL, link: str, where: str) -> Iterator[httpx.Response]:
        self._hosts.hold_public(url, where)
        request = self._client.build_request("GET", url)
        request.url = _Link(link)
        try:
            with closing(self._client.send(request, stream=True)) as response:
                self._check_head(response, url.host, where)
                yield response
        except (httpx.TransportError, httpx.StreamError) as error:
            raise connection.broken(
                error, url, f"{where}: download from {url.host} broke off", "Try again later."
            ) from None

    def _stored(self, response: httpx.Response, job: _Job) -> Part:
        try:
            return self._store(response, job)
        except OSError as error:
            # A write that finds the disk full names no file.
            raise OSError(error.errno, error.strerror, error.filename or str(job.path.parent)) from None

    def _check_head(self, response: httpx.Response, host: str, where: str) -> None:
        status, headers = response.status_code, response.headers
        if status in (401, 403, 404, 410):
            raise Expired(str(status))
        if status in (408, 429) or status >= 500:
            raise Unavailable(
                f"{where}: {host} is out of order ({status}). Try again later.",
                retry_after=retry_after(response.headers),
            )
        if status != 200:
            followed = "; redirects are not followed" if 300 <= status < 400 else ""
            raise Unexpected(
                f"{where}: {host} answered with an unexpected status ({status}){followed}. Please report this."
            )
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise Unexpected(f"{where}: {host} compresses although it was asked not to. Is a proxy in between?")
        if "content-length" not in headers and "chunked" not in headers.get("transfer-encoding", "").lower():
            # Without a marked end, a file that was cut short looks like a whole one.
            raise Unavailable(f"{where}: {host} does not say where the file ends. Is a proxy in between?")
        if int(headers.get("content-length", 0)) > self._limits.file_bytes:
            raise self._too_large(where)

    def _store(self, response: httpx.Response, job: _Job) -> Part:
        path, host, where = job.path, job.url.host, job.where
        sha256 = hashlib.sha256()
        promised = response.headers.get("content-md5")
        md5 = hashlib.md5(usedforsecurity=False) if promised else None
        size = lines = 0
        last = b""
        pace = _Pace(self._limits, where, host)
        with path.open("wb") as file:
            with _compressor().stream_writer(file, closefd=False) as packed:
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
                    if job.stop.is_set():
                        raise Unavailable(f"{where}: another file of the day failed.")
            file.flush()
            os.fsync(file.fileno())
        if md5 and base64.b64encode(md5.digest()).decode() != promised:
            raise Unavailable(f"{where}: the file from {host} does not match its Content-MD5. Try again later.")
        lines += bool(last) and not last.endswith(b"\n")
        return Part(path, sha256.hexdigest(), size, lines, host, _etag(response), promised)

    def _too_large(self, where: str) -> Quarantined:
        return Quarantined(
            f"{where}: a file is larger than {self._limits.file_bytes / 2**30:.0f} GiB. Not loaded; please report this."
        )


class _Link(httpx.URL):
    """A link whose request line is its own bytes: the signature covers the query as it was sent.

    httpx has an extension `target` for this. It is sent in a proxy's CONNECT too, where the host belongs: the proxy
    would read the signature in the clear, and know no way.
    """

    def __init__(self, link: str) -> None:
        super().__init__(link)
        target = re.sub(r"#.*", "", re.sub(r"^[a-zA-Z]+://[^/?#]*", "", link)) or "/"
        self._target = target.encode("ascii")

    @property
    def raw_path(self) -> bytes:
        return self._target


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
                f"{self._where}: {self._host} took more than {self._limits.file_seconds:.0f} s for a file. "
                "Try again later."
            )
        if now - self._mark > self._limits.slow_seconds:
            if size - self._marked < self._limits.slow_bytes_per_second * self._limits.slow_seconds:
                raise Unavailable(f"{self._where}: {self._host} sends too slowly. Try again later.")
            self._mark, self._marked = now, size


def _etag(response: httpx.Response) -> str | None:
    etag = _ETAG.fullmatch(response.headers.get("etag", ""))
    return etag[0] if etag else None
