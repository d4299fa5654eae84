"""Other systems: what they tell us counts once and at once; what they are told arrives."""

import base64
import hashlib
import hmac
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from retention.alerts import open_alerts, troubles
from retention.audit.verify import verify
from retention.bootstrap import Application
from retention.clock import travel
from retention.db.models.customer_pages import ReceivedEvent, WebhookDelivery, WebhookEvent
from retention.db.models.exemptions import Exclusion
from retention.db.models.work.actions import Action, Offer
from retention.db.models.work.messages import Message
from retention.db.queries import actions as queries
from retention.db.session import reading, writing
from retention.demo.gateway import DemoGateway, Posted
from retention.domain.actions import ActionKind, ActionState
from retention.domain.alerts import AlertRules, Trouble, TroubleKind
from retention.domain.dates import WEEKDAYS
from retention.domain.messages import MessageState
from retention.domain.webhooks import Receiver
from retention.events import api_keys
from retention.nights.pull import open_sources
from retention.sources.extract import extract_features
from retention.sources.own_surveys import OwnAnswer, add_answers
from retention.sources.tables import leave_out
from retention.webhooks import deliveries
from tasks import webhooks
from tests.conftest import NIGHT
from tests.factories.consoles import signed_in, token_of
from tests.factories.pages import Customer, PagesWorld, rows

SECRET = "whsec_" + base64.b64encode(b"a secret of twenty-four!").decode()
OLDER = "whsec_" + base64.b64encode(b"the secret of last year!").decode()


@pytest.fixture
def key(world: PagesWorld) -> str:
    with writing(world.shop.engine) as session:
        return api_keys.make(session, "billing", world.at)


def tell(customer: Customer, key: str, **event: object) -> Any:
    said = {"id": "1", "customer_id": "C05", "occurred_at": "2026-02-27T10:00:00+01:00"} | event
    with travel(customer.world.at):
        return customer.client.post(
            "/api/events", json=said, headers={"Authorization": f"Bearer {key}"}
        )


def approved_and_adverse(world: PagesWorld) -> str:
    """Return the customer of an adverse message that is approved and waits in the outbox."""
    with reading(world.shop.engine) as session:
        action = session.scalars(
            select(Action)
            .join(Message, Message.action_id == Action.id)
            .where(Action.stage == "terminate", Action.template == "termination_notice")
            .order_by(Action.id)
        ).first()
        assert action is not None
        return action.customer_id


@pytest.mark.parametrize(
    "event",
    [
        {"type": "paid", "amount": "20.00", "currency": "EUR"},
        {"type": "complaint_opened", "ticket_id": "T1"},
        {"type": "address_changed"},
    ],
    ids=lambda event: event["type"],
)
def test_an_event_stops_what_it_must_within_one_round(
    world: PagesWorld, customer: Customer, key: str, event: dict[str, str]
) -> None:
    who = approved_and_adverse(world)
    with writing(world.shop.engine) as session:  # as if it had not left yet
        message = session.scalars(
            select(Message).join(Action, Action.id == Message.action_id).where(
                Action.customer_id == who, Action.template == "termination_notice")
        ).one()  # fmt: skip
        action = session.get_one(Action, message.action_id)
        message.state, message.sent_at, action.state = (
            MessageState.QUEUED,
            None,
            ActionState.APPROVED,
        )
        action.done_on = None
        message_id = message.id
    assert tell(customer, key, customer_id=who, **event).status_code == 200
    world.post("sent", world.at)
    [message] = rows(world, Message, id=message_id)
    assert message.state is MessageState.CANCELLED
    assert "hold" in (message.last_text or "")


