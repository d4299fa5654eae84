"""What came back takes effect, once; on SQLite and PostgreSQL, from files, a Maildir and IMAP."""

import json
import mailbox
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from retention.actions import completion as completing
from retention.actions import told_to_team
from retention.alerts import troubles
from retention.bootstrap import Application
from retention.clock import travel
from retention.db.models.audit import AuditEvent
from retention.db.models.exemptions import Exclusion
from retention.db.models.incoming import DeadAddress, Incoming
from retention.db.models.work.actions import Action, Comment, Rendering
from retention.db.models.work.messages import Message
from retention.db.queries import actions as queries
from retention.db.session import reading, writing
from retention.domain.actions import ActionState
from retention.domain.alerts import AlertRules
from retention.domain.dates import WEEKDAYS
from retention.domain.decisions import REPLY_OPEN, decide
from retention.domain.errors import ConfigError, NotAllowedError, NotFoundError
from retention.domain.forms import ANSWERED, CONTESTED, REPLY
from retention.domain.messages import MessageState
from retention.domain.obstacles import Facts
from retention.domain.people import Permission, Role
from retention.domain.sending import DeadAtOnce
from retention.domain.stages import Stage
from retention.domain.summaries import InboxSummary
from retention.inbox import reply_tasks as replies
from retention.inbox.mailboxes import BoxUnavailableError, open_box
from retention.ladder import open_cases as standing
from retention.ladder.progress import is_delivered, progress_of
from retention.messages.content_hash import content_of
from retention.messages.tokens import tagged
from retention.safeguards import dead_addresses, kill_switch
from tasks.inbox import read_inbox
from tests.conftest import NIGHT, use_application
from tests.factories.letters import calendar_answer, complaint, report, written
from tests.factories.nights import actor_of
from tests.factories.outboxes import (
    AFTERNOON,
    approve,
    deliver,
    message_of,
    one_proposal,
    owner,
    state_of_message,
)
from tests.factories.servers import ScriptedServer

EVENING = AFTERNOON + timedelta(hours=2)


@pytest.fixture
def box(tmp_path: Path) -> Path:
    folder = tmp_path / "box"
    folder.mkdir()
    return folder


@pytest.fixture
def posted(
    queued: Application, server: ScriptedServer, box: Path, monkeypatch: pytest.MonkeyPatch
) -> Application:
    """A shop that has sent what waited, and reads its answers from a folder."""
    settings = queued.settings.model_copy(update={"inbox": f"folder:{box}"})
    shop = replace(queued, settings=settings)
    use_application(monkeypatch, shop)
    deliver()
    return shop


def sent(shop: Application, number: int = 0) -> Message:
    with reading(shop.engine) as session:
        query = select(Message).where(Message.state == MessageState.SENT).order_by(Message.id)
        return session.scalars(query).all()[number]


def id_of(shop: Application, message: Message) -> str:
    with reading(shop.engine) as session:
        return session.get_one(Rendering, message.action_id).message_id


def bounce(shop: Application, message: Message, status: str) -> bytes:
    """A report about one of our messages and the address that it went to."""
    with reading(shop.engine) as session:
        rendering = session.get_one(Rendering, message.action_id)
        return report(rendering.message_id, status, recipient=rendering.recipient)


def token_of(shop: Application, message: Message) -> str:
    with reading(shop.engine) as session:
        return session.get_one(Rendering, message.action_id).token


def receive(box: Path, *letters: bytes) -> InboxSummary:
    for number, raw in enumerate(letters):
        (box / f"{time.monotonic_ns()}-{number}.eml").write_bytes(raw)
    with travel(EVENING):
        return read_inbox.fn(100)


def test_a_hard_bounce_takes_the_step_back_and_ends_the_address(
    posted: Application, box: Path
) -> None:
    message = sent(posted)
    assert receive(box, bounce(posted, message, "5.1.1")).kinds == {"hard_bounce": 1}
    assert state_of_message(posted, message.id) is MessageState.BOUNCED_HARD
    with reading(posted.engine) as session:
        recipient = session.get_one(Rendering, message.action_id).recipient
        assert session.get_one(DeadAddress, recipient).reason == "there is no such mailbox"
        theirs = [a for s in standing.load_open(session) for a in s.actions]
    assert not is_delivered(next(a for a in theirs if a.action_id == message.action_id))


