"""Texts by a gateway: the outbox's promises hold for them as for mail."""

import base64
import socket
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from retention.actions import proposing
from retention.clock import travel
from retention.db.models.customer_pages import Preference
from retention.db.models.incoming import DeadAddress
from retention.db.models.work.actions import Action, Rendering
from retention.db.models.work.cases import Case
from retention.db.models.work.messages import Message
from retention.db.session import reading, writing
from retention.delivery.worker import PostOffice
from retention.demo.gateway import DemoGateway, Posted
from retention.domain.actions import ActionKind, ActionState
from retention.domain.cases import CaseState
from retention.domain.customer_pages import PagePurpose
from retention.domain.dates import WEEKDAYS
from retention.domain.errors import ConfigError, TemplateError
from retention.domain.gateways import Gateway
from retention.domain.messages import MessageClass, MessageState
from retention.domain.playbook import Step
from retention.domain.sending import Frequency
from retention.events import api_keys
from retention.messages.terms import Terms
from retention.messages.text_messages import usable_number
from retention.policies.load import load_policies
from retention.safeguards import kill_switch as switches
from retention.safeguards import preferences
from retention.safeguards.preferences import Wanted
from retention.snapshots.customers import read_rows
from retention.webhooks.posting import Poster
from tasks.delivery import deliver_due
from tests.conftest import ROOT, copy_config, use_application
from tests.factories.pages import Customer, PagesWorld, rows
from tests.factories.worlds import World, small_config, write_night
from tests.pages.test_systems import is_signed, tell

SECRET = "a secret of the gateway"


@pytest.fixture
def texting(world: PagesWorld) -> "Texting":
    return Texting(world)


class Texting:
    """Customers with telephones, a text that waits to leave, and a gateway."""

    def __init__(self, world: PagesWorld) -> None:
        self.world = world
        for person in world.people:
            person.phone, person.overdue = "600 123 456", 200
        write_night(world.shop.folders.snapshots, world.today, world.people, world.ties)

    def agree(self, customer_id: str, *, texts: bool | None = True) -> None:
        with writing(self.world.shop.engine) as session:
            preferences.change(
                session, customer_id,
                Wanted(frozenset(("guides", "surveys", "offers")), None, texts=texts),
                self.world.at.date(), self.world.at,
            )  # fmt: skip

    def propose(self, template: str = "payment_reminder", stage: str = "renegotiate") -> str:
        """Write a text, as a night does; nobody has to approve it. Returns its message's id."""
        world = self.world
        with writing(world.shop.engine) as session:
            case = session.scalars(
                select(Case)
                .where(Case.state == CaseState.OPEN, Case.stage == stage)
                .options(joinedload(Case.actions))
                .order_by(Case.id)
            ).unique().first()  # fmt: skip
            assert case is not None
            folders = world.shop.folders
            row = read_rows(folders.snapshots, folders.newest(), [case.customer_id])
            work = proposing.Work(
                row[case.customer_id], world.shop.policies.team.get("marta"), world.shop.sender,
                WEEKDAYS, world.at.date(), at=world.at,
            )  # fmt: skip
            step = Step(ActionKind.SMS, template=template, channel="sms")
            action = proposing.propose(session, case, 0, step, Terms(), work)
            assert action.message is not None
            self.customer_id = case.customer_id
            return action.message.id

    def deliver(self, gateway: DemoGateway | None, message_id: str) -> dict[str, int]:
        shop = self.world.shop
        gateways = {"sms": Gateway("sms", gateway.url, (SECRET,))} if gateway else {}
        self.world.at += timedelta(minutes=30)
        with travel(self.world.at), PostOffice(
            shop.engine, shop.mail, shop.policies, shop.settings.timezone,
            shop.settings.stop_file, shop.settings.templates_dir, gateways,
        ) as office:  # fmt: skip
            return dict(office.send_all([message_id]))

    def deliver_due(self, patch: pytest.MonkeyPatch, after: timedelta) -> list[Posted]:
        """Let the delivery flow's step run after a while; return what it posted."""
        with DemoGateway() as gateway:
            gateways = {"sms": Gateway("sms", gateway.url, (SECRET,))}
            use_application(patch, replace(self.world.shop, gateways=gateways))
            with travel(self.world.at + after):
                deliver_due.fn(100)
            return list(gateway.posted)

    def state(self, message_id: str) -> MessageState:
        return rows(self.world, Message, id=message_id)[0].state  # type: ignore[no-any-return]


