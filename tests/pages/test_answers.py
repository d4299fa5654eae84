"""What customers say on their pages: it counts once, as they meant it, and does what it must."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from retention.db.models.customer_pages import InstalmentPlan, Submission, WebhookEvent
from retention.db.models.exemptions import Exclusion
from retention.db.models.incoming import Incoming
from retention.db.models.work.actions import Action, AgreedCall, Offer, Rendering
from retention.db.models.work.cases import Case
from retention.db.models.work.messages import Message
from retention.db.session import reading, writing
from retention.domain.actions import ActionState, Purpose
from retention.domain.cases import CaseState
from retention.domain.exclusions import ExclusionReason
from retention.domain.offers import OfferState
from retention.safeguards import preferences
from tests.factories.pages import Customer, PagesWorld, form_of, rows

PROPOSAL, PREPAID = "renegotiation_proposal", "prepaid_migration_offer"
NOTICE, BILLS, GUIDE = "termination_notice", "payment_help", "education"


def offer_of(world: PagesWorld, action_id: str) -> Offer:
    with reading(world.shop.engine) as session:
        return session.scalars(select(Offer).where(Offer.action_id == action_id)).one()


def test_an_offer_is_accepted_with_a_name_and_a_tick(world: PagesWorld, customer: Customer) -> None:
    path, action = world.path(PROPOSAL, "offer"), world.sent(PROPOSAL)
    page = customer.get(path)
    assert page.status_code == 200
    assert " checked" not in page.text.partition("</style>")[2]
    asked = customer.choose(path, "accept")
    half = customer.fill(asked, f"{path}/confirm", name="Ana Peña")
    assert half.status_code == 422
    assert offer_of(world, action).state is OfferState.SENT
    assert 'value="Ana Peña"' in half.text  # what was typed is still there
    done = customer.fill(half, f"{path}/confirm", name="Ana Peña", sure="yes")
    assert "Ha aceptado" in done.text
    offer = offer_of(world, action)
    assert (offer.state, offer.answered_by) == (OfferState.ACCEPTED, "customer")
    receipts = rows(world, Action, purpose=Purpose.RECEIPT, case_id=offer.case_id)
    assert [a.state for a in receipts] == [ActionState.APPROVED]  # written, and on its way
    [event] = rows(world, WebhookEvent, kind="offer.accepted")
    assert event.not_before - event.made_at == timedelta(hours=24)  # not before it can stay so


def test_an_answer_can_be_changed_and_only_the_last_one_is_told(
    world: PagesWorld, customer: Customer
) -> None:
    path, action = world.path(PREPAID, "offer"), world.sent(PREPAID)
    customer.say(path, "accept", name="Ana", sure="yes")
    done = customer.say(path, "decline", words="too dear", sure="yes")
    assert "Ha dicho que no" in done.text
    assert offer_of(world, action).state is OfferState.DECLINED
    told = {e.kind: e.withdrawn_at is None for e in rows(world, WebhookEvent)
            if e.kind.startswith("offer.")}  # fmt: skip
    assert told == {"offer.accepted": False, "offer.declined": True}


def test_a_question_takes_no_answer_back_and_hides_none(
    world: PagesWorld, customer: Customer
) -> None:
    path, action = world.path(PROPOSAL, "offer"), world.sent(PROPOSAL)
    customer.say(path, "accept", name="Ana Peña", sure="yes")
    asked = customer.say(path, "ask", words="¿Desde cuándo?")
    assert "Nos ha preguntado algo" in asked.text
    assert "Esto sigue en pie:</strong> Ha aceptado" in asked.text
    offer = offer_of(world, action)
    assert offer.state is OfferState.ACCEPTED
    receipts = rows(world, Action, purpose=Purpose.RECEIPT, case_id=offer.case_id)
    assert [a.state for a in receipts] == [ActionState.APPROVED] * 2, "both are told in writing"
    changed = customer.say(path, "decline", words="No, gracias", sure="yes")
    assert "Ha aceptado" not in changed.text


def test_what_protects_stays_on_the_page_whatever_is_said_later(
    world: PagesWorld, customer: Customer
) -> None:
    notice = world.path(NOTICE, "notice")
    customer.say(notice, "contest", words="no es justo")
    later = customer.say(notice, "more_time", words="hasta abril")
    assert "Esto sigue en pie:</strong> Se ha opuesto" in later.text
    debt = world.path(BILLS, "debt")
    asked = customer.choose(debt, "plan")
    day = asked.text.split('name="first_on" value="')[1][:10]
    customer.fill(asked, f"{debt}/confirm", parts="2", first_on=day, sure="yes")
    paid = customer.say(debt, "paid", words="ayer")
    assert "Esto sigue en pie:</strong> Hemos acordado" in paid.text


def test_a_proposal_of_their_own_comes_to_the_owner_with_its_words(
    world: PagesWorld, customer: Customer
) -> None:
    path, action = world.path(PROPOSAL, "offer"), world.sent(PROPOSAL)
    customer.say(path, "counter", words="Menos visitas, y 55 euros", fee="55,50 €", phone="600 1")
    offer = offer_of(world, action)
    assert (offer.state, offer.counter_fee) == (OfferState.COUNTERED, Decimal("55.50"))
    [said] = rows(world, Incoming, reason="page: counter")
    assert "Menos visitas, y 55 euros" in said.text
    assert "600 1" in said.text
    task = rows(world, Action, id=said.action_id)[0]
    assert (task.form, task.owner, task.state) == (
        "customer_reply", "marta", ActionState.PENDING_APPROVAL)  # fmt: skip


def test_words_alone_are_a_proposal_too(world: PagesWorld, customer: Customer) -> None:
    path, action = world.path(PROPOSAL, "offer"), world.sent(PROPOSAL)
    customer.say(path, "counter", words="ayuda por chat")
    assert offer_of(world, action).state is OfferState.COUNTERED


@pytest.mark.parametrize(
    ("said", "reason"),
    [("contest", ExclusionReason.CONTESTED), ("hardship", ExclusionReason.HARDSHIP)],
)
def test_who_contests_is_protected_at_once(
    world: PagesWorld, customer: Customer, said: str, reason: ExclusionReason
) -> None:
    path = world.path(NOTICE, "notice")
    done = customer.say(path, said, words="I have always paid")
    assert done.status_code == 200
    [hold] = rows(world, Exclusion)
    assert (hold.kind, hold.scope, hold.reason, hold.author) == ("hold", "all", reason, "customer")
    [words] = rows(world, Incoming, reason=f"page: {said}")
    assert words.text == "I have always paid"
    world.post("sent", world.at)  # the receipt leaves in spite of the hold, and nothing else does
    sent = [a.template for a in rows(world, Action, customer_id=hold.customer_id)
            if a.purpose is Purpose.RECEIPT and a.state is ActionState.DONE]  # fmt: skip
    assert sent == ["receipt"]


def test_a_scanner_that_contests_harms_nobody_and_is_believed(
    world: PagesWorld, customer: Customer
) -> None:
    path = world.path(NOTICE, "notice")
    customer.get(path)
    asked = customer.choose(path, "contest")
    customer.fill(asked, f"{path}/confirm", wait=0, said="contest", words="?", sure="yes")
    assert rows(world, Exclusion, reason=ExclusionReason.CONTESTED)


def test_an_answer_that_nobody_can_have_read_waits_for_a_person(
    world: PagesWorld, customer: Customer
) -> None:
    path, action = world.path(PROPOSAL, "offer"), world.sent(PROPOSAL)
    customer.get(path)
    asked = customer.choose(path, "accept")
    done = customer.fill(asked, f"{path}/confirm", wait=0, name="x", sure="yes")
    assert "Todavía no cuenta" in done.text
    assert offer_of(world, action).state is OfferState.SENT
    [row] = rows(world, Submission)
    assert row.doubt == "faster_than_reading"
    assert rows(world, Incoming, reason="page: accept")  # a person asks them


def test_an_answer_right_after_delivery_is_doubted(world: PagesWorld, customer: Customer) -> None:
    """A gateway opens and presses everything within seconds of a message's arrival."""
    path, action = world.path(PROPOSAL, "offer"), world.sent(PROPOSAL)
    [message] = rows(world, Message, action_id=action)
    world.at = message.sent_at + timedelta(seconds=10)
    asked = customer.choose(path, "accept")
    customer.fill(asked, f"{path}/confirm", wait=3, name="x", sure="yes")
    assert [row.doubt for row in rows(world, Submission)] == ["right_after_delivery"]
    assert offer_of(world, action).state is OfferState.SENT


