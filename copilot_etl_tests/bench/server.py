"""A server on loopback that signs and serves made-up days: `python -m copilot_etl_tests.bench.server FOLDER...`.

Prints its port, then serves until it is ended. Each folder holds the parts of one variant of a day; a day gets the
variant of its number, with its own date written over the one in the file, and each file its Content-MD5. With
--restate, each further question for a day gets the next variant. It is a process of its own, so that what serves costs
every client the same.
"""

from __future__ import annotations

import argparse
import base64
import datetime as dt
import functools
import hashlib
import json
import ssl
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from copilot_etl_tests.bench.generated import DAY

_BLOCK = 2**20


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(
        self, folders: list[Path], *, restate: bool, delay: float, rate: float, tls: list[Path] | None
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.scheme = "https" if tls else "http"
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.variants = [sorted(folder.glob("part-*.ndjson")) for folder in folders]
        self.restate = restate
        self.delay = delay
        self.asked: Counter[str] = Counter()
        self.rate = rate
        self._free_at = 0.0
        self._line = threading.Lock()

    def wait_for_line(self, size: int) -> None:
        """Sleeps until so many bytes fit through the line that all connections share."""
        if self.rate:
            with self._line:
                now = time.monotonic()
                self._free_at = max(now - 0.01, self._free_at) + size / self.rate
                wait = self._free_at - now
            time.sleep(max(wait, 0))

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):  # a client hangs up on a file that it knows
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *values: object) -> None:
        pass

    def do_GET(self) -> None:
        time.sleep(self.server.delay)
        address = urlsplit(self.path)
        if address.path.endswith("/copilot/metrics/reports/users-1-day"):
            self._links(parse_qs(address.query)["day"][0])
        elif address.path.startswith("/signed/"):
            _, _, day, variant, part = address.path.split("/")
            self._file(day, self.server.variants[int(variant)][int(part)])
        else:
            self._head("application/json", 2, status=404)
            self.wfile.write(b"{}")

    def _links(self, day: str) -> None:
        number = dt.date.fromisoformat(day).toordinal() + self.server.asked[day] * self.server.restate
        self.server.asked[day] += 1
        variant = number % len(self.server.variants)
        base = f"{self.server.scheme}://127.0.0.1:{self.server.server_address[1]}/signed/{day}/{variant}"
        links = [f"{base}/{part}?sig=abc%2B%3D" for part in range(len(self.server.variants[variant]))]
        answer = json.dumps({"download_links": links, "report_day": day}).encode()
        self._head("application/json", len(answer))
        self.wfile.write(answer)

    def _file(self, day: str, path: Path) -> None:
        with path.open("rb") as file:
            if day == DAY:
                self._head("application/octet-stream", path.stat().st_size, md5=_md5(path))
                size = path.stat().st_size
                at_once = _BLOCK if self.server.rate else size
                for start in range(0, size, at_once):
                    self.server.wait_for_line(min(at_once, size - start))
                    self.connection.sendfile(file, start, at_once)
            else:
                body = file.read().replace(DAY.encode(), day.encode())
                self._head("application/octet-stream", len(body), md5=hashlib.md5(body, usedforsecurity=False).digest())
                self.wfile.write(body)

    def _head(self, kind: str, size: int, *, status: int = 200, md5: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(size))
        if md5:
            self.send_header("Content-MD5", base64.b64encode(md5).decode())
        self.end_headers()


@functools.cache
def _md5(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).digest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--restate", action="store_true", help="further questions for a day get the next variant")
    parser.add_argument("--delay", type=float, default=0.02, metavar="SECONDS", help="before each answer (%(default)s)")
    parser.add_argument(
        "--rate", type=float, default=0.0, metavar="BYTES", help="a second, over all connections (0: no bound)"
    )
    parser.add_argument("--tls", nargs=2, type=Path, metavar=("CERTIFICATE", "KEY"), help="serve over TLS with these")
    chosen = parser.parse_args()
    for path in (path for folder in chosen.folders for path in folder.glob("part-*.ndjson")):
        _md5(path)  # before anybody measures
    server = _Server(
        chosen.folders,
        restate=chosen.restate,
        delay=chosen.delay,
        rate=chosen.rate,
        tls=chosen.tls,
    )
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