def test_a_text_reaches_the_gateway_signed_with_its_key_and_its_link(
    world: PagesWorld, customer: Customer, texting: Texting
) -> None:
    message_id = texting.propose()
    texting.agree(texting.customer_id)
    with DemoGateway() as gateway:
        texting.deliver(gateway, message_id)
    [posted] = gateway.posted
    said = posted.said
    assert said["to"] == "+34600123456"
    assert posted.headers["idempotency-key"] == posted.headers["webhook-id"] == message_id
    assert is_signed(posted, "whsec_" + base64.b64encode(SECRET.encode()).decode())
    assert texting.state(message_id) is MessageState.SENT
    link = said["text"].partition("https://answers.example.com")[2].partition(" ")[0].rstrip(".")
    assert customer.get(link).status_code == 200
    assert "200,00" in said["text"]
    [kept] = rows(world, Rendering, action_id=rows(world, Message, id=message_id)[0].action_id)
    assert link.rpartition("/")[2] not in kept.text
    assert kept.pages == [PagePurpose.DEBT]


@pytest.mark.parametrize("texts", [None, False])
def test_who_has_not_agreed_gets_no_text(texting: Texting, texts: bool | None) -> None:
    message_id = texting.propose()
    texting.agree(texting.customer_id, texts=texts)
    with DemoGateway() as gateway:
        texting.deliver(gateway, message_id)
    assert not gateway.posted
    assert texting.state(message_id) is MessageState.CANCELLED


@pytest.mark.parametrize(
    ("status", "state"),
    [(200, "sent"), (400, "failed"), (429, "retry_wait"), (503, "retry_wait")],
)
def test_what_a_gateway_answers_is_what_becomes_of_the_text(
    texting: Texting, status: int, state: str
) -> None:
    message_id = texting.propose()
    texting.agree(texting.customer_id)
    with DemoGateway(lambda _: status) as gateway:
        texting.deliver(gateway, message_id)
        assert texting.state(message_id) == state
        again = texting.deliver(gateway, message_id)
    posted = [p.headers["idempotency-key"] for p in gateway.posted]
    assert posted == [message_id] * (2 if state == "retry_wait" else 1), again


def test_a_gateway_that_is_away_or_not_there_lets_the_text_wait(texting: Texting) -> None:
    message_id = texting.propose()
    texting.agree(texting.customer_id)
    with DemoGateway() as gateway:
        pass
    texting.deliver(gateway, message_id)
    assert texting.state(message_id) is MessageState.RETRY_WAIT
    texting.deliver(None, message_id)
    assert texting.state(message_id) in (MessageState.QUEUED, MessageState.RETRY_WAIT)


def test_a_gateway_that_cannot_even_be_reached_got_nothing() -> None:
    with socket.socket() as deaf, ExitStack() as callers, Poster(seconds=0.3) as poster:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for _ in range(4):  # its queue is full: who comes now hears nothing
            caller = callers.enter_context(socket.socket())
            caller.settimeout(0)
            caller.connect_ex(deaf.getsockname())
        said = poster.post(f"http://127.0.0.1:{deaf.getsockname()[1]}/", b"{}", {})
    assert (said.code, said.sent) == (None, False)


def test_a_text_whose_answer_was_lost_is_not_sent_again_by_itself(texting: Texting) -> None:
    message_id = texting.propose()
    texting.agree(texting.customer_id)

    def hang_up(_: Posted) -> int:
        raise ConnectionAbortedError

    with DemoGateway(hang_up) as gateway:
        texting.deliver(gateway, message_id)
    assert texting.state(message_id) is MessageState.UNKNOWN  # a person settles it


@pytest.mark.parametrize(
    ("event", "state"),
    [
        ({"type": "text_delivered"}, MessageState.DELIVERED),
        ({"type": "text_failed", "why": "no such number"}, MessageState.BOUNCED_HARD),
    ],
    ids=["delivered", "failed"],
)
def test_receipts_of_the_gateway_count_as_those_of_mail(
    world: PagesWorld, customer: Customer, texting: Texting, event: dict[str, str],
    state: MessageState,
) -> None:  # fmt: skip
    message_id = texting.propose()
    texting.agree(texting.customer_id)
    with DemoGateway() as gateway:
        texting.deliver(gateway, message_id)
    with writing(world.shop.engine) as session:
        key = api_keys.make(session, "gateway", world.at)
    stranger = tell(customer, key, customer_id="C19", message_id=message_id, **event)
    assert "no text of this customer" in stranger.json()["effect"]
    tell(customer, key, id="2", customer_id=texting.customer_id, message_id=message_id, **event)
    assert texting.state(message_id) is state
    dead = [row.address for row in rows(world, DeadAddress)]
    assert dead == (["+34600123456"] if state is MessageState.BOUNCED_HARD else [])