def test_the_same_letter_read_twice_takes_effect_once(posted: Application, box: Path) -> None:
    raw = bounce(posted, sent(posted), "5.1.1")
    receive(box, raw)
    again = receive(box, raw, raw)
    assert (again.kinds, again.known) == ({}, 2)
    with reading(posted.engine) as session:
        assert len(session.scalars(select(Incoming)).all()) == 1


def test_a_dead_address_is_not_written_to_and_a_new_one_is(
    posted: Application, box: Path, server: ScriptedServer
) -> None:
    message = sent(posted)
    receive(box, bounce(posted, message, "5.1.1"))
    offer = one_proposal(posted, Stage.RENEGOTIATE)
    with writing(posted.engine) as session:
        bounced = session.get_one(Rendering, message.action_id).recipient
        session.get_one(Rendering, offer).recipient = bounced
    approve(posted, offer, "james" if owner(posted, offer) == "james" else "marta")
    before = len(server.accepted)
    assert deliver(now=AFTERNOON + timedelta(days=1)) == {"cancelled": 1}
    assert len(server.accepted) == before


def test_a_soft_bounce_counts_as_not_delivered_and_three_end_the_address(
    posted: Application, box: Path
) -> None:
    with writing(posted.engine) as session:
        query = select(Message).where(Message.state == MessageState.SENT).order_by(Message.id)
        three = session.scalars(query).all()[:3]
        for number, message in enumerate(three):
            session.get_one(Rendering, message.action_id).recipient = "same@customers.example"
            message.sent_at = AFTERNOON + timedelta(minutes=number)
    for number, message in enumerate(three, start=1):
        receive(box, bounce(posted, message, "4.2.2"))
        assert state_of_message(posted, message.id) is MessageState.BOUNCED_SOFT
        with reading(posted.engine) as session:
            dead = session.get(DeadAddress, "same@customers.example")
        assert (dead is not None) == (number == 3)


def test_a_complaint_ends_everything_but_legal_notices(posted: Application, box: Path) -> None:
    message = sent(posted)
    receive(box, complaint(id_of(posted, message)))
    assert state_of_message(posted, message.id) is MessageState.COMPLAINED
    with reading(posted.engine) as session:
        row = session.scalars(select(Exclusion)).one()
    assert (row.kind, row.scope, row.reason) == ("suppression", "all", "do_not_disturb")
    assert row.ends_on is None


def test_who_unsubscribes_gets_no_more_of_what_sells(posted: Application, box: Path) -> None:
    token = token_of(posted, sent(posted))
    to = tagged("news@example.com", token)
    letters = [written("", to=to, subject=word) for word in ("unsubscribe", "Unsubscribe")]
    assert receive(box, *letters).kinds == {"unsubscribe": 2}
    with reading(posted.engine) as session:
        row = session.scalars(select(Exclusion)).one()
    assert (row.scope, row.reason, row.author) == ("commercial", "unsubscribed", "customer")


@pytest.fixture
def replied(posted: Application, box: Path) -> Action:
    """A customer has answered; return the task it gave."""
    token = token_of(posted, sent(posted))
    receive(box, written("Please call me, I do not agree.", to=tagged("x@example.com", token)))
    with reading(posted.engine) as session:
        return session.scalars(select(Action).where(Action.form == REPLY)).one()


def test_a_reply_lands_with_its_owner_and_pauses_the_case(
    posted: Application, replied: Action
) -> None:
    with reading(posted.engine) as session:
        answered = session.get_one(Action, sent(posted).action_id)
        row = session.scalars(select(Incoming)).one()
        found = next(s for s in standing.load_open(session) if s.case_id == replied.case_id)
    assert (replied.owner, replied.state) == (answered.owner, ActionState.PENDING_APPROVAL)
    assert row.text == "Please call me, I do not agree."
    book = posted.policies.playbooks[found.playbook]
    progress = progress_of(found, book, AFTERNOON.date(), timedelta(days=90))
    facts = Facts(in_data=True)
    decision = decide(progress, book, facts, AFTERNOON.date(), WEEKDAYS)
    assert decision.reason == REPLY_OPEN


