"""What answers a customer: receipts, agreed calls with their calendar file, letters, scripts."""

import json
import re
from dataclasses import replace
from datetime import date, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar
from sqlalchemy import select, update
from typer import BadParameter

from retention.actions import completion as completing
from retention.actions import told_to_team
from retention.actions.call_script import script_of
from retention.bootstrap import Application
from retention.cli.queue_calls_letters import moment_of
from retention.clock import travel
from retention.db.models.work.actions import Action, Rendering
from retention.db.models.work.messages import Message
from retention.db.session import reading, writing
from retention.domain.actions import ActionKind, ActionState, Purpose
from retention.domain.errors import NotAllowedError
from retention.domain.messages import MessageState
from retention.domain.notices import NoticePlan
from retention.domain.offers import Answer
from retention.domain.stages import Stage
from retention.messages.compose import compose
from retention.messages.leaving import pdf_of
from retention.messages.letterheads import address_block
from retention.messages.terms import Terms
from retention.people.actor import Actor
from retention.snapshots.customers import read_rows
from tasks.delivery import call_off
from tests.conftest import NIGHT
from tests.factories.nights import actor_of
from tests.factories.outboxes import AFTERNOON, approve, deliver, one_proposal, owner
from tests.factories.pdfs import pdf_place, pdf_text
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
    times = (
        datetime(2026, 6, 5, 18, 30, tzinfo=MADRID),
        datetime(2026, 6, 8, 17, 0, tzinfo=MADRID),
    )
    for number, at in enumerate(times):
        with writing(queued.engine) as session:
            actor = actor_now(queued, owner(queued, call))
            told_to_team.agree_on_call(session, call, actor, at, queued.sender, queued.folders)
        assert deliver() == {"sent": 1}
        parts = list(mails(server)[number].walk())
        (body,) = [p for p in parts if p.get_content_type() == "multipart/alternative"]
        (part,) = [p for p in parts if p.get_content_type() == "text/calendar"]
        kinds = [p.get_content_type() for p in body.iter_parts()]
        assert kinds == ["text/plain", "text/html", "text/calendar"], "it is no file"
        assert (part.get_param("method"), part.get_content_charset()) == ("REQUEST", "utf-8")
        calendar = Calendar.from_ical(part.get_payload(decode=True))  # type: ignore[arg-type]
        event: Any = calendar.events[0]
        assert event["dtstart"].dt == at
        assert (event["sequence"], event["uid"]) == (number, f"{call}@example.com")
        assert mails(server)[number]["To"] in event["attendee"]
        guest = event["attendee"].params
        assert (guest["RSVP"], guest["PARTSTAT"]) == ("TRUE", "NEEDS-ACTION")
        who = queued.policies.team.get(owner(queued, call))
        assert who.name in event["summary"]
        assert event["location"] == who.phone


def agreed(shop: Application, call: str) -> None:
    at = datetime(2026, 6, 5, 18, 30, tzinfo=MADRID)
    with writing(shop.engine) as session:
        actor = actor_now(shop, owner(shop, call))
        told_to_team.agree_on_call(session, call, actor, at, shop.sender, shop.folders)


@pytest.mark.parametrize(
    "at",
    [
        datetime(2026, 6, 5, 10, 0, tzinfo=MADRID),
        datetime(2026, 6, 6, 18, 0, tzinfo=MADRID),
        datetime(2026, 9, 16, 18, 0, tzinfo=MADRID),
    ],
    ids=["by night", "on a Saturday", "on a public holiday"],
)
def test_nobody_is_called_outside_their_hours(queued: Application, call: str, at: datetime) -> None:
    """They are in Mexico: ten o'clock in Madrid is their night, 16 September their holiday."""
    latest = replace(queued.policies.conversations.calls, latest=timedelta(days=400))
    conversations = replace(queued.policies.conversations, calls=latest)
    policies = replace(queued.policies, conversations=conversations)
    actor = replace(actor_now(queued, owner(queued, call)), policies=policies)
    with writing(queued.engine) as session, pytest.raises(NotAllowedError, match="outside"):
        told_to_team.agree_on_call(session, call, actor, at, queued.sender, queued.folders)


