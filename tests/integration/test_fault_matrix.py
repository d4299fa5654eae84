"""What may go wrong between us and the mail server, row by row, on SQLite and PostgreSQL.

In every row: the state of the message, and how many copies the server has taken.
"""

import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, select, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, joinedload, selectinload

from retention.audit import verify as audit
from retention.bootstrap import Application
from retention.clock import travel
from retention.db.models.work.actions import Action, Rendering
from retention.db.models.work.cases import Case
from retention.db.models.work.messages import DeliveryAttempt, Message
from retention.db.session import reading, writing
from retention.delivery import circuit_breaker as health
from retention.domain.errors import TemplateError
from retention.domain.messages import AttemptStage, MessageState, SendPolicy
from retention.domain.stages import Stage
from retention.safeguards import kill_switch as switches
from tasks.delivery import deliver_due, recover_lost
from tests.conftest import NIGHT, use_application
from tests.factories.outboxes import (
    AFTERNOON,
    approve,
    deliver,
    message_of,
    one_proposal,
    owner,
    state_of_message,
)
from tests.factories.servers import ScriptedServer, make_certificate

POLICIES = list(SendPolicy)
LATER = AFTERNOON + timedelta(hours=1)


@dataclass
class Lab:
    """One approved message, one scripted server, and nothing else that waits."""

    shop: Application
    server: ScriptedServer
    message_id: str
    monkeypatch: pytest.MonkeyPatch

    def talk(self, **changes: object) -> dict[str, int]:
        """Deliver with other settings of the mail server."""
        mail = replace(self.shop.mail, **changes)  # type: ignore[arg-type]
        self.shop = replace(self.shop, mail=mail)
        use_application(self.monkeypatch, self.shop)
        return deliver()

    @property
    def state(self) -> MessageState:
        return state_of_message(self.shop, self.message_id)

    @property
    def copies(self) -> int:
        return len(self.server.accepted)

    def set_policy(self, policy: SendPolicy) -> None:
        with writing(self.shop.engine) as session:
            session.get_one(Message, self.message_id).policy = policy

    def stopped(self) -> str | None:
        with reading(self.shop.engine) as session:
            return health.why_stopped(session)

    def attempts(self) -> list[DeliveryAttempt]:
        with reading(self.shop.engine) as session:
            query = select(DeliveryAttempt).where(DeliveryAttempt.message_id == self.message_id)
            return list(session.scalars(query.order_by(DeliveryAttempt.number)))


