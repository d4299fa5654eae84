"""A fortnight: customers answer in every way, nights pass between, other systems hear of it."""

import base64
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from retention.audit.verify import verify
from retention.clock import travel
from retention.db.models.customer_pages import InstalmentPlan, WebhookDelivery
from retention.db.models.work.actions import Action, Offer
from retention.db.models.work.cases import Case
from retention.db.session import reading
from retention.demo.gateway import DemoGateway
from retention.domain.webhooks import Receiver
from tasks import webhooks
from tests.factories.pages import Customer, PagesWorld, rows

SECRET = "whsec_" + base64.b64encode(b"a secret of twenty-four!").decode()
_DAYS = 14


class Fortnight:
    """What each customer is asked, and what they say on which day."""

    def __init__(self, world: PagesWorld, customer: Customer, url: str) -> None:
        self.world, self.customer = world, customer
        self.receivers = (Receiver("billing", url, (SECRET,)),)
        self.who: dict[str, str] = {}

    def answer(self, what: str, template: str, purpose: str, number: int, **said: str) -> None:
        """Let somebody answer on their page, and remember who it was."""
        action_id = self.world.sent(template, number)
        [action] = rows(self.world, Action, id=action_id)
        self.who[what] = action.customer_id
        path = self.world.path(template, purpose, number)
        done = self.customer.say(path, said.pop("said"), **said)
        assert done.status_code == 200, what

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
        with reading(self.world.shop.engine) as session:
            query = select(Case).where(Case.customer_id == self.who[what])
            found = session.scalars(query.order_by(Case.opened_on.desc())).first()
        assert found is not None
        return found


def test_a_fortnight_of_answers(world: PagesWorld, customer: Customer) -> None:
    calls = iter(range(10_000))
    with DemoGateway(lambda _: 503 if next(calls) % 3 == 2 else 204) as sink:
        play = Fortnight(world, customer, sink.url)
        play.answer("accepts", "prepaid_migration_offer", "offer", 0, said="accept", name="A",
                    sure="yes")  # fmt: skip
        play.answer("counters", "prepaid_migration_offer", "offer", 1, said="counter",
                    words="fewer visits")  # fmt: skip
        play.answer("declines", "renegotiation_proposal", "offer", 0, said="decline", sure="yes")
        play.answer("asks", "renegotiation_proposal", "offer", 1, said="ask", words="why?")
        play.answer("contests", "termination_notice", "notice", 0, said="contest", words="no")
        play.answer("hardship", "termination_notice", "notice", 1, said="hardship", words="ill")
        silent = [a for a in rows(world, Action, template="termination_notice")
                  if a.customer_id not in play.who.values()]  # fmt: skip
        before = {what: play.case(what).stage for what in play.who}
        for day in range(_DAYS):
            if day == 2:  # they pay what they have agreed on, and the fee that they accepted
                _shows(world, play.who["accepts"], prepaid=True)
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
    for what in ("counters", "asks", "contests", "hardship"):
        case = play.case(what)
        assert case.stage == before[what], what
        assert case.closed_on is None, what
    # nobody who contests has lost anything; who said nothing goes their way
    assert play.case("contests").state == "open"
    assert len(silent) >= 1
    with reading(world.shop.engine) as session:
        assert not verify(session, []).findings


def _shows(world: PagesWorld, customer_id: str, *, prepaid: bool) -> None:
    for person in world.people:
        if person.customer_id == customer_id:
            person.prepaid, person.profit, person.overdue = prepaid, 100, 0


def test_a_plan_that_is_kept_holds_the_ladder_and_one_that_is_not_ends(
    world: PagesWorld, customer: Customer
) -> None:
    for number in (0, 1):
        path = world.path("payment_help", "debt", number)
        asked = customer.choose(path, "plan")
        day = asked.text.split('name="first_on" value="')[1][:10]
        customer.fill(asked, f"{path}/confirm", parts="2", first_on=day, sure="yes")
    kept, broken = (plan.customer_id for plan in rows(world, InstalmentPlan))
    first = date.fromisoformat(day)
    while world.today < first + timedelta(days=9):
        for person in world.people:
            if person.customer_id == kept and world.today >= first:
                person.overdue = 100
        world.night(1)
    states = {plan.customer_id: plan.state for plan in rows(world, InstalmentPlan)}
    assert states == {kept: "running", broken: "broken"}
    for person in world.people:
        if person.customer_id == kept:
            person.overdue = 0
    world.night(1)
    assert {p.customer_id: p.state for p in rows(world, InstalmentPlan)}[kept] == "kept"


def test_data_that_is_missing_breaks_no_plan(world: PagesWorld, customer: Customer) -> None:
    path = world.path("payment_help", "debt")
    asked = customer.choose(path, "plan")
    day = asked.text.split('name="first_on" value="')[1][:10]
    customer.fill(asked, f"{path}/confirm", parts="2", first_on=day, sure="yes")
    [plan] = rows(world, InstalmentPlan)
    for person in world.people:
        if person.customer_id == plan.customer_id:
            person.present = False
    while world.today < date.fromisoformat(day) + timedelta(days=9):
        world.night(3)
    assert rows(world, InstalmentPlan)[0].state == "running"