def test_many_links_at_once_are_doubted(world: PagesWorld, customer: Customer) -> None:
    path, other = world.path(PROPOSAL, "offer"), world.path(PROPOSAL, "preferences")
    customer.get(other)
    customer.say(path, "decline", sure="yes")
    assert [row.doubt for row in rows(world, Submission)] == ["many_links_at_once"]


def test_who_needs_more_time_is_waited_for(world: PagesWorld, customer: Customer) -> None:
    path, action = world.path(NOTICE, "notice"), world.sent(NOTICE)
    done = customer.say(path, "more_time", words="until I am back from hospital")
    assert "Nada termina antes" in done.text
    [row] = rows(world, Incoming)
    assert row.reason == "page: more_time"
    assert "until I am back from hospital" in row.text
    with reading(world.shop.engine) as session:
        notice = session.get_one(Action, action)
        task = session.get_one(Action, row.action_id)
    assert task.state is ActionState.PENDING_APPROVAL
    assert notice.effective_on is not None
    while world.today <= notice.effective_on + timedelta(days=2):
        world.night(5)
    [case] = rows(world, Case, id=notice.case_id)
    assert case.state is CaseState.OPEN, "nothing ends before somebody has answered"


def test_a_debt_is_paid_in_parts_and_while_it_is_nothing_else_is_asked(
    world: PagesWorld, customer: Customer
) -> None:
    path = world.path(BILLS, "debt")
    shown = customer.get(path).text
    assert re.search(r"Factura F-C\d\d, vencida el 2 de enero de 2026", shown)
    asked = customer.choose(path, "plan")
    assert "66,67" in asked.text
    assert " checked" not in asked.text.partition("</style>")[2]
    day = asked.text.split('name="first_on" value="')[1][:10]
    done = customer.fill(asked, f"{path}/confirm", parts="3", first_on=day, sure="yes")
    assert "Hemos acordado unos plazos" in done.text
    assert "66,66" in done.text
    [plan] = rows(world, InstalmentPlan)
    assert (plan.amount, plan.parts, plan.state) == (Decimal("200.00"), 3, "running")
    [hold] = rows(world, Exclusion)
    assert (hold.reason, hold.ends_on > plan.first_on) == (ExclusionReason.PROMISE_TO_PAY, True)