@pytest.fixture
def lab(queued: Application, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> Lab:
    offer = one_proposal(queued, Stage.RENEGOTIATE)
    approve(queued, offer, "james" if owner(queued, offer) == "james" else "marta")
    with writing(queued.engine) as session:
        session.execute(
            update(Message).where(Message.action_id != offer).values(state=MessageState.CANCELLED)
        )
        _let_nobody_ask_the_data(session, offer)
    shop = replace(queued, mail=replace(queued.mail, timeout=2, reply_timeout=2))
    use_application(monkeypatch, shop)
    return Lab(shop, server, message_of(queued, offer).id, monkeypatch)


REFUSED_FOR_NOW = [
    ("banner", "421 too many of you"),
    ("banner", "drop"),
    ("banner", "slow"),
    ("EHLO", "drop"),
    ("MAIL", "451 later"),
    ("MAIL", "drop"),
    ("RCPT", "450 busy"),
    ("RCPT", "drop"),
    ("DATA", "451 later"),
    ("DATA", "drop"),
    ("dot", "451 later"),
    ("MAIL", "421 closing"),
    ("RCPT", "421 closing"),
    ("DATA", "421 closing"),
    ("dot", "421 closing"),
]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(("verb", "outcome"), REFUSED_FOR_NOW)
def test_what_is_refused_for_now_is_tried_again(
    lab: Lab, verb: str, outcome: str, policy: SendPolicy
) -> None:
    """Rows 2, 4, 5, 8, 15, 17, 18, 20, 21, 23, 25 and 32."""
    lab.set_policy(policy)
    lab.server.script = {verb: outcome}
    assert deliver() == {"retry_wait": 1}
    assert (lab.copies, lab.server.connections) == (0, 1)
    lab.server.script = {}
    assert deliver() == {}, "not before its time"
    assert deliver(now=LATER) == {"sent": 1}
    assert lab.copies == 1


def test_nobody_listens(lab: Lab) -> None:
    """Row 1."""
    assert lab.talk(port=1) == {"retry_wait": 1}
    assert lab.copies == 0
    assert lab.attempts()[0].stage == AttemptStage.CONNECTED


def test_ehlo_is_refused_for_now(lab: Lab) -> None:
    """Row 6: a server that knows neither EHLO nor HELO at this moment."""
    lab.server.script = {"EHLO": "451 not now", "HELO": "451 not now"}
    assert deliver() == {"retry_wait": 1}
    assert lab.copies == 0


SERVER_WIDE = [
    ("banner", "554 go away"),
    ("EHLO HELO", "550 not you"),
    ("MAIL", "550 sender refused"),
]


@pytest.mark.parametrize(("verbs", "outcome"), SERVER_WIDE)
def test_a_server_that_will_not_have_us_stops_all_mail(lab: Lab, verbs: str, outcome: str) -> None:
    """Rows 3, 7 and 16: the message stays queued, and nobody knocks again before a person looks."""
    lab.server.script = dict.fromkeys(verbs.split(), outcome)
    assert deliver() == {"queued": 1}
    assert (lab.copies, lab.state) == (0, MessageState.QUEUED)
    assert outcome[:3] in (lab.stopped() or "")
    knocked = lab.server.connections
    assert deliver(now=LATER) == {"stopped": 1}
    assert lab.server.connections == knocked
    with writing(lab.shop.engine) as session:
        olga = lab.shop.policies.team.get("olga")
        switches.start(session, switches.MAIL, olga, "the provider has mended it", LATER)
    lab.server.script = {}
    assert deliver(now=LATER) == {"sent": 1}


@pytest.fixture
def secured(lab: Lab) -> Iterator[Callable[..., ScriptedServer]]:
    """Starts another server, with TLS, to which the lab's mail goes."""
    running: list[ScriptedServer] = []

    def start(
        script: dict[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
        features: tuple[str, ...] = ("AUTH PLAIN LOGIN",),
    ) -> ScriptedServer:
        made = ScriptedServer(script, tls, features)
        running.append(made.__enter__())
        lab.server = made
        return made

    yield start
    for server in running:
        server.__exit__()


LOGIN = {"user": "someone", "password": "a very secret password"}
MUTTERS = ("AUTH", "PASS", "very secret")


def said_nothing_secret(server: ScriptedServer) -> bool:
    return not any(word in said for word in MUTTERS for said in server.said)


def test_starttls_is_not_offered(lab: Lab, secured: Callable[..., ScriptedServer]) -> None:
    """Row 9: somebody in between has taken the offer away."""
    server = secured()
    found = lab.talk(host="localhost", port=server.port, security="starttls", **LOGIN)
    assert found == {"queued": 1}
    assert "STARTTLS" in (lab.stopped() or "")
    assert lab.copies == 0
    assert said_nothing_secret(server)


def test_starttls_does_not_work_just_now(
    lab: Lab, secured: Callable[..., ScriptedServer], tmp_path: Path
) -> None:
    """Row 10."""
    pem, context = make_certificate(tmp_path, "localhost")
    server = secured({"STARTTLS": "454 not just now"}, context)
    found = lab.talk(host="localhost", port=server.port, security="starttls", ca_file=pem, **LOGIN)
    assert found == {"retry_wait": 1}
    assert lab.copies == 0
    assert said_nothing_secret(server)


@pytest.mark.parametrize("wrong", ["unknown authority", "another name", "expired"])
def test_a_certificate_that_cannot_be_trusted(
    lab: Lab, secured: Callable[..., ScriptedServer], tmp_path: Path, wrong: str
) -> None:
    """Row 11: neither the password nor the message is said to whoever this is."""
    name = "mail.example.net" if wrong == "another name" else "localhost"
    pem, context = make_certificate(tmp_path, name, days=-1 if wrong == "expired" else 1)
    server = secured({}, context)
    ca = None if wrong == "unknown authority" else pem
    found = lab.talk(host="localhost", port=server.port, security="starttls", ca_file=ca, **LOGIN)
    assert found == {"queued": 1}
    assert "CERTIFICATE_VERIFY_FAILED" in (lab.stopped() or "")
    assert lab.copies == 0
    assert said_nothing_secret(server)


@pytest.mark.parametrize("outcome", ["454 not now", "drop"])
def test_the_login_does_not_work_just_now(
    lab: Lab, secured: Callable[..., ScriptedServer], outcome: str
) -> None:
    """Row 12."""
    server = secured({"AUTH": outcome})
    assert lab.talk(port=server.port, **LOGIN) == {"retry_wait": 1}
    assert lab.copies == 0


def test_a_wrong_password_is_tried_once(lab: Lab, secured: Callable[..., ScriptedServer]) -> None:
    """Row 13: no storm that locks the account."""
    server = secured({"AUTH": "535 bad credentials"}, features=("AUTH PLAIN",))
    assert lab.talk(port=server.port, **LOGIN) == {"queued": 1}
    assert "535" in (lab.stopped() or "")
    assert deliver(now=LATER) == {"stopped": 1}
    assert server.verbs.count("AUTH") == 1
    assert lab.copies == 0


def test_a_login_is_not_offered(lab: Lab, secured: Callable[..., ScriptedServer]) -> None:
    """Row 14."""
    server = secured(features=())
    assert lab.talk(port=server.port, **LOGIN) == {"queued": 1}
    assert lab.stopped()
    assert lab.copies == 0


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(
    ("verb", "outcome"),
    [("RCPT", "550 no such user"), ("DATA", "554 no"), ("dot", "554 no"), ("dot", "552 too big")],
)
def test_what_is_refused_for_good_fails_at_once(
    lab: Lab, verb: str, outcome: str, policy: SendPolicy
) -> None:
    """Rows 19, 22, 26 and 34."""
    lab.set_policy(policy)
    lab.server.script = {verb: outcome}
    assert deliver() == {"failed": 1}
    assert (lab.copies, lab.server.verbs.count("MAIL")) == (0, 1)
    message = lab.attempts()[0]
    assert message.code == int(outcome[:3])
    assert deliver(now=LATER) == {}


@pytest.mark.parametrize("policy", POLICIES)
def test_the_line_breaks_in_the_middle_of_the_data(lab: Lab, policy: SendPolicy) -> None:
    """Row 24: the dot was recorded, so nobody can be sure; both outcomes are honest."""
    lab.set_policy(policy)
    lab.server.script = {"body": "drop"}
    expected = "unknown" if policy is SendPolicy.AT_MOST_ONCE else "retry_wait"
    assert deliver() == {expected: 1}
    assert lab.copies == 0


@pytest.mark.parametrize(
    ("outcome", "copies"), [("drop", 0), ("accept-drop", 1), ("accept-slow", 1)]
)
def test_no_reply_after_the_dot(lab: Lab, outcome: str, copies: int) -> None:
    """Rows 27, 28 and 29: never a second copy of what may have arrived."""
    lab.server.script = {"dot": outcome}
    assert deliver() == {"unknown": 1}
    assert lab.copies == copies
    lab.server.script = {}
    assert deliver(now=LATER) == {}
    assert (lab.copies, lab.state) == (copies, MessageState.UNKNOWN)


@pytest.mark.parametrize("outcome", ["accept-drop", "accept-slow"])
def test_what_may_be_repeated_arrives_twice_at_the_most(lab: Lab, outcome: str) -> None:
    """Rows 28 and 29 for messages that may be repeated, however often the reply is lost."""
    lab.set_policy(SendPolicy.AT_LEAST_ONCE)
    lab.server.script = {"dot": outcome}
    assert deliver() == {"retry_wait": 1}
    assert deliver(now=LATER) == {"unknown": 1}
    assert deliver(now=LATER + timedelta(days=1)) == {}
    assert lab.copies == 2


def test_the_connection_is_reset_after_the_reply(lab: Lab) -> None:
    """Row 30."""
    lab.server.script = {"dot": "accept-reset"}
    assert deliver() == {"sent": 1}
    assert lab.copies == 1


@pytest.mark.parametrize(
    "reply",
    [
        "250 \x07\x1b[31mtaken\x00",
        "250-first\r\n250-second\r\n250 last",
        "250 aceptado, ma\xf1ana",
        "250 " + "x" * 900,
    ],
)
def test_odd_replies_are_kept_readable(lab: Lab, reply: str) -> None:
    """Row 31."""
    lab.server.script = {"dot": reply}
    assert deliver() == {"sent": 1}
    assert lab.copies == 1
    stored = lab.attempts()[0].reply or ""
    assert stored.isprintable()
    assert len(stored) <= 200


def test_a_reply_that_is_none_leaves_us_unsure(lab: Lab) -> None:
    """Row 31: what cannot be read as a reply after the dot is no refusal."""
    lab.server.script = {"dot": "2 hello"}
    assert deliver() == {"unknown": 1}
    assert lab.copies == 1
    lab.server.script = {}
    assert deliver(now=LATER) == {}
    assert lab.copies == 1


def test_a_reply_without_an_end_leaves_us_unsure(lab: Lab) -> None:
    """Row 31: smtplib calls a line that is too long a 500, but the server has said 250."""
    lab.server.script = {"dot": "250 " + "x" * 9000}
    assert deliver() == {"unknown": 1}
    assert lab.copies == 1


def test_a_message_that_is_too_large_is_not_tried(
    lab: Lab, secured: Callable[..., ScriptedServer]
) -> None:
    """Row 33."""
    server = secured(features=("SIZE 500",))
    assert lab.talk(port=server.port) == {"failed": 1}
    assert "MAIL" not in server.verbs
    assert lab.copies == 0


def test_a_message_is_ascii_on_the_wire(lab: Lab) -> None:
    """Row 35: the server has not offered 8BITMIME, and the text has accents."""
    assert deliver() == {"sent": 1}
    assert max(lab.server.accepted[0]) < 128


@pytest.mark.parametrize("features", [(), ("SMTPUTF8", "8BITMIME")])
def test_a_mailbox_with_other_letters_never_breaks_the_worker(
    lab: Lab, secured: Callable[..., ScriptedServer], features: tuple[str, ...]
) -> None:
    """Row 36: it is not used when the night writes, and refused if it got here all the same."""
    with pytest.raises(TemplateError, match="no usable recipient"):
        _propose_to(lab.shop, "ñ@customers.example")
    with writing(lab.shop.engine) as session:
        action_id = session.get_one(Message, lab.message_id).action_id
        session.get_one(Rendering, action_id).recipient = "ñ@customers.example"
        _approve_as_it_is(session, action_id)
    server = secured(features=features)
    assert lab.talk(port=server.port) == {"failed": 1}
    assert lab.copies == 0


def test_each_message_has_one_recipient(queued: Application, server: ScriptedServer) -> None:
    """Row 37: a refusal of one recipient among several cannot happen."""
    deliver()
    assert server.verbs.count("RCPT") == server.verbs.count("DATA") == len(server.accepted)


@pytest.mark.parametrize("verb", ["banner", "EHLO", "MAIL", "RCPT", "DATA"])
def test_a_trickle_does_not_keep_us(lab: Lab, verb: str) -> None:
    """Row 39: one byte after the other, and never an end."""
    lab.server.script = {verb: "drip"}
    assert lab.talk(timeout=0.5) == {"retry_wait": 1}
    assert lab.copies == 0
    assert "deadline" in (lab.attempts()[0].reply or "")


def test_a_trickle_after_the_dot_leaves_us_unsure(lab: Lab) -> None:
    """Row 39."""
    lab.server.script = {"dot": "drip"}
    assert lab.talk(timeout=0.5, reply_timeout=0.5) == {"unknown": 1}


def test_two_rounds_at_once_send_a_message_once(lab: Lab) -> None:
    """Row 40: while one is at its data, another round finds nothing to do."""
    others: list[dict[str, int]] = []

    def meanwhile(verb: str) -> None:
        if verb == "DATA":
            others.append(deliver_due.fn(100).states)

    lab.server.before_reply = meanwhile
    assert deliver() == {"sent": 1}
    assert others == [{}]
    assert (lab.copies, lab.server.connections) == (1, 1)


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1)])
@pytest.mark.parametrize("verb", ["RCPT", "dot"])
def test_the_clock_jumps_while_a_message_is_sent(lab: Lab, verb: str, jump: timedelta) -> None:
    """Row 41: another worker believes that the lease is over."""

    recovered: list[int] = []

    def jump_once(said: str) -> None:
        if said == verb and lab.server.connections == 1:
            with travel(AFTERNOON + jump):
                recovered.append(recover_lost.fn())

    lab.server.before_reply = jump_once
    deliver()
    assert recovered == [int(jump > timedelta())], "only ahead of time is the lease over"
    lab.server.before_reply = lambda _verb: None
    with travel(AFTERNOON + timedelta(hours=3)):
        recover_lost.fn()
    deliver(now=AFTERNOON + timedelta(days=1))
    assert (lab.copies, lab.state) == (1, MessageState.SENT)


