"""The morning's digest, on SQLite and PostgreSQL."""

from email import message_from_bytes, policy

import pytest
from sqlalchemy import select, update

from retention.bootstrap import Application
from retention.clock import travel
from retention.db.models.work.actions import Action
from retention.db.models.work.messages import Message
from retention.db.session import reading, writing
from retention.delivery import circuit_breaker as health
from retention.domain.messages import MessageState
from retention.domain.stages import Stage
from retention.reports import team_digest as digest
from tasks.digest import send_digests
from tests.factories.outboxes import AFTERNOON, approve, one_proposal
from tests.factories.servers import ScriptedServer


def digests(shop: Application) -> dict[str, digest.Digest]:
    with reading(shop.engine) as session:
        found = digest.make_digests(session, shop.policies, AFTERNOON, "Europe/Madrid")
    return {d.person: d for d in found}


def test_everybody_is_told_what_waits_for_them_once_a_day(
    queued: Application, server: ScriptedServer
) -> None:
    one_proposal(queued, Stage.TERMINATE)
    with travel(AFTERNOON):
        first = send_digests.fn()
        again = send_digests.fn()
    expected = {p for p, d in digests(queued).items() if d.says_something}
    assert first.sent == len(expected) >= 2
    assert again.sent == 0
    mails = [message_from_bytes(raw, policy=policy.default) for raw in server.accepted]
    team = queued.policies.team.people
    assert {mail["To"] for mail in mails} == {team[p].email for p in expected}
    with reading(queued.engine) as session:
        customers = set(session.scalars(select(Action.customer_id)))
    assert not any(c.encode() in raw for c in customers for raw in server.accepted)


def test_a_decision_leaves_the_digest_of_who_took_it(queued: Application) -> None:
    notice = one_proposal(queued, Stage.TERMINATE)
    before = digests(queued)
    approve(queued, notice, "marta")
    after = digests(queued)
    assert after["marta"].open == before["marta"].open - 1
    assert after["diana"].open == before["diana"].open >= 1
    assert after["olga"].open == 0


def test_those_who_can_settle_are_told_of_unknown_messages_and_stopped_mail(
    queued: Application,
) -> None:
    with writing(queued.engine) as session:
        ids = session.scalars(select(Message.id).limit(3)).all()
        session.execute(
            update(Message).where(Message.id.in_(ids)).values(state=MessageState.UNKNOWN)
        )
        health.stop_mail(session, "535 bad credentials", AFTERNOON)
    found = digests(queued)
    assert (found["olga"].unknown, found["olga"].mail_stopped) == (3, 1)
    assert (found["marta"].unknown, found["marta"].mail_stopped) == (0, 0)


def test_what_could_not_be_sent_is_sent_by_the_next_run(
    queued: Application, server: ScriptedServer
) -> None:
    one_proposal(queued, Stage.TERMINATE)
    server.script = {"RCPT": "450 busy"}
    with travel(AFTERNOON):
        assert send_digests.fn().failed >= 2
    server.script = {}
    with travel(AFTERNOON):
        assert send_digests.fn().sent >= 2


@pytest.mark.parametrize("language", ["en", "es"])
def test_it_is_in_the_language_of_who_reads_it(queued: Application, language: str) -> None:
    from dataclasses import replace

    marta = replace(queued.policies.team.get("marta"), language=language)
    one = digest.Digest("marta", open=2, mail_stopped=1)
    raw = digest.compose_digest(one, marta, queued.sender, AFTERNOON, AFTERNOON.date())
    assert {"en": b"decisions wait", "es": b"decisiones le esperan"}[language] in raw