def test_nothing_leaves_while_a_reply_is_unread(
    posted: Application, replied: Action, server: ScriptedServer
) -> None:
    offer = one_proposal(posted, Stage.RENEGOTIATE)
    approve(posted, offer, "james" if owner(posted, offer) == "james" else "marta")
    with writing(posted.engine) as session:
        session.get_one(Action, replied.id).customer_id = session.get_one(Action, offer).customer_id
    before = len(server.accepted)
    assert deliver(now=AFTERNOON + timedelta(days=1)) == {"stopped": 1}
    assert message_of(posted, offer).waiting_for == "the customer has written to us"
    assert len(server.accepted) == before


def test_a_second_reply_joins_the_first(posted: Application, replied: Action, box: Path) -> None:
    token = token_of(posted, sent(posted))
    receive(box, written("And one thing more.", to=tagged("x@example.com", token)))
    with reading(posted.engine) as session:
        tasks = session.scalars(select(Action.id).where(Action.form == REPLY)).all()
        rows = session.scalars(select(Incoming.action_id)).all()
    assert list(tasks) == [replied.id]
    assert set(rows) == {replied.id}


@pytest.mark.parametrize(("outcome", "held"), [(ANSWERED, False), (CONTESTED, True)])
def test_the_owner_deals_with_a_reply(
    posted: Application, replied: Action, outcome: str, held: bool
) -> None:
    with writing(posted.engine) as session:
        actor = actor_of(posted, replied.owner, AFTERNOON.date())
        completing.complete(
            session, replied.id, actor, outcome=outcome, note="she called back",
            answers={"reaction": "wants a smaller plan"},
        )  # fmt: skip
    with reading(posted.engine) as session:
        rows = session.scalars(select(Exclusion.reason)).all()
    assert list(rows) == (["contested"] if held else [])


def test_what_waits_for_somebody_who_is_away_waits_until_they_are_back(
    posted: Application, box: Path, server: ScriptedServer
) -> None:
    message = sent(posted)
    offer = one_proposal(posted, Stage.RENEGOTIATE)
    approve(posted, offer, "james" if owner(posted, offer) == "james" else "marta")
    with writing(posted.engine) as session:
        customer = session.get_one(Action, offer).customer_id
        session.get_one(Action, message.action_id).customer_id = customer
    letter = written(
        "I am out of the office until 5 June 2026.",
        to=tagged("x@example.com", token_of(posted, message)), Auto_Submitted="auto-replied",
    )  # fmt: skip
    assert receive(box, letter).kinds == {"out_of_office": 1}
    waits = message_of(posted, offer)
    assert waits.waiting_for == "away until 2026-06-05"
    assert waits.not_before.date() == date(2026, 6, 5)
    with reading(posted.engine) as session:
        assert session.scalars(select(Action).where(Action.form == REPLY)).all() == []
    back = AFTERNOON + timedelta(days=6)
    with writing(posted.engine) as session:
        session.get_one(Rendering, offer).timezone = "Europe/Madrid"
    deliver(now=back)
    left = message_of(posted, offer)
    assert left.state is MessageState.SENT, f"an absence ages no approval: {left.last_text}"


@pytest.mark.parametrize(("method", "status"), [("REPLY", "DECLINED"), ("COUNTER", "TENTATIVE")])
def test_a_time_that_does_not_suit_goes_to_who_agreed_and_holds_nothing_up(
    posted: Application, box: Path, method: str, status: str
) -> None:
    call = one_proposal(posted, Stage.TERMINATE, position=0)
    at = AFTERNOON + timedelta(days=3)
    actor = replace(
        actor_of(posted, owner(posted, call), NIGHT), now=AFTERNOON, on=AFTERNOON.date()
    )
    with writing(posted.engine) as session:
        told_to_team.agree_on_call(session, call, actor, at, posted.sender, posted.folders)
    assert deliver() == {"sent": 1}
    with reading(posted.engine) as session:
        invitation = session.scalars(select(Action).where(Action.template == "call_agreed")).one()
        token = session.get_one(Rendering, invitation.id).token
    letter = calendar_answer(method, status, call, to=tagged("x@example.com", token))
    assert receive(box, letter).kinds == {"auto_reply": 1}
    with reading(posted.engine) as session:
        assert session.scalars(select(Action).where(Action.form == REPLY)).all() == []
        task = session.get_one(Action, call)
        (remark,) = session.scalars(select(Comment).where(Comment.action_id == call))
        row = session.scalars(select(Incoming)).one()
        said = replies.shown_said(session, call)
    assert AFTERNOON.date() < task.due_on <= AFTERNOON.date() + timedelta(days=3)
    assert remark.text.startswith(f"For {owner(posted, call)}: ")
    assert remark.text.endswith("Agree on another time.")
    assert row.action_id == call
    assert "On Monday, please." in said[0]["text"], "their words stand beside the call"