def test_the_database_fails_after_the_dot(lab: Lab) -> None:
    """Row 42: taken by the server, and nobody could write it down."""
    lab.server.before_reply = _break_at("dot", lab)
    with pytest.raises(OperationalError):
        deliver()
    _mend(lab)
    assert (lab.copies, lab.state) == (1, MessageState.SENDING)
    with travel(LATER):
        assert recover_lost.fn() == 1
    assert lab.state is MessageState.UNKNOWN
    deliver(now=LATER)
    assert lab.copies == 1


def test_the_database_comes_back_in_time(lab: Lab) -> None:
    """Row 42: a restart of the database between the dot and the result loses nothing."""
    failures = iter([True, True, False])

    def sometimes(*_: object) -> None:
        if next(failures, False):
            raise OperationalError("UPDATE", {}, Exception("database is locked"))

    def begin(verb: str) -> None:
        if verb == "dot":
            event.listen(lab.shop.engine, "before_cursor_execute", sometimes)

    lab.server.before_reply = begin
    if lab.shop.engine.dialect.name == "postgresql":
        lab.server.before_reply = _cut_connections(lab)
    assert deliver() == {"sent": 1}
    assert lab.copies == 1


def _cut_connections(lab: Lab) -> Callable[[str], None]:
    def cut(verb: str) -> None:
        if verb == "dot":
            others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
            with lab.shop.engine.connect() as connection:
                connection.execute(text(f"{others} current_database() AND pid <> pg_backend_pid()"))

    return cut


