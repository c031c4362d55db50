"""Who a request signs in as: nobody, the owner of a given token, or a GitHub App with a token for each installation.

Keys and tokens stay in memory: they are in no file, no log, no text of an error and no `repr`.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx

from copilot_etl.errors import ConfigError, CopilotEtlError, Refused, Unavailable, Unexpected
from copilot_etl.reports import Scope
from copilot_etl.waits import answered_at, http_date

log = logging.getLogger(__name__)

Ask = Callable[[str, str, str], tuple[httpx.Response, bytes]]
"""Asks the API: method, path and `Authorization` to an answer; what may pass is raised as Unavailable."""

# RFC 6750's token characters: whatever is outside them would show the token in an error of the HTTP library.
TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+")

_KINDS = {
    "github_pat_": "fine-grained personal access token",
    "ghp_": "classic personal access token",
    "gho_": "OAuth token",
    "ghu_": "user token of a GitHub App",
    "ghs_": "installation token of a GitHub App, which ends after an hour",
}
_PERMISSIONS = {
    "org": ("organization_copilot_metrics", "Organization Copilot metrics: read"),
    "enterprise": ("enterprise_copilot_metrics", "Enterprise Copilot metrics: read"),
}
_PLACES = {"org": "orgs", "enterprise": "enterprises"}

# docs.github.com, "Generating a JSON Web Token": issued a minute ago and ended within ten, by GitHub's clock.
_ISSUED = 60
_ENDS = 9 * 60
_CLOCKS = 5.0  # `Date` has whole seconds and an answer takes its time: a smaller difference is none
_EARLY = 5 * 60.0


class Credentials(Protocol):
    """Signs requests. `kind` says in words how; it may be shown. `is_per_scope`: each scope has a token of its own."""

    kind: str
    is_per_scope: bool

    def authorization(self, scope: Scope, ask: Ask) -> str | None:
        """The `Authorization` of a request about this scope, got with `ask` if there is none that still holds.

        None when somebody else signs. Raises Refused, Unavailable or Unexpected.
        """

    def refused(self, scope: Scope, header: str | None) -> bool:
        """Drops what GitHub answered with a 401; whether asking for another one makes sense."""

    def refusal(self, scope: Scope, host: str) -> Refused:
        """What a 401 means when there is no other one to try."""

    def about(self, scope: Scope) -> str:
        """What is known of the sign-in to this scope, in words; empty when that is nothing but the kind."""


class Token:
    """A token that was given, the same for every scope; None behind a gateway that signs in."""

    is_per_scope = False

    def __init__(self, token: str | None) -> None:
        self._header = f"Bearer {token}" if token else None
        known = (kind for start, kind in _KINDS.items() if (token or "").startswith(start))
        self.kind = next(known, "token") if token else "no token: a gateway signs in"

    def authorization(self, scope: Scope, ask: Ask) -> str | None:
        return self._header

    def refused(self, scope: Scope, header: str | None) -> bool:
        return False

    def refusal(self, scope: Scope, host: str) -> Refused:
        if not self._header:
            return Refused(
                f"{host} wants a sign-in (401), and GITHUB_AUTH=none sends none. Check the gateway at GITHUB_API_URL.",
                whole_run=True,
            )
        return Refused(
            f"{host} refused the token (401). Check GITHUB_TOKEN: expired, revoked or for another host.", whole_run=True
        )

    def about(self, scope: Scope) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class _Installation:
    """The App in one organization or enterprise; `page` is where its owner looks after it."""

    id: int
    slug: str
    page: str
    granted: str


@dataclass(frozen=True, slots=True)
class _Session:
    """A token of an installation, to be renewed at `until` by the clock that never jumps."""

    header: str = field(repr=False)
    until: float


class App:
    """A GitHub App: finds its installation in each scope, and renews that one's token before its hour is over.

    Safe to share between threads: one of them asks, the others wait for its answer. `app_id` is the App's id or its
    client id, `key` the text of its .pem file; ConfigError when that is no private key of an App. `now` is the
    machine's clock, `ticks` one that never jumps.
    """

    is_per_scope = True

    def __init__(
        self,
        app_id: str,
        key: str,
        *,
        now: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self.kind = f"GitHub App {app_id}"
        self._app_id = app_id
        self._sign = _signer(key)
        self._now, self._ticks = now, ticks
        self._ahead = 0.0
        self._installations: dict[Scope, _Installation] = {}
        self._sessions: dict[Scope, _Session] = {}
        self._locks: dict[Scope, threading.Lock] = {}

    def authorization(self, scope: Scope, ask: Ask) -> str:
        with self._lock(scope):
            session = self._sessions.get(scope)
            if session is None or self._ticks() >= session.until:
                if scope not in self._installations:
                    self._installations[scope] = self._find(scope, ask)
                session = self._sessions[scope] = self._begin(self._installations[scope], scope, ask)
            return session.header

    def refused(self, scope: Scope, header: str | None) -> bool:
        with self._lock(scope):
            session = self._sessions.get(scope)
            # Another thread may have renewed it meanwhile.
            if session and session.header == header:
                # Its installation goes too: the App may have been installed anew, under another number.
                self._forget(scope)
        return True

    def refusal(self, scope: Scope, host: str) -> Refused:
        return Refused(f"{host} refused a new token of the App for {scope.name} (401). Try again later.")

    def about(self, scope: Scope) -> str:
        found = self._installations.get(scope)
        if not found:
            return ""
        return f"App {found.slug}, installation {found.id}, {_PERMISSIONS[scope.kind][0]}: {found.granted}"

    # ------------------------------------------------------------------------------------- installations

    def _lock(self, scope: Scope) -> threading.Lock:
        return self._locks.setdefault(scope, threading.Lock())

    def _forget(self, scope: Scope) -> None:
        self._sessions.pop(scope, None)
        self._installations.pop(scope, None)

    def _find(self, scope: Scope, ask: Ask) -> _Installation:
        response, answer = self._ask(ask, "GET", f"/{_PLACES[scope.kind]}/{scope.name}/installation")
        if response.status_code == 404:
            raise self._missing(scope, ask)
        if response.status_code != 200:
            raise _unforeseen(response, answer, scope)
        number, granted = answer.get("id"), answer.get("permissions")
        if not isinstance(number, int) or not isinstance(granted, dict):
            raise _garbled(scope)
        slug = _shown(answer.get("app_slug"))
        page = _address(answer.get("html_url")) or "its settings"
        if answer.get("suspended_at"):
            raise _suspended(scope, page)
        name, title = _PERMISSIONS[scope.kind]
        if granted.get(name) not in ("read", "write"):
            raise Refused(
                f"App {slug} lacks '{title}' in {scope.name}. Add it to the App; an owner accepts it at {page}."
            )
        return _Installation(number, slug, page, granted[name])

    def _begin(self, installation: _Installation, scope: Scope, ask: Ask) -> _Session:
        asked = self._ticks()
        response, answer = self._ask(ask, "POST", f"/app/installations/{installation.id}/access_tokens")
        if response.status_code == 404:
            raise self._missing(scope, ask)
        if response.status_code == 403 and "suspended" in str(answer.get("message")).lower():
            raise _suspended(scope, installation.page)
        if response.status_code != 201:
            raise _unforeseen(response, answer, scope)
        token = answer.get("token")
        try:
            expires = dt.datetime.fromisoformat(str(answer.get("expires_at")))
            # Both are GitHub's own clock, so what this machine's says does not matter.
            lives = (expires - answered_at(response.headers)).total_seconds()
        except (ValueError, TypeError):
            raise _garbled(scope) from None
        if not isinstance(token, str) or not TOKEN.fullmatch(token):
            raise _garbled(scope)
        return _Session(f"Bearer {token}", asked + lives - min(_EARLY, lives / 4))

    def _missing(self, scope: Scope, ask: Ask) -> Refused:
        """Not installed there; where to install it is the App's own to say."""
        self._forget(scope)
        response, answer = self._ask(ask, "GET", "/app")
        page = _address(answer.get("html_url")) if response.status_code == 200 else ""
        where = f"at {page}/installations/new" if page else "from its page"
        slug = _shown(answer.get("slug")) if page else self._app_id
        return Refused(f"App {slug} is not installed in {scope.name} (404). An owner installs it {where}.")

    # ---------------------------------------------------------------------------------- as the App itself

    def _ask(self, ask: Ask, method: str, path: str) -> tuple[httpx.Response, dict[str, Any]]:
        """An answer to the App itself; a signature that is refused is tried once more by GitHub's clock."""
        response, body = ask(method, path, self._assertion())
        if response.status_code == 401 and self._correct_clock(response):
            response, body = ask(method, path, self._assertion())
        if response.status_code == 401:
            raise Refused(
                f"GitHub refused the signature of App {self._app_id} (401). Check that GITHUB_APP_ID and the private "
                "key belong together, and that the key was not deleted.",
                whole_run=True,
            )
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            found = None
        answer = found if isinstance(found, dict) else {}
        if response.status_code == 404 and "integration not found" in str(answer.get("message")).lower():
            raise Refused(f"GitHub knows no App {self._app_id} (404). Check GITHUB_APP_ID.", whole_run=True)
        return response, answer

    def _assertion(self) -> str:
        now = int(self._now() + self._ahead)
        return "Bearer " + self._sign({"iat": now - _ISSUED, "exp": now + _ENDS, "iss": self._app_id})

    def _correct_clock(self, response: httpx.Response) -> bool:
        """Takes over GitHub's clock from its answer; whether that changes anything."""
        theirs = http_date(response.headers.get("date"))
        ahead = theirs.timestamp() - self._now() if theirs else self._ahead
        if abs(ahead - self._ahead) <= _CLOCKS:
            return False
        self._ahead = ahead
        log.warning(
            f"This machine's clock is {abs(ahead):.0f} s {'behind' if ahead > 0 else 'ahead of'} GitHub's. Set it; "
            "the App signs in by GitHub's."
        )
        return True


