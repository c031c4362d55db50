"""Where a signed link may point to: names, schemes, and the addresses behind a name."""

from __future__ import annotations

import datetime as dt
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from copilot_etl.errors import ConfigError, CopilotEtlError, Unavailable, Unexpected
from copilot_etl.hosts import Hosts
from copilot_etl.reports import USERS_1_DAY, Scope
from copilot_etl.sandbox import Fault
from copilot_etl_tests.conftest import Line

GOOD = "https://copilot-reports.github.com"
WHERE = "octo-org 2026-11-10"


def hosts(*, api_host: str = "api.github.com", extra: tuple[str, ...] = (), loopback: bool = False) -> Hosts:
    return Hosts(api_host=api_host, extra=extra, loopback=loopback)


ALLOWED: list[tuple[str, dict[str, Any]]] = [
    (f"{GOOD}/x?sig=a%2Bb%3D", {}),
    ("HTTPS://COPILOT-REPORTS.github.com./x?sig=a", {}),
    (f"{GOOD}:443/x?sig=a", {}),
    (f"{GOOD}/x#@evil.test", {}),
    (f"{GOOD}/@evil.test/x", {}),
    ("https://copilot-reports-acc0engfa5gra7ha.b01.azurefd.net/x", {}),
    ("https://copilot-reports.acme.ghe.com/x", {"api_host": "api.acme.ghe.com"}),
    ("https://usagereports1.blob.core.windows.net/x", {}),
    ("https://other.blob.core.windows.net/x", {"extra": ("*.blob.core.windows.net",)}),
    ("http://127.0.0.1:8000/x", {"loopback": True}),
    ("http://[::1]:8000/x", {"loopback": True}),
]
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    # another scheme or port
    ("http://copilot-reports.github.com/x", {}, "copilot-reports.github.com is not plain https"),
    (f"{GOOD}:8443/x", {}, "copilot-reports.github.com is not plain https"),
    (f"{GOOD}:99999/x", {}, "copilot-reports.github.com is not plain https"),
    (f"{GOOD}:port/x", {}, "no web address"),
    ("ftp://copilot-reports.github.com/x", {}, "copilot-reports.github.com is not plain https"),
    ("gopher://copilot-reports.github.com/x", {}, "copilot-reports.github.com is not plain https"),
    ("file:///etc/passwd", {}, "no web address"),
    ("file://copilot-reports.github.com/etc/passwd", {}, "copilot-reports.github.com is not plain https"),
    ("data:text/plain,x", {}, "no web address"),
    ("//copilot-reports.github.com/x", {}, "copilot-reports.github.com is not plain https"),
    # another host that looks like a good one
    (f"{GOOD}.evil.test/x", {}, "copilot-reports.github.com.evil.test is not allowed"),
    ("https://evilcopilot-reports.github.com/x", {}, "evilcopilot-reports.github.com is not allowed"),
    ("https://.copilot-reports.github.com/x", {}, ".copilot-reports.github.com is not allowed"),
    (f"{GOOD}../x", {}, "copilot-reports.github.com. is not allowed"),
    (f"{GOOD}%00.evil.test/x", {}, "copilot-reports.github.com?00.evil.test is not allowed"),
    (f"{GOOD}%2f.evil.test/x", {}, "copilot-reports.github.com?2f.evil.test is not allowed"),
    ("https://evil.test/copilot-reports.github.com", {}, "evil.test is not allowed"),
    ("https://evil.test?copilot-reports.github.com", {}, "evil.test is not allowed"),
    ("https://evil.test#copilot-reports.github.com", {}, "evil.test is not allowed"),
    ("https://copilot-reports-a.b.b01.azurefd.net/x", {}, "copilot-reports-a.b.b01.azurefd.net is not allowed"),
    ("https://copilot-reports.acme.ghe.com/x", {}, "copilot-reports.acme.ghe.com is not allowed"),
    ("https://other.blob.core.windows.net/x", {}, "other.blob.core.windows.net is not allowed"),
    ("https://" + "a" * 63 + ".evil.test/x", {}, "a" * 60 + " is not allowed"),
    # user and password
    (f"{GOOD}@127.0.0.2/x", {}, "127.0.0.2 is not allowed"),
    ("https://user:pass@copilot-reports.github.com/x", {}, "copilot-reports.github.com is not allowed"),
    ("http://user:pass@127.0.0.1/x", {"loopback": True}, "127.0.0.1 is not plain https"),
    # what others read otherwise
    (f"{GOOD}\\@evil.test/x", {}, "no web address"),
    ("https:\\\\copilot-reports.github.com/x", {}, "no web address"),
    (f"{GOOD}\t.evil.test/x", {}, "no web address"),
    (f"{GOOD}\n/x", {}, "no web address"),
    (f" {GOOD}/x", {}, "no web address"),
    (f"{GOOD}/\x00", {}, "no web address"),
    ("https://copilot-reports。github.com/x", {}, "no web address"),
    ("https://сopilot-reports.github.com/x", {}, "no web address"),  # noqa: RUF001 - a Cyrillic letter is the point
    ("https://xn--opilot-reports-40l.github.com/x", {}, "?opilot-reports.github.com is not allowed"),
    ("https://①②⑦.0.0.1/x", {}, "no web address"),
    # addresses instead of names
    ("https://127.0.0.1/x", {}, "127.0.0.1 is not allowed"),
    ("http://127.0.0.1:8000/x", {}, "127.0.0.1 is not plain https"),
    ("https://0x7f000001/x", {"loopback": True}, "0x7f000001 is not allowed"),
    ("https://2130706433/x", {"loopback": True}, "2130706433 is not allowed"),
    ("https://0177.0.0.1/x", {"loopback": True}, "no web address"),
    ("https://127.1/x", {"loopback": True}, "127.1 is not allowed"),
    ("https://169.254.169.254/x", {}, "169.254.169.254 is not allowed"),
    ("https://[::ffff:10.0.0.1]/x", {"loopback": True}, "::ffff:10.0.0.1 is not allowed"),
    ("https://[::1]/x", {}, "::1 is not allowed"),
    ("http://10.0.0.1/x", {"loopback": True}, "10.0.0.1 is not plain https"),
    ("http://localhost/x", {"loopback": True}, "localhost is not plain https"),
    # nothing
    ("https:///x", {}, "no web address"),
    ("https:copilot-reports.github.com/x", {}, "no web address"),
    ("x", {}, "no web address"),
    ("", {}, "no web address"),
]


