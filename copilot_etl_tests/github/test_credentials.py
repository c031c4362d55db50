"""Signing in: given tokens, a GitHub App with a token for each installation, and what is said when it fails."""

from __future__ import annotations

import datetime as dt
import itertools
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from copilot_etl import pipeline
from copilot_etl.credentials import App, Token
from copilot_etl.errors import ConfigError, CopilotEtlError, Refused, Unavailable
from copilot_etl.github import GitHub
from copilot_etl.reports import USERS_1_DAY, Scope
from copilot_etl.sandbox import Fault, Sandbox, app
from copilot_etl_tests.conftest import Line

DAY = dt.date(2026, 11, 10)
ORG, LABS = Scope("org", "octo-org"), Scope("org", "octo-labs")
ENTERPRISE = Scope("enterprise", "octo-corp")
LOOKUP = ("GET", "/orgs/octo-org/installation")
TOKEN = ("POST", "/app/installations/7000/access_tokens")
REPORT = ("GET", "/orgs/octo-org/copilot/metrics/reports/users-1-day")

AsApp = Callable[..., Line]


@pytest.fixture
def as_app(line: Callable[..., Line]) -> AsApp:
    """A pipeline that signs in as an App which is installed in the organization, unless another one is given."""

    def make(
        *faults: Fault,
        played: app.App | None = None,
        key: str = "",
        app_id: str = "",
        clocks: dict[str, Any] | None = None,
        **options: Any,
    ) -> Line:
        played = played or app.App.installed("octo-org")
        made = line(*faults, app=played, **options)
        signed = App(app_id or played.client_id, key or played.private_key, **(clocks or {}))
        made.changes = {"token": None, "credentials": signed}
        return made

    return make


def asked(line: Line) -> list[tuple[str, str]]:
    """The requests to the API, those of the App itself among them."""
    return [(each.method, each.path) for each in line.github.journal if each.side != "blob"]


def links(line: Line, scope: Scope = ORG) -> int:
    with line.client() as github:
        return len(github.links(USERS_1_DAY, scope, DAY))


def failure(line: Line, scope: Scope = ORG) -> CopilotEtlError:
    with pytest.raises(CopilotEtlError) as caught:
        links(line, scope)
    assert str(caught.value).isprintable() and len(str(caught.value)) <= 200
    return caught.value


def load(line: Line, *scopes: Scope, days: int = 1) -> list[pipeline.Outcome]:
    with line.client() as github:
        return list(
            pipeline.run(
                [USERS_1_DAY],
                scopes=scopes,
                days=[DAY + dt.timedelta(days=number) for number in range(days)],
                github=github,
                store=line.store,
                warehouse=line.warehouse,
                clock=lambda: line.now,
            )
        )


# ---------------------------------------------------------------------------------------------------- an App


def test_an_app_signs_in_to_each_organization_and_enterprise_once(as_app: AsApp) -> None:
    made = as_app(played=app.App.installed("octo-org", "octo-labs", "enterprise.octo-corp"))
    for number in range(3):
        day = DAY + dt.timedelta(days=number)
        records = [{**each, "enterprise_id": "77"} for each in made.github.truth("octo-org", day)]
        made.github.publish("enterprise.octo-corp", day, records)

    outcomes = load(made, ORG, LABS, ENTERPRISE, days=3)

    assert [outcome.state for outcome in outcomes] == 9 * ["loaded"]
    assert made.github.app.made == {"octo-org": 1, "octo-labs": 1, "enterprise.octo-corp": 1}
    assert [path for _, path in asked(made) if "/reports/" not in path] == [
        "/orgs/octo-org/installation",
        "/app/installations/7000/access_tokens",
        "/orgs/octo-labs/installation",
        "/app/installations/7001/access_tokens",
        "/enterprises/octo-corp/installation",
        "/app/installations/7002/access_tokens",
    ]
    assert made.github.violations() == []