@pytest.mark.parametrize("typed", [{"parts": "12"}, {"first_on": "2030-01-01"}, {"parts": "x"}])
def test_a_plan_that_config_does_not_allow_is_none(
    world: PagesWorld, customer: Customer, typed: dict[str, str]
) -> None:
    path = world.path(BILLS, "debt")
    asked = customer.choose(path, "plan")
    day = asked.text.split('name="first_on" value="')[1][:10]
    answer = customer.fill(
        asked, f"{path}/confirm", **{"parts": "2", "first_on": day, "sure": "yes"} | typed
    )
    assert answer.status_code in (409, 422)
    assert not rows(world, InstalmentPlan)
    assert not rows(world, Submission)


@pytest.mark.parametrize("said", ["paid", "wrong"])
def test_who_has_paid_or_sees_an_error_is_not_asked_again(
    world: PagesWorld, customer: Customer, said: str
) -> None:
    path = world.path(BILLS, "debt")
    customer.say(path, said, words="el lunes, por transferencia")
    [words] = rows(world, Incoming, reason=f"page: {said}")
    held = [h.reason for h in rows(world, Exclusion)]
    assert held == ([ExclusionReason.DISPUTE] if said == "wrong" else [])
    assert rows(world, Action, id=words.action_id)[0].form == "customer_reply"


def test_a_call_is_chosen_and_moved_in_ones_own_zone(world: PagesWorld, customer: Customer) -> None:
    path = world.path(GUIDE, "call")
    page = customer.get(path)
    times = [part[:25] for part in page.text.split('name="at" value="')[1:]]
    assert len(times) > 20
    none = customer.fill(page, f"{path}/times")
    assert none.status_code == 422
    assert not rows(world, AgreedCall)
    page = customer.fill(
        none, f"{path}/times", at=times[0], words="sobre la factura", phone="600 1"
    )
    assert "Le llamamos" in page.text or "le llama" in page.text
    [call] = rows(world, AgreedCall)
    assert (call.agreed_by, call.number) == ("customer", 0)
    [told] = [r for r in rows(world, Rendering) if re.search(r"600\s1\b", r.text or "")]
    assert "¿A qué número" not in told.text
    calendar = customer.get(f"{path}/call.ics")
    assert calendar.headers["content-type"].startswith("text/calendar")
    assert b"BEGIN:VEVENT" in calendar.content
    customer.fill(page, f"{path}/times", at=times[3], phone="600 1")
    [call] = rows(world, AgreedCall)
    assert call.number == 1
    elsewhere = world.path(GUIDE, "call", 1)  # the same person cannot call two at once
    taken = customer.fill(customer.get(elsewhere), f"{elsewhere}/times", at=times[3], phone="600 1")
    assert taken.status_code == 409
    assert "otra" in taken.text


