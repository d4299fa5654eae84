"""The morning's digest, on SQLite and PostgreSQL."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError
from sqlalchemy import select, update

from retention.bootstrap import Application
from retention.clock import travel
from retention.db.models.work.actions import Action
from retention.db.models.work.messages import Message
from retention.db.session import reading, writing
from retention.delivery import circuit_breaker as health
from retention.domain.actions import ActionState
from retention.domain.messages import MessageState
from retention.domain.stages import Stage
from retention.reports import team_digest as digest
from retention.settings import Settings
from tasks.digest import send_digests
from tests.conftest import use_application
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
    marta = replace(queued.policies.team.get("marta"), language=language)
    one = digest.Digest("marta", open=2, mail_stopped=1)
    raw = digest.compose_digest(one, marta, queued.sender, AFTERNOON, AFTERNOON.date())
    assert {"en": b"decisions wait", "es": b"decisiones le esperan"}[language] in raw


@contextmanager
def a_chat(code: int = 200) -> Iterator[tuple[str, list[Any]]]:
    """A chat's incoming webhook on loopback: its address, and what it was told."""
    told: list[Any] = []

    class Chat(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(code)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Chat) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/hooks/T0/B0/secret", told
        finally:
            server.shutdown()


def with_chat(shop: Application, url: str, monkeypatch: pytest.MonkeyPatch) -> Application:
    settings = shop.settings.model_copy(
        update={"team_chat_url": SecretStr(url), "console_url": "https://console.example.com"}
    )
    made = replace(shop, settings=settings)
    use_application(monkeypatch, made)
    return made


def test_the_team_s_chat_is_told_counts_and_nothing_else(
    queued: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    notice = one_proposal(queued, Stage.TERMINATE)
    with a_chat() as (url, told):
        shop = with_chat(queued, url, monkeypatch)
        with travel(AFTERNOON):
            assert send_digests.fn().chat == "told"
            assert send_digests.fn().chat == "", "once a day"
    with reading(shop.engine) as session:
        waiting = session.scalars(
            select(Action).where(Action.state == ActionState.PENDING_APPROVAL)
        ).all()
        customers = {action.customer_id for action in waiting}
    assert notice in {action.id for action in waiting}
    due = sum(action.due_on <= AFTERNOON.date() + timedelta(days=1) for action in waiting)
    (said,) = told
    assert list(said) == ["text"]
    assert f"Decisions waiting: {len(waiting)}; due by tomorrow: {due};" in said["text"]
    assert said["text"].endswith("https://console.example.com/queue")
    assert not any(customer in said["text"] for customer in customers)


def test_a_chat_that_refuses_or_is_gone_keeps_no_digest_back(
    queued: Application, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_proposal(queued, Stage.TERMINATE)
    with a_chat(code=404) as (url, _):
        with_chat(queued, url, monkeypatch)
        with travel(AFTERNOON):
            first = send_digests.fn()
    assert first.chat == "not told (404)"
    assert first.sent >= 2
    assert first.failed == 0
    with_chat(queued, url, monkeypatch)  # nobody listens there by now
    with travel(AFTERNOON + timedelta(days=1)):
        gone = send_digests.fn()
    assert gone.chat == "not told (ConnectError)"
    assert gone.sent >= 2
    assert "secret" not in f"{first} {gone}"


def test_only_an_address_that_nobody_overhears_is_taken() -> None:
    with pytest.raises(ValidationError, match="no https address") as refused:
        Settings(_env_file=None, team_chat_url=SecretStr("http://chat.example.com/hooks/secret"))
    assert "secret" not in str(refused.value)
