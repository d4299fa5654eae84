"""What keeps the console: headers, tokens, origins, and who may open what."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from retention.audit.fingerprint import fingerprint
from retention.db.session import reading
from retention.domain.people import Role
from retention.web.console.routes import PAGES
from retention.web.customer.routes import PAGES as CUSTOMERS
from tests.conftest import ROOT
from tests.factories.consoles import ConsoleWorld, signed_in, token_of

HEADERS = {
    "content-security-policy", "x-content-type-options", "referrer-policy", "cache-control",
    "cross-origin-opener-policy", "permissions-policy",
}  # fmt: skip
PEOPLE = {"marta": Role.ACCOUNT_MANAGER, "fran": Role.FINANCE, "diana": Role.DIRECTOR,
          "olga": Role.OPS}  # fmt: skip
GOLDEN = ROOT / "tests" / "golden" / "console_access.txt"
POSTS = [page for page in PAGES if page.method == "POST"]


def address(path: str, ids: dict[str, str]) -> str:
    path = re.sub(r"\{\w+:int\}", "1", path).replace("/customers/{id:path}", "/customers/C00")
    for name, value in ids.items():
        path = re.sub(rf"\{{{name}(:\w+)?\}}", value, path)
    return path


@pytest.fixture
def ids(world: ConsoleWorld) -> dict[str, str]:
    return {"id": world.waiting("renegotiation_proposal"), "number": "1",
            "purpose": "education", "language": "es"}  # fmt: skip


def state_of(app: Starlette) -> str:
    with reading(app.state.workshop.application.engine) as session:
        return fingerprint(session)


def test_every_answer_has_the_headers_errors_too(app: Starlette, ids: dict[str, str]) -> None:
    client = signed_in(app, "diana")
    paths = [address(page.path, ids) for page in PAGES if page.method == "GET"]
    paths += ["/nowhere", "/queue/none-such", "/healthz", "/readyz", "/static/console.css",
              "/static/none.css", "/sign-in", "/sign-in/none", "/look/brand.css",
              "/look/logo"]  # fmt: skip
    for path in paths:
        answer = client.get(path)
        assert set(answer.headers.keys()) >= HEADERS, path
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy, path
        assert "unsafe-inline" not in policy or "sandbox" in policy or "object-src" in policy, path
        assert answer.headers["cache-control"] in ("no-store", "no-cache"), path


def test_no_page_has_anything_inline_or_of_others(app: Starlette, ids: dict[str, str]) -> None:
    client = signed_in(app, "diana")
    for page in PAGES:
        if page.method != "GET" or page.path.endswith((".pdf", ".csv", ".eml", ".ics", "message")):
            continue
        if "{purpose}" in page.path or page.path.startswith("/customers/"):
            continue
        html = client.get(address(page.path, ids)).text
        assert not re.search(r"\sstyle=|<style|\son\w+=|javascript:", html), page.path
        left_for = re.sub(r'<a href="https?://[^"]+" rel="noreferrer">', "", html)
        assert not re.search(r'(?:src|href)="(?:https?:)?//', left_for), page.path
        assert not re.search(r"<script(?! type=\"module\" src=\"/static/)", html), page.path


@pytest.mark.parametrize("page", POSTS, ids=lambda page: page.path)
def test_a_form_without_its_token_or_from_elsewhere_changes_nothing(
    app: Starlette, ids: dict[str, str], page: object
) -> None:
    client = signed_in(app, "diana")
    token, before = token_of(client), state_of(app)
    path = address(page.path, ids)  # type: ignore[attr-defined]
    said = {"reason": "a reason that is long enough", "text": "hello", "scope": "all", "to": "stop"}
    wrong: list[dict[str, dict[str, str]]] = [
        {"data": said},
        {"data": said | {"csrf": "wrong"}},
        {"data": said | {"csrf": token}, "headers": {"origin": "https://evil.example"}},
        {"data": said | {"csrf": token}, "headers": {"sec-fetch-site": "cross-site"}},
        {"data": said | {"csrf": token}, "headers": {"sec-fetch-site": "same-site"}},
    ]
    for asked in wrong:
        assert client.post(path, **asked).status_code == 403  # type: ignore[arg-type]
    assert state_of(app) == before


@pytest.mark.parametrize("page", POSTS, ids=lambda page: page.path)
def test_nobody_does_anything_without_being_signed_in(
    app: Starlette, ids: dict[str, str], page: object
) -> None:
    before = state_of(app)
    client = TestClient(app, follow_redirects=False)
    answer = client.post(address(page.path, ids), data={"csrf": "x"})  # type: ignore[attr-defined]
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in"
    assert state_of(app) == before


def matrix(app: Starlette, ids: dict[str, str]) -> Iterator[str]:
    """Say, for each route and person, what is answered for an object of theirs and of others."""
    clients = {who: signed_in(app, who) for who in ("marta", "james", "fran", "diana", "olga")}
    tokens = {who: token_of(client) for who, client in clients.items()}
    for page in sorted(PAGES, key=lambda page: page.name):
        path = address(page.path, ids)
        if "none" in path or page.path == "/sign-out":
            continue
        cells = []
        for who, client in clients.items():
            if page.method == "GET":
                code = int(client.get(path).status_code)
            else:
                code = int(client.post(path, data={"csrf": tokens[who]}).status_code)
            cells.append(f"{who} {code}")
        yield f"{page.name}: {', '.join(cells)}"


def test_who_may_open_what_is_as_it_was_agreed(
    world: ConsoleWorld, app: Starlette, ids: dict[str, str], request: pytest.FixtureRequest
) -> None:
    """Empty forms are sent to a proposal of marta's: 403 is refused by role, 409 by the rules."""
    found = "\n".join(matrix(app, ids)) + "\n"
    if request.config.getoption("--write-golden"):
        GOLDEN.write_text(found, "utf-8")
    assert found == GOLDEN.read_text("utf-8")


