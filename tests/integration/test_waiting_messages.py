"""Timers that know each other: what waits by rule ages no approval; nothing ends in silence."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import select, update

from retention.actions import approval as approvals
from retention.actions.leaving_times import openings
from retention.actions.views import decided
from retention.bootstrap import Application
from retention.cli.queue_printing import leaving
from retention.clock import travel
from retention.db.models.work.actions import Action, Offer, Rendering
from retention.db.models.work.messages import Message
from retention.db.session import reading, writing
from retention.delivery import settle_by_hand as settling
from retention.delivery.last_check import Rules
from retention.delivery.waiting_reasons import reasons_of
from retention.domain.actions import ActionState
from retention.domain.errors import NotAllowedError
from retention.domain.messages import MessageClass, MessageState
from retention.domain.offers import OfferState
from retention.domain.sending import Frequency
from retention.domain.stages import Stage
from retention.people.actor import Actor
from retention.play.workforce import Workforce
from retention.policies.load import Policies
from retention.safeguards import kill_switch as switches
from tasks.delivery import recover_lost
from tests.conftest import NIGHT, use_application
from tests.factories.nights import actor_of
from tests.factories.outboxes import (
    AFTERNOON,
    approve,
    deliver,
    message_of,
    one_proposal,
    owner,
    state_of,
)
from tests.factories.servers import ScriptedServer

SIX_DAYS = timedelta(days=6)  # 8 June 2026, a Monday


def only_this(shop: Application, action_id: str) -> None:
    """Leave nothing else in the outbox."""
    with writing(shop.engine) as session:
        session.execute(
            update(Message)
            .where(Message.action_id != action_id)
            .values(state=MessageState.CANCELLED)
        )


def offer_in_madrid(shop: Application) -> str:
    action_id = one_proposal(shop, Stage.RENEGOTIATE)
    with writing(shop.engine) as session:
        rendering = session.get_one(Rendering, action_id)
        rendering.timezone, rendering.place = "Europe/Madrid", "ES-MD"
    return action_id


def approved_offer(shop: Application) -> str:
    action_id = offer_in_madrid(shop)
    approve(shop, action_id, owner(shop, action_id))
    only_this(shop, action_id)
    return action_id


def with_approvals(shop: Application, patch: pytest.MonkeyPatch, **changes: object) -> Application:
    approvals_doc = shop.policies.approvals.model_copy(update=changes)
    policies: Policies = replace(shop.policies, approvals=approvals_doc)
    made = replace(shop, policies=policies)
    use_application(patch, made)
    return made


def hold(shop: Application, action_id: str, at: datetime) -> None:
    with writing(shop.engine) as session:
        actor = replace(actor_of(shop, owner(shop, action_id), NIGHT), now=at)
        settling.hold(session, action_id, actor, reason="waiting for a call")


def release(shop: Application, action_id: str, at: datetime) -> None:
    with writing(shop.engine) as session:
        actor = replace(actor_of(shop, owner(shop, action_id), NIGHT), now=at)
        settling.release(session, action_id, actor)


def test_what_was_kept_back_for_six_days_leaves_with_its_approval_of_three(
    queued: Application, server: ScriptedServer
) -> None:
    action_id = approved_offer(queued)
    hold(queued, action_id, AFTERNOON - timedelta(hours=6))
    assert deliver() == {}
    release(queued, action_id, AFTERNOON + SIX_DAYS)
    assert deliver(now=AFTERNOON + SIX_DAYS) == {"sent": 1}
    assert server.accepted


def with_rules(shop: Application, patch: pytest.MonkeyPatch, **changes: object) -> None:
    sending = replace(shop.policies.sending, **changes)  # type: ignore[arg-type]
    use_application(patch, replace(shop, policies=replace(shop.policies, sending=sending)))


def test_an_offer_that_the_quota_kept_back_for_six_days_leaves(
    queued: Application, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    action_id = approved_offer(queued)
    with_rules(queued, monkeypatch, daily_quota=0)
    for days in range(4):
        assert deliver(now=AFTERNOON + timedelta(days=days)) == {}
        assert message_of(queued, action_id).waiting_for == "daily_quota"
    use_application(monkeypatch, queued)
    assert deliver(now=AFTERNOON + SIX_DAYS) == {"sent": 1}
    assert server.accepted


def test_an_offer_that_a_cap_kept_back_for_six_days_leaves(
    queued: Application, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    action_id = approved_offer(queued)
    with_rules(queued, monkeypatch, frequency={MessageClass.SERVICE: Frequency(1, 7)})
    with writing(queued.engine) as session:
        customer = session.get_one(Action, action_id).customer_id
        other = session.scalars(select(Message).where(Message.action_id != action_id)).first()
        assert other is not None
        session.get_one(Action, other.action_id).customer_id = customer
        other.state, other.sent_at = MessageState.SENT, AFTERNOON - timedelta(days=1)
    assert deliver() == {}
    assert message_of(queued, action_id).waiting_for == "frequency_cap"
    assert deliver(now=AFTERNOON + SIX_DAYS) == {"sent": 1}
    assert server.accepted


def test_what_could_have_left_for_three_days_needs_a_new_approval(
    queued: Application, server: ScriptedServer
) -> None:
    action_id = approved_offer(queued)
    assert deliver(now=AFTERNOON + timedelta(days=3)) == {"expired": 1}
    assert state_of(queued, action_id) is ActionState.EXPIRED
    with reading(queued.engine) as session:
        offer = session.scalars(select(Offer).where(Offer.action_id == action_id)).one()
        assert offer.state is OfferState.VOIDED, "nobody waits for an answer to it"
    assert not server.accepted


def test_time_before_and_after_a_wait_ages_an_approval(
    queued: Application, server: ScriptedServer
) -> None:
    action_id = approved_offer(queued)
    hold(queued, action_id, AFTERNOON)
    server.script = {"MAIL": "421 not now"}
    release(queued, action_id, AFTERNOON + timedelta(days=3))
    deliver(now=AFTERNOON + timedelta(days=3))
    waited = message_of(queued, action_id).waited
    assert waited == timedelta(days=3).total_seconds(), "kept though it was tried in between"
    server.script = {}
    assert deliver(now=AFTERNOON + SIX_DAYS) == {"expired": 1}


def test_there_is_an_end_to_waiting(queued: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = with_approvals(queued, monkeypatch, longest_days=4)
    action_id = approved_offer(shop)
    hold(shop, action_id, AFTERNOON)
    release(shop, action_id, AFTERNOON + SIX_DAYS)
    assert deliver(now=AFTERNOON + SIX_DAYS) == {"expired": 1}
    assert message_of(shop, action_id).last_text == "an approval is too old"


def test_a_stop_of_all_sending_does_not_age_what_waits_behind_it(
    queued: Application, server: ScriptedServer
) -> None:
    action_id = approved_offer(queued)
    stop = queued.settings.stop_file
    stop.parent.mkdir(parents=True, exist_ok=True)
    stop.touch()
    assert deliver() == {"stopped": 1}
    stop.unlink()
    assert deliver(now=AFTERNOON + SIX_DAYS) == {"sent": 1}
    assert state_of(queued, action_id) is ActionState.DONE


def test_no_action_stays_approved_when_its_message_is_too_late(queued: Application) -> None:
    action_id = approved_offer(queued)
    hold(queued, action_id, AFTERNOON)
    with travel(AFTERNOON + timedelta(days=20)):
        recover_lost.fn()
    assert message_of(queued, action_id).state is MessageState.EXPIRED
    assert state_of(queued, action_id) is ActionState.EXPIRED
    with reading(queued.engine) as session:
        offer = session.scalars(select(Offer).where(Offer.action_id == action_id)).one()
        assert offer.state is OfferState.VOIDED


def deciding(shop: Application, action_id: str, at: datetime) -> Actor:
    return replace(actor_of(shop, owner(shop, action_id), NIGHT), now=at, on=at.date())


def test_what_can_no_longer_leave_is_not_approved(queued: Application) -> None:
    """On the evening of its last day, and before a weekend."""
    action_id = offer_in_madrid(queued)
    with writing(queued.engine) as session:
        last = session.get_one(Action, action_id).due_on
    evening = AFTERNOON.replace(year=last.year, month=last.month, day=last.day, hour=23)
    with (
        writing(queued.engine) as session,
        pytest.raises(NotAllowedError, match=f"at the earliest, and its last day is {last}"),
    ):
        approvals.approve(session, action_id, deciding(queued, action_id, evening))
    with reading(queued.engine) as session:
        assert session.get_one(Action, action_id).state is ActionState.PENDING_APPROVAL


def test_the_people_of_the_demo_leave_alone_what_can_no_longer_leave(queued: Application) -> None:
    """On the evening of its last day; with a day more it is approved."""
    action_id = offer_in_madrid(queued)
    with writing(queued.engine) as session:
        last = session.get_one(Action, action_id).due_on
    people = Workforce(queued, {})
    with travel(AFTERNOON.replace(year=last.year, month=last.month, day=last.day, hour=23)):
        assert people.approve_half()[0] == 0
    assert state_of(queued, action_id) is ActionState.PENDING_APPROVAL
    with travel(AFTERNOON):
        people.approve_half()
    assert state_of(queued, action_id) is ActionState.APPROVED


def test_who_approves_is_told_when_it_can_leave(queued: Application) -> None:
    """On a Friday evening in Madrid: on Monday morning; by 26 June, however long it must wait."""
    action_id = offer_in_madrid(queued)
    with writing(queued.engine) as session:
        session.get_one(Action, action_id).due_on = date(2026, 7, 30)
    actor = deciding(queued, action_id, AFTERNOON.replace(day=5, hour=23))
    with writing(queued.engine) as session:
        action = approvals.approve(session, action_id, actor)
        told = decided(session, action, actor, timedelta(hours=72))
    assert told["leaves_at"] == "2026-06-08T08:00:00+02:00"
    assert told["last_day"] == "2026-06-26", "an approval counts for so long, however it waits"
    assert leaving(told) == (
        " It can leave on Monday 8 June 08:00 at the earliest; its last day is 26 June."
    )


def test_every_reason_is_named(queued: Application) -> None:
    action_id = approved_offer(queued)
    hold(queued, action_id, AFTERNOON)
    at, policies = AFTERNOON.replace(hour=23, minute=30), queued.policies
    sending = replace(policies.sending, daily_quota=0)
    opens_at = openings(policies.calendars, sending.hours, "Europe/Madrid")
    rules = Rules("Europe/Madrid", timedelta(hours=72), policies.team, opens_at=opens_at)
    with writing(queued.engine) as session:
        switches.stop_by_itself(session, "stage:renegotiate", "prices are wrong", at)
        message = session.scalars(select(Message).where(Message.action_id == action_id)).one()
        said = reasons_of(session, [message], at, rules, sending)[message.id]
        held_by = message.held_by
    assert said == [
        f"held by {held_by}", "'stage:renegotiate' is stopped", "outside_hours", "daily_quota",
    ]  # fmt: skip