@pytest.mark.parametrize("name", ["client_id", "id"])
def test_an_app_is_named_by_its_client_id_or_its_id(as_app: AsApp, name: str) -> None:
    played = app.App.installed("octo-org")

    assert links(as_app(played=played, app_id=str(getattr(played, name)))) == 2


def test_how_often_github_was_asked_counts_the_sign_in(as_app: AsApp, tmp_path: Any) -> None:
    made = as_app()

    with made.client() as github:
        first = github.fetch(USERS_1_DAY, ORG, DAY, into=tmp_path)
        second = github.fetch(USERS_1_DAY, ORG, DAY, into=tmp_path)

    assert (first.requests, second.requests) == (3, 1)


def test_a_token_is_renewed_before_it_ends_in_the_middle_of_a_backfill(as_app: AsApp) -> None:
    """Tokens of twenty minutes and four minutes a day: the clock goes on with each look at it, on both sides."""
    minutes = itertools.count(step=4)
    now = [0.0]

    def ticks() -> float:
        now[0] = 60.0 * next(minutes)
        return now[0]

    played = app.App.installed("octo-org", token_ttl=20 * 60.0, clock=lambda: now[0])
    made = as_app(played=played, clocks={"ticks": ticks})

    outcomes = load(made, ORG, days=11)

    assert [outcome.error for outcome in outcomes] == 11 * [None]
    assert played.made["octo-org"] == 3
    assert {status for _, status in made.asked()} == {200}, "no request was made with a token that had ended"
    assert asked(made).count(LOOKUP) == 1


@pytest.mark.parametrize("skew", [-7200.0, 0.0, 7200.0])
def test_an_hour_is_an_hour_whatever_the_clocks_say(as_app: AsApp, skew: float) -> None:
    """Renewed five minutes before the hour ends, though GitHub's clock is hours off ours."""
    ticks = [0.0]
    made = as_app(skew=skew, clocks={"ticks": lambda: ticks[0]})
    tokens = []

    with made.client() as github:
        for now in (0.0, 54 * 60.0, 56 * 60.0):
            ticks[0] = now
            github.links(USERS_1_DAY, ORG, DAY)
            tokens.append(made.github.app.made["octo-org"])

    assert tokens == [1, 1, 2]


def test_a_token_that_was_revoked_is_renewed_once(as_app: AsApp) -> None:
    made = as_app()

    with made.client() as github:
        github.links(USERS_1_DAY, ORG, DAY)
        made.github.app.revoke()
        made.github.journal.clear()
        github.links(USERS_1_DAY, ORG, DAY)

    assert asked(made) == [REPORT, LOOKUP, TOKEN, REPORT]
    assert [status for _, status in made.asked()] == [401, 200]


def test_a_new_token_that_is_refused_too_is_not_renewed_again(as_app: AsApp) -> None:
    made = as_app(Fault("bad_token", times=None))

    outcomes = load(made, ORG, days=30)

    assert asked(made) == [LOOKUP, TOKEN, REPORT, LOOKUP, TOKEN, REPORT]
    assert {outcome.state for outcome in outcomes} == {"failed"}
    assert str(outcomes[0].error) == "127.0.0.1 refused a new token of the App for octo-org (401). Try again later."


def test_a_given_token_that_is_refused_is_asked_with_once(line: Callable[..., Line]) -> None:
    made = line(Fault("bad_token", times=None))

    error = failure(made)

    assert isinstance(error, Refused) and error.whole_run
    assert asked(made) == [REPORT]


def test_an_app_that_is_installed_anew_goes_on(as_app: AsApp) -> None:
    made = as_app()

    with made.client() as github:
        github.links(USERS_1_DAY, ORG, DAY)
        made.github.app.uninstall("octo-org")
        made.github.app.installations["octo-org"] = app.Installation(8_000, app.ORG_METRICS)

        assert len(github.links(USERS_1_DAY, ORG, DAY)) == 2