def test_refused_for_now_too_often_in_a_row_ends_an_address(
    queued: Application, server: ScriptedServer
) -> None:
    """A full mailbox, said at RCPT, counts as it does in a report; a success in between resets."""
    server.script = {"RCPT": "552 5.2.2 mailbox full"}
    with writing(queued.engine) as session:
        ids = list(session.scalars(select(Message.action_id).order_by(Message.id)))
        for action_id in ids[:5]:
            action = queries.get(session, action_id)
            session.get_one(Rendering, action_id).recipient = "one@customers.example"
            session.scalars(
                select(Message).where(Message.action_id == action_id)
            ).one().content_hash = content_of(action)
        for message in session.scalars(select(Message).where(Message.action_id.in_(ids[5:]))):
            message.state = MessageState.CANCELLED
    states = []
    for number in range(4):
        with writing(queued.engine) as session:
            message = session.scalars(select(Message).where(Message.action_id == ids[number])).one()
            message.held_by = None
            for later in ids[number + 1 : 5]:
                query = select(Message).where(Message.action_id == later)
                session.scalars(query).one().held_by = "test"
        server.script = {} if number == 0 else {"RCPT": "552 5.2.2 mailbox full"}
        states.append(deliver(now=AFTERNOON + timedelta(minutes=number)))
        with reading(queued.engine) as session:
            found = dead_addresses.dead(session)
        assert bool(found) == (number == 3), states
    assert found == {"one@customers.example"}


def test_what_answers_nothing_of_ours_changes_nothing(posted: Application, box: Path) -> None:
    before = sent(posted)
    found = receive(
        box,
        report(f"<{'a' * 26}@example.com>", "5.1.1"),
        written("hello", to="replies+" + "a" * 26 + "@example.com"),
        b"Content-Type: text/plain; charset=utf-8\r\n\r\nzero \0 byte",
        b"\xff\xfe garbage \x00",
        b"",
    )
    assert found.unmatched == 5
    assert state_of_message(posted, before.id) is MessageState.SENT
    with reading(posted.engine) as session:
        assert session.scalars(select(Exclusion)).all() == []
        assert session.scalars(select(DeadAddress)).all() == []
        assert session.scalars(select(Action).where(Action.form == REPLY)).all() == []


def test_a_bounce_settles_what_was_unknown_and_nobody_can_say_that_it_was_sent(
    posted: Application, box: Path
) -> None:
    message = sent(posted)
    with writing(posted.engine) as session:
        session.get_one(Message, message.id).state = MessageState.UNKNOWN
    receive(box, bounce(posted, message, "5.1.1"))
    assert state_of_message(posted, message.id) is MessageState.BOUNCED_HARD


def test_an_answer_to_what_is_being_sent_waits_for_its_end(posted: Application, box: Path) -> None:
    message = sent(posted)
    with writing(posted.engine) as session:
        session.get_one(Message, message.id).state = MessageState.SENDING
    assert receive(box, bounce(posted, message, "5.1.1")) == InboxSummary()
    with writing(posted.engine) as session:
        session.get_one(Message, message.id).state = MessageState.SENT
    assert receive(box).kinds == {"hard_bounce": 1}
    assert state_of_message(posted, message.id) is MessageState.BOUNCED_HARD


def test_a_bounce_of_where_it_was_passed_on_leaves_the_address_alone(
    posted: Application, box: Path
) -> None:
    message = sent(posted)
    raw = report(id_of(posted, message), "5.1.1", recipient="somebody.else@other.example")
    assert receive(box, raw).kinds == {"soft_bounce": 1}
    with reading(posted.engine) as session:
        assert session.scalars(select(DeadAddress)).all() == []


@pytest.mark.parametrize("word", ["unsubscribe", "Sin publicidad", "[EXTERNAL] sin publicidad"])
def test_who_types_the_word_from_their_address_is_left_out(
    posted: Application, box: Path, word: str
) -> None:
    with reading(posted.engine) as session:
        action = session.get_one(Action, sent(posted).action_id)
        address = session.get_one(Rendering, action.id).recipient
    letters = [written("", to="replies@example.com", subject=word, sender=one)
               for one in (address.upper(), "stranger@nowhere.example")]  # fmt: skip
    assert receive(box, *letters).unmatched == 1
    with reading(posted.engine) as session:
        row = session.scalars(select(Exclusion)).one()
        assert session.scalars(select(Action).where(Action.form == REPLY)).all() == []
    assert (row.customer_id, row.scope) == (action.customer_id, "commercial")


