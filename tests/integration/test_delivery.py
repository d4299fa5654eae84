"""From approval to delivery on SQLite and PostgreSQL, against a real SMTP conversation."""

import shutil
import threading
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from sqlalchemy import select, text, update

from retention.actions import approval as approvals
from retention.actions import completion as completing
from retention.actions.views import summary
from retention.bootstrap import Application
from retention.clock import travel
from retention.db.models.runs import Run
from retention.db.models.work.actions import Action, Rendering
from retention.db.models.work.cases import Case
from retention.db.models.work.messages import DeliveryAttempt, Message
from retention.db.queries import actions as queries
from retention.db.session import reading, writing
from retention.delivery import attempts, canaries, last_check
from retention.delivery import claim as delivery
from retention.delivery.mail_server import MailServer
from retention.delivery.smtp import AttemptFailedError, Connection
from retention.domain.actions import ActionKind, ActionState
from retention.domain.cases import CaseState
from retention.domain.errors import ConfigError, NotAllowedError, NotFoundError
from retention.domain.messages import AttemptStage, MessageState, SendPolicy
from retention.domain.people import Role
from retention.domain.playbook import Condition
from retention.domain.runs import RunState
from retention.domain.stages import Stage
from retention.domain.summaries import PullSummary
from retention.ladder.decide_night import decide_night
from retention.messages.leaving import as_leaving
from retention.snapshots import store as snapshots
from tasks.delivery import recover_lost
from tests.conftest import (
    NIGHT,
    use_application,
)
from tests.factories.nights import actor_of
from tests.factories.outboxes import (
    AFTERNOON,
    approve,
    deliver,
    has_left,
    message_of,
    one_proposal,
    owner,
    reject,
    state_of,
    state_of_message,
    without_date,
)
from tests.factories.pdfs import pdf_text
from tests.factories.servers import ScriptedServer, make_certificate


def test_what_was_queued_is_byte_for_byte_what_the_server_gets(
    queued: Application, server: ScriptedServer
) -> None:
    states = deliver()
    assert states == {"sent": len(server.accepted)}
    assert states["sent"] > 25
    with reading(queued.engine) as session:
        stored = set(session.scalars(select(Rendering.raw)))
        done = session.scalars(select(Action).where(Action.kind == ActionKind.EMAIL)).all()
    assert {without_date(raw) for raw in server.accepted} == stored
    dates = {
        message_from_bytes(raw, policy=policy.SMTP)["Date"].datetime for raw in server.accepted
    }
    assert dates == {AFTERNOON}, "it is dated when it leaves, in the company's zone"
    assert server.connections == 1
    assert {action.state for action in done} == {ActionState.DONE}
    assert {action.done_on for action in done} == {AFTERNOON.date()}


def test_a_letter_says_the_day_on_which_it_leaves(
    queued: Application, server: ScriptedServer
) -> None:
    """Approved on a Monday, kept over two days: the mail and its PDF say Wednesday."""
    offer = one_proposal(queued, Stage.RENEGOTIATE)
    approve(queued, offer, owner(queued, offer))
    wednesday = AFTERNOON + timedelta(days=1)
    assert deliver(now=wednesday)["sent"] > 25
    with reading(queued.engine) as session:
        rendering = session.get_one(Rendering, offer)
        attempt = session.scalars(
            select(DeliveryAttempt).join(Message).where(Message.action_id == offer)
        ).one()
    (left,) = [raw for raw in server.accepted if rendering.message_id.encode() in raw]
    mail = message_from_bytes(left, policy=policy.SMTP)
    assert mail["Date"].datetime == wednesday
    (letter,) = mail.iter_attachments()
    said = pdf_text(letter.get_content())
    assert "3 de junio de 2026" in said or "3 June 2026" in said
    again = as_leaving(
        rendering.raw, rendering.letter, attempt.started_at, "Europe/Madrid",
        queued.settings.templates_dir,
    )  # fmt: skip
    assert again == left, "what left can be made once more from what is on record"


