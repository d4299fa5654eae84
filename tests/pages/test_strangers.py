"""What strangers have tried: words that got lost, wishes that came back, promises that waited."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import insert, update

from retention.audit.verify import verify
from retention.db.models.customer_pages import (
    ApiKey,
    InstalmentPlan,
    Preference,
    Submission,
    WebhookEvent,
)
from retention.db.models.exemptions import Exclusion
from retention.db.models.incoming import Incoming
from retention.db.models.work.actions import Action, Offer
from retention.db.session import reading, writing
from retention.domain.actions import ActionState, Purpose
from retention.domain.customer_pages import without_tokens
from retention.domain.exclusions import ExclusionKind, ExclusionReason
from retention.domain.offers import OfferState
from retention.events import api_keys
from retention.safeguards import exclusions, preferences
from tests.factories.pages import Customer, PagesWorld, form_of, rows
from tests.pages.test_systems import tell

PROPOSAL, NOTICE, BILLS, GUIDE = (
    "renegotiation_proposal", "termination_notice", "payment_help", "education",
)  # fmt: skip


@pytest.mark.parametrize(("template", "purpose", "said", "typed"), [
    (NOTICE, "notice", "contest", {"words": "it is wrong"}),
    (PROPOSAL, "offer", "accept", {"name": "Ana", "sure": "yes"}),
])  # fmt: skip
def test_an_answer_counts_though_who_wrote_to_them_has_left(
    world: PagesWorld, customer: Customer, template: str, purpose: str, said: str,
    typed: dict[str, Any],
) -> None:  # fmt: skip
    action_id = world.sent(template)
    with writing(world.shop.engine) as session:
        session.get_one(Action, action_id).owner = "gone"
    done = customer.say(world.path(template, purpose), said, **typed)
    assert done.status_code == 200
    assert rows(world, Submission)[0].said == said
    if said == "contest":
        assert rows(world, Exclusion)[0].reason is ExclusionReason.CONTESTED


def test_an_old_form_brings_no_consent_back(world: PagesWorld, customer: Customer) -> None:
    path = world.path(GUIDE, "preferences")
    everything: dict[str, Any] = {"topic-guides": "yes", "topic-surveys": "yes",
                                  "topic-offers": "yes", "texts": "yes"}  # fmt: skip
    old = customer.get(path)
    customer.fill(old, path, **everything)
    old = customer.get(path)
    customer.post(path, {"List-Unsubscribe": "One-Click"})
    world.at += timedelta(minutes=30)
    again = customer.post(path, form_of(old.text) | everything)
    assert again.status_code == 422
    [row] = [r for r in rows(world, Exclusion) if r.scope == "commercial"]
    assert row.released_at is None
    old = customer.get(path)
    with writing(world.shop.engine) as session:
        preferences.stop_texts(session, row.customer_id, world.at)
    assert customer.post(path, form_of(old.text) | everything).status_code == 422
    assert rows(world, Preference)[0].texts is False


def test_one_click_again_tells_nobody_again(world: PagesWorld, customer: Customer) -> None:
    path = world.path(GUIDE, "preferences")
    for _ in range(5):
        world.at += timedelta(minutes=1)
        customer.post(path, {"List-Unsubscribe": "One-Click"})
    assert len(rows(world, WebhookEvent, kind="customer.opted_out")) == 1


def test_what_protects_counts_from_an_old_form_too(world: PagesWorld, customer: Customer) -> None:
    path = world.path(NOTICE, "notice")
    contest, ask = customer.choose(path, "contest"), customer.choose(path, "ask")
    customer.fill(ask, f"{path}/confirm", words="why?")
    customer.fill(contest, f"{path}/confirm", words="I was in hospital", sure="yes")
    assert [row.said for row in rows(world, Submission)] == ["ask", "contest"]
    assert rows(world, Exclusion)[0].reason is ExclusionReason.CONTESTED
    assert "I was in hospital" in [row.text for row in rows(world, Incoming)]


def test_words_of_an_answer_that_came_too_late_stay_on_the_page(
    world: PagesWorld, customer: Customer
) -> None:
    path = world.path(PROPOSAL, "offer")
    first, second = customer.choose(path, "decline"), customer.choose(path, "counter")
    customer.fill(first, f"{path}/confirm", sure="yes")
    late = customer.fill(second, f"{path}/confirm", words="fifty-five a month")
    assert late.status_code == 409
    assert "fifty-five a month" in late.text
    assert "Mientras tanto" in late.text
    done = customer.fill(late, f"{path}/confirm", words="fifty-five a month")
    assert "Nos ha hecho una propuesta" in done.text


def test_each_promise_in_writing_leaves_though_another_follows(
    world: PagesWorld, customer: Customer
) -> None:
    path = world.path(NOTICE, "notice")
    customer.say(path, "contest", words="no")
    page = customer.get(f"{path}/times")
    at = page.text.split('name="at" value="')[1][:25]
    customer.fill(page, f"{path}/times", at=at, phone="600 123 456")
    customer.say(path, "ask", words="why?")
    receipts = rows(world, Action, purpose=Purpose.RECEIPT, proposed_by="customer")
    assert sorted(a.template for a in receipts) == ["call_agreed", "receipt", "receipt"]
    assert {a.state for a in receipts} == {ActionState.APPROVED}


def test_the_last_answer_to_an_offer_is_the_one_that_is_confirmed(
    world: PagesWorld, customer: Customer
) -> None:
    path = world.path(PROPOSAL, "offer")
    customer.say(path, "accept", name="Ana", sure="yes")
    customer.say(path, "decline", sure="yes")
    receipts = rows(world, Action, purpose=Purpose.RECEIPT, proposed_by="customer")
    assert sorted(str(a.state) for a in receipts) == ["approved", "superseded"]


def test_nobody_is_flooded_by_their_own_answers(world: PagesWorld, customer: Customer) -> None:
    path = world.path(PROPOSAL, "offer")
    answers = [
        customer.say(path, "accept", name="A", sure="yes") if n % 2 else
        customer.say(path, "decline", sure="yes")
        for n in range(14)
    ]  # fmt: skip
    assert answers[9].status_code == 200
    assert answers[13].status_code == 409
    assert "muchas veces" in answers[13].text
    assert len(rows(world, Submission)) == 10


def test_a_plan_has_a_hold_of_its_own(world: PagesWorld, customer: Customer) -> None:
    path, action_id = world.path(BILLS, "debt"), world.sent(BILLS)
    [action] = rows(world, Action, id=action_id)
    with writing(world.shop.engine) as session:
        wish = exclusions.Wish(
            action.customer_id, ExclusionKind.HOLD, ExclusionReason.PROMISE_TO_PAY,
            world.at.date(), world.at.date() + timedelta(days=300),
        )  # fmt: skip
        diana = world.shop.policies.team.get("diana")
        theirs = exclusions.place(
            session, wish, diana, world.at, longest=timedelta(days=732), owner=action.owner
        ).id
    asked = customer.choose(path, "plan")
    day = asked.text.split('name="first_on" value="')[1][:10]
    customer.fill(asked, f"{path}/confirm", parts="2", first_on=day, sure="yes")
    [plan] = rows(world, InstalmentPlan)
    assert plan.exclusion_id != theirs
    assert "Quiero pagar a plazos" not in customer.get(f"{path}?change=yes").text  # there is one


@pytest.mark.parametrize(("typed", "kept"), [
    ("0", Decimal(0)), ("-1", None), ("1.500", None), ("1,500", None), ("1.500,00", 1500),
    ("79,5", Decimal("79.5")), ("1,234.50", Decimal("1234.5")), ("1.500.000", Decimal(1500000)),
    ("79.50 EUR", Decimal("79.5")), ("1e5", None), ("1_0", None), ("٣٤", None), ("1.234.50", None),
    ("NaN", None), ("fünfzig", None),
])  # fmt: skip
def test_an_amount_is_read_as_it_is_meant_or_asked_for_again(
    world: PagesWorld, customer: Customer, typed: str, kept: Decimal | None
) -> None:
    path, action_id = world.path(PROPOSAL, "offer"), world.sent(PROPOSAL)
    done = customer.say(path, "counter", words="my words", fee=typed)
    if kept is None:
        assert done.status_code == 422
        assert "my words" in done.text
        return
    [offer] = rows(world, Offer, action_id=action_id)
    assert (offer.state, offer.counter_fee) == (OfferState.COUNTERED, kept)


def test_a_flood_of_questions_ends_before_it_buries_the_team(
    world: PagesWorld, customer: Customer
) -> None:
    path, action_id = world.path(PROPOSAL, "offer"), world.sent(PROPOSAL)
    asked = customer.choose(path, "ask")
    codes = {
        number: customer.fill(asked, f"{path}/confirm", wait=1, words=f"again {number}").status_code
        for number in range(32)
    }
    assert [number for number, code in codes.items() if code == 409] == [30, 31]
    assert len(rows(world, Submission, action_id=action_id)) == 30


def test_no_word_is_lost_in_a_no_or_in_a_survey(world: PagesWorld, customer: Customer) -> None:
    path = world.path(PROPOSAL, "offer")
    customer.say(path, "decline", words="I have lost my job", sure="yes")
    survey = world.path(GUIDE, "survey")
    more = customer.fill(customer.get(survey), survey, score="2")
    customer.fill(more, survey, step="more", why="nobody answers", cause="our_service")
    said = [row.text or "" for row in rows(world, Incoming)]
    assert any("I have lost my job" in text for text in said)
    assert any("nobody answers" in text for text in said)


def test_two_systems_may_have_the_same_id_and_each_tells_what_it_may(
    world: PagesWorld, customer: Customer
) -> None:
    with writing(world.shop.engine) as session:
        billing = api_keys.make(session, "billing", world.at, ["paid"])
        desk = api_keys.make(session, "desk", world.at)
    paid = {"type": "paid", "amount": "1", "currency": "EUR"}
    assert tell(customer, desk, **paid).status_code == 200
    assert tell(customer, billing, **paid).json()["known"] is False
    opened = {"type": "complaint_opened", "ticket_id": " T1 "}
    assert tell(customer, billing, id="2", **opened).status_code == 403
    assert tell(customer, desk, id="2", **opened).status_code == 200
    with writing(world.shop.engine) as session:
        other = api_keys.make(session, "other", world.at)
    closed = {"type": "complaint_closed", "ticket_id": "T1"}
    assert "0 holds" in tell(customer, other, id="3", **closed).json()["effect"]
    assert "1 holds" in tell(customer, desk, id="3", **closed).json()["effect"]


@pytest.mark.parametrize("event", [
    {"occurred_at": "0001-01-01T00:00:00+23:59"}, {"occurred_at": "9999-12-31T23:59:59-23:59"},
    {"customer_id": "C\x0005"}, {"id": "\x00"}, {"type": "secret words of mine"},
    {"Ana Lopez 600123": "x"},
])  # fmt: skip
def test_what_is_odd_is_refused_without_being_repeated(
    world: PagesWorld, customer: Customer, event: dict[str, str]
) -> None:
    with writing(world.shop.engine) as session:
        key = api_keys.make(session, "desk", world.at)
    answer = tell(customer, key, **{"type": "address_changed"} | event)
    assert answer.status_code == 422
    assert "secret" not in answer.text
    assert "Ana" not in answer.text


def test_names_in_an_address_clash_with_nothing(world: PagesWorld, customer: Customer) -> None:
    path = world.path(PROPOSAL, "offer")
    for query in ("tail=x", "self=x", "language=xx", "said=accept", "chosen=yes", "change=1&x=y"):
        assert customer.get(f"{path}?{query}").status_code in (200, 422), query


def test_a_quoted_link_works_for_nobody_who_reads_the_quotation() -> None:
    token = "abcdefghijklmnopqrstuvwxyz" * 2
    quoted = f"> https://answers.example.com/c/offer/{token}\nmy answer"
    assert token not in without_tokens(quoted)
    assert "my answer" in without_tokens(quoted)


def test_a_forged_wish_or_key_is_seen_by_the_audit(world: PagesWorld, customer: Customer) -> None:
    path = world.path(GUIDE, "preferences")
    typed: dict[str, Any] = {"texts": "no", "topic-guides": "yes"}
    customer.fill(customer.get(path), path, **typed)
    with reading(world.shop.engine) as session:
        assert not verify(session, []).findings
    with world.shop.engine.begin() as connection:
        connection.execute(update(Preference).values(texts=True))
        connection.execute(
            insert(ApiKey).values(key_hash="0" * 64, name="x", made_at=world.at, revoked_at=None)
        )
    with reading(world.shop.engine) as session:
        assert len(verify(session, []).findings) >= 2