def _break_at(verb: str, lab: Lab) -> Callable[[str], None]:
    def refuse(*_: object) -> None:
        raise OperationalError("UPDATE", {}, Exception("database or disk is full"))

    def begin(said: str) -> None:
        if said == verb:
            event.listen(lab.shop.engine, "before_cursor_execute", refuse)
            lab.server.refuse = refuse  # type: ignore[attr-defined]

    return begin


def _mend(lab: Lab) -> None:
    refuse = lab.server.refuse  # type: ignore[attr-defined]
    event.remove(lab.shop.engine, "before_cursor_execute", refuse)
    lab.server.before_reply = lambda _verb: None


@pytest.mark.parametrize("verb", ["MAIL", "RCPT"])
@pytest.mark.parametrize("how", ["file", "switch"])
def test_the_kill_switch_is_thrown_before_the_data(lab: Lab, verb: str, how: str) -> None:
    """Row 44."""

    def throw(said: str) -> None:
        if said != verb:
            return
        if how == "file":
            lab.shop.settings.stop_file.parent.mkdir(parents=True, exist_ok=True)
            lab.shop.settings.stop_file.touch()
            return
        with writing(lab.shop.engine) as session:
            olga = lab.shop.policies.team.get("olga")
            switches.stop(session, switches.EVERYTHING, olga, "stop everything", AFTERNOON)

    lab.server.before_reply = throw
    assert deliver() == {"queued": 1}
    assert (lab.copies, lab.state) == (0, MessageState.QUEUED)
    assert deliver(now=LATER) == {"stopped": 1}


