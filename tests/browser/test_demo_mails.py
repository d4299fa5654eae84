"""Whatever opens, presses and submits all that the demo's own mails lead to decides nothing."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page
from sqlalchemy import Engine, func, select
from starlette.applications import Starlette
from starlette.testclient import TestClient

from retention.audit.fingerprint import fingerprint
from retention.clock import travel
from retention.db.models.customer_pages import Submission
from retention.db.models.exemptions import Exclusion
from retention.db.models.work.actions import Action, Offer
from retention.db.models.work.cases import Case
from retention.db.session import reading
from retention.settings import Settings
from retention.web.app import create_app
from tests.factories.commands import answer, retention
from tests.factories.serving import served

pytestmark = pytest.mark.gate

_LINK = re.compile(r'https?://[^\s"<>)]+/c/[^\s"<>)]+')
_OF_EACH_KIND = 3
_TIMES = 100
_READ_AFTER = timedelta(days=1)
_STATES = [select(m.id, m.state).order_by(m.id) for m in (Offer, Case, Action)]
State = list[list[tuple[str, ...]]]
Paths = dict[str, datetime]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo of a small company, played as its users play it."""
    folder = tmp_path_factory.mktemp("demo-mails")
    done = retention("demo", "--size", "200", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert answer(done)["demo"]["messages_kept"] > 40
    return folder / "demo-company"


@pytest.fixture(scope="module")
def app(demo: Path) -> Iterator[Starlette]:
    made = create_app(Settings(_env_file=demo / ".env"))
    yield made
    engine_of(made).dispose()


@pytest.fixture(scope="module")
def paths(demo: Path) -> Paths:
    """Every link of every mail, oldest first, and when it is read: a day after it came."""
    found: Paths = {}
    for file in sorted((demo / "mail").glob("*.eml")):
        message = message_from_bytes(file.read_bytes(), policy=policy.default)
        read = parsedate_to_datetime(str(message["Date"])) + _READ_AFTER
        for link in _LINK.findall(_all_text(message)):
            split = urlsplit(unescape(link))
            found[f"{split.path}?{split.query}" if split.query else split.path] = read
    return found


def _all_text(message: EmailMessage) -> str:
    bodies = [message.get_body((kind,)) for kind in ("plain", "html")]
    parts = [body.get_content() for body in bodies if body is not None]
    return "\n".join([*parts, str(message.get("List-Unsubscribe", ""))])


def test_every_link_of_every_mail_is_opened_and_nothing_changes(
    app: Starlette, paths: Paths
) -> None:
    assert {path.split("/")[2] for path in paths} >= {"offer", "survey", "preferences", "call"}
    before = _everything(app)
    client = TestClient(app, follow_redirects=False)
    for path, read in paths.items():
        with travel(read):
            assert client.get(path).status_code == 200, path
            assert client.head(path).status_code == 200, path
    assert _everything(app) == before


def test_who_presses_all_that_is_no_form_and_submits_every_form_decides_nothing(
    app: Starlette, paths: Paths, browser: Browser
) -> None:
    before = _decided(app)
    chosen = _some_of_each_kind(paths)
    with served(app) as base:
        context = browser.new_context(base_url=base)
        page = context.new_page()
        for path in chosen:
            with travel(paths[path]):
                _press_all(page, path)
        submitted = 0
        while submitted < _TIMES:
            for path in chosen:
                with travel(paths[path]):
                    submitted += _submit_all(page, path)
        context.close()
    assert _decided(app) == before
    with reading(engine_of(app)) as session:
        said = session.scalars(select(Submission)).all()
    assert all(row.doubt and row.said == "score" for row in said)


def test_one_click_takes_effect_at_once_without_a_cookie(app: Starlette, paths: Paths) -> None:
    """RFC 8058: what a mail program sends when somebody presses its own button."""
    path = next(path for path in paths if path.startswith("/c/preferences/"))
    with reading(engine_of(app)) as session:
        before = session.scalar(select(func.count()).select_from(Exclusion)) or 0
    client = TestClient(app, follow_redirects=False)
    done = client.post(path, content="List-Unsubscribe=One-Click",
                       headers={"Content-Type": "application/x-www-form-urlencoded"})  # fmt: skip
    assert done.status_code == 200
    with reading(engine_of(app)) as session:
        assert session.scalar(select(func.count()).select_from(Exclusion)) == before + 1


def _some_of_each_kind(paths: Paths) -> list[str]:
    """The newest links of each kind, and the very oldest."""
    kinds: dict[str, list[str]] = {}
    for path in paths:
        kinds.setdefault(path.split("/")[2], []).append(path)
    return [path for found in kinds.values() for path in [found[0], *found[-_OF_EACH_KIND:]]]


def _press_all(page: Page, path: str) -> None:
    """Press every link, and whatever else can be pressed that is in no form."""
    page.goto(path)
    links = page.eval_on_selector_all("a", "all => all.map(a => a.getAttribute('href'))")
    assert links
    for to in {str(link) for link in links if str(link).startswith(("/", "?", "#"))}:
        if ".pdf" in to or ".ics" in to:
            continue  # a file: the browser would keep it, and stay where it is
        page.goto(path)
        with page.expect_navigation():
            page.locator(f'a[href="{to}"]').first.evaluate("a => a.click()")
    page.goto(path)
    for other in page.locator(":not(form) > button, summary").all():
        if not other.evaluate("e => !!e.closest('form')"):
            other.click()


def _submit_all(page: Page, path: str) -> int:
    """Submit each form as it stands, and those that it leads to; return how many."""
    page.goto(path)
    forms = page.locator("form").count()
    for number in range(forms):
        page.goto(path)
        for _ in range(2):
            if page.locator("form").count() <= number:
                break
            with page.expect_navigation():
                page.locator("form").nth(number).evaluate("form => form.submit()")
    return forms


def _everything(app: Starlette) -> str:
    with reading(engine_of(app)) as session:
        return fingerprint(session)


def _decided(app: Starlette) -> State:
    """What a customer can decide: offers, cases, actions, and what they want to get no more."""
    with reading(engine_of(app)) as session:
        kept = session.execute(select(Exclusion.id)).all()
        states = (session.execute(query).all() for query in _STATES)
        return [[tuple(map(str, row)) for row in found] for found in (kept, *states)]


def engine_of(app: Starlette) -> Engine:
    """The database of an application."""
    engine: Engine = app.state.workshop.application.engine
    return engine
