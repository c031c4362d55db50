"""The one place where environment variables are read and checked; everything else takes values."""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from copilot_etl.credentials import TOKEN, App, Credentials, Token
from copilot_etl.errors import ConfigError
from copilot_etl.reports import REPORTS, USERS_1_DAY, Report, Scope, ScopeKind

_APP_ID = re.compile(r"\d{1,12}|Iv[A-Za-z0-9.]{8,40}")
_ORG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38})")
_ENTERPRISE = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,98})")
_HOST_PATTERN = re.compile(r"[a-z0-9*]([a-z0-9*.-]*[a-z0-9*])?")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says, checked. `auth` is `token`, `app`, or `none` behind a gateway that signs in.

    `models_memory` is in MiB; None: what the models have by default.
    """

    api_url: str
    auth: str
    token: str | None = field(repr=False)
    app_id: str | None
    app_key: str | None = field(repr=False)
    app_key_file: Path | None
    scopes: tuple[Scope, ...]
    reports: tuple[Report, ...]
    download_hosts: tuple[str, ...]
    data_dir: Path
    dagster_home: Path
    start_day: dt.date
    lookback_days: int
    models_memory: int | None
    allow_loopback_http: bool
    alert_webhook: str | None = field(repr=False)

    def ready(self, *, offline: bool = False) -> Settings:
        """These settings, if they are enough to ask GitHub for a report (`offline`: to read landed bytes again).

        Raises ConfigError otherwise.
        """
        if not self.scopes:
            raise ConfigError("COPILOT_ORGS is not set. Name at least one organization, for example COPILOT_ORGS=acme.")
        if not offline:
            self.credentials()
        return self

    def credentials(self) -> Credentials:
        """Who requests sign in as; raises ConfigError when that is not said, or the App's key cannot be used."""
        if self.auth == "app":
            if not self.app_id:
                raise ConfigError("GITHUB_APP_ID is not set. Set the App's client id or App id (see its settings).")
            return App(self.app_id, self.app_key or _key_of(self.app_key_file))
        if self.token is None and self.auth != "none":
            raise ConfigError(
                "GITHUB_TOKEN is not set. Set it, or GITHUB_APP_ID for a GitHub App, "
                "or GITHUB_AUTH=none behind a gateway that signs in."
            )
        return Token(self.token)


def read(environ: Mapping[str, str] | None = None) -> Settings:
    """Reads and checks every variable of the README's table; raises ConfigError with one line for a bad one.

    A missing token or scope is allowed here, so that the code location loads without them; `ready` asks for both.
    """
    env = {name: value.strip() for name, value in (os.environ if environ is None else environ).items()}
    data_dir = _data_dir(env)
    auth = _auth(env)
    loopback = _one_of(env, "COPILOT_ALLOW_LOOPBACK_HTTP", ("0", "1")) == "1"
    scopes = (
        *_scopes(env, "COPILOT_ORGS", "org", _ORG),
        *_scopes(env, "COPILOT_ENTERPRISES", "enterprise", _ENTERPRISE),
    )
    return Settings(
        api_url=_api_url(env, plain=auth == "none", loopback=loopback),
        auth=auth,
        token=_token(env) if auth == "token" else None,
        app_id=_app_id(env),
        app_key=env.get("GITHUB_APP_PRIVATE_KEY") or None,
        app_key_file=_key_file(env),
        scopes=scopes,
        reports=_reports(env),
        download_hosts=_hosts(env),
        data_dir=data_dir,
        dagster_home=Path(env.get("DAGSTER_HOME") or data_dir / "dagster"),
        start_day=_start_day(env, scopes),
        lookback_days=_whole(env, "COPILOT_LOOKBACK_DAYS", default=7, least=1, most=365),
        models_memory=_memory(env),
        allow_loopback_http=loopback,
        alert_webhook=env.get("COPILOT_ALERT_WEBHOOK_URL") or None,
    )


def parse_day(text: str, *, name: str = "day") -> dt.date:
    """A UTC calendar day from `YYYY-MM-DD`; raises ConfigError for anything else."""
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return dt.date.fromisoformat(text)
    except ValueError:
        pass
    raise ConfigError(f"{name}: {text[:40]!r} is not a day (YYYY-MM-DD).")


def _auth(env: Mapping[str, str]) -> str:
    auth = _one_of(env, "GITHUB_AUTH", ("token", "app", "none"))
    if env.get("GITHUB_AUTH") or not env.get("GITHUB_APP_ID"):
        return auth
    if env.get("GITHUB_TOKEN"):
        # Some places set a token of their own accord: which one is meant is not ours to guess.
        raise ConfigError("GITHUB_TOKEN and GITHUB_APP_ID are both set. Say which with GITHUB_AUTH=token or =app.")
    return "app"


def _app_id(env: Mapping[str, str]) -> str | None:
    app_id = env.get("GITHUB_APP_ID") or None
    if app_id and not _APP_ID.fullmatch(app_id):
        raise ConfigError("GITHUB_APP_ID is not an App id such as 123456, or a client id such as Iv1.0123456789abcdef.")
    return app_id


def _key_file(env: Mapping[str, str]) -> Path | None:
    name = env.get("GITHUB_APP_PRIVATE_KEY_FILE")
    if not name:
        return None
    if env.get("GITHUB_APP_PRIVATE_KEY"):
        raise ConfigError("GITHUB_APP_PRIVATE_KEY and GITHUB_APP_PRIVATE_KEY_FILE are both set. Unset one.")
    if "-----" in name:
        raise ConfigError("GITHUB_APP_PRIVATE_KEY_FILE holds a key. Name its file, or use GITHUB_APP_PRIVATE_KEY.")
    if not Path(name).is_absolute():
        raise ConfigError("GITHUB_APP_PRIVATE_KEY_FILE is not an absolute path.")
    return Path(name)