def test_a_stop_while_the_database_keeps_us_waiting_stops_the_data(lab: Lab) -> None:
    """The dot is on record by then; nothing of the message has left, and that is known."""

    def stop(_: object) -> None:
        if lab.server.verbs[-1:] == ["DATA"]:
            lab.shop.settings.stop_file.parent.mkdir(parents=True, exist_ok=True)
            lab.shop.settings.stop_file.touch()

    event.listen(lab.shop.engine, "commit", stop)
    assert deliver() == {"queued": 1}
    assert (lab.copies, lab.state) == (0, MessageState.QUEUED)
    event.remove(lab.shop.engine, "commit", stop)
    lab.shop.settings.stop_file.unlink()
    assert deliver(now=LATER) == {"sent": 1}
    assert lab.copies == 1


@pytest.mark.parametrize("mark", ["\r\n", "\n", "\r", "\0"])
@pytest.mark.parametrize("place", ["name", "email"])
def test_line_breaks_in_the_data_reach_no_header(lab: Lab, mark: str, place: str) -> None:
    """Row 45."""
    bad = f"ana@customers.example{mark}Bcc: eve@evil.example"
    if place == "email":
        with pytest.raises(TemplateError, match="no usable recipient"):
            _propose_to(lab.shop, bad)
        return
    raw = _propose_to(lab.shop, "ana@customers.example", name=bad)
    head = raw.partition(b"\r\n\r\n")[0]
    assert b"\r\nBcc:" not in head
    assert mark.encode() not in head.replace(b"\r\n", b"")