def test_a_call_that_was_held_stands_beside_its_task(
    world: PagesWorld, customer: Customer, key: str
) -> None:
    """Its owner logs the outcome: that a call took place decides nothing."""
    with writing(world.shop.engine) as session:
        notice = session.get_one(Action, world.sent("termination_notice"))
        who = notice.customer_id
        call = session.scalars(
            select(Action).where(Action.case_id == notice.case_id, Action.kind == ActionKind.CALL)
        ).first()
        assert call is not None
        call.state, call_id = ActionState.PENDING_APPROVAL, call.id
    held = {"type": "call_held", "with_whom": "Ana Peña", "note": "she will pay on Friday"}
    told = tell(customer, key, customer_id=who, **held).json()
    assert told["effect"].startswith(f"noted beside call {call_id[:8]}")
    [call] = rows(world, Action, id=call_id)
    assert call.state is ActionState.PENDING_APPROVAL
    with reading(world.shop.engine) as session:
        [said] = [comment.text for comment in queries.get(session, call_id).comments]
    assert "reached Ana Peña. she will pay on Friday" in said
    other = tell(customer, key, id="2", customer_id="nobody", **held).json()
    assert other["effect"].startswith("no call is open; no customer")


def test_a_letter_that_was_signed_for_is_proved_and_a_foreign_reference_is_not(
    world: PagesWorld, customer: Customer, key: str
) -> None:
    with writing(world.shop.engine) as session:
        letter = session.get_one(Action, world.sent("termination_notice"))
        letter.kind, letter.state, letter.done_on = ActionKind.LETTER, ActionState.APPROVED, None
        who, letter_id, day = letter.customer_id, letter.id, world.today.isoformat()
    signed = {"type": "letter_signed_for", "proof": "RR123456789ES", "delivered_on": day}
    wrong = tell(customer, key, customer_id=who, reference="0" * 8, **signed).json()
    assert wrong["effect"].startswith("0 approved letters have this reference")
    told = tell(customer, key, id="2", customer_id=who, reference=letter_id[:8], **signed).json()
    assert told["effect"] == f"letter {letter_id[:8]}: delivered"
    [letter] = rows(world, Action, id=letter_id)
    assert (letter.state, letter.outcome) == (ActionState.DONE, "delivered")
    assert letter.answers["proof"] == "RR123456789ES"
    assert letter.done_on == world.today


def test_others_are_told_when_a_notice_is_served_and_when_it_is_void(
    world: PagesWorld, customer: Customer
) -> None:
    notice = world.sent("termination_notice")
    [served] = [
        e
        for e in rows(world, WebhookEvent, kind="notice.served")
        if e.subject == f"action {notice}"
    ]
    assert served.document["customer_id"] == served.customer_id
    customer.say(world.path("termination_notice", "notice"), "contest", words="no")
    world.night(1)
    world.night(1)
    void = rows(world, WebhookEvent, kind="notice.voided")
    assert served.customer_id in {event.customer_id for event in void}


def test_an_event_counts_once_by_its_id(world: PagesWorld, customer: Customer, key: str) -> None:
    paid = {"type": "paid", "amount": "20.00", "currency": "EUR"}
    first = tell(customer, key, **paid).json()
    again = tell(customer, key, **paid).json()
    assert (first["known"], again["known"]) == (False, True)
    assert first["effect"] == again["effect"]
    other = tell(customer, key, type="paid", amount="21.00", currency="EUR")
    assert other.status_code == 409
    assert len(rows(world, ReceivedEvent)) == 1
    assert len(rows(world, Exclusion)) == 1


@pytest.mark.parametrize(
    ("broken", "field"),
    [
        ({"type": "paid", "amount": "-1", "currency": "EUR"}, "amount"),
        ({"type": "paid", "amount": "1", "currency": "euro"}, "currency"),
        ({"type": "exploded"}, "body"),
        ({"type": "address_changed", "occurred_at": "2026-02-27T10:00:00"}, "occurred_at"),
        ({"type": "address_changed", "more": "x"}, "a field that is none"),
    ],
)
def test_what_is_no_event_is_refused_by_field_and_without_its_words(
    world: PagesWorld, customer: Customer, key: str, broken: dict[str, str], field: str
) -> None:
    answer = tell(customer, key, **broken)
    assert answer.status_code == 422
    assert field in str(answer.json()["fields"])
    assert "C05" not in answer.text
    assert not rows(world, ReceivedEvent)


@pytest.mark.parametrize("key", ["", "rk_", "rk_" + "a" * 52, "Bearer"])
def test_without_a_key_nothing_is_taken(world: PagesWorld, customer: Customer, key: str) -> None:
    answer = tell(customer, key, type="address_changed")
    assert answer.status_code == 401
    assert not rows(world, ReceivedEvent)


