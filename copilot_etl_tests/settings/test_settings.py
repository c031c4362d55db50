"""Environment variables: what is read, and the one line for what cannot be."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from copilot_etl import settings
from copilot_etl.errors import ConfigError
from copilot_etl.reports import Scope
from copilot_etl.sandbox.app import key

TOKEN = "ghp_" + "a1B2" * 9


def test_a_token_and_an_organization_are_enough() -> None:
    chosen = settings.read({"GITHUB_TOKEN": f" {TOKEN}\n", "COPILOT_ORGS": "Acme, acme,octo-org,"}).ready()

    assert chosen.token == TOKEN
    assert chosen.scopes == (Scope("org", "acme"), Scope("org", "octo-org"))
    assert (chosen.api_url, chosen.start_day, chosen.lookback_days) == (
        "https://api.github.com",
        dt.date(2025, 12, 12),
        7,
    )


def test_an_enterprise_and_an_organization_of_one_name_are_two_scopes() -> None:
    chosen = settings.read({"COPILOT_ORGS": "acme", "COPILOT_ENTERPRISES": "acme"})

    assert [scope.key for scope in chosen.scopes] == ["acme", "enterprise.acme"]
    assert chosen.start_day == dt.date(2025, 10, 10)


def test_an_enterprise_of_managed_users_has_an_underline() -> None:
    assert settings.read({"COPILOT_ENTERPRISES": "Acme_Emu"}).scopes == (Scope("enterprise", "acme_emu"),)


def test_a_folder_that_duckdb_would_misread_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^COPILOT_DATA_DIR: /srv/why\? has a '\?', which DuckDB cannot open\."):
        settings.read({"COPILOT_DATA_DIR": "/srv/why?"})


@pytest.mark.parametrize(
    "text", ["2026-2-5", "2026-02-31", "05.02.2026", "20260205", "yesterday", "' or 1=1", "", "\uff12026-02-05"]
)
def test_what_is_no_day_is_named(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^--from: .* is not a day \(YYYY-MM-DD\)\.$"):
        settings.parse_day(text, name="--from")


def test_no_token_is_needed_behind_a_gateway_that_signs_in() -> None:
    assert settings.read({"GITHUB_AUTH": "none", "COPILOT_ORGS": "acme"}).ready().token is None


APP = {"COPILOT_ORGS": "acme", "GITHUB_APP_ID": "Iv1.0123456789abcdef"}


def key_file(folder: Path, *, mode: int = 0o600) -> Path:
    path = folder / "app.pem"
    path.write_text(key())
    path.chmod(mode)
    return path


@pytest.mark.parametrize("app_id", ["123456", "Iv1.0123456789abcdef", "Iv23liAbCdEfGhIjKlMn"])
def test_an_app_id_and_its_key_are_enough(app_id: str) -> None:
    chosen = settings.read({**APP, "GITHUB_APP_ID": app_id, "GITHUB_APP_PRIVATE_KEY": key()}).ready()

    assert (chosen.auth, chosen.credentials().kind) == ("app", f"GitHub App {app_id}")


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o440])
def test_the_key_may_be_in_a_file_that_not_everybody_reads(tmp_path: Path, mode: int) -> None:
    path = key_file(tmp_path, mode=mode)

    assert settings.read({**APP, "GITHUB_APP_PRIVATE_KEY_FILE": str(path)}).ready().auth == "app"


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602])
def test_a_key_file_that_everybody_may_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    path = key_file(tmp_path, mode=mode)

    with pytest.raises(ConfigError) as caught:
        settings.read({**APP, "GITHUB_APP_PRIVATE_KEY_FILE": str(path)}).ready()

    assert str(caught.value).endswith(f"Take that away: chmod o= {path}")


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({}, "GITHUB_APP_PRIVATE_KEY is not set."),
        (
            {"GITHUB_APP_PRIVATE_KEY_FILE": "/nowhere/app.pem"},
            "cannot read /nowhere/app.pem: No such file or directory.",
        ),
        ({"GITHUB_APP_PRIVATE_KEY_FILE": "/"}, "cannot read /: Is a directory."),
        ({"GITHUB_APP_PRIVATE_KEY_FILE": "app.pem"}, "GITHUB_APP_PRIVATE_KEY_FILE is not an absolute path."),
        ({"GITHUB_APP_PRIVATE_KEY_FILE": key()}, "GITHUB_APP_PRIVATE_KEY_FILE holds a key."),
        ({"GITHUB_APP_PRIVATE_KEY": "x", "GITHUB_APP_PRIVATE_KEY_FILE": "/x"}, "are both set. Unset one."),
        ({"GITHUB_APP_PRIVATE_KEY": "/etc/app.pem"}, "is not the private key of an App."),
        ({"GITHUB_APP_ID": TOKEN}, "GITHUB_APP_ID is not an App id"),
        ({"GITHUB_APP_ID": "", "GITHUB_AUTH": "app"}, "GITHUB_APP_ID is not set."),
        ({"GITHUB_TOKEN": TOKEN}, "GITHUB_TOKEN and GITHUB_APP_ID are both set."),
    ],
)
def test_what_an_app_lacks_is_one_line(env: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings.read({**APP, **env}).ready()

    assert said in str(caught.value)
    assert str(caught.value).isprintable() and len(str(caught.value)) <= 200
    assert TOKEN[9:] not in str(caught.value) and "BEGIN" not in str(caught.value)


@pytest.mark.parametrize(("auth", "kind"), [("token", "classic personal access token"), ("app", "GitHub App 123456")])
def test_a_token_and_an_app_need_a_word_which_of_them(auth: str, kind: str) -> None:
    env = {"GITHUB_TOKEN": TOKEN, "GITHUB_APP_ID": "123456", "GITHUB_APP_PRIVATE_KEY": key(), "GITHUB_AUTH": auth}

    assert settings.read(env).credentials().kind == kind


def test_landed_files_are_read_again_without_any_sign_in() -> None:
    assert settings.read(APP).ready(offline=True).auth == "app"


def test_the_key_is_not_shown() -> None:
    shown = repr(settings.read({**APP, "GITHUB_APP_PRIVATE_KEY": key()}))

    assert not any(line in shown for line in key().splitlines())


@pytest.mark.parametrize(
    "env",
    [
        {"GITHUB_API_URL": "http://127.0.0.1:8000/", "COPILOT_ALLOW_LOOPBACK_HTTP": "1"},
        {"GITHUB_API_URL": "http://[::1]:8000", "COPILOT_ALLOW_LOOPBACK_HTTP": "1"},
        {"GITHUB_API_URL": "http://gateway.internal:8080", "GITHUB_AUTH": "none"},
        {"GITHUB_API_URL": "https://api.acme.ghe.com"},
    ],
)
def test_an_address_that_shows_no_token_is_taken(env: dict[str, str]) -> None:
    assert settings.read(env).api_url == env["GITHUB_API_URL"].rstrip("/")


def test_the_token_is_not_shown() -> None:
    chosen = settings.read({"GITHUB_TOKEN": TOKEN, "COPILOT_ALERT_WEBHOOK_URL": "https://hooks.example/secret"})

    assert TOKEN not in repr(chosen)
    assert "secret" not in repr(chosen)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("GITHUB_TOKEN", f"Bearer {TOKEN}", "a character that cannot be in a token"),
        ("GITHUB_TOKEN", f'"{TOKEN}"', "a character that cannot be in a token"),
        ("GITHUB_TOKEN", f"{TOKEN[:9]}\n{TOKEN[9:]}", "a character that cannot be in a token"),
        ("GITHUB_API_URL", "api.github.com", "GITHUB_API_URL is not an address"),
        ("GITHUB_API_URL", "https://user:secret@api.github.com", "GITHUB_API_URL is not an address"),
        ("GITHUB_API_URL", "https://api.github.com:port", "GITHUB_API_URL is not an address"),
        ("GITHUB_API_URL", "http://api.github.com", "GITHUB_API_URL is plain http"),
        ("GITHUB_API_URL", "http://127.0.0.1:8000", "COPILOT_ALLOW_LOOPBACK_HTTP=1"),
        ("GITHUB_AUTH", "maybe", "GITHUB_AUTH: 'maybe' is not one of token, app, none."),
        ("COPILOT_ORGS", "acme/../x", "COPILOT_ORGS: 'acme/../x' is not a name"),
        ("COPILOT_ORGS", "a'; drop table x", "is not a name"),
        ("COPILOT_ORGS", "acme,..", "COPILOT_ORGS: '..' is not a name"),
        ("COPILOT_ORGS", "acme%2e", "COPILOT_ORGS: 'acme%2e' is not a name"),
        ("COPILOT_ORGS", "ac\nme", r"COPILOT_ORGS: 'ac\nme' is not a name"),
        ("COPILOT_ORGS", "-acme", "COPILOT_ORGS: '-acme' is not a name"),
        ("COPILOT_ORGS", "acme_emu", "COPILOT_ORGS: 'acme_emu' is not a name"),
        ("COPILOT_ORGS", "x" * 40, "is not a name"),
        ("COPILOT_ENTERPRISES", "a.b", "is not a name"),
        ("COPILOT_DOWNLOAD_HOSTS", "https://a.example/", "is not a host name"),
        ("COPILOT_START_DAY", "2026-2-5", "COPILOT_START_DAY: '2026-2-5' is not a day (YYYY-MM-DD)."),
        ("COPILOT_START_DAY", "2026-02-31", "is not a day"),
        ("COPILOT_START_DAY", "2999-12-31", "is not a past day (UTC)"),
        ("COPILOT_LOOKBACK_DAYS", "0", "is not a whole number from 1 to 365"),
        ("COPILOT_LOOKBACK_DAYS", "seven", "is not a whole number"),
        ("COPILOT_MODELS_MEMORY_MIB", "255", "is not a whole number from 256 to 1048576"),
        ("COPILOT_MODELS_MEMORY_MIB", "2GB", "is not a whole number"),
        ("COPILOT_ALLOW_LOOPBACK_HTTP", "yes", "is not one of 0, 1"),
    ],
)
def test_a_bad_value_gives_one_line_with_the_name_of_the_variable(name: str, value: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings.read({name: value})

    assert said in str(caught.value)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) <= 200
    assert TOKEN[9:] not in str(caught.value)


@pytest.mark.parametrize(
    ("environ", "said"),
    [({"GITHUB_TOKEN": TOKEN}, "COPILOT_ORGS is not set."), ({"COPILOT_ORGS": "acme"}, "GITHUB_TOKEN is not set.")],
)
def test_what_is_missing_is_named(environ: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        settings.read(environ).ready()