def test_threads_share_one_token(as_app: AsApp) -> None:
    made = as_app(Fault("delay", side="app", times=None, args={"seconds": 0.1}))

    with made.client() as github, ThreadPoolExecutor(8) as pool:
        for _ in range(2):
            found = list(pool.map(lambda _: len(github.links(USERS_1_DAY, ORG, DAY)), range(16)))
            assert found == 16 * [2]
            made.github.app.revoke()

    assert made.github.app.made["octo-org"] == 2
    assert asked(made).count(TOKEN) == 2


# ------------------------------------------------------------------------------------------ what may go wrong


def suspended() -> app.App:
    return app.App({"octo-org": app.Installation(7_000, app.ORG_METRICS, suspended=True)})


def without_permission() -> app.App:
    return app.App({"octo-org": app.Installation(7_000, {"members": "read"})})


PAGE = "https://github.com/organizations/octo-org/settings/installations/7000"
NEVER = {"/orgs/octo-org/copilot/metrics/reports/users-1-day"}


@pytest.mark.parametrize(
    ("options", "requests", "whole_run", "says"),
    [
        (
            {"played": app.App.installed()},
            [LOOKUP, ("GET", "/app")],
            False,
            "App copilot-etl-sandbox is not installed in octo-org (404). "
            "An owner installs it at https://github.com/apps/copilot-etl-sandbox/installations/new.",
        ),
        ({"played": suspended()}, [LOOKUP], False, f"The App is suspended in octo-org. An owner ends that at {PAGE}."),
        (
            {"played": without_permission()},
            [LOOKUP],
            False,
            "App copilot-etl-sandbox lacks 'Organization Copilot metrics: read' in octo-org. "
            f"Add it to the App; an owner accepts it at {PAGE}.",
        ),
        (
            {"key": app.key("another")},
            [LOOKUP],
            True,
            "GitHub refused the signature of App Iv23liSandboxApp0001 (401). Check that GITHUB_APP_ID and the private "
            "key belong together, and that the key was not deleted.",
        ),
        (
            {"app_id": "999999"},
            [LOOKUP],
            True,
            "GitHub knows no App 999999 (404). Check GITHUB_APP_ID.",
        ),
    ],
    ids=["not installed", "suspended", "no permission", "another key", "another App"],
)
def test_a_sign_in_that_fails_is_one_line_with_its_remedy(
    as_app: AsApp, options: dict[str, Any], requests: list[tuple[str, str]], whole_run: bool, says: str
) -> None:
    made = as_app(**options)

    error = failure(made)

    assert (str(error), type(error)) == (says, Refused)
    assert error.whole_run is whole_run
    assert asked(made) == requests, "no report was asked for"


def test_an_enterprise_needs_a_permission_of_its_own(as_app: AsApp) -> None:
    made = as_app(played=app.App({"enterprise.octo-corp": app.Installation(7_000, app.ORG_METRICS)}))

    assert "lacks 'Enterprise Copilot metrics: read' in octo-corp." in str(failure(made, ENTERPRISE))


def test_one_organization_without_the_app_keeps_out_itself_alone(as_app: AsApp) -> None:
    made = as_app()

    outcomes = load(made, LABS, ORG, days=3)

    assert [outcome.state for outcome in outcomes if outcome.scope == "octo-org"] == 3 * ["loaded"]
    assert [outcome.state for outcome in outcomes if outcome.scope == "octo-labs"] == 3 * ["failed"]
    assert asked(made).count(("GET", "/orgs/octo-labs/installation")) == 1


def test_an_app_that_is_suspended_in_the_middle_is_told_so(as_app: AsApp) -> None:
    ticks = [0.0]
    made = as_app(clocks={"ticks": lambda: ticks[0]})

    with made.client() as github:
        github.links(USERS_1_DAY, ORG, DAY)
        made.github.app.installations["octo-org"].suspended = True
        ticks[0] = 3600.0
        with pytest.raises(Refused, match="The App is suspended in octo-org"):
            github.links(USERS_1_DAY, ORG, DAY)


