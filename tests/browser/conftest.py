"""A console that a real browser opens: over a small world, at that world's own time."""

import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from starlette.applications import Starlette

from tests.factories.consoles import ConsoleWorld, console_of, link_for
from tests.factories.serving import served

CHROMIUM = shutil.which("chromium")
SignIn = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("chromium is not installed (Debian: chromium)")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def world() -> Iterator[ConsoleWorld]:
    made = ConsoleWorld()
    made.live()
    yield made
    made.teardown()


@pytest.fixture
def console(world: ConsoleWorld) -> Iterator[tuple[Starlette, str]]:
    """The application, and where a browser finds it."""
    with console_of(world) as app, served(app) as base:
        yield app, base


@pytest.fixture
def open_as(console: tuple[Starlette, str], browser: Browser) -> Iterator[SignIn]:
    """Sign somebody in; every error that the browser tells of fails the test."""
    app, base = console
    contexts, errors = [], []

    def sign_in(person: str, *, keys: bool = False, width: int = 1440, **more: object) -> Page:
        context = browser.new_context(
            base_url=base,
            viewport={"width": width, "height": 900},
            **more,  # type: ignore[arg-type]
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(link_for(app, person))
        page.click("button.primary")
        if keys:
            page.goto("/me")
            page.check("input[name=keys]")
            page.click("text=Keep")
        return page

    yield sign_in
    for context in contexts:
        context.close()
    assert not errors
