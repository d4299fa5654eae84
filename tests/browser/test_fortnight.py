"""A fortnight: customers answer in every way in their browsers, nights pass, other systems hear."""

import base64
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page
from sqlalchemy import select

from retention.audit.verify import verify
from retention.clock import travel
from retention.db.models.customer_pages import InstalmentPlan, Submission, WebhookDelivery
from retention.db.models.work.actions import Action, Offer
from retention.db.models.work.cases import Case
from retention.db.session import reading
from retention.demo.gateway import DemoGateway
from retention.domain.webhooks import Receiver
from retention.safeguards import preferences
from tasks import webhooks
from tests.factories.pages import PagesWorld, living, rows, served_pages

SECRET = "whsec_" + base64.b64encode(b"a secret of twenty-four!").decode()
PROPOSAL, PREPAID = "renegotiation_proposal", "prepaid_migration_offer"
NOTICE, BILLS, GUIDE = "termination_notice", "payment_help", "education"
DAYS, FIRST = 14, "the first that is offered"

pytestmark = pytest.mark.gate


@pytest.fixture
def world() -> Iterator[PagesWorld]:
    with living() as made:
        yield made


@pytest.fixture
def page(world: PagesWorld, browser: Browser) -> Iterator[Page]:
    """A telephone without scripts."""
    with served_pages(world) as base:
        context = browser.new_context(
            base_url=base, java_script_enabled=False, viewport={"width": 375, "height": 700}
        )
        yield context.new_page()
        context.close()


class Fortnight:
    """What each customer is asked, what they press, and the nights between."""

    def __init__(self, world: PagesWorld, page: Page, url: str) -> None:
        self.world, self.page = world, page
        self.receivers = (Receiver("billing", url, (SECRET,)),)
        self.who: dict[str, str] = {}

    def open(self, what: str, template: str, purpose: str, number: int, more: str = "") -> None:
        """Let somebody open the page of their message, and remember who it was."""
        [action] = rows(self.world, Action, id=self.world.sent(template, number))
        self.who[what] = action.customer_id
        self._at(lambda: self.page.goto(self.world.path(template, purpose, number) + more))

    def choose(self, said: str) -> None:
        """Choose an answer, which opens the page that confirms it."""
        self.page.check(f"input[name=said][value={said}]")
        self.send()

    def send(self, **typed: str) -> None:
        """Fill in what stands there, after some seconds, and press its button."""
        for name, value in typed.items():
            field = self.page.locator(f"[name={name}]")
            if field.first.get_attribute("type") not in ("checkbox", "radio"):
                field.fill(value)
            elif value == FIRST:
                field.first.check()
            else:
                self.page.check(f"[name={name}][value={value!r}]")
        self.world.at += timedelta(seconds=20)
        self._at(self._press)

    def _press(self) -> None:
        with self.page.expect_navigation():  # the answer is given before the clock moves on
            self.page.click("button[type=submit]")

    def answer(self, said: str, template: str, number: int, **typed: str) -> None:
        """Answer an offer, a notice or a reminder; who says so is known by that word."""
        purpose = {NOTICE: "notice", BILLS: "debt"}.get(template, "offer")
        self.open(said, template, purpose, number)
        self.choose(said)
        if self.page.locator("input[name=sure]").count():
            typed["sure"] = "yes"
        self.send(**typed)
        assert self.page.locator("input[name=said]").count() == 0, (said, self.page.url)

    def _at(self, act: Callable[[], object]) -> None:
        with travel(self.world.at):
            act()

    def night(self) -> None:
        """Let a day pass: deliveries, webhooks, the night."""
        world = self.world
        world.post("sent", world.at)
        shop = replace(world.shop, receivers=self.receivers)
        for hour in range(0, 24, 3):
            with pytest.MonkeyPatch.context() as patch, travel(world.at + timedelta(hours=hour)):
                patch.setattr(webhooks, "get_application", lambda: shop)
                webhooks.tell_others.fn()
        world.night(1)
        world.at = world.now + timedelta(hours=1)

    def case(self, what: str) -> Case:
        """Return the newest case of whoever gave an answer."""
        with reading(self.world.shop.engine) as session:
            query = select(Case).where(Case.customer_id == self.who[what])
            found = session.scalars(query.order_by(Case.opened_on.desc())).first()
        assert found is not None
        return found


def everybody_answers(play: Fortnight) -> None:
    """Each in another way."""
    play.answer("accept", PREPAID, 0, name="Ana")
    play.answer("counter", PREPAID, 1, words="fewer visits")
    play.answer("decline", PROPOSAL, 0)
    play.answer("ask", PROPOSAL, 1, words="why?")
    play.answer("contest", NOTICE, 0, words="no")
    play.answer("hardship", NOTICE, 1, words="ill")
    play.answer("plan", BILLS, 0, parts="2", first_on=FIRST)
    play.open("survey", GUIDE, "survey", 0, "?score=3")
    play.send()
    play.send(why="too slow", cause="our_service")
    play.open("preferences", GUIDE, "preferences", 1)
    play.send(stop="all")


def test_a_fortnight_of_answers(world: PagesWorld, page: Page) -> None:
    calls = iter(range(10_000))
    with DemoGateway(lambda _: 503 if next(calls) % 3 == 2 else 204) as sink:
        play = Fortnight(world, page, sink.url)
        everybody_answers(play)
        silent = [a for a in rows(world, Action, template=NOTICE)
                  if a.customer_id not in play.who.values()]  # fmt: skip
        before = {what: play.case(what).stage for what in play.who}
        for day in range(DAYS):
            if day == 2:  # they pay what they have agreed on, and the fee that they accepted
                _shows(world, play.who["accept"])
            play.night()
        told = Counter(
            posted.headers["webhook-id"] for n, posted in enumerate(sink.posted) if n % 3 != 2
        )
    assert set(told.values()) == {1}
    assert {d.state for d in rows(world, WebhookDelivery)} == {"delivered"}
    kinds = {posted.said["type"] for posted in sink.posted}
    assert {"offer.accepted", "offer.declined", "notice.contested"} <= kinds
    # accepted, seen in the data, and the case is done with
    [offer] = rows(world, Offer, state="accepted")
    assert offer.confirmed_on is not None
    # whoever asked for something waits for us, not we for them
    for what in ("counter", "ask", "contest", "hardship", "plan"):
        case = play.case(what)
        assert case.stage == before[what], what
        assert case.closed_on is None, what
    # nobody who contests has lost anything; who said nothing goes their way
    assert play.case("contest").state == "open"
    assert len(silent) >= 1
    [plan] = rows(world, InstalmentPlan)
    assert plan.customer_id == play.who["plan"]
    with reading(world.shop.engine) as session:
        stopped = preferences.present(session, play.who["preferences"], world.today)
    assert not stopped.all_news
    said = [row for row in rows(world, Submission) if (row.values or {}).get("score")]
    assert said[-1].values == {"score": "3", "why": "too slow", "cause": "our_service"}
    with reading(world.shop.engine) as session:
        assert not verify(session, []).findings


def _shows(world: PagesWorld, customer_id: str) -> None:
    for person in world.people:
        if person.customer_id == customer_id:
            person.prepaid, person.profit, person.overdue = True, 100, 0
