"""Signing in at the company's identity provider: a real one, on loopback, that the test starts."""

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from joserfc.jwk import RSAKey
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.testclient import TestClient

from retention.clock import travel
from retention.web.app import create_app
from tests.factories.consoles import ConsoleWorld

# The provider's own libraries warn of their age; ours do not.
pytestmark = pytest.mark.filterwarnings(
    "ignore:authlib.jose", "ignore::authlib.deprecate.AuthlibDeprecationWarning",
    "ignore::DeprecationWarning", "ignore::ResourceWarning",
)  # fmt: skip

MARTA = {"email": "marta.ruiz@example.com", "email_verified": True}


@contextmanager
def provider(claims: dict[str, object]) -> Iterator[str]:
    from oidc_provider_mock import User, run_server_in_thread

    with run_server_in_thread(user_claims=(User(sub="a-subject", claims=claims),)) as server:
        yield f"http://127.0.0.1:{server.server_port}"


@contextmanager
def console_with(world: ConsoleWorld, claims: dict[str, object]) -> Iterator[Starlette]:
    with provider(claims) as issuer, console_at(world, issuer) as app:
        yield app


@contextmanager
def console_at(world: ConsoleWorld, issuer: str) -> Iterator[Starlette]:
    settings = world.shop.settings.model_copy(
        update={"oidc_issuer": issuer, "oidc_client_id": "retention",
                "oidc_client_secret": SecretStr("between us")}
    )  # fmt: skip
    with travel(world.now):
        app = create_app(settings)
        yield app
        app.state.workshop.application.engine.dispose()


def go(client: TestClient) -> tuple[str, str]:
    """Go to the provider and agree there; return where it was, and where it sends the browser."""
    there = client.get("/sign-in/company").headers["location"]
    answer = httpx2.post(there, data={"sub": "a-subject"})
    assert answer.status_code == 302, answer.text
    back = urlsplit(answer.headers["location"])
    return there, f"{back.path}?{back.query}"


def browser(app: Starlette) -> TestClient:
    return TestClient(app, follow_redirects=False)


def test_somebody_of_the_team_signs_in(world: ConsoleWorld) -> None:
    with console_with(world, MARTA) as app:
        client = browser(app)
        assert "Sign in with the company" in client.get("/sign-in").text
        there, back = go(client)
        asked = parse_qs(urlsplit(there).query)
        assert asked["code_challenge_method"] == ["S256"]
        assert {"state", "nonce", "code_challenge"} <= asked.keys()
        answer = client.get(back)
        assert answer.status_code == 303, answer.text
        assert "Marta Ruiz" in client.get("/queue").text


@pytest.mark.parametrize(
    "claims",
    [{"email": "stranger@example.com", "email_verified": True},
     {"email": "marta.ruiz@example.com", "email_verified": False},
     {"email": "marta.ruiz@example.com"}, {}],
)  # fmt: skip
def test_nobody_else_does(world: ConsoleWorld, claims: dict[str, object]) -> None:
    with console_with(world, claims) as app:
        client = browser(app)
        _, back = go(client)
        assert client.get(back).status_code == 403
        assert client.get("/queue").status_code == 303


def test_an_answer_for_another_browser_is_refused(world: ConsoleWorld) -> None:
    with console_with(world, MARTA) as app:
        mine, thief = browser(app), browser(app)
        _, back = go(mine)
        assert thief.get(back).status_code == 403, "its state is in my browser only"
        assert mine.get(back.replace("state=", "state=x")).status_code == 403
        assert thief.get("/queue").status_code == 303


def test_an_answer_counts_once(world: ConsoleWorld) -> None:
    with console_with(world, MARTA) as app:
        client = browser(app)
        _, back = go(client)
        assert client.get(back).status_code == 303
        again = browser(app)
        again.cookies = client.cookies
        assert client.get(back).status_code == 403


@contextmanager
def broken(answers: dict[str, tuple[int, bytes]]) -> Iterator[str]:
    """A provider that answers so, by the end of the address; anything else is not found."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            code, body = next(
                (a for end, a in answers.items() if self.path.endswith(end)), (404, b"")
            )
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    "answers",
    [{}, {"openid-configuration": (500, b"")}, {"openid-configuration": (200, b"<html>")},
     {"openid-configuration": (200, b"{}")}],
    ids=["not found", "error", "no JSON", "no addresses"],
)  # fmt: skip
def test_a_provider_that_does_not_answer_leaves_the_other_ways_in(
    world: ConsoleWorld, answers: dict[str, tuple[int, bytes]]
) -> None:
    with broken(answers) as issuer, console_at(world, issuer) as app:
        answer = browser(app).get("/sign-in/company")
        assert answer.status_code == 503
        assert "does not answer" in answer.text
        assert 'name="password"' in answer.text


def test_a_provider_that_goes_away_meanwhile_signs_nobody_in(world: ConsoleWorld) -> None:
    with ExitStack() as consoles:
        with provider(MARTA) as issuer:
            client = browser(consoles.enter_context(console_at(world, issuer)))
            _, back = go(client)
        answer = client.get(back)
        assert answer.status_code == 503
        assert "does not answer" in answer.text
        assert client.get("/queue").status_code == 303


@pytest.mark.parametrize("known", [True, False], ids=["the key's own name", "another name"])
def test_what_another_key_has_signed_signs_nobody_in(world: ConsoleWorld, *, known: bool) -> None:
    with provider(MARTA) as issuer:
        told = httpx2.get(f"{issuer}/.well-known/openid-configuration").json()
        (key,) = httpx2.get(told["jwks_uri"]).json()["keys"]
        other = RSAKey.generate_key(2048).as_dict(private=False)
        other |= {"kid": key.get("kid") if known else "another", "alg": "RS256", "use": "sig"}
        keys = json.dumps({"keys": [other]}).encode()
        with broken({"keys": (200, keys)}) as elsewhere:
            changed = json.dumps({**told, "jwks_uri": f"{elsewhere}/keys"}).encode()
            answers = {"openid-configuration": (200, changed)}
            with broken(answers) as between, console_at(world, between) as app:
                client = browser(app)
                _, back = go(client)
                assert client.get(back).status_code == 403
                assert client.get("/queue").status_code == 303


def test_without_a_provider_there_is_no_such_page(app: Starlette) -> None:
    client = browser(app)
    assert "company" not in client.get("/sign-in").text.lower().replace("example company", "")
    assert client.get("/sign-in/company/back").status_code == 404