def test_who_unsubscribes_and_says_more_is_heard(posted: Application, box: Path) -> None:
    to = tagged("news@example.com", token_of(posted, sent(posted)))
    receive(box, written("And I contest the notice.", to=to, subject="unsubscribe"))
    with reading(posted.engine) as session:
        assert session.scalars(select(Action.form).where(Action.form == REPLY)).one() == REPLY
        assert session.scalars(select(Exclusion)).one().scope == "commercial"


@pytest.mark.parametrize("header", ["auto-replied", "auto-generated"])
def test_who_is_away_and_contests_is_heard(posted: Application, box: Path, header: str) -> None:
    """Whatever says that a machine wrote it: words that protect are read by a person."""
    to = tagged("x@example.com", token_of(posted, sent(posted)))
    letter = written("I am away until 5 June 2026. Meanwhile: I contest this.", to=to,
                     Auto_Submitted=header)  # fmt: skip
    assert receive(box, letter).kinds == {"out_of_office": 1}
    with reading(posted.engine) as session:
        task = session.scalars(select(Action).where(Action.form == REPLY)).one()
        assert replies.shown_said(session, task.id)[0]["protects"] == ["contest"]


def test_a_machine_s_answer_that_contests_is_heard(posted: Application, box: Path) -> None:
    to = tagged("x@example.com", token_of(posted, sent(posted)))
    letter = written("Ticket 17: we object.", to=to, Auto_Submitted="auto-generated")
    assert receive(box, letter).kinds == {"auto_reply": 1}
    with reading(posted.engine) as session:
        assert session.scalars(select(Action.form).where(Action.form == REPLY)).one() == REPLY


def test_who_has_left_is_a_task_that_names_who_is_there_instead(
    posted: Application, box: Path
) -> None:
    to = tagged("x@example.com", token_of(posted, sent(posted)))
    said = "Ana no longer works here. Please write to luis@customers.example."
    receive(box, written(said, to=to, Auto_Submitted="auto-replied"))
    with reading(posted.engine) as session:
        task = session.scalars(select(Action).where(Action.form == REPLY)).one()
        (shown,) = replies.shown_said(session, task.id)
    assert (shown["gone"], shown["instead"]) == (True, "luis@customers.example")


def test_an_absence_is_read_as_its_writer_writes_dates_and_our_offer_says_nothing(
    posted: Application, box: Path
) -> None:
    message = sent(posted)
    with writing(posted.engine) as session:
        rendering = session.get_one(Rendering, message.action_id)
        rendering.place, ours = "US-TX", rendering.text
        rendering.text = ours + "\nThis proposal is open until 30 June 2026."
    quoted = "\n".join(f"> {line}" for line in (ours + "\nopen until 30 June 2026.").splitlines())
    for said, day in (
        ("I am out of the office, back on 6/8/2026.", date(2026, 6, 8)),
        ("I am out of the office again.", None),
    ):
        letter = written(f"{said}\n\nYou wrote:\n\n{quoted}", Auto_Submitted="auto-replied",
                         to=tagged("x@example.com", token_of(posted, message)))  # fmt: skip
        receive(box, letter)
        with reading(posted.engine) as session:
            row = session.scalars(select(Incoming).where(Incoming.text.contains(said))).one()
        assert row.back_on == day


def test_a_complaint_that_amazon_passes_on_silences_by_its_address(
    posted: Application, box: Path
) -> None:
    message = sent(posted)
    with reading(posted.engine) as session:
        recipient = session.get_one(Rendering, message.action_id).recipient
    assert receive(box, written(amazon(recipient, "another@customers.example"))).kinds
    with reading(posted.engine) as session:
        assert session.scalars(select(Exclusion)).all() == [], "whose it is, it does not say"
    enveloped = json.dumps({"Type": "Notification", "Message": amazon(recipient)})
    assert receive(box, written(enveloped)).kinds == {"complaint": 1}
    with reading(posted.engine) as session:
        row = session.scalars(select(Exclusion)).one()
        action = session.get_one(Action, message.action_id)
        assert (row.customer_id, row.scope) == (action.customer_id, "all")