def test_whose_customer_nobody_knows_is_told_so(
    world: PagesWorld, customer: Customer, key: str
) -> None:
    """It may be somebody new, and then it protects; or an id that is mistyped."""
    paid = {"type": "paid", "amount": "20.00", "currency": "EUR"}
    strange = tell(customer, key, customer_id="C9999999", **paid).json()
    assert "no customer of the newest night has this id" in strange["effect"]
    [hold] = rows(world, Exclusion, customer_id="C9999999")
    assert hold.reason == "paid"
    ours = tell(customer, key, id="2", **paid).json()
    assert "no customer" not in ours["effect"]


def test_a_key_that_was_ended_works_no_longer(
    world: PagesWorld, customer: Customer, key: str
) -> None:
    with writing(world.shop.engine) as session:
        api_keys.revoke(session, "billing", world.at)
    assert tell(customer, key, type="address_changed").status_code == 401


def test_a_closed_complaint_ends_its_own_hold_alone(
    world: PagesWorld, customer: Customer, key: str
) -> None:
    tell(customer, key, type="complaint_opened", ticket_id="T1")
    tell(customer, key, id="2", type="complaint_opened", ticket_id="T2")
    tell(customer, key, id="3", type="complaint_closed", ticket_id="T1")
    assert [bool(row.released_at) for row in rows(world, Exclusion)] == [True, False]


def test_a_changed_contract_confirms_what_was_accepted(
    world: PagesWorld, customer: Customer, key: str
) -> None:
    path, action_id = (
        world.path("prepaid_migration_offer", "offer"),
        world.sent("prepaid_migration_offer"),
    )
    customer.say(path, "accept", name="Ana", sure="yes")
    [action] = rows(world, Action, id=action_id)
    tell(customer, key, customer_id=action.customer_id, type="contract_changed", monthly_fee="1")
    assert rows(world, Offer, action_id=action_id)[0].confirmed_on is None
    tell(customer, key, id="2", customer_id=action.customer_id, type="contract_changed",
         billing="prepaid")  # fmt: skip
    assert rows(world, Offer, action_id=action_id)[0].confirmed_on == world.at.date()


def test_the_page_of_the_interface_names_every_event(customer: Customer) -> None:
    page = customer.get("/api/")
    for kind in ("paid", "complaint_opened", "contract_changed", "letter_signed_for"):
        assert kind in page.text
    assert "events" in customer.get("/api/openapi.json").text


def round_of(world: PagesWorld, receivers: tuple[Receiver, ...]) -> dict[str, int]:
    """Tell everybody what is due at this world's time, as the flow does."""
    shop = replace(world.shop, receivers=receivers)
    with pytest.MonkeyPatch.context() as patch, travel(world.at):
        patch.setattr(webhooks, "get_application", lambda: shop)
        return webhooks.tell_others.fn()


def test_webhooks_arrive_once_per_id_though_every_third_post_fails(
    world: PagesWorld, customer: Customer
) -> None:
    for number in range(3):
        path = world.path("renegotiation_proposal", "offer", number)
        customer.say(path, "accept", name="Ana", sure="yes")
    customer.say(world.path("termination_notice", "notice"), "contest", words="no")
    calls = iter(range(1000))
    with DemoGateway(lambda _: 500 if next(calls) % 3 == 2 else 200) as sink:
        receivers = (Receiver("billing", sink.url, (SECRET, OLDER)),)
        round_of(world, receivers)
        assert "offer.accepted" not in {p.said["type"] for p in sink.posted}  # its grace runs
        world.at += timedelta(hours=25)
        for _ in range(12):
            round_of(world, receivers)
            world.at += timedelta(hours=3)
        taken = Counter(p.headers["webhook-id"] for n, p in enumerate(sink.posted) if n % 3 != 2)
    assert set(taken.values()) == {1}
    accepted = [e.id for e in rows(world, WebhookEvent, kind="offer.accepted")]
    assert len(accepted) == 3
    assert set(accepted) <= set(taken)
    assert {d.state for d in rows(world, WebhookDelivery)} == {"delivered"}
    for posted in sink.posted:
        assert is_signed(posted, SECRET)
        assert is_signed(posted, OLDER), "while a secret is replaced, whoever has either can check"
        assert not is_signed(posted, "whsec_" + base64.b64encode(b"of somebody else").decode())
        assert "Ana" not in posted.body.decode()
    with reading(world.shop.engine) as session:
        assert not verify(session, []).findings


