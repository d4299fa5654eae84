"""What people do with a message in the outbox, by the buttons that the console shows them."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.testclient import TestClient

from retention.db.models.work.actions import Action
from retention.db.models.work.messages import DeliveryAttempt, Message
from retention.db.session import reading, writing
from retention.domain.actions import ActionState
from retention.domain.messages import AttemptStage, MessageState, SendPolicy
from tests.factories.consoles import ConsoleWorld, signed_in, token_of

WHY = "She is on the phone with me."


@pytest.fixture
def queued(world: ConsoleWorld, app: Starlette) -> str:
    """The id of a message that marta has approved and that waits to leave."""
    action_id, marta = world.waiting("renegotiation_proposal"), signed_in(app, "marta")
    page = marta.get(f"/queue/{action_id}").text
    asked = dict(re.findall(r'name="(csrf|seen)" value="([^"]*)"', page))
    assert marta.post(f"/queue/{action_id}/approve", data=asked).status_code == 303
    return message_of(world, action_id).id


def message_of(world: ConsoleWorld, action_id: str) -> Message:
    with reading(world.shop.engine) as session:
        return session.scalars(select(Message).where(Message.action_id == action_id)).one()


def stands(world: ConsoleWorld, message_id: str) -> tuple[Message, Action]:
    with reading(world.shop.engine) as session:
        message = session.get_one(Message, message_id)
        return message, session.get_one(Action, message.action_id)


def buttons(client: TestClient, message_id: str, state: str = "") -> list[str]:
    page = client.get(f"/outbox{state}").text
    form = re.search(rf'action="/outbox/{message_id}">(.*?)</form>', page, re.DOTALL)
    return re.findall(r'name="to" value="(\w+)"', form.group(1)) if form else []


def press(client: TestClient, message_id: str, to: str, reason: str = WHY) -> int:
    """Press a button that is really there; return the answer's status."""
    assert to in buttons(client, message_id)
    asked = {"csrf": token_of(client), "to": to, "reason": reason}
    return client.post(f"/outbox/{message_id}", data=asked).status_code


def make(world: ConsoleWorld, message_id: str, state: MessageState, policy: SendPolicy) -> None:
    """Let a message stand as a first attempt has left it."""
    with writing(world.shop.engine) as session:
        message = session.get_one(Message, message_id)
        message.state, message.policy, message.attempts = state, policy, 1
        message.not_before = world.now + timedelta(hours=4)
        session.add(
            DeliveryAttempt(
                message_id=message_id, number=1, started_at=world.now,
                ended_at=world.now, stage=int(AttemptStage.DOT),
            )
        )  # fmt: skip


def test_a_message_is_held_with_a_reason_and_released(
    world: ConsoleWorld, app: Starlette, queued: str
) -> None:
    marta = signed_in(app, "marta")
    assert buttons(marta, queued) == ["hold", "cancel"]
    assert press(marta, queued, "hold", "") == 409, "nobody holds without saying why"
    assert stands(world, queued)[0].held_by is None
    assert press(marta, queued, "hold") == 303
    assert stands(world, queued)[0].held_by == "marta"
    page = marta.get("/outbox").text
    assert "held by marta" in page
    assert WHY in page
    assert buttons(marta, queued) == ["release"]
    assert press(marta, queued, "release", "") == 303
    message, action = stands(world, queued)
    assert (message.held_by, message.state) == (None, MessageState.QUEUED)
    assert action.state is ActionState.APPROVED


def test_why_it_waits_is_said_in_the_reader_s_language(
    world: ConsoleWorld, app: Starlette, queued: str
) -> None:
    marta = signed_in(app, "marta")
    assert press(marta, queued, "hold") == 303
    for language, words in (("en", "held by marta"), ("es", "retenido por marta")):
        asked = {"csrf": token_of(marta), "language": language, "scheme": "system"}
        assert marta.post("/me", data=asked).status_code == 303
        page = marta.get("/outbox").text
        assert page.count(words) == 1, "said, and said once"
        assert WHY in page, "what people type stays as it is"


def test_a_message_is_taken_back_and_leaves_for_nobody(
    world: ConsoleWorld, app: Starlette, queued: str
) -> None:
    marta = signed_in(app, "marta")
    assert press(marta, queued, "cancel") == 303
    message, action = stands(world, queued)
    assert message.state is MessageState.CANCELLED
    assert action.state is ActionState.CANCELLED
    assert buttons(marta, queued) == []
    assert buttons(marta, queued, "?state=cancelled") == [], "what is over has no buttons"


def test_what_waits_to_be_tried_again_is_hurried(
    world: ConsoleWorld, app: Starlette, queued: str
) -> None:
    make(world, queued, MessageState.RETRY_WAIT, SendPolicy.AT_MOST_ONCE)
    olga = signed_in(app, "olga")
    assert buttons(olga, queued) == ["hold", "cancel", "retry"]
    assert press(olga, queued, "retry") == 303
    assert stands(world, queued)[0].not_before <= world.now + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("to", "state", "fate"),
    [
        ("sent", MessageState.SENT, ActionState.DONE),
        ("not_sent", MessageState.FAILED, ActionState.EXPIRED),
    ],
)
def test_who_may_says_what_became_of_an_unknown_one(
    world: ConsoleWorld, app: Starlette, queued: str, to: str, state: MessageState,
    fate: ActionState,
) -> None:  # fmt: skip
    make(world, queued, MessageState.UNKNOWN, SendPolicy.AT_MOST_ONCE)
    marta, olga = signed_in(app, "marta"), signed_in(app, "olga")
    assert buttons(olga, queued) == ["sent", "not_sent"], "it must not arrive twice"
    assert buttons(marta, queued) == [], "who may not is not asked"
    asked = {"csrf": token_of(marta), "to": to, "reason": WHY}
    assert marta.post(f"/outbox/{queued}", data=asked).status_code == 409
    assert stands(world, queued)[0].state is MessageState.UNKNOWN
    assert press(olga, queued, to, "The provider's log has it as 1A2B3C.") == 303
    message, action = stands(world, queued)
    assert (message.state, action.state) == (state, fate)


def test_an_unknown_one_that_may_arrive_twice_is_sent_again(
    world: ConsoleWorld, app: Starlette, queued: str
) -> None:
    make(world, queued, MessageState.UNKNOWN, SendPolicy.AT_LEAST_ONCE)
    olga = signed_in(app, "olga")
    assert buttons(olga, queued) == ["sent", "not_sent", "retry"]
    assert press(olga, queued, "retry") == 303
    assert stands(world, queued)[0].state is MessageState.QUEUED


def test_a_deed_that_is_none_and_somebody_elses_message_are_refused(
    world: ConsoleWorld, app: Starlette, queued: str
) -> None:
    marta, james = signed_in(app, "marta"), signed_in(app, "james")
    asked = {"csrf": token_of(marta), "to": "lose", "reason": WHY}
    assert marta.post(f"/outbox/{queued}", data=asked).status_code == 404
    asked = {"csrf": token_of(james), "to": "cancel", "reason": WHY}
    assert james.post(f"/outbox/{queued}", data=asked).status_code == 409
    assert stands(world, queued)[0].state is MessageState.QUEUED
