"""What answers a customer: receipts, agreed calls with their calendar file, letters, scripts."""

from dataclasses import replace
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar
from sqlalchemy import select, update

from retention.actions import told_to_team
from retention.actions.call_script import script_of
from retention.bootstrap import Application
from retention.db.models import Action, Message, Rendering
from retention.db.session import reading, writing
from retention.domain.actions import ActionKind, ActionState, Purpose
from retention.domain.errors import NotAllowedError
from retention.domain.messages import MessageState
from retention.domain.notices import NoticePlan
from retention.domain.offers import Answer
from retention.domain.stages import Stage
from retention.messages.compose import address_block, compose
from retention.messages.terms import Terms
from retention.people.actor import Actor
from retention.snapshots.customers import read_rows
from tests.conftest import NIGHT
from tests.factories.nights import actor_of
from tests.factories.outboxes import AFTERNOON, approve, deliver, one_proposal, owner
from tests.factories.servers import ScriptedServer

MADRID = ZoneInfo("Europe/Madrid")


def actor_now(shop: Application, who: str) -> Actor:
    return replace(actor_of(shop, who, NIGHT), now=AFTERNOON, on=AFTERNOON.date())


def mails(server: ScriptedServer) -> list[EmailMessage]:
    return [message_from_bytes(raw, policy=policy.default) for raw in server.accepted]


@pytest.fixture
def offered(queued: Application, server: ScriptedServer) -> str:
    """A proposal that a customer has received."""
    with writing(queued.engine) as session:
        session.execute(update(Message).values(state=MessageState.CANCELLED))
    offer = one_proposal(queued, Stage.RENEGOTIATE)
    approve(queued, offer, "james" if owner(queued, offer) == "james" else "marta")
    assert deliver() == {"sent": 1}
    return offer


@pytest.mark.parametrize("said", list(Answer))
def test_an_answer_is_confirmed_in_writing(
    queued: Application, server: ScriptedServer, offered: str, said: Answer
) -> None:
    actor = actor_now(queued, owner(queued, offered))
    fee = 95 if said is Answer.COUNTER else None
    with writing(queued.engine) as session:
        told_to_team.record_answer(
            session, offered, actor, said, queued.sender, queued.folders, counter_fee=fee,  # type: ignore[arg-type]
        )  # fmt: skip
    assert deliver() == {"sent": 1}
    receipt = mails(server)[1]
    text = receipt.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    words = {"accept": ("accepted", "aceptado"), "decline": ("declined", "rechazado"),
             "counter": ("95", "95"), "ask": ("asked", "preguntado")}  # fmt: skip
    assert any(word in text for word in words[said])
    assert receipt["To"] == mails(server)[0]["To"]


def test_the_later_answer_replaces_a_receipt_that_has_not_left(
    queued: Application, server: ScriptedServer, offered: str
) -> None:
    actor = actor_now(queued, owner(queued, offered))
    for said in (Answer.ACCEPT, Answer.DECLINE):
        with writing(queued.engine) as session:
            told_to_team.record_answer(session, offered, actor, said, queued.sender, queued.folders)
    assert deliver() == {"sent": 1}
    with reading(queued.engine) as session:
        states = session.scalars(
            select(Action.state).where(Action.purpose == Purpose.RECEIPT).order_by(Action.state)
        ).all()
    assert list(states) == [ActionState.DONE, ActionState.SUPERSEDED]


@pytest.fixture
def call(queued: Application) -> str:
    with writing(queued.engine) as session:
        session.execute(update(Message).values(state=MessageState.CANCELLED))
    return one_proposal(queued, Stage.TERMINATE, position=0)


def test_an_agreed_call_comes_with_a_file_for_the_calendar(
    queued: Application, server: ScriptedServer, call: str
) -> None:
    """Also at a stage where everything adverse needs two people: nobody is harmed by a call."""
    times = (datetime(2026, 6, 5, 10, 30, tzinfo=MADRID), datetime(2026, 6, 8, 9, 0, tzinfo=MADRID))
    for number, at in enumerate(times):
        with writing(queued.engine) as session:
            actor = actor_now(queued, owner(queued, call))
            told_to_team.agree_on_call(session, call, actor, at, queued.sender, queued.folders)
        assert deliver() == {"sent": 1}
        (part,) = [
            p for p in mails(server)[number].walk() if p.get_content_type() == "text/calendar"
        ]
        assert part.get_param("method") == "REQUEST"
        calendar = Calendar.from_ical(part.get_payload(decode=True))  # type: ignore[arg-type]
        event: Any = calendar.events[0]
        assert event["dtstart"].dt == at
        assert (event["sequence"], event["uid"]) == (number, f"{call}@example.com")
        assert mails(server)[number]["To"] in event["attendee"]


@pytest.mark.parametrize(
    ("who", "at", "message"),
    [
        ("fran", timedelta(days=1), "may not agree on it"),
        ("owner", timedelta(minutes=5), "is no time for it"),
        ("owner", timedelta(days=400), "is no time for it"),
    ],
)
def test_a_call_is_agreed_on_by_its_owner_and_in_time(
    queued: Application, call: str, who: str, at: timedelta, message: str
) -> None:
    actor = actor_now(queued, owner(queued, call) if who == "owner" else who)
    with pytest.raises(NotAllowedError, match=message), writing(queued.engine) as session:
        told_to_team.agree_on_call(
            session, call, actor, AFTERNOON + at, queued.sender, queued.folders
        )


def test_a_call_has_a_script_in_the_customers_language(queued: Application, call: str) -> None:
    with reading(queued.engine) as session:
        action = session.get_one(Action, call)
        rows = read_rows(queued.folders.snapshots, NIGHT, [action.customer_id])
        row = rows[action.customer_id]
        manager = queued.policies.team.get(action.owner)
        for language, words in (("es", "Antes de llamar"), ("en", "Before you call"),
                                ("fr", "Before you call")):  # fmt: skip
            said = script_of(action, row | {"language": language}, manager, queued.sender)
            assert said is not None
            assert words in said
            assert row["name"] in said


def test_a_letter_is_a_pdf_with_an_address_block(queued: Application) -> None:
    notice = one_proposal(queued, Stage.TERMINATE)
    with writing(queued.engine) as session:
        action = session.get_one(Action, notice)
        action.kind = ActionKind.LETTER
        rows = read_rows(queued.folders.snapshots, NIGHT, [action.customer_id])
        row = rows[action.customer_id] | {"address": "Calle Mayor 1; 28013 Madrid"}
        manager = queued.policies.team.get(action.owner)
        plan = NoticePlan(30, NIGHT, NIGHT + timedelta(days=60))
        made = compose(action, row, manager, queued.sender, Terms(notice=plan, alternative="Norte"))
    assert made.raw.startswith(b"%PDF-")
    assert made.recipient == "by post"
    assert address_block(row) == (row["name"], "Calle Mayor 1", "28013 Madrid")
    assert address_block(row | {"address": None}) == (row["name"],)


def test_a_notice_carries_itself_as_a_letter(queued: Application) -> None:
    notice = one_proposal(queued, Stage.TERMINATE)
    with reading(queued.engine) as session:
        rendering = session.get_one(Rendering, notice)
    mail = message_from_bytes(rendering.raw, policy=policy.default)
    kinds = [part.get_content_type() for part in mail.walk()]
    assert kinds == [
        "multipart/mixed", "multipart/alternative", "text/plain", "text/html", "application/pdf",
    ]  # fmt: skip
    assert max(rendering.raw) < 128