def amazon(*recipients: str) -> str:
    """A complaint as Amazon SES tells of it."""
    named = [{"emailAddress": address} for address in recipients]
    complaint = {"complaintFeedbackType": "abuse", "complainedRecipients": named}
    return json.dumps({"notificationType": "Complaint", "complaint": complaint})


def test_a_complaint_of_outlook_com_silences_whom_our_message_went_to(
    posted: Application, box: Path
) -> None:
    """Outlook.com's reports have our message inside, and no report part."""
    message = sent(posted)
    inner = f"Message-ID: {id_of(posted, message)}\r\nSubject: ours\r\n\r\nwords"
    letter = (
        "From: staff@hotmail.com\r\nTo: abuse@example.com\r\nSubject: complaint\r\n"
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        f"--b\r\nContent-Type: message/rfc822\r\n\r\n{inner}\r\n--b--\r\n"
    )
    assert receive(box, letter.encode()).kinds == {"complaint": 1}
    with reading(posted.engine) as session:
        assert session.scalars(select(Exclusion)).one().scope == "all"


def test_who_unsubscribes_and_says_nothing_else_is_left_alone(
    posted: Application, box: Path
) -> None:
    to = tagged("news@example.com", token_of(posted, sent(posted)))
    receive(box, written("Generated by your mail program.", to=to, subject="[EXT] Unsubscribe"))
    with reading(posted.engine) as session:
        assert session.scalars(select(Action.form).where(Action.form == REPLY)).all() == []
        assert session.scalars(select(Exclusion)).one().scope == "commercial"


def test_a_letter_is_shown_whole_with_our_own_words_folded(posted: Application, box: Path) -> None:
    """Every word is there; what we wrote is marked, what protects is named."""
    message = sent(posted)
    with reading(posted.engine) as session:
        ours = session.get_one(Rendering, message.action_id).text
    quoted = "\n".join(f"> {line}" for line in ours.splitlines())
    said = f"> 3 incidents and no answer.\nOur lawyer objects.\n\nMarta wrote:\n\n{quoted}"
    receive(box, written(said, to=tagged("x@example.com", token_of(posted, message))))
    with reading(posted.engine) as session:
        task = session.scalars(select(Action).where(Action.form == REPLY)).one()
        (shown,) = replies.shown_said(session, task.id)
    assert "\n".join(part["text"] for part in shown["parts"]) == shown["text"]
    own = "\n".join(part["text"] for part in shown["parts"] if not part["quoted"])
    assert own.strip() == "> 3 incidents and no answer.\nOur lawyer objects."
    assert shown["protects"] == ["lawyer", "objects"]


def test_the_same_letter_over_two_ways_is_one_task(posted: Application, box: Path) -> None:
    to = tagged("x@example.com", token_of(posted, sent(posted)))
    once = written("Please call me.", to=to, Message_ID="<one@customers.example>")
    receive(box, once)
    again = receive(box, b"Received: from another way\r\n" + once)
    assert again.kinds == {}
    with reading(posted.engine) as session:
        assert len(session.scalars(select(Incoming)).all()) == 1


def test_a_feedback_report_that_is_none_silences_nobody(posted: Application, box: Path) -> None:
    raw = complaint(id_of(posted, sent(posted)))
    assert b"Feedback-Type: abuse" in raw
    receive(box, raw.replace(b"Feedback-Type: abuse", b"Feedback-Type: not-spam"))
    with reading(posted.engine) as session:
        assert session.scalars(select(Exclusion)).all() == []


