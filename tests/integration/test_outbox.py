"""When messages leave, how many, and what people do about them; on SQLite and PostgreSQL."""

import re
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update

from retention.bootstrap import Application
from retention.db.models.work.actions import Action, Rendering
from retention.db.models.work.messages import DeliveryAttempt, Message
from retention.db.session import reading, writing
from retention.delivery import circuit_breaker as health
from retention.delivery import settle_by_hand as settling
from retention.delivery.settle_by_hand import Fate
from retention.domain.actions import ActionState
from retention.domain.errors import NotAllowedError
from retention.domain.messages import MessageClass, MessageState, SendPolicy
from retention.domain.sending import ErrorRate, Frequency, Hours
from retention.domain.stages import Stage
from retention.safeguards import kill_switch as switches
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
    state_of_message,
)
from tests.factories.servers import ScriptedServer

MEXICO = ZoneInfo("America/Mexico_City")


def with_rules(shop: Application, patch: pytest.MonkeyPatch, **changes: object) -> Application:
    """The shop with other rules for sending."""
    sending = replace(shop.policies.sending, **changes)  # type: ignore[arg-type]
    made = replace(shop, policies=replace(shop.policies, sending=sending))
    use_application(patch, made)
    return made


def waiting(shop: Application) -> Counter[str | None]:
    with reading(shop.engine) as session:
        query = select(Message.waiting_for).where(Message.state == MessageState.QUEUED)
        return Counter(session.scalars(query))


def keep(shop: Application, count: int) -> list[str]:
    """Leave `count` messages in the outbox; return their ids."""
    with writing(shop.engine) as session:
        ids = list(session.scalars(select(Message.id).order_by(Message.id)))
        session.execute(
            update(Message).where(Message.id.in_(ids[count:])).values(state=MessageState.CANCELLED)
        )
    return ids[:count]


def test_nobody_is_written_to_at_night(queued: Application, server: ScriptedServer) -> None:
    """In Madrid it is ten in the morning; in Mexico it is not yet day."""
    ids = keep(queued, 2)
    with writing(queued.engine) as session:
        for message_id, zone in zip(ids, ("Europe/Madrid", MEXICO.key), strict=True):
            rendering = session.get_one(Rendering, session.get_one(Message, message_id).action_id)
            rendering.timezone, rendering.place = zone, "MX" if zone == MEXICO.key else "ES"
    morning = AFTERNOON.replace(hour=10)
    assert deliver(now=morning) == {"sent": 1}
    assert waiting(queued) == {"outside_hours": 1}
    with reading(queued.engine) as session:
        late = session.scalars(select(Message).where(Message.state == "queued")).one()
    opens = late.not_before.astimezone(MEXICO)
    assert (opens.date(), opens.hour) == (morning.date(), 8)
    assert deliver(now=late.not_before - timedelta(seconds=1)) == {}
    assert deliver(now=late.not_before) == {"sent": 1}
    assert len(server.accepted) == 2


def test_weekends_and_the_holidays_of_the_recipient_are_left_alone(queued: Application) -> None:
    """Friday evening waits until Monday, or Tuesday where Monday is a holiday."""
    ids = keep(queued, 2)
    with writing(queued.engine) as session:
        for message_id, place in zip(ids, ("ES", "IE"), strict=True):
            message = session.get_one(Message, message_id)
            rendering = session.get_one(Rendering, message.action_id)
            rendering.timezone, rendering.place = "Europe/Dublin", place
            message.not_before, message.send_until = (
                AFTERNOON - timedelta(days=9),
                NIGHT.replace(month=12),
            )
    friday = datetime(2026, 5, 29, 22, 0, tzinfo=ZoneInfo("Europe/Dublin"))
    assert deliver(now=friday) == {}
    with reading(queued.engine) as session:
        opens = {
            place: moment.astimezone(ZoneInfo("Europe/Dublin")).date().isoformat()
            for place, moment in session.execute(
                select(Rendering.place, Message.not_before)
                .join(Message, Message.action_id == Rendering.action_id)
                .where(Message.id.in_(ids))
            )
        }
    assert opens == {"ES": "2026-06-01", "IE": "2026-06-02"}