@pytest.mark.parametrize("who", ["marta", "fran", "diana", "olga"])
def test_the_menu_leads_nobody_to_a_page_that_is_not_for_them(app: Starlette, who: str) -> None:
    client = signed_in(app, who)
    menu = client.get("/tonight").text.partition('<nav class="menu"')[2].partition("</nav>")[0]
    links = set(re.findall(r'href="(/[^"]*)"', menu))
    assert len(links) > 10
    assert {link: client.get(link).status_code for link in links} == dict.fromkeys(links, 200)


def test_no_route_is_missing_from_the_table(app: Starlette) -> None:
    named = {page.name for page in PAGES}
    front = {"GET /healthz", "GET /readyz", "GET /sign-in", "POST /sign-in",
             "GET /sign-in/{token}", "POST /sign-in/{token}",
             "GET /look/brand.css", "GET /look/logo"}  # fmt: skip
    routes = {route.name for route in app.routes if isinstance(route, Route)}
    theirs = {page.name(purpose) for page in CUSTOMERS for purpose in page.purposes}
    assert routes == named | front | theirs | {"ANY /c/{rest}"}
    mounts = [route.path for route in app.routes if isinstance(route, Mount)]
    assert mounts == ["/api", "/static"]


def test_an_item_of_somebody_else_is_neither_shown_nor_decided(
    world: ConsoleWorld, app: Starlette, ids: dict[str, str]
) -> None:
    james, before = signed_in(app, "james"), None
    token = token_of(james)
    before = state_of(app)
    for page in PAGES:
        if not page.path.startswith("/queue/{id}"):
            continue
        path = address(page.path, ids)
        if page.method == "GET":
            answer = james.get(path)
            assert answer.status_code == 403, page.name
            assert "Ana Peña" not in answer.text
        else:
            answer = james.post(path, data={"csrf": token, "reason": "a long enough reason"})
            assert answer.status_code in (403, 409), page.name
    assert state_of(app) == before
    assert ids["id"] not in james.get("/queue?view=all").text


def test_a_page_never_names_where_the_program_is(app: Starlette) -> None:
    client = signed_in(app, "diana")
    for path in ("/policies?file=../../etc/passwd", "/policies?file=/etc/passwd", "/queue/%00",
                 "/queue?start=-1", "/queue?start=99999999999999", "/queue?view=%22%3E",
                 "/templates?purpose=../../x&language=en", "/audit?customer='"):  # fmt: skip
        answer = client.get(path)
        assert answer.status_code < 500, path
        assert str(Path(ROOT)) not in answer.text, path
        assert "root:" not in answer.text


def test_a_form_that_weighs_too_much_is_refused(app: Starlette, ids: dict[str, str]) -> None:
    client = signed_in(app, "marta")
    token, before = token_of(client), state_of(app)
    answer = client.post(
        f"/queue/{ids['id']}/comment", data={"csrf": token, "text": "x" * 5_000_000}
    )
    assert answer.status_code in (400, 409, 413)
    assert state_of(app) == before


def test_words_of_others_are_shown_as_words(app: Starlette, ids: dict[str, str]) -> None:
    client = signed_in(app, "marta")
    evil = "<script>alert(1)</script>\u202e=1+1"
    client.post(f"/queue/{ids['id']}/comment", data={"csrf": token_of(client), "text": evil})
    page = client.get(f"/queue/{ids['id']}").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page


def test_many_fields_that_weigh_too_much_together_are_refused(app: Starlette) -> None:
    client = TestClient(app, follow_redirects=False)
    answer = client.post("/sign-out", data={f"f{n}": "x" * 100_000 for n in range(20)})
    assert answer.status_code == 413
    assert set(answer.headers.keys()) >= HEADERS


def test_what_breaks_is_told_with_headers_and_without_words(
    app: Starlette, ids: dict[str, str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    told: list[logging.LogRecord] = []
    log = logging.getLogger("retention.web")
    monkeypatch.setattr(log, "handle", told.append)

    def broken(*_: object) -> None:
        raise KeyError("what Ana has typed")

    monkeypatch.setattr("retention.actions.assignment.comment", broken)
    client = signed_in(app, "marta")
    answer = client.post(
        f"/queue/{ids['id']}/comment", data={"csrf": token_of(client), "text": "hello"}
    )
    assert answer.status_code == 500
    assert set(answer.headers.keys()) >= HEADERS
    said = " ".join(record.getMessage() for record in told)
    assert "KeyError" in said
    for secret in ("Ana", ids["id"], "hello"):
        assert secret not in said + answer.text


def test_what_was_typed_as_a_password_is_shown_nowhere(app: Starlette) -> None:
    client = signed_in(app, "marta")
    typed = {"old": "my real password", "password": "short", "again": "short"}
    answer = client.post("/me/password", data={"csrf": token_of(client)} | typed)
    assert answer.status_code == 409
    assert "my real password" not in answer.text


def test_a_choice_that_is_not_there_is_refused(app: Starlette, ids: dict[str, str]) -> None:
    client = signed_in(app, "marta")
    csrf = {"csrf": token_of(client)}
    for path, said in (
        ("/customers/C00/hold", {"kind": "forever"}), ("/customers/C00/hold", {"until": "soon"}),
        (f"/queue/{ids['id']}/revise", {"fee": "nan"}),
        (f"/queue/{ids['id']}/answer", {"said": "?"}),
        (f"/queue/{ids['id']}/snooze", {"until": "0000-00-00"}),
    ):  # fmt: skip
        assert client.post(path, data=csrf | said).status_code == 409, path