def is_signed(posted: Posted, secret: str) -> bool:
    """Check a signature as the specification tells receivers to."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    said = f"{posted.headers['webhook-id']}.{posted.headers['webhook-timestamp']}.".encode()
    wanted = base64.b64encode(hmac.new(key, said + posted.body, hashlib.sha256).digest()).decode()
    return f"v1,{wanted}" in posted.headers["webhook-signature"].split(" ")


def test_a_receiver_that_never_answers_is_given_up_and_told_again_on_demand(
    world: PagesWorld, customer: Customer
) -> None:
    customer.say(world.path("termination_notice", "notice"), "contest", words="no")
    with DemoGateway(lambda _: 410) as sink:
        receivers = (Receiver("billing", sink.url, (SECRET,), frozenset({"notice.contested"})),)
        round_of(world, receivers)
        round_of(world, receivers)
        assert len(sink.posted) == 1  # gone is gone
        [row] = rows(world, WebhookDelivery)
        assert row.state == "given_up"
        [trouble] = untold(world)
        assert (trouble.key, trouble.count) == ("billing", 1)
        with writing(world.shop.engine) as session:
            open_alerts.bring_up_to_date(session, [trouble], world.at)
            assert open_alerts.take_news(session, world.at, 12).began
            olga = world.shop.policies.team.get("olga")
            deliveries.replay(session, row.event_id, "billing", olga, world.at)
        round_of(world, receivers)
        assert len(sink.posted) == 2
        assert sink.posted[0].headers["webhook-id"] == sink.posted[1].headers["webhook-id"]
    assert untold(world)  # gone once more
    world.at += timedelta(days=8)
    assert not untold(world)


def untold(world: PagesWorld) -> list[Trouble]:
    """What ops hear of receivers that were not told."""
    with reading(world.shop.engine) as session:
        found = troubles.find(session, AlertRules(), world.at, "Europe/Madrid", WEEKDAYS)
    return [trouble for trouble in found if trouble.kind is TroubleKind.WEBHOOKS_GIVEN_UP]


def test_ops_send_a_webhook_once_more_from_the_console(
    world: PagesWorld, customer: Customer
) -> None:
    customer.say(world.path("termination_notice", "notice"), "contest", words="no")
    with DemoGateway() as sink:
        receivers = (Receiver("billing", sink.url, (SECRET,), frozenset({"notice.contested"})),)
        round_of(world, receivers)
        [row] = rows(world, WebhookDelivery)
        with travel(world.at):
            app: Any = customer.client.app
            olga = signed_in(app, "olga")
            path = f"/systems/{row.event_id}/billing"
            assert "notice.contested" in olga.get("/systems").text
            assert olga.post(path, data={"csrf": token_of(olga)}).status_code == 303
        round_of(world, receivers)
        assert len(sink.posted) == 2


def test_the_next_night_reads_the_answers_to_our_own_survey(shop: Application) -> None:
    answers = [OwnAnswer("C0000001", NIGHT, 3, "slow"), OwnAnswer("C0000001", NIGHT, 4)]
    company = open_sources(shop.policies, shop.folders, NIGHT)
    try:
        before = company.db.execute("SELECT count(*) FROM surveys").fetchall()[0][0]
        add_answers(company, answers)
        made = extract_features(company, NIGHT)
        after = company.db.execute("SELECT count(*) FROM surveys").fetchall()[0][0]
    finally:
        company.close()
    found = {row["customer_id"]: row for row in made.wide.to_pylist()}
    assert after == before + 2
    assert found["C0000001"]["nps_last"] == 4


def test_while_a_gate_keeps_surveys_out_ours_are_not_known_either(shop: Application) -> None:
    company = open_sources(shop.policies, shop.folders, NIGHT)
    try:
        leave_out(company, "surveys")
        add_answers(company, [OwnAnswer("C0000001", NIGHT, 3)])
        assert "surveys" not in company.mapped
    finally:
        company.close()