def test_a_call_about_an_offer_is_before_its_last_day_is_over(
    world: PagesWorld, customer: Customer
) -> None:
    path, action = world.path(PROPOSAL, "offer"), world.sent(PROPOSAL)
    last = (world.at + timedelta(days=4)).date()
    with writing(world.shop.engine) as session:
        session.scalars(select(Offer).where(Offer.action_id == action)).one().expires_on = last
    page = customer.get(f"{path}/times")
    days = {part[:10] for part in page.text.split('name="at" value="')[1:]}
    assert days
    assert max(days) <= last.isoformat()


def test_the_survey_keeps_each_step(world: PagesWorld, customer: Customer) -> None:
    path = world.path(GUIDE, "survey")
    page = customer.get(f"{path}?score=7")
    assert 'value="7" checked' in page.text
    assert not rows(world, Submission)
    more = customer.fill(page, path, score="7")
    assert rows(world, Submission)[0].values == {"score": "7"}
    customer.fill(more, path, why="Tardan mucho", cause="our_service")
    assert rows(world, Submission)[-1].values == {
        "score": "7", "why": "Tardan mucho", "cause": "our_service",
    }  # fmt: skip
    assert customer.post(path, form_of(page.text) | {"score": "11"}).status_code == 422


def test_one_click_stops_what_can_be_declined_without_a_cookie(
    world: PagesWorld, customer: Customer
) -> None:
    path, action = world.path(GUIDE, "preferences"), world.sent(GUIDE)
    answer = customer.post(path, {"List-Unsubscribe": "One-Click"})
    assert (answer.status_code, answer.text) == (200, "done")
    assert "set-cookie" not in answer.headers
    again = customer.post(path, {"List-Unsubscribe": "One-Click"})
    assert again.status_code == 200
    [row] = rows(world, Exclusion)
    assert (row.kind, row.scope, row.ends_on) == ("suppression", "commercial", None)
    with reading(world.shop.engine) as session:
        customer_id = session.get_one(Action, action).customer_id
        assert not preferences.present(session, customer_id, world.at.date()).all_news


def test_preferences_are_kept_and_taken_back(world: PagesWorld, customer: Customer) -> None:
    path = world.path(GUIDE, "preferences")
    page = customer.get(path)
    shown: dict[str, Any] = {
        "topic-guides": "yes", "topic-offers": "yes", "pause": "30", "write-in": "en",
        "channel": "phone", "texts": "no",
    }  # fmt: skip
    saved = customer.fill(page, path, **shown)
    assert "Queda anotado" in saved.text or "This is noted" in saved.text
    scopes = {row.scope: row.ends_on for row in rows(world, Exclusion)}
    assert scopes == {"topic:surveys": None, "commercial": world.at.date() + timedelta(days=30)}
    with reading(world.shop.engine) as session:
        action = session.get_one(Action, world.sent(GUIDE))
        kept = preferences.of(session, action.customer_id)
        assert kept is not None
        assert (kept.language, kept.channel, kept.texts) == ("en", "phone", False)
        assert preferences.wants_a_call(session, action.customer_id)
    page = customer.get(path)
    customer.fill(page, path, **shown | {"topic-surveys": "yes", "pause": "none"})
    assert all(row.released_at for row in rows(world, Exclusion))


def test_a_message_of_a_topic_that_is_switched_off_does_not_leave(
    world: PagesWorld, customer: Customer
) -> None:
    path = world.path(GUIDE, "preferences")
    only: dict[str, Any] = {"pause": "none", "topic-surveys": "yes"}
    customer.fill(customer.get(path), path, **only)
    with reading(world.shop.engine) as session:
        who = session.get_one(Action, world.sent(GUIDE)).customer_id
    off = {row.scope for row in rows(world, Exclusion, customer_id=who)}
    assert off == {"topic:guides", "topic:offers"}