def test_an_app_that_is_uninstalled_in_the_middle_is_told_so(as_app: AsApp) -> None:
    made = as_app()

    with made.client() as github:
        github.links(USERS_1_DAY, ORG, DAY)
        made.github.app.uninstall("octo-org")
        with pytest.raises(Refused, match="is not installed in octo-org"):
            github.links(USERS_1_DAY, ORG, DAY)


@pytest.mark.parametrize("skew", [-3600.0, -90.0, 30.0, 900.0])
def test_a_clock_that_is_off_is_corrected_by_githubs(
    as_app: AsApp, caplog: pytest.LogCaptureFixture, skew: float
) -> None:
    made = as_app(skew=skew)

    assert links(made) == 2

    lookups = asked(made).count(LOOKUP)
    warned = [record.message for record in caplog.records if "This machine's clock" in record.message]
    assert (lookups, len(warned)) == ((1, 0) if skew == 30.0 else (2, 1)), "a small difference needs no correction"


@pytest.mark.parametrize("code", [408, 500, 502, 503])
def test_a_server_in_trouble_is_asked_again_for_a_token(as_app: AsApp, code: int) -> None:
    made = as_app(Fault("status", side="app", times=2, args={"code": code}))

    assert links(made) == 2
    assert asked(made).count(LOOKUP) == 3


def test_a_limit_is_waited_for(as_app: AsApp) -> None:
    made = as_app(Fault("rate_secondary", side="app", args={"wait": 70}))

    with made.client() as github:
        github.links(USERS_1_DAY, ORG, DAY)

    assert made.waits == [70.0]


def test_a_limit_of_one_installation_leaves_the_others_alone(as_app: AsApp) -> None:
    """GitHub counts the requests of each installation for itself; those of a person's token together."""
    limit = Fault("rate_primary", scope="octo-org", times=None, args={"wait": 3600})
    made = as_app(limit, played=app.App.installed("octo-org", "octo-labs"))

    outcomes = load(made, ORG, LABS, days=3)

    assert [(each.scope, each.state) for each in outcomes] == 3 * [("octo-org", "failed"), ("octo-labs", "loaded")]
    assert len({each.error for each in outcomes if each.error}) == 1
    assert asked(made).count(REPORT) == 1

    made.changes = {}
    made.github.journal.clear()
    assert {each.state for each in load(made, ORG, LABS, days=3)} == {"failed"}
    assert asked(made) == [REPORT]


@pytest.mark.parametrize(
    "args",
    [
        {"code": 200, "body": "<!DOCTYPE html><title>Sign in</title>"},
        {"code": 200, "body": "[1]"},
        {"code": 200, "body": '{"id": "7000", "permissions": null}'},
        {"code": 201, "body": '{"token": "ghs_x\\r\\nX-Evil: 1", "expires_at": "2999-01-01T00:00:00Z"}'},
        {"code": 201, "body": '{"token": "ghs_x", "expires_at": "soon"}'},
        {"code": 201, "body": '{"token": "ghs_x", "expires_at": "2999-01-01T00:00:00"}'},
    ],
)
def test_an_answer_that_is_no_sign_in_is_asked_for_again(as_app: AsApp, args: dict[str, Any]) -> None:
    fault = Fault("status", side="app", skip=int(args["code"] == 201), args=args)
    made = as_app(fault)

    assert links(made) == 2

    made.github.faults = [Fault("status", side="app", skip=int(args["code"] == 201), times=None, args=args)]
    made.github.app.revoke()
    made.changes["credentials"] = App(made.github.app.client_id, made.github.app.private_key)
    error = failure(made)
    assert isinstance(error, Unavailable)
    assert "answered the App's sign-in with something else" in str(error)