def _key_of(path: Path | None) -> str:
    if path is None:
        raise ConfigError(
            "GITHUB_APP_PRIVATE_KEY is not set. Set the text of the App's .pem file, "
            "or name the file in GITHUB_APP_PRIVATE_KEY_FILE."
        )
    try:
        with path.open(encoding="ascii", errors="replace") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(2**16)
    except OSError as error:
        raise ConfigError(f"GITHUB_APP_PRIVATE_KEY_FILE: cannot read {path}: {error.strerror}.") from None
    if mode & 0o007:
        # Refused as ssh does: the key opens all organizations of the App, and a warning is read by nobody. A group may
        # read it, since that is how containers are given secrets.
        raise ConfigError(
            f"GITHUB_APP_PRIVATE_KEY_FILE: everybody here can read {path}. Take that away: chmod o= {path}"
        )
    return text


def _data_dir(env: Mapping[str, str]) -> Path:
    path = Path(env.get("COPILOT_DATA_DIR") or "data").absolute()
    if "?" in str(path):  # DuckDB takes what follows for options of an address, and its log goes elsewhere
        raise ConfigError(f"COPILOT_DATA_DIR: {path} has a '?', which DuckDB cannot open. Name another folder.")
    return path


def _token(env: Mapping[str, str]) -> str | None:
    token = env.get("GITHUB_TOKEN") or None
    if token and not TOKEN.fullmatch(token):
        raise ConfigError(
            "GITHUB_TOKEN contains a character that cannot be in a token. Set it alone, without quotes or 'Bearer'."
        )
    return token


def _api_url(env: Mapping[str, str], *, plain: bool, loopback: bool) -> str:
    url = (env.get("GITHUB_API_URL") or "https://api.github.com").rstrip("/")
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("https", "http") and parts.hostname and not parts.query and not parts.username
        parts.port  # noqa: B018 - raises ValueError for a port that is no number
    except ValueError:
        good = False
    if not good:
        raise ConfigError("GITHUB_API_URL is not an address such as https://api.github.com.")
    if parts.scheme == "http" and not plain and not (loopback and _is_loopback(parts.hostname or "")):
        raise ConfigError(
            "GITHUB_API_URL is plain http, which would show the token. Use https "
            "(or COPILOT_ALLOW_LOOPBACK_HTTP=1 for a server on this machine)."
        )
    return url


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _scopes(env: Mapping[str, str], name: str, kind: ScopeKind, pattern: re.Pattern[str]) -> tuple[Scope, ...]:
    # GitHub's names are not case sensitive: folding first keeps `Acme` and `acme` one scope.
    names = [item.strip().lower() for item in env.get(name, "").split(",") if item.strip()]
    for item in names:
        if not pattern.fullmatch(item):
            raise ConfigError(
                f"{name}: {item[:60]!r} is not a name GitHub gives. Use the name in the address, comma-separated."
            )
    return tuple(Scope(kind, item) for item in dict.fromkeys(names))


def _reports(env: Mapping[str, str]) -> tuple[Report, ...]:
    names = [item.strip().lower() for item in env.get("COPILOT_REPORTS", "").split(",") if item.strip()]
    for name in names:
        if name != "all" and name not in REPORTS:
            raise ConfigError(f"COPILOT_REPORTS: {name[:40]!r} is not `all` or one of {', '.join(REPORTS)}.")
    if "all" in names:
        return tuple(REPORTS.values())
    return tuple(report for name, report in REPORTS.items() if name in (names or [USERS_1_DAY.name]))


def _hosts(env: Mapping[str, str]) -> tuple[str, ...]:
    hosts = [item.strip().lower() for item in env.get("COPILOT_DOWNLOAD_HOSTS", "").split(",") if item.strip()]
    for host in hosts:
        if not _HOST_PATTERN.fullmatch(host):
            raise ConfigError(f"COPILOT_DOWNLOAD_HOSTS: {host[:60]!r} is not a host name (`*` stands for one label).")
    return tuple(hosts)


def _start_day(env: Mapping[str, str], scopes: tuple[Scope, ...]) -> dt.date:
    if env.get("COPILOT_START_DAY"):
        day = parse_day(env["COPILOT_START_DAY"], name="COPILOT_START_DAY")
        if day >= dt.datetime.now(dt.UTC).date():
            raise ConfigError(f"COPILOT_START_DAY: {day} is not a past day (UTC).")
        return day
    kinds = {scope.kind for scope in scopes} or {"org"}
    return min(USERS_1_DAY.first_day[kind] for kind in kinds)


def _memory(env: Mapping[str, str]) -> int | None:
    name = "COPILOT_MODELS_MEMORY_MIB"
    return _whole(env, name, default=0, least=256, most=2**20) if env.get(name) else None


def _whole(env: Mapping[str, str], name: str, *, default: int, least: int, most: int) -> int:
    text = env.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise ConfigError(f"{name}: {text[:20]!r} is not a whole number from {least} to {most}.")
    return int(text)


def _one_of(env: Mapping[str, str], name: str, values: tuple[str, ...]) -> str:
    value = env.get(name) or values[0]
    if value not in values:
        raise ConfigError(f"{name}: {value[:20]!r} is not one of {', '.join(values)}.")
    return value
