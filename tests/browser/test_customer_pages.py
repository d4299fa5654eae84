"""The customers' pages in a real browser: readable by everybody, and safe from who presses all."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page

from retention.clock import travel
from retention.db.models.customer_pages import Submission
from retention.db.models.exemptions import Exclusion
from retention.db.models.work.actions import Offer
from retention.domain.offers import OfferState
from tests.browser.test_console import AXE
from tests.factories.pages import PagesWorld, living, rows, served_pages

PROPOSAL, NOTICE, BILLS, GUIDE = (
    "renegotiation_proposal", "termination_notice", "payment_help", "education",
)  # fmt: skip
EVERY = [
    (PROPOSAL, "offer", ""), ("prepaid_migration_offer", "offer", ""), (NOTICE, "notice", ""),
    (BILLS, "debt", ""), (GUIDE, "survey", "?score=7"), (GUIDE, "call", ""),
    (GUIDE, "preferences", ""),
]  # fmt: skip


@pytest.fixture
def world() -> Iterator[PagesWorld]:
    with living() as made:
        yield made


@pytest.fixture
def base(world: PagesWorld) -> Iterator[str]:
    with served_pages(world) as found:
        yield found


def press(page: Page) -> None:
    """Press the button, and wait for the page that it leads to."""
    with page.expect_navigation():
        page.click("button")


def every_page(page: Page, world: PagesWorld, language: str) -> Iterator[str]:
    """Go from page to page, into each choice, and say where one stands."""
    for template, purpose, asked in EVERY:
        path = world.path(template, purpose)
        more = f"{asked}&" if asked else "?"
        page.goto(f"{path}{more}language={language}")
        yield path
        names = page.eval_on_selector_all("input[name=said]", "all => all.map(i => i.value)")
        for said in names if purpose in ("offer", "notice", "debt") else []:
            page.goto(f"{path}?language={language}")
            page.check(f"input[value={said}]")
            press(page)
            yield f"{path} {said}"
            if said != "call":
                press(page)  # as it stands: what is wrong is said
                yield f"{path} {said}, empty"
    page.goto(f"/c/offer/{'a' * 52}")
    yield "a link that is none"


@pytest.mark.gate
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "es"])
def test_axe_finds_nothing_and_nothing_sticks_out(
    world: PagesWorld, base: str, browser: Browser, scheme: str, language: str
) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not installed (npm ci)")
    context = browser.new_context(
        base_url=base, viewport={"width": 320, "height": 640}, color_scheme=scheme,  # type: ignore[arg-type]
    )  # fmt: skip
    page, source, found = context.new_page(), AXE.read_text("utf-8"), {}
    for where in every_page(page, world, language):
        page.evaluate(source)  # not as a script of the page: its policy forbids that
        broken = page.evaluate(
            "axe.run({resultTypes: ['violations']})"
            ".then(r => r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html)"
            ".slice(0, 2).join(' | ')))"
        )
        wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
        if broken or wide:
            found[where] = broken or "sticks out"
    context.close()
    assert not found
    assert not rows(world, Submission)


@pytest.mark.gate
def test_who_opens_all_and_presses_all_decides_nothing(
    world: PagesWorld, base: str, browser: Browser
) -> None:
    """A scanner with scripts: every link, every button, every form as it stands, over and over."""
    before = {offer.id: offer.state for offer in rows(world, Offer)}
    context = browser.new_context(base_url=base)
    page = context.new_page()
    for template, purpose, asked in EVERY:
        path = world.path(template, purpose)
        for _ in range(3):
            page.goto(path + asked)
            for number in range(page.locator("a:not([href^=mailto]):not([href^=tel])").count()):
                page.goto(path + asked)
                link = page.locator("a:not([href^=mailto]):not([href^=tel])").nth(number)
                to = link.get_attribute("href") or ""
                if "letter" not in to and ".ics" not in to:
                    link.click()
            for _ in range(3):  # a form leads to a form: press that too
                for number in range(page.locator("button").count()):
                    page.locator("button").nth(number).click()
            page.goto(path + asked)
            with page.expect_navigation():
                page.evaluate("document.querySelector('form')?.submit() ?? location.reload()")
    context.close()
    assert {offer.id: offer.state for offer in rows(world, Offer)} == before
    assert not rows(world, Exclusion)
    assert {row.said for row in rows(world, Submission)} <= {"score"}
    assert all(row.doubt for row in rows(world, Submission))


def test_an_offer_is_read_accepted_and_taken_back_without_scripts(
    world: PagesWorld, base: str, browser: Browser
) -> None:
    context = browser.new_context(
        base_url=base, java_script_enabled=False, viewport={"width": 375, "height": 700}
    )
    page, asked_for = context.new_page(), []
    page.on("request", lambda request: asked_for.append(request.url))
    path, action_id = world.path(PROPOSAL, "offer"), world.sent(PROPOSAL)
    page.goto(path)
    assert asked_for == [f"{base}{path}"]  # one round trip
    page.get_by_text("Acepto el nuevo precio").click()
    page.get_by_role("button", name="Continuar").click()
    page.get_by_label("Su nombre").fill("Ana Peña")
    page.get_by_text("tengo autorización").click()
    with travel(world.at + timedelta(minutes=1)), page.expect_navigation():
        page.get_by_role("button", name="Aceptar el nuevo precio").click()
    assert page.get_by_role("heading", name="Ha aceptado").is_visible()
    assert rows(world, Offer, action_id=action_id)[0].state is OfferState.ACCEPTED
    page.get_by_role("link", name="Cambiar mi respuesta").click()
    page.get_by_text("No, gracias").click()
    page.get_by_role("button", name="Continuar").click()
    page.get_by_text("No lo acepto.").click()
    with travel(world.at + timedelta(minutes=3)), page.expect_navigation():
        page.get_by_role("button", name="Rechazar").click()
    assert rows(world, Offer, action_id=action_id)[0].state is OfferState.DECLINED
    page.go_back()  # the form again, filled in: it was made before the last answer
    with travel(world.at + timedelta(minutes=4)), page.expect_navigation():
        page.get_by_role("button", name="Rechazar").click()
    assert rows(world, Offer, action_id=action_id)[0].state is OfferState.DECLINED
    context.close()