def _let_nobody_ask_the_data(session: Session, action_id: str) -> None:
    """Of education nobody asks the company's data again: it is read by tests of its own."""
    action = session.get_one(Action, action_id)
    action.stage = Stage.EDUCATE
    session.get_one(Case, action.case_id).stage = Stage.EDUCATE


def _propose_to(shop: Application, email: str, **row: str) -> bytes:
    """Write a message as the night does, for a customer with this address; return its bytes."""
    from retention.messages.compose import compose
    from retention.messages.terms import Terms
    from retention.snapshots.customers import read_rows

    with reading(shop.engine) as session:
        action = session.scalars(select(Action).where(Action.template == "education")).first()
        assert action is not None
        rows = read_rows(shop.folders.snapshots, NIGHT, [action.customer_id])
        found = rows[action.customer_id] | {"email": email} | row
        manager = shop.policies.team.get("marta")
        return compose(action, found, manager, shop.sender, Terms()).raw


def _approve_as_it_is(session: object, action_id: str) -> None:
    """Bind the approvals and the message to what the rendering says now."""

    from retention.messages.content_hash import content_of

    assert isinstance(session, Session)
    session.flush()
    session.expire_all()
    action = session.scalars(
        select(Action)
        .where(Action.id == action_id)
        .options(
            joinedload(Action.case), joinedload(Action.rendering), joinedload(Action.offer),
            joinedload(Action.message), selectinload(Action.approvals),
        )
    ).unique().one()  # fmt: skip
    assert action.message is not None
    action.message.content_hash = content_of(action)
    for approval in action.approvals:
        approval.content_hash = content_of(action)


def test_the_audit_holds_after_all_of_it(lab: Lab) -> None:
    """Whatever went wrong, the chain of what happened is whole."""
    lab.server.script = {"RCPT": "450 busy"}
    deliver()
    lab.server.script = {}
    deliver(now=LATER)
    with reading(lab.shop.engine) as session:
        assert audit.verify(session, []).events > 0