def test_a_call_that_nobody_will_make_is_called_off(
    queued: Application, server: ScriptedServer, call: str
) -> None:
    agreed(queued, call)
    assert deliver() == {"sent": 1}
    with writing(queued.engine) as session:
        completing.complete(
            session, call, actor_now(queued, owner(queued, call)), outcome="not_reached"
        )
    with travel(AFTERNOON):
        assert call_off.fn() == 1
        assert call_off.fn() == 0, "once"
    assert deliver() == {"sent": 1}
    (part,) = [p for p in mails(server)[1].walk() if p.get_content_type() == "text/calendar"]
    assert part.get_param("method") == "CANCEL"
    event: Any = Calendar.from_ical(part.get_payload(decode=True)).events[0]  # type: ignore[arg-type]
    assert (event["status"], event["sequence"], event["uid"]) == (
        "CANCELLED", 1, f"{call}@example.com",
    )  # fmt: skip


def test_who_was_called_a_little_early_is_not_told_that_the_call_is_off(
    queued: Application, server: ScriptedServer, call: str
) -> None:
    agreed(queued, call)
    assert deliver() == {"sent": 1}
    said = {
        "alternative": "Norte", "alternative_contact": "+34 910 000 201", "fee_waived": "yes",
    }  # fmt: skip
    at = datetime(2026, 6, 5, 18, 20, tzinfo=MADRID)
    with writing(queued.engine) as session:
        actor = replace(actor_now(queued, owner(queued, call)), now=at, on=at.date())
        completing.complete(session, call, actor, outcome="talked", answers=said)
    with travel(at):
        assert call_off.fn() == 1
    assert deliver(now=at) == {}


def test_who_was_never_invited_hears_of_no_cancelling(
    queued: Application, server: ScriptedServer, call: str
) -> None:
    agreed(queued, call)
    with writing(queued.engine) as session:
        session.execute(update(Message).values(state=MessageState.CANCELLED))
        completing.complete(
            session, call, actor_now(queued, owner(queued, call)), outcome="not_reached"
        )
    with travel(AFTERNOON):
        assert call_off.fn() == 1
    assert deliver() == {}
    assert not server.accepted


def test_a_time_may_carry_its_own_offset_and_a_day_is_no_time() -> None:
    there = "America/Mexico_City"
    assert moment_of("2026-12-03 10:30", there).isoformat() == "2026-12-03T10:30:00-06:00"
    assert moment_of("2026-12-03T10:30+01:00", there).isoformat() == "2026-12-03T10:30:00+01:00"
    for text in ("2026-12-03", "20261203", "tomorrow", ""):
        with pytest.raises(BadParameter, match="is no time"):
            moment_of(text, there)


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
        made = compose(
            action, row, manager, queued.sender, Terms(notice=plan, said={"alternative": "Norte"})
        )
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


def test_a_letter_on_paper_names_everything_and_leads_nowhere(queued: Application) -> None:
    """A window, a date, numbers, room to sign; nothing that could only be touched."""
    notice = one_proposal(queued, Stage.TERMINATE)
    with reading(queued.engine) as session:
        action = session.get_one(Action, notice)
        rendering = session.get_one(Rendering, notice)
    assert rendering.letter is not None
    at = datetime(2026, 6, 12, 9, tzinfo=MADRID)
    made = pdf_of(rendering.letter, at, "Europe/Madrid", queued.settings.templates_dir)
    said = " ".join(pdf_text(made).split())
    assert "12 de junio de 2026" in said or "12 June 2026" in said
    assert action.customer_id in said
    assert notice[:8].upper() in said
    assert b"/URI" not in made
    assert "mailto:" not in said
    assert "tel:" not in said
    assert "con nuestra referencia" in said or "with our reference" in said, "how to answer"
    sheet = json.loads(rendering.letter)
    left, top = pdf_place(made, sheet["head"]["address"][0])
    assert 20 <= left <= 100, "in the window of the envelope (DIN 5008 form B)"
    assert 45 <= top <= 90
    heading_left, heading_top = pdf_place(made, sheet["blocks"][0]["runs"][0]["text"][:20])
    assert heading_top > 90, "and nothing else is"
    assert heading_left == pytest.approx(25, abs=1)