def test_stop_stops_texts_at_once(world: PagesWorld, customer: Customer, texting: Texting) -> None:
    message_id = texting.propose()
    texting.agree(texting.customer_id)
    with writing(world.shop.engine) as session:
        key = api_keys.make(session, "gateway", world.at)
    tell(customer, key, customer_id=texting.customer_id, type="text_stopped")
    with DemoGateway() as gateway:
        texting.deliver(gateway, message_id)
    assert not gateway.posted
    assert rows(world, Preference, customer_id=texting.customer_id)[0].texts is False


def test_a_hold_stops_a_text_as_it_stops_mail(
    world: PagesWorld, customer: Customer, texting: Texting
) -> None:
    message_id = texting.propose()
    texting.agree(texting.customer_id)
    with writing(world.shop.engine) as session:
        key = api_keys.make(session, "billing", world.at)
    tell(customer, key, customer_id=texting.customer_id, type="paid", amount="1", currency="EUR")
    with DemoGateway() as gateway:
        texting.deliver(gateway, message_id)
    assert not gateway.posted


def test_a_text_leaves_in_the_customer_s_hours_only(
    texting: Texting, monkeypatch: pytest.MonkeyPatch
) -> None:
    message_id = texting.propose(stage="reassess")
    texting.agree(texting.customer_id)
    assert texting.deliver_due(monkeypatch, timedelta(hours=13)) == [], "Friday at eleven at night"
    assert texting.state(message_id) is MessageState.QUEUED
    assert len(texting.deliver_due(monkeypatch, timedelta(days=3))) == 1, "Monday at ten"
    assert texting.state(message_id) is MessageState.SENT


@pytest.mark.parametrize("scope", ["all", "playbook:restore", "stage:reassess", "action:sms"])
def test_a_switch_stops_texts_too(
    texting: Texting, monkeypatch: pytest.MonkeyPatch, scope: str
) -> None:
    message_id = texting.propose(stage="reassess")
    texting.agree(texting.customer_id)
    with writing(texting.world.shop.engine) as session:
        switches.stop_by_itself(
            session, scope, "the gateway sends everything twice", texting.world.at
        )
    assert texting.deliver_due(monkeypatch, timedelta(hours=5)) == []
    assert texting.state(message_id) is MessageState.QUEUED


def test_a_customer_without_a_number_that_can_be_used_gets_no_text(texting: Texting) -> None:
    for person in texting.world.people:
        person.phone = "12"
    write_night(texting.world.shop.folders.snapshots, texting.world.today, texting.world.people, [])
    with pytest.raises(TemplateError, match="no usable telephone number"):
        texting.propose()


@pytest.mark.parametrize(
    ("phone", "country", "number"),
    [
        ("600 123 456", "ES", "+34600123456"), ("+44 7400 123456", "ES", "+447400123456"),
        ("55 1234 5678", "MX", "+525512345678"), ("12", "ES", None), ("", "ES", None),
        ("600 123 456", None, None), ("call me", "ES", None), (None, "ES", None),
    ],
)  # fmt: skip
def test_numbers_are_written_as_the_whole_world_does(
    phone: str | None, country: str | None, number: str | None
) -> None:
    assert usable_number(phone, country) == number


def with_step(folder: Any, step: str, gateways: str = "") -> None:
    playbook = folder / "playbooks" / "restore.yaml"
    text = playbook.read_text("utf-8")
    here = "      - {action: email, template: training_invitation"
    playbook.write_text(text.replace(here, f"      - {step}\n{here}"), "utf-8")
    if gateways:
        (folder / "channels.yaml").write_text(gateways, "utf-8")


SMS = "{action: sms, template: payment_reminder, approval: auto, after: 3 days}"
GATEWAYS = 'gateways: [{name: sms, url: "https://g.example.com/", secrets: ["${SMS_SECRET}"]}]\n'


