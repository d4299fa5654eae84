"""How what can be declined says so in its headers: only in ways that something answers."""

from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from retention.db.models.work.actions import Action
from retention.domain.actions import ActionKind
from retention.domain.people import Person, Role
from retention.inbox.parse import read_incoming
from retention.messages.compose import compose
from retention.messages.sender import Sender
from retention.messages.terms import Terms
from retention.messages.tokens import make_token
from tests.conftest import NIGHT, ROOT
from tests.factories.letters import written

MARTA = Person("marta", "Marta Ruiz", "marta@example.com", "", frozenset({Role.ACCOUNT_MANAGER}))
SENDER = Sender(
    company="Example Company",
    address="accounts@example.com",
    news_address="news@example.com",
    currency="EUR",
    timezone="Europe/Madrid",
    templates=ROOT / "templates",
    token_key=b"key",
)
ROW = {
    "customer_id": "C1", "name": "Ana Peña", "email": "ana@customers.example", "language": "en",
    "country": "GB", "region": None, "timezone": "Europe/London", "kind": "b2c",
    "overdue_amount": None, "tickets_12m": 0, "top_topic": "", "usage_change": 0.0, "address": None,
}  # fmt: skip


def sent(sender: Sender, template: str = "survey") -> EmailMessage:
    action = Action(
        id="0ebb5216-a5e9-5941-873c-a8c8539aa6e1", template=template, kind=ActionKind.EMAIL,
        proposed_on=NIGHT,
    )  # fmt: skip
    made = compose(action, ROW, MARTA, sender, Terms())
    mail = message_from_bytes(made.raw, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    return mail


def test_a_one_click_header_stands_only_where_a_page_answers_it() -> None:
    mail = sent(replace(SENDER, public_url="https://pages.example.com"))
    assert mail["List-Unsubscribe"].startswith("<https://pages.example.com/c/preferences/")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["List-Id"] == "<news.example.com>"


def test_a_mail_to_the_header_s_address_is_an_unsubscription() -> None:
    mail = sent(replace(SENDER, replies_to="replies@example.com"))
    way = mail["List-Unsubscribe"]
    assert way.startswith("<mailto:replies+")
    assert way.endswith("?subject=unsubscribe>")
    assert mail["List-Unsubscribe-Post"] is None
    address = way.removeprefix("<mailto:").partition("?")[0]
    found = read_incoming(written("", to=address, subject="unsubscribe"))
    assert found.kind == "unsubscribe"
    action_id = "0ebb5216-a5e9-5941-873c-a8c8539aa6e1"
    assert found.tokens == (make_token(SENDER.token_key, "message", action_id),)


def test_both_stand_where_both_work() -> None:
    both = replace(SENDER, public_url="https://pages.example.com", replies_to="r@example.com")
    assert [way[:6] for way in sent(both)["List-Unsubscribe"].split(", ")] == ["<https", "<mailt"]


def test_there_is_no_header_that_cannot_work() -> None:
    mail = sent(SENDER)
    assert mail["List-Unsubscribe"] is None
    assert mail["List-Unsubscribe-Post"] is None
    body = mail.get_body(("plain",))
    assert body is not None
    assert "write to marta@example.com with the subject unsubscribe" in " ".join(
        body.get_content().replace("*", "").split()
    )


@pytest.mark.parametrize("template", ["education", "check_in"])
def test_what_is_service_has_none(template: str) -> None:
    both = replace(SENDER, public_url="https://pages.example.com", replies_to="r@example.com")
    assert sent(both, template)["List-Unsubscribe"] is None