@pytest.mark.parametrize(("link", "options"), ALLOWED)
def test_a_link_to_an_allowed_host_is_followed(link: str, options: dict[str, Any]) -> None:
    assert hosts(**options).allowed(link, WHERE).host


@pytest.mark.parametrize(("link", "options", "says"), REFUSED)
def test_any_other_link_is_refused_with_its_host_alone(link: str, options: dict[str, Any], says: str) -> None:
    with pytest.raises((ConfigError, Unexpected)) as caught:
        hosts(**options).allowed(f"{link}?sig=SECRET" if link else "", WHERE)

    assert says in str(caught.value)
    assert "SECRET" not in str(caught.value)
    assert str(caught.value).isprintable() and len(str(caught.value)) <= 160


def test_no_connection_is_made_for_any_of_them(line: Callable[..., Line], monkeypatch: pytest.MonkeyPatch) -> None:
    links = [link for link, options, _ in REFUSED if not options]
    made = line(Fault("links", args={"links": links[:1]}))
    reached: list[Any] = []
    connect = socket.create_connection
    monkeypatch.setattr(socket, "create_connection", lambda to, *a, **k: reached.append(to) or connect(to, *a, **k))

    for link in links:
        made.github.faults = [Fault("links", args={"links": [link]})]
        with made.client(allow_loopback_http=False) as github, pytest.raises(CopilotEtlError):
            github.fetch(USERS_1_DAY, Scope("org", "octo-org"), dt.date(2026, 11, 10), into=Path("unused"))

    assert len(reached) == len(links), "one connection each, to the API"
    assert {f"http://{host}:{port}" for host, port in reached} == {made.github.api_url}


INNER = [
    ("127.0.0.1", "loopback"),
    ("127.8.8.8", "loopback"),
    ("10.1.2.3", "private"),
    ("172.16.0.1", "private"),
    ("192.168.1.1", "private"),
    ("100.64.0.1", "private"),
    ("169.254.169.254", "link-local"),
    ("0.0.0.0", "unspecified"),  # noqa: S104 - an address to be refused, not one to listen on
    ("224.0.0.1", "multicast"),
    ("::1", "loopback"),
    ("fe80::1%eth0", "link-local"),
    ("fd00::1", "private"),
    ("::ffff:127.0.0.1", "loopback"),
    ("::ffff:10.0.0.1", "private"),
    ("2002:7f00:1::1", "loopback"),
]


def resolver(*addresses: str) -> Callable[..., list[Any]]:
    """What a DNS that gives these addresses answers."""
    return lambda host, port, *_, **__: [
        (socket.AF_INET6 if ":" in each else socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port))
        for each in addresses
    ]


@pytest.mark.parametrize(("address", "kind"), INNER)
def test_a_good_name_that_leads_inside_is_refused(monkeypatch: pytest.MonkeyPatch, address: str, kind: str) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", resolver("140.82.112.3", address))

    with pytest.raises(ConfigError) as caught:
        hosts().hold_public(httpx.URL(GOOD), WHERE)

    assert str(caught.value) == (
        f"{WHERE}: download host copilot-reports.github.com stands for a {kind} address; not followed. Check DNS."
    )


def test_a_public_address_is_fine_and_so_is_an_inner_one_in_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", resolver("140.82.112.3", "2606:50c0:8000::153"))
    hosts().hold_public(httpx.URL(GOOD), WHERE)
    monkeypatch.setattr(socket, "getaddrinfo", resolver("127.0.0.1"))
    hosts(loopback=True).hold_public(httpx.URL(GOOD), WHERE)


def test_behind_a_proxy_names_are_the_proxys_business(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", resolver("10.0.0.1"))
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    hosts().hold_public(httpx.URL(GOOD), WHERE)

    monkeypatch.setenv("NO_PROXY", ".github.com")
    with pytest.raises(ConfigError, match="a private address"):
        hosts().hold_public(httpx.URL(GOOD), WHERE)


def test_a_name_that_is_not_known_may_be_known_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    with pytest.raises(Unavailable, match="is not known here"):
        hosts().hold_public(httpx.URL(GOOD), WHERE)