def test_a_redirect_of_an_organization_that_was_renamed_is_followed_on_the_same_host_only(as_app: AsApp) -> None:
    made = as_app(Fault("redirect", side="app", args={"to": "same"}))
    assert links(made) == 2

    made = as_app(Fault("redirect", side="app", times=None, args={"to": "trap"}))
    assert "redirects to another host" in str(failure(made))
    assert made.github.violations() == []


# ---------------------------------------------------------------------------------------------- keys, kinds


def pem(key: Any, *, password: bytes | None = None, public: bool = False) -> str:
    if public:
        return key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ).decode()  # fmt: skip
    hidden = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hidden).decode()


def loaded() -> Any:
    return serialization.load_pem_private_key(app.key().encode(), password=None)


@pytest.mark.parametrize("form", ["as GitHub made it", "PKCS#8", "one line"])
def test_a_key_is_taken_in_every_form(as_app: AsApp, form: str) -> None:
    forms = {
        "as GitHub made it": app.key(),
        "PKCS#8": pem(loaded()),
        "one line": app.key().replace("\n", "\\n"),
    }

    assert links(as_app(key=forms[form])) == 2


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("TOP SECRET", "is not the private key of an App"),
        (app.key()[:400], "is not the private key of an App"),
        (pem(loaded(), public=True), "is not the private key of an App"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "is not the private key of an App"),
        (pem(loaded(), password=b"TOP SECRET"), "is protected by a password"),
    ],
    ids=["no key", "half a key", "a public key", "another kind of key", "a protected key"],
)
def test_what_is_no_key_of_an_app_is_a_setting_to_change(key: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        App("123456", key)

    assert says in str(caught.value)
    assert not any("TOP SECRET" in text for text in _chain(caught.value))
    assert "\n" not in str(caught.value) and len(str(caught.value)) <= 200


@pytest.mark.parametrize(
    ("token", "kind"),
    [
        ("github_pat_1", "fine-grained personal access token"),
        ("ghp_1", "classic personal access token"),
        ("gho_1", "OAuth token"),
        ("ghu_1", "user token of a GitHub App"),
        ("ghs_1", "installation token of a GitHub App, which ends after an hour"),
        ("1", "token"),
        (None, "no token: a gateway signs in"),
    ],
)
def test_a_given_token_is_called_by_its_kind(token: str | None, kind: str) -> None:
    assert Token(token).kind == kind


def test_an_app_tells_who_it_is_where(as_app: AsApp) -> None:
    made = as_app()

    with made.client() as github:
        before = github.credentials.about(ORG)
        github.links(USERS_1_DAY, ORG, DAY)

        assert github.credentials.kind == "GitHub App Iv23liSandboxApp0001"
        assert (before, github.credentials.about(ORG)) == (
            "",
            "App copilot-etl-sandbox, installation 7000, organization_copilot_metrics: read",
        )


def test_behind_a_gateway_a_401_is_the_gateways(line: Callable[..., Line]) -> None:
    made = line(Fault("bad_token", times=None))
    made.changes = {"token": None}

    assert str(failure(made)) == (
        "127.0.0.1 wants a sign-in (401), and GITHUB_AUTH=none sends none. Check the gateway at GITHUB_API_URL."
    )


# --------------------------------------------------------------------------------------------------- secrets


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Every logger there is at DEBUG, as somebody who looks for a fault sets them."""
    loggers = [logging.getLogger(name) for name in ("", *logging.root.manager.loggerDict)]
    before = [each.level for each in loggers]
    for each in loggers:
        each.setLevel(logging.DEBUG)
    with caplog.at_level(logging.DEBUG):
        yield caplog
    for each, level in zip(loggers, before, strict=True):
        each.setLevel(level)


def test_no_key_and_no_token_is_logged_shown_or_kept(
    as_app: AsApp, everything_logged: pytest.LogCaptureFixture
) -> None:
    made = as_app(Fault("reset", skip=2, times=None), skew=900.0)
    with made.client() as github:
        load(made, ORG)
        github.links(USERS_1_DAY, ORG, DAY)
        with pytest.raises(CopilotEtlError) as caught:
            github.links(USERS_1_DAY, ORG, DAY)
        shown = [repr(github), repr(github.credentials), repr(vars(github.credentials)), *_chain(caught.value)]
    shown += [everything_logged.text, *(repr(vars(record)) for record in everything_logged.records)]
    kept = [path.read_bytes() for path in made.store.root.rglob("*") if path.is_file()]

    tokens = list(made.github.app._tokens)
    lines = app.key().splitlines()[1:-1]
    assert len(tokens) >= 1 and " s behind GitHub's" in everything_logged.text
    for secret in (*tokens, *lines, "eyJ"):
        assert not any(secret in text for text in shown), secret
        assert secret == "eyJ" or not any(secret.encode() in content for content in kept), secret


def _chain(error: BaseException | None) -> Iterator[str]:
    while error:
        yield repr(error) + str(vars(error))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


# --------------------------------------------------------------------------------------- the sandbox is strict


def ask(sandbox: Sandbox, method: str, path: str, signed: str) -> int:
    import httpx

    headers = {"Authorization": f"Bearer {signed}", "User-Agent": "test"}
    return httpx.request(method, f"{sandbox.api_url}{path}", headers=headers).status_code


def test_the_sandbox_wants_a_jwt_where_github_does_and_a_token_elsewhere(sandbox: Callable[..., Sandbox]) -> None:
    made = sandbox(app=app.App.installed("octo-org"))
    now = int(time.time())
    sign = App("123456", app.key())._sign
    jwt = sign({"iat": now - 60, "exp": now + 500, "iss": "123456"})
    report = f"{REPORT[1]}?day={DAY}"

    assert ask(made, *LOOKUP, jwt) == 200
    assert ask(made, *TOKEN, jwt) == 201
    assert made.violations() == []
    assert ask(made, *LOOKUP, made.token) == 401
    assert ask(made, *TOKEN, next(iter(made.app._tokens))) == 401
    assert ask(made, "GET", report, jwt) == 401
    assert ask(made, "GET", TOKEN[1], jwt) == 404
    assert [what for what, _ in made.violations()] == [
        "no_jwt_where_one_is_needed",
        "no_jwt_where_one_is_needed",
        "jwt_where_a_token_is_needed",
        "wrong_method",
    ]
    assert ask(made, "GET", report, next(iter(made.app._tokens))) == 200
    assert ask(made, "GET", report, made.token) == 200


@pytest.mark.parametrize(
    ("issued", "ends", "status"),
    [(-60, 540, 200), (10, 500, 401), (-60, 0, 401), (-60, 700, 401), (-60, 600, 200)],
)
def test_the_sandbox_holds_the_times_of_a_jwt(
    sandbox: Callable[..., Sandbox], issued: int, ends: int, status: int
) -> None:
    made = sandbox(app=app.App.installed("octo-org"))
    now = int(time.time())
    jwt = App("123456", app.key())._sign({"iat": now + issued, "exp": now + ends, "iss": "123456"})

    assert ask(made, *LOOKUP, jwt) == status


def test_a_token_of_one_installation_opens_no_other(sandbox: Callable[..., Sandbox]) -> None:
    made = sandbox(app=app.App.installed("octo-org", "octo-labs"))
    with GitHub(api_url=made.api_url, credentials=App("123456", app.key()), allow_loopback_http=True) as github:
        github.links(USERS_1_DAY, ORG, DAY)
    token = next(iter(made.app._tokens))

    assert ask(made, "GET", f"/orgs/octo-labs/copilot/metrics/reports/users-1-day?day={DAY}", token) == 403
    assert made.violations()[0][0] == "token_of_another_installation"
