"""Signing in: with a password or a link; throttled without locking anybody out; ended in time."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.testclient import TestClient

from retention.clock import travel, utc_now
from retention.db.models.console import Account, SignInAttempt, SignInLink, WebSession
from retention.db.session import reading, writing
from retention.people import accounts, passwords, web_sessions
from retention.people.sign_in_links import LinkPurpose
from retention.web.app import create_app
from tests.factories.consoles import ConsoleWorld, csrf_of, link_for, signed_in, token_of

PASSWORD = "a sentence that nobody guesses"


@pytest.fixture
def with_password(app: Starlette) -> Starlette:
    shop = app.state.workshop.application
    with writing(shop.engine) as session:
        accounts.set_password(session, shop.policies.team.get("marta"), PASSWORD, utc_now())
    return app


def attempt(client: TestClient, who: str, password: str) -> int:
    csrf = csrf_of(client.get("/sign-in").text)
    answer = client.post("/sign-in", data={"csrf": csrf, "who": who, "password": password})
    return answer.status_code


def browser(app: Starlette, address: str = "10.0.0.1") -> TestClient:
    return TestClient(app, follow_redirects=False, client=(address, 50000))


@pytest.mark.parametrize("who", ["marta", "MARTA", "marta.ruiz@example.com"])
def test_a_person_signs_in_by_id_or_address(with_password: Starlette, who: str) -> None:
    client = browser(with_password)
    assert attempt(client, who, PASSWORD) == 303
    assert client.get("/queue").status_code == 200


@pytest.mark.parametrize(
    ("who", "password"),
    [("marta", "wrong"), ("marta", ""), ("nobody", PASSWORD), ("fran", PASSWORD), ("", "")],
)
def test_nothing_tells_who_has_an_account(
    with_password: Starlette, who: str, password: str
) -> None:
    client = browser(with_password)
    csrf = csrf_of(client.get("/sign-in").text)
    form = {"csrf": csrf, "who": who, "password": password}
    answer = client.post("/sign-in", data=form)
    assert answer.status_code == 403
    assert "do not go together" in answer.text
    assert client.get("/queue").status_code == 303


def test_guessing_is_slowed_down_but_locks_nobody_out(with_password: Starlette) -> None:
    marta = browser(with_password, "10.0.0.1")
    assert attempt(marta, "marta", PASSWORD) == 303
    marta.post("/sign-out", data={"csrf": token_of(marta)})
    for number in range(50):
        attempt(browser(with_password, f"10.9.0.{number}"), "marta", f"guess {number}")
    assert attempt(browser(with_password, "10.9.1.1"), "marta", PASSWORD) == 429
    assert attempt(marta, "marta", PASSWORD) == 303, "her own browser is not locked out"
    with travel(utc_now() + timedelta(minutes=16)):
        assert attempt(browser(with_password, "10.9.1.2"), "marta", PASSWORD) == 303


def test_one_address_has_few_tries_at_one_name(with_password: Starlette) -> None:
    client = browser(with_password)
    assert [attempt(client, "marta", "wrong") for _ in range(6)] == [403] * 5 + [429]
    assert attempt(client, "marta", PASSWORD) == 429


def test_what_was_guessed_is_kept_nowhere(with_password: Starlette) -> None:
    attempt(browser(with_password), "marta.ruiz@example.com", "my other password")
    with reading(with_password.state.workshop.application.engine) as session:
        row = session.scalars(select(SignInAttempt)).one()
    assert re.fullmatch("[0-9a-f]{64}", row.who)
    assert re.fullmatch("[0-9a-f]{64}", row.address)


def test_a_link_works_once_and_looking_at_it_uses_nothing_up(app: Starlette) -> None:
    link = link_for(app, "fran")
    scanner, fran, thief = browser(app), browser(app), browser(app)
    for _ in range(3):
        assert scanner.get(link).status_code == 200
        assert scanner.head(link).status_code in (200, 405)
    csrf = csrf_of(fran.get(link).text)
    assert fran.post(link, data={"csrf": csrf}).status_code == 303
    assert fran.get("/queue").status_code == 200
    assert thief.get(link).status_code == 404
    with reading(app.state.workshop.application.engine) as session:
        assert link.rpartition("/")[2] not in session.scalars(select(SignInLink.token_hash)).all()


def test_an_old_link_does_not_work(app: Starlette) -> None:
    link = link_for(app, "fran")
    with travel(utc_now() + timedelta(hours=25)):
        assert browser(app).get(link).status_code == 404


def test_an_invitation_lets_choose_a_password_and_ends_other_sessions(app: Starlette) -> None:
    before = signed_in(app, "fran")
    link = link_for(app, "fran", LinkPurpose.PASSWORD)
    client = browser(app)
    csrf = csrf_of(client.get(link).text)
    poor = client.post(link, data={"csrf": csrf, "password": "short", "again": "short"})
    assert poor.status_code == 422
    other = client.post(link, data={"csrf": csrf, "password": PASSWORD, "again": "another one"})
    assert other.status_code == 422
    assert client.post(link, data={"csrf": csrf, "password": PASSWORD, "again": PASSWORD}) \
        .status_code == 303  # fmt: skip
    assert before.get("/queue").status_code == 303, "who had the old account is signed out"
    assert attempt(browser(app), "fran", PASSWORD) == 303


@pytest.mark.parametrize(
    "password",
    ["short", "aaaaaaaaaaaaaaaa", "Marta Ruiz marta", "marta.ruiz@example.com", "x" * 129],
)
def test_poor_passwords_are_refused(app: Starlette, password: str) -> None:
    person = app.state.workshop.application.policies.team.get("marta")
    with pytest.raises(Exception, match="password"):
        passwords.require_good(person, password)


def test_passwords_are_kept_as_argon2id_with_what_owasp_asks_for(with_password: Starlette) -> None:
    with reading(with_password.state.workshop.application.engine) as session:
        kept = session.get_one(Account, "marta").password_hash
    assert kept is not None
    memory, time, lanes = map(
        int, re.findall(r"\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)", kept)[0]
    )
    assert memory >= 19 * 1024
    assert time >= 2
    assert lanes >= 1


def test_a_sign_in_never_keeps_the_session_that_a_browser_came_with(
    with_password: Starlette,
) -> None:
    client = browser(with_password)
    client.headers["cookie"] = "retention=planted-by-somebody-else"
    csrf = csrf_of(client.get("/sign-in").text)
    del client.headers["cookie"]
    given = [client.post("/sign-in", data={"csrf": csrf, "who": "marta", "password": PASSWORD},
                         headers={"cookie": f"before-sign-in={csrf}; retention=planted"})
             .cookies["retention"] for _ in range(2)]  # fmt: skip
    assert "planted" not in given[0]
    assert given[0] != given[1]


def test_a_session_ends_when_it_idles_and_after_half_a_day(app: Starlette) -> None:
    client, start = signed_in(app, "marta"), utc_now()
    with travel(start + web_sessions.IDLE):
        assert client.get("/queue").status_code == 303
    client = signed_in(app, "marta")
    for minutes in range(0, 12 * 60, 50):
        with travel(start + timedelta(minutes=minutes)):
            assert client.get("/queue").status_code == 200, minutes
    with travel(start + web_sessions.LONGEST):
        assert client.get("/queue").status_code == 303


def test_who_leaves_the_team_is_signed_out(world: ConsoleWorld, app: Starlette) -> None:
    client = signed_in(app, "dora")
    assert client.get("/tonight").status_code == 200
    team = world.shop.settings.config_dir / "team.yaml"
    before = team.read_text("utf-8")
    try:
        team.write_text("\n".join(x for x in before.splitlines() if "dora" not in x), "utf-8")
        with travel(utc_now() + timedelta(seconds=5)):
            assert client.get("/tonight").status_code == 303
    finally:
        team.write_text(before, "utf-8")


def test_signing_out_ends_this_browser_and_my_page_ends_another(app: Starlette) -> None:
    here, there = signed_in(app, "marta"), signed_in(app, "marta")
    page = here.get("/me").text
    token = re.search(r'name="token" value="([0-9a-f]{64})"', page)
    assert token
    here.post("/me/sessions", data={"csrf": csrf_of(page), "token": token[1]})
    assert there.get("/queue").status_code == 303
    here.post("/sign-out", data={"csrf": token_of(here)})
    assert here.get("/queue").status_code == 303


def test_another_persons_session_cannot_be_ended(app: Starlette) -> None:
    marta, fran = signed_in(app, "marta"), signed_in(app, "fran")
    with reading(app.state.workshop.application.engine) as session:
        theirs = session.scalars(
            select(WebSession.token_hash).where(WebSession.person_id == "fran")
        ).one()
    marta.post("/me/sessions", data={"csrf": token_of(marta), "token": theirs})
    assert fran.get("/queue").status_code == 200


@pytest.mark.parametrize(
    "wanted", ["//evil.example/", "https://evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_nobody_is_led_elsewhere_after_signing_in(with_password: Starlette, wanted: str) -> None:
    client = browser(with_password)
    client.cookies.set("wanted", wanted)
    csrf = csrf_of(client.get("/sign-in").text)
    answer = client.post("/sign-in", data={"csrf": csrf, "who": "marta", "password": PASSWORD})
    assert answer.headers["location"] == "/"


def test_one_comes_back_to_the_page_that_was_wanted(with_password: Starlette) -> None:
    client = browser(with_password)
    client.get("/queue?view=terminations")
    csrf = csrf_of(client.get("/sign-in").text)
    answer = client.post("/sign-in", data={"csrf": csrf, "who": "marta", "password": PASSWORD})
    assert answer.headers["location"] == "/queue?view=terminations"


def test_behind_a_proxy_cookies_are_for_this_host_and_https_only(world: ConsoleWorld) -> None:
    settings = world.shop.settings.model_copy(update={"console_url": "https://console.example.com"})
    with travel(world.now):
        app = create_app(settings)
        client = TestClient(app, base_url="https://console.example.com", follow_redirects=False)
        link = link_for(app, "fran")
        answer = client.post(link, data={"csrf": csrf_of(client.get(link).text)})
        cookie = next(c for c in answer.headers.get_list("set-cookie") if "__Host-" in c)
        assert cookie.startswith("__Host-retention=")
        for flag in ("Secure", "HttpOnly", "Path=/", "SameSite=lax"):
            assert flag in cookie
        assert "Domain" not in cookie
        assert "max-age" in client.get("/queue").headers["strict-transport-security"]
        app.state.workshop.application.engine.dispose()


def test_a_neighbour_does_not_lock_a_known_browser_out(with_password: Starlette) -> None:
    marta = browser(with_password, "10.0.0.7")
    assert attempt(marta, "marta", PASSWORD) == 303
    marta.post("/sign-out", data={"csrf": token_of(marta)})
    for _ in range(6):
        attempt(browser(with_password, "10.0.0.7"), "marta", "wrong")
    assert attempt(browser(with_password, "10.0.0.7"), "marta", PASSWORD) == 429
    assert attempt(marta, "marta", PASSWORD) == 303


def test_an_id_and_an_address_are_one_person(with_password: Starlette) -> None:
    client = browser(with_password)
    tries = ["marta", "marta.ruiz@example.com"] * 3
    assert [attempt(client, who, "wrong") for who in tries] == [403] * 5 + [429]


def test_a_stolen_session_cannot_guess_the_password(with_password: Starlette) -> None:
    client = signed_in(with_password, "marta")
    csrf = token_of(client)
    new = {"csrf": csrf, "password": "another good sentence", "again": "another good sentence"}
    for number in range(5):
        answer = client.post("/me/password", data=new | {"old": f"guess {number}"})
        assert answer.headers["location"] == "/me?done=wrong"
    assert client.post("/me/password", data=new | {"old": PASSWORD}).status_code == 409