@pytest.mark.parametrize("language", ["es", "en"])
def test_a_notice_says_what_a_notice_has_to(queued: Application, language: str) -> None:
    notice = one_proposal(queued, Stage.TERMINATE)
    said = {
        "alternative": "Norte Servicios", "alternative_contact": "+34 910 000 201",
        "fee_waived": "no", "fee_amount": "49,00 EUR",
    }  # fmt: skip
    tried = {"educate": date(2026, 3, 2), "renegotiate": date(2026, 4, 1)}
    with writing(queued.engine) as session:
        action = session.get_one(Action, notice)
        rows = read_rows(queued.folders.snapshots, NIGHT, [action.customer_id])
        row = rows[action.customer_id] | {"language": language, "country": "ES"}
        manager = queued.policies.team.get(action.owner)
        plan = NoticePlan(30, NIGHT, date(2026, 9, 1))
        terms = Terms(notice=plan, said=said, tried=tried)
        made = compose(action, row, manager, queued.sender, terms)
    text = " ".join(made.text.replace("\u00a0", " ").split())
    told = {
        "es": ("1 de septiembre de 2026", "31 de agosto de 2026", "Por qué", "2 de marzo de 2026",
               "1 de abril de 2026", "Sus datos", "nada", "Oponerse"),
        "en": ("1 September 2026", "31 August 2026", "Why", "2 March 2026",
               "1 April 2026", "Your data", "nothing", "Contest"),
    }[language]  # fmt: skip
    for words in (*told, "49,00 EUR", "Norte Servicios", "+34 910 000 201", manager.name):
        assert words in text, words
    assert "Hola" not in text


def test_who_owes_gets_one_message_about_that(queued: Application) -> None:
    """Of the customers who are to be educated, those who owe get no lesson."""
    with reading(queued.engine) as session:
        rows = session.execute(
            select(Action.customer_id, Action.template, Rendering.text)
            .join(Rendering)
            .where(Action.stage == Stage.EDUCATE)
        ).all()
    known = read_rows(queued.folders.snapshots, NIGHT, [row.customer_id for row in rows])
    assert {row.template for row in rows} >= {"education", "payment_help"}
    for customer_id, template, text in rows:
        owes = bool(known[customer_id]["overdue_amount"])
        if template in ("education", "payment_help"):
            assert (template == "payment_help") is owes, customer_id
        if template == "education":
            assert not re.search("past (its|their) due date|vencido|overdue", text)


def test_a_fee_that_is_not_waived_is_named(queued: Application, call: str) -> None:
    answers = {
        "alternative": "Norte", "alternative_contact": "+34 910 000 201", "fee_waived": "no",
    }  # fmt: skip
    actor = actor_now(queued, owner(queued, call))
    with writing(queued.engine) as session, pytest.raises(NotAllowedError, match="fee_amount"):
        completing.complete(session, call, actor, outcome="talked", answers=answers)
    with writing(queued.engine) as session:
        more = answers | {"fee_amount": "49,00 EUR"}
        completing.complete(session, call, actor, outcome="talked", answers=more)


def test_a_button_opens_a_message_that_names_what_it_answers(queued: Application) -> None:
    offer = one_proposal(queued, Stage.RENEGOTIATE)
    with reading(queued.engine) as session:
        html = session.get_one(Rendering, offer).html
    links = [unescape(link) for link in re.findall(r'href="(mailto:[^"]+)"', html)]
    assert len(links) == 3
    for link in links:
        parts = parse_qs(urlsplit(link).query)
        assert offer[:8].upper() in parts["subject"][0]
        assert parts["body"][0].strip()
