"""A GitHub App as the fake GitHub knows it: its public key, where it is installed, and the tokens that still hold.

Signatures are checked by hand, so that a mistake of the library that made them is not made here again.
"""

from __future__ import annotations

import base64
import datetime as dt
import functools
import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

ORG_METRICS: Mapping[str, str] = {"organization_copilot_metrics": "read", "metadata": "read"}
ENTERPRISE_METRICS: Mapping[str, str] = {"enterprise_copilot_metrics": "read"}

_INSTALLATION = re.compile(r"/(orgs|enterprises)/([^/]+)/installation")
_TOKENS = re.compile(r"/app/installations/(\d+)/access_tokens")
_LONGEST = 600

Answer = tuple[int, dict[str, Any]]


@functools.cache
def key(name: str = "app") -> str:
    """The private key of this name, made when it is first asked for, as GitHub hands one out."""
    return (
        rsa.generate_private_key(public_exponent=65537, key_size=2048)
        .private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        .decode()
    )


@dataclass(slots=True)
class Installation:
    """The App in one organization or enterprise."""

    id: int
    permissions: Mapping[str, str]
    suspended: bool = False


@dataclass
class App:
    """A GitHub App. `installations` are by scope key (`acme`, `enterprise.acme`); `token_ttl` is how many seconds a
    token lives by `clock`. `made` counts the tokens of each scope."""

    installations: dict[str, Installation]
    id: int = 123456
    client_id: str = "Iv23liSandboxApp0001"
    slug: str = "copilot-etl-sandbox"
    token_ttl: float = 3600.0
    clock: Callable[[], float] = time.time
    private_key: str = field(default_factory=key, repr=False)
    made: dict[str, int] = field(default_factory=dict)
    _tokens: dict[str, tuple[str, int, float]] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @classmethod
    def installed(cls, *scopes: str, **options: Any) -> App:
        """An App that is installed in these scopes, with the permission it needs."""
        return cls(
            {
                scope: Installation(7_000 + number, ENTERPRISE_METRICS if "." in scope else ORG_METRICS)
                for number, scope in enumerate(scopes)
            },
            **options,
        )

    def revoke(self) -> None:
        """Ends all tokens."""
        self._tokens.clear()

    def uninstall(self, scope: str) -> None:
        del self.installations[scope]
        self._tokens = {token: held for token, held in self._tokens.items() if held[0] != scope}

    # ---------------------------------------------------------------------------------- what GitHub does

    def answer(self, method: str, path: str, signed: str, now: float) -> tuple[Answer, tuple[str, ...]] | None:
        """The answer to a request of the App itself at this time, and its violations; None for another address."""
        lookup, tokens = _INSTALLATION.fullmatch(path), _TOKENS.fullmatch(path)
        if not lookup and not tokens and path != "/app":
            return None
        if refusal := self._refusal(signed, now):
            return refusal, () if signed.count(".") == 2 else ("no_jwt_where_one_is_needed",)
        if method != ("POST" if tokens else "GET"):
            return (404, {"message": "Not Found"}), ("wrong_method",)
        if lookup:
            scope = f"enterprise.{lookup[2].lower()}" if lookup[1] == "enterprises" else lookup[2].lower()
            return self._found(scope), ()
        if tokens:
            return self._token(int(tokens[1]), now), ()
        return (200, {"id": self.id, "client_id": self.client_id, "slug": self.slug, "html_url": self.page}), ()

    @property
    def page(self) -> str:
        return f"https://github.com/apps/{self.slug}"

    def judge(self, signed: str, scope: str) -> tuple[Answer | None, tuple[str, ...]]:
        """Why a report of this scope is not for who signed so, and the violations; (None, ()) when it is."""
        token = signed.removeprefix("Bearer ")
        if token.startswith("eyJ"):
            return (401, {"message": "Bad credentials"}), ("jwt_where_a_token_is_needed",)
        with self._lock:
            owner, number, ends = self._tokens.get(token, ("", 0, 0.0))
        if ends < self.clock():
            return (401, {"message": "Bad credentials"}), ()
        installation = self.installations[owner]
        if installation.suspended:
            return (403, {"message": "Sorry. Your account was suspended."}), ()
        needed = "enterprise_copilot_metrics" if "." in scope else "organization_copilot_metrics"
        if owner != scope or installation.permissions.get(needed) not in ("read", "write") or number != installation.id:
            elsewhere = ("token_of_another_installation",) if owner != scope else ()
            return (403, {"message": "Resource not accessible by integration"}), elsewhere
        return None, ()

    def _refusal(self, signed: str, now: float) -> Answer | None:
        try:
            head, claims, signature = signed.removeprefix("Bearer ").split(".")
            header, said = json.loads(_decoded(head)), json.loads(_decoded(claims))
        except ValueError:
            return 401, {"message": "A JSON web token could not be decoded"}
        if str(said.get("iss")) not in (str(self.id), self.client_id):
            return 404, {"message": "Integration not found"}
        private = serialization.load_pem_private_key(self.private_key.encode(), password=None)
        public = private.public_key()
        assert isinstance(public, rsa.RSAPublicKey)  # noqa: S101 - `key` makes no other
        try:
            if header.get("alg") != "RS256":
                raise InvalidSignature
            public.verify(_decoded(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return 401, {"message": "A JSON web token could not be decoded"}
        issued, ends = said.get("iat"), said.get("exp")
        if not isinstance(issued, int) or issued > now:
            claim = "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
            return 401, {"message": claim}
        if not isinstance(ends, int) or ends <= now:
            claim = "'Expiration time' claim ('exp') must be a numeric value representing the future time at which"
            return 401, {"message": f"{claim} the assertion expires"}
        if ends > now + _LONGEST:
            return 401, {"message": "'Expiration time' claim ('exp') is too far in the future"}
        return None

    def _found(self, scope: str) -> Answer:
        installation = self.installations.get(scope)
        if not installation:
            return 404, {"message": "Not Found"}
        kind, _, name = scope.rpartition(".")
        return 200, {
            "id": installation.id,
            "account": {"slug" if kind else "login": name},
            "app_id": self.id,
            "client_id": self.client_id,
            "app_slug": self.slug,
            "target_type": "Enterprise" if kind else "Organization",
            "html_url": f"https://github.com/{'enterprises' if kind else 'organizations'}/{name}"
            f"/settings/installations/{installation.id}",
            "permissions": dict(installation.permissions),
            "suspended_at": "2026-11-01T00:00:00Z" if installation.suspended else None,
        }

    def _token(self, number: int, now: float) -> Answer:
        scope = next((scope for scope, each in self.installations.items() if each.id == number), None)
        if scope is None:
            return 404, {"message": "Not Found"}
        installation = self.installations[scope]
        if installation.suspended:
            return 403, {"message": "This installation has been suspended"}
        token = f"ghs_{secrets.token_hex(18)}"
        with self._lock:
            self._tokens[token] = scope, number, self.clock() + self.token_ttl
            self.made[scope] = self.made.get(scope, 0) + 1
        ends = dt.datetime.fromtimestamp(now + self.token_ttl, dt.UTC)
        return 201, {
            "token": token,
            "expires_at": ends.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "permissions": dict(installation.permissions),
            "repository_selection": "all",
        }


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