def test_a_dead_address_can_come_back_and_who_let_it_is_on_record(
    posted: Application, box: Path
) -> None:
    message = sent(posted)
    receive(box, bounce(posted, message, "5.1.1"))
    with reading(posted.engine) as session:
        recipient = session.get_one(Rendering, message.action_id).recipient
        (row,) = dead_addresses.list_dead(session, 10)
        assert (row.address, row.found_at) == (recipient.casefold(), EVENING)
        assert "no such mailbox" in row.reason
    team = posted.policies.team.people.values()
    clerk = next(p for p in team if not p.may(Permission.RELEASE))
    ops = next(p for p in team if Role.OPS in p.roles)
    with writing(posted.engine) as session:
        with pytest.raises(NotAllowedError):
            dead_addresses.release(session, recipient, clerk, "they have called us", EVENING)
        with pytest.raises(NotAllowedError):
            dead_addresses.release(session, recipient, ops, "so", EVENING)
        dead_addresses.release(session, recipient.upper(), ops, "they have called us", EVENING)
    with reading(posted.engine) as session:
        assert dead_addresses.dead(session) == set()
        found = dead_addresses.find(session, recipient)
        assert found.released_by == ops.person_id
        assert dead_addresses.why_released(session, found) == "they have called us"
        kinds = session.scalars(select(AuditEvent.kind).where(AuditEvent.kind.like("address.%")))
        assert list(kinds) == ["address.died", "address.released"]
    with writing(posted.engine) as session, pytest.raises(NotFoundError):
        dead_addresses.release(session, recipient, ops, "once more please", EVENING)


def test_many_dead_of_one_provider_are_our_fault(queued: Application) -> None:
    """Nobody's address ends, and the provider's mail waits until ops have looked."""
    few = DeadAtOnce(addresses=3, share=0.5)
    with writing(queued.engine) as session:
        for n in range(2):
            dead_addresses.note(session, f"c{n}@big.example", f"C{n}", "refused", EVENING, few)
        assert len(dead_addresses.dead(session)) == 2
        assert "provider:big.example" not in kill_switch.stopped(session)
        dead_addresses.note(session, "x@other.example", "X", "refused", EVENING, few)
        dead_addresses.note(session, "c2@big.example", "C2", "refused", EVENING, few)
        assert dead_addresses.dead(session) == {"x@other.example"}
        assert "it is us" in kill_switch.stopped(session)["provider:big.example"]
        for n in range(3, 9):  # reports on what had left before go on coming in
            dead_addresses.note(session, f"c{n}@big.example", f"C{n}", "refused", EVENING, few)
        assert dead_addresses.dead(session) == {"x@other.example"}
    rules = AlertRules()
    with reading(queued.engine) as session:
        found = troubles.find(session, rules, EVENING, "Europe/Madrid", WEEKDAYS)
        assert "provider:big.example" in {trouble.key for trouble in found}


def test_deaths_over_a_morning_are_their_own(queued: Application) -> None:
    few = DeadAtOnce(addresses=3, share=0.5)
    with writing(queued.engine) as session:
        for n in range(5):
            at = EVENING + timedelta(minutes=35 * n)  # never three within an hour
            dead_addresses.note(session, f"c{n}@big.example", f"C{n}", "no such user", at, few)
        assert len(dead_addresses.dead(session)) == 5
        assert "provider:big.example" not in kill_switch.stopped(session)


def test_mail_to_a_provider_that_refuses_us_waits(
    queued: Application, server: ScriptedServer
) -> None:
    with reading(queued.engine) as session:
        recipient = session.scalars(select(Rendering.recipient)).first() or ""
    scope = kill_switch.provider(dead_addresses.provider_of(recipient))
    with writing(queued.engine) as session:
        kill_switch.stop_by_itself(session, scope, "it is us that they refuse", EVENING)
    deliver()
    assert server.accepted == []
    with writing(queued.engine) as session:
        ops = next(p for p in queued.policies.team.people.values() if Role.OPS in p.roles)
        kill_switch.start(session, scope, ops, "they have let us in again", EVENING)
    deliver()
    assert server.accepted


@pytest.mark.parametrize(
    ("answer", "ends"),
    [
        ("550 5.1.1 user unknown", True),
        ("550 no such user", True),
        ("550 5.7.1 your IP is blocked", False),
        ("552 5.2.2 mailbox full", False),
        ("550 no", False),
    ],
)
def test_a_refusal_at_the_recipient_says_what_a_report_says(
    queued: Application, server: ScriptedServer, answer: str, *, ends: bool
) -> None:
    server.script = {"RCPT": answer}
    deliver()
    with reading(queued.engine) as session:
        assert bool(session.scalars(select(DeadAddress)).all()) is ends


def test_a_report_about_a_message_we_gave_up_moves_nothing(posted: Application, box: Path) -> None:
    message = sent(posted)
    with writing(posted.engine) as session:
        session.get_one(Message, message.id).state = MessageState.CANCELLED
    receive(box, bounce(posted, message, "5.1.1"))
    assert state_of_message(posted, message.id) is MessageState.CANCELLED