def test_a_letter_whose_layout_was_changed_needs_a_new_approval(
    queued: Application,
    server: ScriptedServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    offer = one_proposal(queued, Stage.RENEGOTIATE)
    approve(queued, offer, owner(queued, offer))
    templates = tmp_path / "templates"
    shutil.copytree(queued.settings.templates_dir, templates)
    layout = templates / "pdf" / "letter.typ"
    layout.write_text(layout.read_text("utf-8") + "\n// another look\n", "utf-8")
    settings = queued.settings.model_copy(update={"templates_dir": templates})
    use_application(monkeypatch, replace(queued, settings=settings))
    deliver()
    found = message_of(queued, offer)
    assert found.state is MessageState.CANCELLED
    assert found.last_text == "the layout of letters is not what was approved"


def test_a_second_round_sends_nothing(queued: Application, server: ScriptedServer) -> None:
    deliver()
    sent = len(server.accepted)
    assert deliver() == {}
    assert len(server.accepted) == sent


def waits_for(shop: Application, action_id: str) -> list[str]:
    """Return whose approval an action waits for, as a list of work says it."""
    with reading(shop.engine) as session:
        found = queries.list_waiting(session, state=None, stage=None, owner=None, limit=10_000)
        listed = next(action for action in found if action.id == action_id)
        valid = timedelta(hours=shop.policies.approvals.valid_hours)
        said: list[str] = summary(listed, {}, valid, AFTERNOON)["waits_for"]
    return said


def test_a_notice_needs_two_different_people_in_their_roles(queued: Application) -> None:
    notice = one_proposal(queued, Stage.TERMINATE)
    with pytest.raises(NotAllowedError, match="cannot approve it. It waits for"):
        approve(queued, notice, "fran")
    approve(queued, notice, "marta")
    with pytest.raises(NotAllowedError, match="has already approved it"):
        approve(queued, notice, "marta")
    assert state_of(queued, notice) is ActionState.PENDING_APPROVAL
    assert waits_for(queued, notice) == ["director"], "a list counts the first approval"
    approve(queued, notice, "diana")
    assert state_of(queued, notice) is ActionState.APPROVED
    with pytest.raises(NotAllowedError, match="is approved, it does not wait"):
        approve(queued, notice, "james")


def test_an_approval_of_other_bytes_is_worth_nothing(
    queued: Application, server: ScriptedServer
) -> None:
    notice = one_proposal(queued, Stage.TERMINATE)
    approve(queued, notice, "marta")
    approve(queued, notice, "diana")
    with writing(queued.engine) as session:
        rendering = session.get_one(Rendering, notice)
        rendering.raw = rendering.raw.replace(b"ends on", b"never ends on") + b"x"
    deliver()
    assert message_of(queued, notice).state is MessageState.CANCELLED
    assert not any(b"never ends" in raw for raw in server.accepted)


def test_a_wrong_content_hash_is_refused_at_approval(queued: Application) -> None:
    notice = one_proposal(queued, Stage.TERMINATE)
    with pytest.raises(NotAllowedError, match="not what was shown"), \
            writing(queued.engine) as session:  # fmt: skip
        approvals.approve(session, notice, actor_of(queued, "marta", NIGHT), seen="0" * 64)


def test_what_is_adverse_is_approved_only_by_who_was_shown_this_very_version(
    queued: Application,
) -> None:
    notice = one_proposal(queued, Stage.TERMINATE)
    with pytest.raises(NotAllowedError, match="has not been shown.*--as marta"), \
            writing(queued.engine) as session:  # fmt: skip
        approvals.approve(session, notice, actor_of(queued, "marta", NIGHT))
    with writing(queued.engine) as session:
        action = queries.get(session, notice)
        approvals.note_viewing(session, action, actor_of(queued, "diana", NIGHT))
    with writing(queued.engine) as session:
        approvals.note_viewing(session, action, actor_of(queued, "marta", NIGHT))
        session.get_one(Rendering, notice).raw += b"one word more"
    with pytest.raises(NotAllowedError, match="has not been shown this version"), \
            writing(queued.engine) as session:  # fmt: skip
        approvals.approve(session, notice, actor_of(queued, "marta", NIGHT))


@pytest.mark.parametrize("change", ["gone", "another role"])
def test_who_approved_must_still_be_in_the_team_with_the_role_when_it_leaves(
    queued: Application, server: ScriptedServer, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with writing(queued.engine) as session:
        session.execute(update(Message).values(state=MessageState.CANCELLED))
    notice = one_proposal(queued, Stage.TERMINATE)
    approve(queued, notice, "marta")
    approve(queued, notice, "diana")
    people = dict(queued.policies.team.people)
    diana = people.pop("diana")
    if change == "another role":
        people["diana"] = replace(diana, roles=frozenset({Role.VIEWER}))
    team = replace(queued.policies.team, people=people)
    use_application(monkeypatch, replace(queued, policies=replace(queued.policies, team=team)))
    assert deliver() == {"cancelled": 1}
    assert server.accepted == []
    assert message_of(queued, notice).last_text == "who approved it has not that role any more"


def test_a_rejected_message_is_never_sent(queued: Application, server: ScriptedServer) -> None:
    offer = one_proposal(queued, Stage.RENEGOTIATE)
    reject(queued, offer, "marta", "she called")
    deliver()
    with reading(queued.engine) as session:
        rendering = session.get_one(Rendering, offer)
        assert not has_left(server.accepted, rendering)
    assert state_of(queued, offer) is ActionState.REJECTED


def test_an_approved_message_can_be_taken_back_until_it_leaves(
    queued: Application, server: ScriptedServer
) -> None:
    notice = one_proposal(queued, Stage.TERMINATE)
    approve(queued, notice, "marta")
    approve(queued, notice, "diana")
    reject(queued, notice, "diana", "they have paid")
    assert state_of(queued, notice) is ActionState.CANCELLED
    deliver()
    with reading(queued.engine) as session:
        assert not has_left(server.accepted, session.get_one(Rendering, notice))
        sent = session.scalars(select(Action.id).where(Action.state == ActionState.DONE)).all()
    with pytest.raises(NotAllowedError):
        reject(queued, sent[-1], "diana", "too late")


def test_a_call_in_which_nobody_was_reached_is_no_conversation(queued: Application) -> None:
    call_id = one_proposal(queued, Stage.TERMINATE, position=0)
    with pytest.raises(NotAllowedError, match="may not complete it"), \
            writing(queued.engine) as session:  # fmt: skip
        completing.complete(session, call_id, actor_of(queued, "fran", NIGHT), outcome="talked")
    with writing(queued.engine) as session:
        actor = actor_of(queued, owner(queued, call_id), NIGHT)
        completing.complete(session, call_id, actor, outcome="not_reached")
    assert state_of(queued, call_id) is ActionState.EXPIRED


def test_a_message_that_is_too_late_expires(queued: Application, server: ScriptedServer) -> None:
    assert set(deliver(now=AFTERNOON + timedelta(days=14))) == {"expired"}
    assert server.accepted == []


@pytest.mark.parametrize("how", ["file", "folder", "link that leads nowhere"])
def test_the_stop_file_stops_everything(
    queued: Application, server: ScriptedServer, how: str
) -> None:
    stop = queued.settings.stop_file
    stop.parent.mkdir(parents=True, exist_ok=True)
    if how == "file":
        stop.touch()
    elif how == "folder":
        stop.mkdir()
    else:
        stop.symlink_to("nowhere")
    states = deliver()
    assert set(states) == {"stopped"}
    assert server.connections == 0


def test_stopping_in_the_middle_stops_before_the_next_data(
    queued: Application, server: ScriptedServer
) -> None:
    def stop_at_second_recipient(verb: str) -> None:
        if verb == "RCPT" and len(server.accepted) == 1:
            queued.settings.stop_file.parent.mkdir(parents=True, exist_ok=True)
            queued.settings.stop_file.touch()

    server.before_reply = stop_at_second_recipient
    assert deliver()["sent"] == 1
    assert len(server.accepted) == 1
    with reading(queued.engine) as session:
        states = Counter(session.scalars(select(Message.state)))
    assert set(states) == {MessageState.SENT, MessageState.QUEUED}


def test_a_message_that_is_withdrawn_while_it_is_sent_does_not_leave(
    queued: Application, server: ScriptedServer
) -> None:
    def close_the_case(verb: str) -> None:
        if verb == "DATA":
            with writing(queued.engine) as session:
                for case in session.scalars(select(Case)):
                    case.stage = Stage.RENEGOTIATE

    server.before_reply = close_the_case
    assert deliver(limit=1) == {"queued": 1}
    assert server.accepted == []
    server.before_reply = lambda _verb: None
    assert deliver(limit=1, now=AFTERNOON + timedelta(hours=1)) == {"cancelled": 1}


@pytest.mark.parametrize(
    ("script", "state", "copies"),
    [
        ({"MAIL": "451 later"}, "retry_wait", 0),
        ({"MAIL": "drop"}, "retry_wait", 0),
        ({"RCPT": "450 busy"}, "retry_wait", 0),
        ({"RCPT": "550 no such user"}, "failed", 0),
        ({"RCPT": "drop"}, "retry_wait", 0),
        ({"DATA": "451 later"}, "retry_wait", 0),
        ({"DATA": "554 no"}, "failed", 0),
        ({"DATA": "drop"}, "retry_wait", 0),
        ({"dot": "451 later"}, "retry_wait", 0),
        ({"dot": "552 too big"}, "failed", 0),
        ({"dot": "drop"}, "unknown", 0),
        ({"dot": "accept-drop"}, "unknown", 1),
    ],
)
def test_one_attempt_per_message_and_an_honest_state(
    queued: Application, server: ScriptedServer, script: dict[str, str], state: str, copies: int
) -> None:
    offer = one_proposal(queued, Stage.RENEGOTIATE)
    approve(queued, offer, "james" if owner(queued, offer) == "james" else "marta")
    with writing(queued.engine) as session:
        others = select(Message).where(Message.action_id != offer)
        for message in session.scalars(others):
            message.state = MessageState.CANCELLED
    server.script = script
    assert deliver() == {state: 1}
    assert len(server.accepted) == copies
    assert server.connections == 1
    assert server.verbs.count("MAIL") == 1
    message = message_of(queued, offer)
    assert message.state == state
    assert message.policy is SendPolicy.AT_MOST_ONCE
    with reading(queued.engine) as session:
        assert session.get_one(Action, offer).done_on is None


def pulled_on(day: date) -> PullSummary:
    """A night whose data was good."""
    return PullSummary(day, {}, {}, 0, 0)


def test_a_night_takes_back_an_approved_notice_when_the_data_no_longer_supports_it(
    queued: Application, server: ScriptedServer
) -> None:
    notice = one_proposal(queued, Stage.TERMINATE)
    approve(queued, notice, "marta")
    approve(queued, notice, "diana")
    with reading(queued.engine) as session:
        customer = session.get_one(Action, notice).customer_id
    last = snapshots.folder(queued.folders.snapshots, NIGHT)
    tomorrow = NIGHT + timedelta(days=1)
    with writing(queued.engine) as session:
        folder = shutil.copytree(last, queued.settings.snapshots_dir / f"as_of={tomorrow}")
        for name in ("scores-0000.parquet", "people-0000.parquet"):
            table = pq.read_table(folder / name, partitioning=None)
            kept = table.filter(pc.not_equal(table["customer_id"], customer))
            pq.write_table(kept, folder / name)
        folders = replace(queued.folders, snapshots=queued.settings.snapshots_dir)
        decide_night(session, queued.policies, folders, queued.sender, pulled_on(tomorrow))
    assert state_of(queued, notice) is ActionState.SUPERSEDED
    assert message_of(queued, notice).state is MessageState.CANCELLED
    deliver()
    with reading(queued.engine) as session:
        assert not has_left(server.accepted, session.get_one(Rendering, notice))


def test_a_dead_sender_after_the_dot_leaves_unknown_and_before_it_a_retry(
    queued: Application,
) -> None:
    lease = timedelta(minutes=5)
    with writing(queued.engine) as session:
        first, second = canaries.list_due(session, AFTERNOON, queued.policies.canary)[0][:2]
        for message_id in (first, second):
            session.get_one(Message, message_id).policy = SendPolicy.AT_MOST_ONCE
    with writing(queued.engine) as session:
        claimed, _ = attempts.claim(session, [first, second], AFTERNOON, lease)
        assert attempts.record_dots(session, [claimed], AFTERNOON + lease) == {first}
    with travel(AFTERNOON + timedelta(minutes=4)):
        assert recover_lost.fn() == 0
    with travel(AFTERNOON + timedelta(minutes=6)):
        assert recover_lost.fn() == 2
    with reading(queued.engine) as session:
        assert session.get_one(Message, first).state is MessageState.UNKNOWN
        assert session.get_one(Message, second).state is MessageState.RETRY_WAIT


def test_a_late_sender_loses_to_the_one_that_took_over(queued: Application) -> None:
    lease = timedelta(minutes=5)
    with writing(queued.engine) as session:
        (message_id,) = canaries.list_due(session, AFTERNOON, queued.policies.canary)[0][:1]
        (slow,) = attempts.claim(session, [message_id], AFTERNOON, lease)
    later = AFTERNOON + timedelta(hours=1)
    with travel(later):
        recover_lost.fn()
    with writing(queued.engine) as session:
        assert attempts.claim(session, [message_id], later, lease) == [], "not before its time"
        assert attempts.claim(session, [message_id], later + lease, lease)
    ending = attempts.Ending(slow, AttemptStage.REPLIED, 250, "", None, later)
    with writing(queued.engine) as session:
        assert attempts.record_dots(session, [slow], later + lease) == set()
        assert attempts.record_ends(session, [ending]) == {}
        tried = session.scalars(
            select(DeliveryAttempt).where(DeliveryAttempt.message_id == message_id)
        ).all()
    assert [attempt.number for attempt in tried] == [1, 2]


def test_a_reply_that_comes_late_settles_what_was_unknown(queued: Application) -> None:
    lease = timedelta(minutes=5)
    with writing(queued.engine) as session:
        (message_id,) = canaries.list_due(session, AFTERNOON, queued.policies.canary)[0][:1]
        session.get_one(Message, message_id).policy = SendPolicy.AT_MOST_ONCE
    with writing(queued.engine) as session:
        (slow,) = attempts.claim(session, [message_id], AFTERNOON, lease)
        attempts.record_dots(session, [slow], AFTERNOON + lease)
    later = AFTERNOON + timedelta(hours=1)
    with travel(later):
        recover_lost.fn()
    assert state_of_message(queued, message_id) is MessageState.UNKNOWN
    ending = attempts.Ending(slow, AttemptStage.REPLIED, 250, "", None, later)
    with writing(queued.engine) as session:
        rules = last_check.Rules("Europe/Madrid", timedelta(hours=72), queued.policies.team)
        delivery.record_results(session, [ending], rules)
    assert state_of_message(queued, message_id) is MessageState.SENT


def test_two_workers_never_claim_the_same_message(queued: Application) -> None:
    with writing(queued.engine) as session:
        (message_id,) = canaries.list_due(session, AFTERNOON, queued.policies.canary)[0][:1]
        assert attempts.claim(session, [message_id], AFTERNOON, timedelta(minutes=5))
    with writing(queued.engine) as session:
        assert attempts.claim(session, [message_id], AFTERNOON, timedelta(minutes=5)) == []


def test_a_server_that_is_down_costs_one_try_and_leaves_the_others_queued(
    queued: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_application(monkeypatch, replace(queued, mail=replace(queued.mail, port=1)))
    states = deliver()
    assert states["retry_wait"] == 1
    with reading(queued.engine) as session:
        kept = Counter(session.scalars(select(Message.state)))
        tried = session.scalars(select(DeliveryAttempt.stage)).all()
    assert kept[MessageState.RETRY_WAIT] == 1
    assert set(kept) == {MessageState.RETRY_WAIT, MessageState.QUEUED}
    assert max(tried) == AttemptStage.CONNECTED
    use_application(monkeypatch, queued)
    assert set(deliver(now=AFTERNOON + timedelta(minutes=10))) == {"sent"}, "nothing was stopped"


def test_an_unknown_action_is_named(queued: Application) -> None:
    with pytest.raises(NotFoundError, match="action 'nonsense': does not exist"):
        approve(queued, "nonsense", "marta")


def make_server(
    port: int, security: str, ca: Path | None = None, user: str | None = None
) -> MailServer:
    return MailServer("localhost", port, security, timeout=5, ca_file=ca, user=user)


def test_a_certificate_for_another_host_is_refused_before_anything_is_said(
    tmp_path: Path,
) -> None:
    pem, context = make_certificate(tmp_path, "mail.example.net")
    with ScriptedServer(tls=context) as server:
        with pytest.raises(AttemptFailedError, match="CERTIFICATE_VERIFY_FAILED"):
            Connection(make_server(server.port, "starttls", pem)).open()
        assert "MAIL" not in server.verbs


def test_an_unknown_authority_is_refused(tmp_path: Path) -> None:
    _, context = make_certificate(tmp_path, "localhost")
    with ScriptedServer(tls=context) as server, pytest.raises(AttemptFailedError):
        Connection(make_server(server.port, "starttls")).open()


def test_a_verified_server_is_used(tmp_path: Path) -> None:
    pem, context = make_certificate(tmp_path, "localhost")
    with (
        ScriptedServer(tls=context) as server,
        Connection(make_server(server.port, "starttls", pem)) as connection,
    ):
        reply = connection.send("a@example.com", "b@example.com", b"x\r\n.y\r\n", lambda _: None)
        assert reply == (250, "taken")
        assert server.accepted == [b"x\r\n.y\r\n"]


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("ana.pena+news@example.com", "<ana.pena+news@example.com>"),
        ("Example Company <accounts@example.com>", "<accounts@example.com>"),
        ('"two words"@example.com', '<"two words"@example.com>'),
    ],
)
def test_the_server_is_told_the_bare_address(written: str, told: str) -> None:
    with (
        ScriptedServer() as server,
        Connection(MailServer("localhost", server.port, "plain", timeout=5)) as connection,
    ):
        connection.send(written, written, b"x\r\n", lambda _: None)
        said = [line for line in server.said if "@" in line]
    assert [line.partition(":")[2] for line in said] == [told, told]


def test_a_server_without_starttls_is_not_trusted() -> None:
    with ScriptedServer() as server, pytest.raises(AttemptFailedError, match="STARTTLS"):
        Connection(make_server(server.port, "starttls")).open()


def test_plain_is_for_loopback_only() -> None:
    with pytest.raises(ConfigError, match="'plain' is not allowed for mail.example.net"):
        Connection(MailServer("mail.example.net", 25, "plain", timeout=5))


def test_a_missing_password_is_an_error_at_once() -> None:
    with pytest.raises(ConfigError, match="RETENTION_MAIL_PASSWORD: is missing"):
        Connection(make_server(1, "plain", user="someone"))


def test_a_notice_that_no_longer_counts_is_called_back(
    queued: Application, server: ScriptedServer
) -> None:
    notice = one_proposal(queued, Stage.TERMINATE)
    approve(queued, notice, "marta")
    approve(queued, notice, "diana")
    deliver()
    with reading(queued.engine) as session:
        sent = session.get_one(Action, notice)
        case = session.get_one(Case, sent.case_id)
    book = queued.policies.playbooks[case.playbook]
    paid = replace(book, leave=Condition(f"customer_id = '{case.customer_id}'", 1))
    policies = replace(queued.policies, playbooks={book.name: paid})
    tomorrow = NIGHT + timedelta(days=1)
    shutil.copytree(
        snapshots.folder(queued.folders.snapshots, NIGHT),
        snapshots.folder(queued.settings.snapshots_dir, tomorrow),
    )
    folders = replace(queued.folders, snapshots=queued.settings.snapshots_dir)
    with writing(queued.engine) as session:
        decide_night(session, policies, folders, queued.sender, pulled_on(tomorrow))
    with reading(queued.engine) as session:
        assert session.get_one(Case, case.id).state is CaseState.RESTORED
        call = session.scalars(select(Action).where(Action.form == "retract_notice")).one()
        assert call.customer_id == case.customer_id
        assert call.state is ActionState.PENDING_APPROVAL


@pytest.mark.parametrize("state", [RunState.HELD, RunState.FAILED, RunState.RUNNING])
def test_nothing_adverse_leaves_on_a_night_that_has_not_said_that_all_is_well(
    queued: Application, server: ScriptedServer, state: RunState
) -> None:
    notice = one_proposal(queued, Stage.TERMINATE)
    approve(queued, notice, "marta")
    approve(queued, notice, "diana")
    with writing(queued.engine) as session:
        run = session.scalars(select(Run).order_by(Run.business_date.desc())).first()
        assert run is not None
        run.state = state
    assert deliver()["sent"] > 10
    found = message_of(queued, notice)
    assert (found.state, found.waiting_for) == (MessageState.QUEUED, f"night_{state}")
    with reading(queued.engine) as session:
        assert not has_left(server.accepted, session.get_one(Rendering, notice))


def test_nothing_adverse_leaves_when_the_last_night_is_too_long_ago(
    queued: Application, server: ScriptedServer
) -> None:
    notice = one_proposal(queued, Stage.TERMINATE)
    approve(queued, notice, "marta")
    approve(queued, notice, "diana")
    with writing(queued.engine) as session:
        for run in session.scalars(select(Run).order_by(Run.business_date)):
            run.business_date -= timedelta(days=14)
            session.flush()
    deliver()
    assert message_of(queued, notice).waiting_for == "night_too_old"


@pytest.mark.parametrize("prepared", ["postgresql"], indirect=True)  # SQLite has one writer
def test_a_night_that_commits_while_the_dot_waits_is_seen(
    queued: Application, server: ScriptedServer
) -> None:
    """The worker waits for the night's lock, and must then see what the night has written."""
    with writing(queued.engine) as session:
        (message_id,) = canaries.list_due(session, AFTERNOON, queued.policies.canary)[0][:1]
        rules = last_check.Rules("Europe/Madrid", timedelta(hours=72), queued.policies.team)
        claims = delivery.claim_checked(session, [message_id], AFTERNOON, rules)
    (claimed,) = claims.taken
    found: list[dict[str, str]] = []

    def pass_dot() -> None:
        with writing(queued.engine) as session:
            found.append(delivery.pass_dots(session, [claimed], AFTERNOON, rules))

    worker = threading.Thread(target=pass_dot)
    with writing(queued.engine) as session:
        action = session.get_one(Action, claimed.action_id, with_for_update=True)
        worker.start()
        waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        while not session.scalar(waits):
            pass
        session.get_one(Case, action.case_id).state = CaseState.RESTORED
    worker.join()
    assert found == [{message_id: "the case is closed"}]
