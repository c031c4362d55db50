"""The way out: through a real proxy, with a CA of one's own, to a GitHub with data residency."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from copilot_etl.credentials import App
from copilot_etl.errors import CopilotEtlError, Unavailable, Unexpected
from copilot_etl.sandbox import Sandbox, app
from copilot_etl_tests.certificate import certificate
from copilot_etl_tests.conftest import Line
from copilot_etl_tests.github.test_credentials import DAY, ORG, failure, links

API, FILES = "api.acme.ghe.com", "copilot-reports.acme.ghe.com"


class Proxy:
    """Forwards `CONNECT` to where `routes` say, and writes down what it was asked and told in the clear."""

    def __init__(self, *, password: str = "") -> None:
        self.routes: dict[str, tuple[str, int]] = {}
        self.heard: list[str] = []
        self._wanted = f"Basic {base64.b64encode(password.encode()).decode()}" if password else ""
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Proxy:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._socket.accept()
                threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
        self.heard.append(head.decode())
        target = head.split()[1].decode()
        if self._wanted and self._wanted not in head.decode():
            client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        elif target not in self.routes:
            client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        else:
            server = socket.create_connection(self.routes[target])
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            threading.Thread(target=_pump, args=(server, client), daemon=True).start()
            _pump(client, server)
            return
        client.close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while block := source.recv(65536):
            target.sendall(block)
        target.shutdown(socket.SHUT_WR)


@pytest.fixture
def residency(
    line: Callable[..., Line], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., tuple[Line, Proxy]]]:
    """A GitHub at acme.ghe.com that only a proxy leads to; both hosts are https with a private CA's certificate."""
    for name in ("NO_PROXY", "no_proxy", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    proxies: list[Proxy] = []
    tls = certificate(tmp_path, API, FILES)

    def make(*, password: str = "", told: str = "", known: bool = True) -> tuple[Line, Proxy]:
        made = line(tls=tls, app=app.App.installed("octo-org"))
        proxy = Proxy(password=password).__enter__()
        proxies.append(proxy)
        proxy.routes = {
            f"{host}:443": ("127.0.0.1", int(made.github._url(number).rpartition(":")[2]))
            for number, host in enumerate((API, FILES))
        }
        monkeypatch.setattr(Sandbox, "blob_url", f"https://{FILES}")
        monkeypatch.setenv("HTTPS_PROXY", f"http://{told + '@' if told else ''}{proxy.address}")
        if known:
            monkeypatch.setenv("SSL_CERT_FILE", str(tls[0]))
        signed = App(made.github.app.client_id, made.github.app.private_key)
        made.changes = {
            "api_url": f"https://{API}", "token": None, "credentials": signed, "allow_loopback_http": False,
        }  # fmt: skip
        return made, proxy

    yield make
    for proxy in proxies:
        proxy.__exit__()


@pytest.mark.parametrize("password", ["", "somebody:S3CRET"])
def test_an_app_loads_a_day_of_ghe_com_through_a_proxy(
    residency: Callable[..., tuple[Line, Proxy]], password: str
) -> None:
    made, proxy = residency(password=password, told=password)

    assert made.load(DAY)[0].state == "loaded"

    targets = {head.split()[1] for head in proxy.heard}
    assert targets == {f"{API}:443", f"{FILES}:443"}
    assert not any("\nauthorization:" in head.lower() for head in proxy.heard), "the proxy is shown no token"
    assert not any("sig=" in head for head in proxy.heard), "and no signature"
    assert made.github.violations() == []


def test_a_token_of_ghe_com_works_the_same(residency: Callable[..., tuple[Line, Proxy]]) -> None:
    made, _ = residency()
    made.changes |= {"token": made.github.token, "credentials": None}

    assert made.load(DAY)[0].state == "loaded"


def test_a_proxy_that_refuses_is_named_without_its_password(residency: Callable[..., tuple[Line, Proxy]]) -> None:
    made, _ = residency(password="somebody:S3CRET", told="somebody:WR0NG")

    error: CopilotEtlError = failure(made)

    assert isinstance(error, Unavailable)
    assert "through the proxy" in str(error) and "Check HTTPS_PROXY" in str(error)
    assert "WR0NG" not in repr(error) and "S3CRET" not in repr(error)


def test_a_private_ca_that_is_not_known_is_told(residency: Callable[..., tuple[Line, Proxy]]) -> None:
    made, _ = residency(known=False)

    error = failure(made)

    assert isinstance(error, Unexpected)
    assert "for a CA of your own set SSL_CERT_FILE." in str(error)


def test_hosts_of_another_subdomain_are_not_followed(
    residency: Callable[..., tuple[Line, Proxy]], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, proxy = residency()
    monkeypatch.setattr(Sandbox, "blob_url", "https://copilot-reports.evil.test")

    assert links(made) == 2
    outcome = made.load(DAY)[0]

    assert "download host copilot-reports.evil.test is not allowed" in str(outcome.error)
    assert not any("evil" in head for head in proxy.heard)
    assert outcome.scope == ORG.key