def _signer(key: str) -> Callable[[dict[str, Any]], str]:
    """Signs claims with the key, which nothing else gets to see."""
    # A tenth of a second that only an App needs.
    import jwt
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    # Many places keep only one line of text, with `\n` where a line ends.
    text = key.replace("\\n", "\n").strip().encode()
    try:
        loaded = load_pem_private_key(text, password=None)
    except TypeError:
        raise ConfigError(
            "GITHUB_APP_PRIVATE_KEY (or the file that GITHUB_APP_PRIVATE_KEY_FILE names) is protected by a password. "
            "Take the .pem file as GitHub made it."
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        loaded = None
    if not isinstance(loaded, RSAPrivateKey):
        raise ConfigError(
            "GITHUB_APP_PRIVATE_KEY (or the file that GITHUB_APP_PRIVATE_KEY_FILE names) is not the private key of an "
            "App. Take the whole .pem file that GitHub made for it."
        )
    private = loaded
    return lambda claims: jwt.encode(claims, private, algorithm="RS256")


def _suspended(scope: Scope, page: str) -> Refused:
    return Refused(f"The App is suspended in {scope.name}. An owner ends that at {page}.")


def _unforeseen(response: httpx.Response, answer: dict[str, Any], scope: Scope) -> CopilotEtlError:
    status = response.status_code
    if status == 403:
        return Refused(f"GitHub forbids the App to sign in to {scope.name} (403). Check the App's settings there.")
    if status in (200, 201) and not answer:
        return _garbled(scope)
    return Unexpected(
        f"{scope.key}: GitHub answered the App's sign-in with an unexpected status ({status}). Check GITHUB_API_URL."
    )


def _garbled(scope: Scope) -> Unavailable:
    return Unavailable(
        f"{scope.key}: GitHub answered the App's sign-in with something else. Is a proxy or a sign-in page in between?"
    )


def _shown(text: object) -> str:
    """A name out of an answer as it may be shown."""
    return re.sub(r"[^a-z0-9-]", "?", str(text).lower())[:40]


def _address(text: object) -> str:
    """A web address out of an answer; empty when it is none that may be shown."""
    return str(text) if re.fullmatch(r"https://[a-z0-9.-]+(:\d+)?/[\w./-]{1,120}", str(text), re.ASCII) else ""