def test_a_playbook_may_have_texts_where_there_is_a_gateway(tmp_path: Any) -> None:
    config = copy_config(tmp_path / "config", tmp_path / "data")
    with_step(config, SMS, GATEWAYS)
    policies = load_policies(config, ROOT / "templates")
    found = policies.playbooks[next(iter(policies.playbooks))]
    steps = [s for rule in found.stages for s in rule.steps if s.action is ActionKind.SMS]
    assert [(s.channel, s.for_everybody) for s in steps] == [("sms", False)]


def test_a_night_writes_a_text_to_who_has_agreed_and_passes_over_the_others(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for a text that may not be written; who may get one, gets it once."""
    config = small_config(tmp_path / "config")
    with_step(config, SMS.replace("3 days", "1 day"), GATEWAYS)
    world = World()
    world.begin()
    try:
        policies = load_policies(config, ROOT / "templates")
        world.shop = replace(world.shop, policies=policies)
        for person in world.people:
            person.phone = "600 123 456"
        agreed, silent = world.people[0].customer_id, world.people[1].customer_id
        wanted = Wanted(frozenset(("guides", "surveys", "offers")), None, texts=True)
        with writing(world.shop.engine) as session:
            preferences.change(session, agreed, wanted, world.today, world.now)
        for _ in range(9):
            world.night(1)
            world.everybody_does_their_work()
            world.post("sent")
        with reading(world.shop.engine) as session:
            texts = select(Action).where(Action.kind == ActionKind.SMS)
            [text] = session.scalars(texts.options(joinedload(Action.rendering))).all()
            others = session.scalars(select(Case).where(Case.customer_id == silent)).all()
        assert (text.customer_id, text.state) == (agreed, ActionState.DONE)
        assert text.rendering is not None
        assert text.rendering.recipient == "+34600123456"
        assert "200,00" in text.rendering.text
        assert {case.waiting_for for case in others} == {"observing"}, "after all its steps"
    finally:
        world.teardown()


def test_texts_and_mail_count_together_against_the_cap_of_their_class(
    texting: Texting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The customer was written to an hour ago: one message of that class in two days."""
    shop = texting.world.shop
    sending = replace(shop.policies.sending, frequency={MessageClass.SERVICE: Frequency(1, 2)})
    texting.world.shop = replace(shop, policies=replace(shop.policies, sending=sending))
    message_id = texting.propose(stage="renegotiate")
    texting.agree(texting.customer_id)
    assert texting.deliver_due(monkeypatch, timedelta(hours=5)) == []
    [kept] = rows(texting.world, Message, id=message_id)
    assert (kept.state, kept.waiting_for) == (MessageState.QUEUED, "frequency_cap")
    assert kept.not_before == texting.world.at - timedelta(hours=1) + timedelta(days=2)


@pytest.mark.parametrize(
    ("step", "gateways", "said"),
    [
        (SMS, "", "there is no gateway 'sms'"),
        (SMS.replace("sms,", "sms, channel: pigeon,"), GATEWAYS, "there is no gateway 'pigeon'"),
        (SMS.replace("payment_reminder", "nothing"), GATEWAYS, "has no template"),
        (SMS.replace("approval: auto", "approval: auto, notice: true"), GATEWAYS, "no notice"),
        (SMS, GATEWAYS.replace("https", "http"), "no https address"),
    ],
)
def test_a_text_that_cannot_leave_is_refused_when_it_is_configured(
    tmp_path: Any, step: str, gateways: str, said: str
) -> None:
    config = copy_config(tmp_path / "config", tmp_path / "data")
    with_step(config, step, gateways)
    with pytest.raises((ConfigError, TemplateError), match=said):
        load_policies(config, ROOT / "templates")


def test_a_secret_that_stands_in_the_file_or_is_too_short_is_refused(tmp_path: Any) -> None:
    config = copy_config(tmp_path / "config", tmp_path / "data")
    with_step(config, SMS, GATEWAYS)
    channels = load_policies(config, ROOT / "templates").channels
    with pytest.raises(ConfigError, match="SMS_SECRET is not set"):
        channels.to_gateways({})
    with pytest.raises(ConfigError, match="fewer than"):
        channels.to_gateways({"SMS_SECRET": "short"})
    assert channels.to_gateways({"SMS_SECRET": SECRET})["sms"].secrets == (SECRET,)
