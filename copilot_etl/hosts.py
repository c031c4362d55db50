"""Which hosts a signed link may point to: by name, by scheme, and by the addresses that the name stands for."""

from __future__ import annotations

import ipaddress
import re
import socket
import urllib.request
from collections.abc import Sequence

import httpx

from copilot_etl.errors import ConfigError, Unavailable, Unexpected

# github.blog/changelog, 2026-05-20: the last one is where links point when the CDN is down. Any Azure customer can own
# a name below blob.core.windows.net, so only the form in GitHub's own list is taken.
GITHUB_HOSTS = (
    "copilot-reports.github.com",
    "copilot-reports-*.b01.azurefd.net",
    "usagereports*.blob.core.windows.net",
)
GHE_HOST = "copilot-reports.*.ghe.com"


class Hosts:
    """GitHub's file hosts and `extra` ones; with `loopback` also this machine's, over plain http too."""

    def __init__(self, *, api_host: str, extra: Sequence[str], loopback: bool) -> None:
        ghe = (GHE_HOST,) if api_host.endswith(".ghe.com") else ()
        self._patterns = [_pattern(host) for host in (*GITHUB_HOSTS, *ghe, *extra)]
        self._loopback = loopback

    def allowed(self, link: str, where: str) -> httpx.URL:
        """The parsed link; ConfigError, with the host alone, when it must not be followed."""
        try:
            # Others read a backslash as a slash and letters beyond ASCII as dots; an address needs neither.
            url = httpx.URL(link) if re.fullmatch(r"[!-\[\]-~]+", link) else httpx.URL()
            host = url.host.lower().removesuffix(".")
        except (httpx.InvalidURL, ValueError):
            url, host = httpx.URL(), ""
        if not host:
            raise Unexpected(f"{where}: GitHub's answer has a link that is no web address. Please report this.")
        if self._loopback and _is_loopback(host) and url.scheme in ("http", "https") and not url.userinfo:
            return url
        if url.scheme != "https" or url.port not in (None, 443):
            raise ConfigError(
                f"{where}: a download link to {_shown(host)} is not plain https; not followed. Please report this."
            )
        plain = re.fullmatch(r"[a-z0-9.-]+", host) is not None and not url.userinfo
        if not plain or not any(pattern.fullmatch(host) for pattern in self._patterns):
            raise ConfigError(f"{where}: download host {_shown(host)} is not allowed (COPILOT_DOWNLOAD_HOSTS).")
        return url

    def hold_public(self, url: httpx.URL, where: str) -> None:
        """Refuses a name whose DNS leads into this machine or its network, before any request goes there.

        A proxy looks names up itself, so what they stand for here says nothing then.
        """
        if self._loopback or proxied(url):
            return
        try:
            found = socket.getaddrinfo(url.host, url.port or 443, type=socket.SOCK_STREAM)
        except OSError:
            raise Unavailable(
                f"{where}: the name {_shown(url.host)} is not known here. Check DNS and the proxy; try again later."
            ) from None
        for *_, address in found:
            if kind := _inner_kind(str(address[0])):
                raise ConfigError(
                    f"{where}: download host {_shown(url.host)} stands for a {kind} address; not followed. Check DNS."
                )


def proxied(url: httpx.URL) -> bool:
    """Whether the usual variables send this address through a proxy."""
    proxies = urllib.request.getproxies()
    return bool(proxies.get(url.scheme) or proxies.get("all")) and not urllib.request.proxy_bypass(url.host)


def _inner_kind(text: str) -> str:
    """What kind of address this is, when it is not one of the public Internet; empty otherwise."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        # An IPv4 address in IPv6's clothes leads to where that leads.
        address = address.ipv4_mapped or address.sixtofour or address
    for kind in ("unspecified", "loopback", "link_local", "multicast"):
        if getattr(address, f"is_{kind}"):
            return kind.replace("_", "-")
    return "" if address.is_global else "private"


def _pattern(host: str) -> re.Pattern[str]:
    return re.compile(re.escape(host).replace(r"\*", "[a-z0-9-]+"))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _shown(host: str) -> str:
    return re.sub(r"[^a-z0-9.:-]", "?", host)[:60] or "(none)"