def test_a_customer_gets_only_so_many_messages_of_a_class(
    queued: Application, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    caps = {MessageClass.SERVICE: Frequency(1, 7)}
    with_rules(queued, monkeypatch, frequency=caps)
    offer = one_proposal(queued, Stage.RENEGOTIATE)
    approve(queued, offer, "james" if owner(queued, offer) == "james" else "marta")
    keep_only = message_of(queued, offer).id
    with writing(queued.engine) as session:
        customer = session.get_one(Action, offer).customer_id
        other = session.scalars(
            select(Action.id)
            .join(Message, Message.action_id == Action.id)
            .where(Action.customer_id != customer)
        ).first()
        session.execute(
            update(Message)
            .where(Message.id != keep_only, Message.action_id != other)
            .values(state=MessageState.CANCELLED)
        )
        # The other message went to the same customer, two days ago, in another playbook.
        session.get_one(Action, other).customer_id = customer
        sent = session.scalars(select(Message).where(Message.action_id == other)).one()
        sent.state, sent.sent_at = MessageState.SENT, AFTERNOON - timedelta(days=2)
    assert deliver() == {}
    assert waiting(queued) == {"frequency_cap": 1}
    assert state_of(queued, offer) is ActionState.APPROVED, "what waits is not done"
    assert message_of(queued, offer).not_before == AFTERNOON + timedelta(days=5)
    with writing(queued.engine) as session:
        rendering = session.get_one(Rendering, offer)
        rendering.message_class = MessageClass.LEGAL_NOTICE
        session.get_one(Message, keep_only).not_before = AFTERNOON
    assert deliver() == {"sent": 1}, "a legal notice is never held up by a cap"
    assert len(server.accepted) == 1


def test_the_provider_takes_only_so_many_a_day(
    queued: Application, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(queued, 7)
    with_rules(queued, monkeypatch, daily_quota=3)
    assert deliver() == {"sent": 3}
    assert waiting(queued) == {"daily_quota": 4}
    assert deliver(now=AFTERNOON + timedelta(minutes=30)) == {}
    assert deliver(now=AFTERNOON + timedelta(days=1, minutes=30)) == {"sent": 3}
    assert len(server.accepted) == 6


def test_too_many_failures_stop_everything(
    queued: Application, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(queued, 30)
    shop = with_rules(queued, monkeypatch, errors=ErrorRate(0.2, 10, 60))
    server.script = {"RCPT": "550 no such user"}
    assert deliver() == {"failed": 25}, "one line is given twenty-five messages at once"
    with reading(shop.engine) as session:
        assert health.why_stopped(session) == "25 of the last 25 attempts failed"
    server.script = {}
    later = AFTERNOON + timedelta(minutes=10)
    assert deliver(now=later) == {"stopped": 5}
    with writing(shop.engine) as session:
        olga = shop.policies.team.get("olga")
        switches.start(session, switches.MAIL, olga, "the list was mended", later)
    soon = later + timedelta(minutes=1)
    assert deliver(now=soon) == {"stopped": 5}, (
        "so many of one provider at once: its mail still waits"
    )
    with writing(shop.engine) as session:
        (scope,) = switches.stopped(session)
        assert scope.startswith("provider:")
        switches.start(session, scope, olga, "they let us in again", soon)
    assert deliver(now=soon + timedelta(minutes=1)) == {"sent": 5}


@pytest.fixture
def unknown(queued: Application, server: ScriptedServer) -> str:
    """An offer of which nobody knows whether it has arrived; return its action's id."""
    offer = one_proposal(queued, Stage.RENEGOTIATE)
    approve(queued, offer, "james" if owner(queued, offer) == "james" else "marta")
    with writing(queued.engine) as session:
        session.execute(update(Message).where(Message.action_id != offer).values(state="cancelled"))
    server.script = {"dot": "accept-drop"}
    assert deliver() == {"unknown": 1}
    server.script = {}
    return offer


def settle(shop: Application, action_id: str, who: str, fate: Fate, reason: str) -> None:
    with writing(shop.engine) as session:
        actor = actor_of(shop, who, AFTERNOON.date())
        settling.settle(session, action_id, actor, fate, reason=reason, timezone="Europe/Madrid")


def test_a_person_says_what_became_of_an_unknown_message(queued: Application, unknown: str) -> None:
    settle(queued, unknown, "olga", Fate.SENT, "the provider's log has it as 1A2B3C")
    assert message_of(queued, unknown).state is MessageState.SENT
    with reading(queued.engine) as session:
        action = session.get_one(Action, unknown)
        assert (action.state, action.done_on) == (ActionState.DONE, AFTERNOON.date())


def test_what_did_not_leave_needs_a_new_approval(
    queued: Application, unknown: str, server: ScriptedServer
) -> None:
    settle(queued, unknown, "diana", Fate.NOT_SENT, "the provider has never seen it")
    assert message_of(queued, unknown).state is MessageState.FAILED
    assert state_of(queued, unknown) is ActionState.EXPIRED
    deliver(now=AFTERNOON + timedelta(days=1))
    assert len(server.accepted) == 1


@pytest.mark.parametrize(
    ("who", "reason", "message"),
    [
        ("marta", "I believe it has arrived", "may not settle"),
        ("olga", "", "the reason says nothing"),
    ],
)
def test_not_everybody_settles_and_nobody_without_a_reason(
    queued: Application, unknown: str, who: str, reason: str, message: str
) -> None:
    with pytest.raises(NotAllowedError, match=message):
        settle(queued, unknown, who, Fate.SENT, reason)
    assert message_of(queued, unknown).state is MessageState.UNKNOWN


def test_what_is_known_is_not_settled(queued: Application, unknown: str) -> None:
    settle(queued, unknown, "olga", Fate.SENT, "the provider's log has it")
    with pytest.raises(NotAllowedError, match="is sent, not unknown"):
        settle(queued, unknown, "olga", Fate.NOT_SENT, "or perhaps not")


def test_an_unknown_message_is_repeated_by_hand_only_if_it_may_arrive_twice(
    queued: Application, unknown: str
) -> None:
    actor = actor_of(queued, "olga", AFTERNOON.date())
    with (
        pytest.raises(NotAllowedError, match="must not arrive twice"),
        writing(queued.engine) as session,
    ):
        settling.retry(session, unknown, actor, reason="send it once more")
    with writing(queued.engine) as session:
        session.get_one(Message, message_of(queued, unknown).id).policy = SendPolicy.AT_LEAST_ONCE
    with writing(queued.engine) as session:
        settling.retry(session, unknown, actor, reason="send it once more")
    assert deliver(now=AFTERNOON + timedelta(days=1)) == {"sent": 1}


def test_a_held_message_stays_until_it_is_released(
    queued: Application, server: ScriptedServer
) -> None:
    (message_id,) = keep(queued, 1)
    actor = actor_of(queued, "olga", AFTERNOON.date())
    with writing(queued.engine) as session:
        settling.hold(session, message_id, actor, reason="they are on the phone")
    assert deliver() == {}
    assert server.accepted == []
    with writing(queued.engine) as session:
        settling.release(session, message_id, actor)
    assert deliver() == {"sent": 1}


def test_a_message_that_waits_can_be_hurried(queued: Application, server: ScriptedServer) -> None:
    (message_id,) = keep(queued, 1)
    server.script = {"RCPT": "450 busy"}
    assert deliver() == {"retry_wait": 1}
    server.script = {}
    assert deliver() == {}
    with writing(queued.engine) as session:
        settling.retry(
            session, message_id, actor_of(queued, "olga", NIGHT), reason="their server is back"
        )
    assert deliver() == {"sent": 1}
    assert state_of_message(queued, message_id) is MessageState.SENT


def test_several_lines_share_the_work_and_repeat_nothing(
    queued: Application, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pace = replace(queued.policies.sending.pace, connections=3, messages_per_connection=4)
    with_rules(queued, monkeypatch, pace=pace, hours=Hours())
    states = deliver()
    ids = [re.search(rb"Message-ID: <(.*?)>", raw) for raw in server.accepted]
    assert len({found[1] for found in ids if found}) == states["sent"] == len(server.accepted)
    assert server.connections > 3, "no line sends more than four messages"
    with reading(queued.engine) as session:
        assert set(session.scalars(select(DeliveryAttempt.number))) == {1}