def test_without_a_mailbox_it_says_so(posted: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = posted.settings.model_copy(update={"inbox": None})
    use_application(monkeypatch, replace(posted, settings=settings))
    with pytest.raises(ConfigError, match="RETENTION_INBOX: is missing"):
        read_inbox.fn(10)


@pytest.mark.parametrize(
    ("where", "error", "message"),
    [
        ("folder:/nowhere", BoxUnavailableError, "does not exist"),
        ("maildir:/nowhere", BoxUnavailableError, "does not exist"),
        ("pop3://me@mail.example", ConfigError, "'pop3' is no kind of mailbox"),
        ("imap://me@mail.example", ConfigError, "'imap' is not allowed for mail.example"),
        ("imap://me@127.0.0.1:1", BoxUnavailableError, "no connection"),
    ],
)
def test_a_box_that_cannot_be_opened_says_why(
    where: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message), open_box(where, "password"):
        pass


def test_a_maildir_is_read_and_marked(tmp_path: Path) -> None:
    place = tmp_path / "Maildir"
    made = mailbox.Maildir(place)
    made.add(written("first"))
    made.add(written("second"))
    for expected in (2, 0):
        with open_box(f"maildir:{place}", None) as opened:
            letters = list(opened.unread(10))
            assert len(letters) == expected
            for letter in letters:
                opened.mark(letter.key)
    assert len(list((place / "cur").iterdir())) == 2


DOVECOT = shutil.which("dovecot") or (
    "/usr/sbin/dovecot" if Path("/usr/sbin/dovecot").exists() else None
)


@pytest.fixture
def imap(tmp_path: Path) -> Iterator[int]:
    """The port of an IMAP server on loopback, with one mailbox."""
    if DOVECOT is None:
        pytest.skip("dovecot is not installed (Debian: dovecot-imapd)")
    home = Path("/tmp") / f"retention-imap-{os.getpid()}"  # noqa: S108 - sockets have short paths
    shutil.rmtree(home, ignore_errors=True)
    (home / "run").mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    user = "root" if os.getuid() == 0 else os.environ.get("USER", "nobody")
    owner_id = os.getuid() or 1000
    (home / "users").write_text(f"ana:{{PLAIN}}secret:{owner_id}:{owner_id}::{home}/ana::\n")
    (home / "dovecot.conf").write_text(
        f"""
base_dir = {home}/run
log_path = {home}/log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
default_login_user = {"nobody" if user == "root" else user}
default_internal_user = {"nobody" if user == "root" else user}
default_internal_group = {"nogroup" if user == "root" else ""}
first_valid_uid = 1
mail_location = maildir:{home}/ana/Maildir
passdb {{
  driver = passwd-file
  args = {home}/users
}}
userdb {{
  driver = passwd-file
  args = {home}/users
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
""",
        "utf-8",
    )
    for folder in ("cur", "new", "tmp"):
        (home / "ana" / "Maildir" / folder).mkdir(parents=True)
    subprocess.run(["chown", "-R", str(owner_id), str(home / "ana")], check=True)
    process = subprocess.Popen([DOVECOT, "-F", "-c", str(home / "dovecot.conf")])
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            continue
    yield port
    process.terminate()
    process.wait(20)
    shutil.rmtree(home, ignore_errors=True)


def test_an_imap_mailbox_is_read_and_marked(
    posted: Application, imap: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import imaplib

    raw = bounce(posted, sent(posted), "5.1.1")
    with imaplib.IMAP4("127.0.0.1", imap) as client:
        client.login("ana", "secret")
        client.append("INBOX", None, None, raw)
        client.append("INBOX", None, None, written("ñ"))
    where = f"imap://ana@127.0.0.1:{imap}"
    settings = posted.settings.model_copy(
        update={"inbox": where, "inbox_password": SecretStr("secret")}
    )
    use_application(monkeypatch, replace(posted, settings=settings))
    with travel(EVENING):
        assert read_inbox.fn(10).kinds == {"hard_bounce": 1, "reply": 1}
        assert read_inbox.fn(10) == InboxSummary()


def test_a_wrong_imap_password_is_named(imap: int) -> None:
    with (
        pytest.raises(BoxUnavailableError, match="the login is refused"),
        open_box(f"imap://ana@127.0.0.1:{imap}", "wrong"),
    ):
        pass
