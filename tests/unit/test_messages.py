"""Templates, rendering and the exact bytes of a message."""

import html
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from email import message_from_bytes, message_from_string, policy
from email.header import decode_header, make_header
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.domain.errors import TemplateError
from retention.messages.mime import Envelope, build_bytes, usable_address
from retention.messages.money import money
from retention.messages.rendering import Rendered, render
from retention.messages.template_filters import Manner, locale_of
from retention.messages.templates import list_templates, load_template
from tests.conftest import ROOT
from tests.factories.values import EVERY_CASE, make_values

TEMPLATES = ROOT / "templates"
GOLDEN = ROOT / "tests" / "golden" / "email"
WITH_BUTTONS = {
    "call_agreed", "call_cancelled", "check_in", "education", "partner_handover", "payment_help",
    "prepaid_migration_offer", "receipt", "renegotiation_proposal", "reward", "survey",
    "termination_notice", "training_invitation",
}  # fmt: skip
ENVELOPE = Envelope(
    company="Example Company",
    sender="accounts@example.com",
    recipient="ana@customers.example",
    reply_to="marta.ruiz@example.com",
    message_id="<1@example.com>",
    written_at=datetime(2026, 6, 1, 4, 0, tzinfo=UTC),
    language="en",
)


def make(purpose: str, language: str, **facts: Any) -> Rendered:
    template = load_template(TEMPLATES, purpose, language)
    country = {"es": "ES", "en": "GB"}[language]
    return render(TEMPLATES, template, make_values(**facts), Manner(f"{language}_{country}", "EUR"))


Greeting = Callable[[str], Rendered]


@pytest.fixture(scope="module")
def greet(tmp_path_factory: pytest.TempPathFactory) -> Greeting:
    """A message that has a customer's name in its subject."""
    root = tmp_path_factory.mktemp("templates")
    folder = root / "email" / "greeting"
    folder.mkdir(parents=True)
    shutil.copy(TEMPLATES / "email" / "layout.html", folder.parent)
    (folder / "en.md").write_text(
        '---\nsubject: "{{ customer.name }}: hello"\npreheader: x\nclass: service\n'
        "policy: at_least_once\n---\n# Hello\n\nDear {{ customer.name }},\n",
        "utf-8",
    )
    template = load_template(root, "greeting", "en")
    return lambda name: render(root, template, make_values(name=name), Manner("en_GB", "EUR"))


@pytest.mark.parametrize("unseen", ["\u200b", "\u202e", "\u0007", "\ufeff", "\u2066", "\ue000"])
def test_a_subject_holds_no_letters_that_nobody_sees(unseen: str, greet: Greeting) -> None:
    made = greet(f"Ana{unseen} Pe\u00f1a")
    assert unseen not in made.subject
    assert "Ana Pe\u00f1a" in made.subject


LONGEST_SUBJECT = 60


@pytest.mark.parametrize(("purpose", "language"), list_templates(TEMPLATES))
def test_a_subject_says_what_it_is_and_fits(purpose: str, language: str) -> None:
    """With the longest month there is; our own people's may be longer."""
    if purpose in ("digest", "ops_alert"):
        return
    values = make_values()
    september = date(2027, 9, 22)
    values["notice"]["effective_on"] = values["offer"]["expires_on"] = september
    values["receipt"]["at"] = datetime(2027, 9, 22, 8, 30, tzinfo=UTC)
    country = {"es": "ES", "en": "GB"}[language]
    template = load_template(TEMPLATES, purpose, language)
    made = render(TEMPLATES, template, values, Manner(f"{language}_{country}", "EUR"))
    assert len(made.subject) <= LONGEST_SUBJECT, made.subject
    assert values["customer"]["name"] not in made.subject


@pytest.mark.parametrize(
    ("locale", "currency", "amount", "written"),
    [
        ("es_ES", "EUR", "1022.59", "1.022,59\u00a0€"),
        ("es_ES", "EUR", "42.89", "42,89\u00a0€"),
        ("es_MX", "EUR", "42.89", "€42.89"),
        ("en_GB", "EUR", "1022.59", "€1,022.59"),
        ("es_MX", "MXN", "42.89", "$42.89"),
        ("es_ES", "USD", "42.89", "42,89\u00a0US$"),
        ("es_MX", "CHF", "42.89", "CHF\u00a042.89"),
        ("es_ES", "EUR", "-20", "-20,00\u00a0€"),
    ],
)
def test_money_is_written_as_people_there_write_it(
    locale: str, currency: str, amount: str, written: str
) -> None:
    assert money(Decimal(amount), currency, locale_of(locale)) == written


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("purpose", ["termination_notice", "renegotiation_proposal"])
def test_a_telephone_number_is_a_link_in_one_piece(purpose: str, language: str) -> None:
    made = make(purpose, language, **EVERY_CASE[0])
    links = re.findall(r'href="tel:([^"]*)"[^>]*>([^<]*)<', made.html)
    assert links
    for number, shown in links:
        assert re.fullmatch(r"\+?[0-9]+", number)
        assert " " not in shown.strip(), "it is never broken over two lines"
    assert "tel:" not in made.text


@pytest.mark.parametrize(("purpose", "language"), list_templates(TEMPLATES))
def test_the_text_part_is_what_was_agreed(
    purpose: str, language: str, request: pytest.FixtureRequest
) -> None:
    texts = []
    several = purpose in ("education", "receipt")
    for case in EVERY_CASE if several else EVERY_CASE[:2]:
        message = make(purpose, language, **case)
        texts.append(f"Subject: {message.subject}\n({message.preheader})\n\n{message.text}")
    golden = GOLDEN / f"{purpose}.{language}.txt"
    found = "\n~~~~~\n\n".join(texts)
    if request.config.getoption("--write-golden"):
        golden.write_text(found, encoding="utf-8")
    assert found == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize(("purpose", "language"), list_templates(TEMPLATES))
def test_the_same_input_gives_the_same_bytes(purpose: str, language: str) -> None:
    one, other = make(purpose, language), make(purpose, language)
    assert build_bytes(one, ENVELOPE) == build_bytes(other, ENVELOPE)


def test_a_message_has_the_headers_that_belong() -> None:
    raw = build_bytes(make("education", "es"), ENVELOPE)
    mail = message_from_bytes(raw, policy=policy.SMTP)
    assert mail["From"] == "Example Company <accounts@example.com>"
    assert mail["To"] == "ana@customers.example"
    assert mail["Reply-To"] == "marta.ruiz@example.com"
    assert mail["Message-ID"] == "<1@example.com>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"].datetime == ENVELOPE.written_at
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert max(raw) < 128
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998


@pytest.mark.parametrize(("purpose", "language"), list_templates(TEMPLATES))
def test_every_button_opens_a_message_that_names_what_it_answers(
    purpose: str, language: str
) -> None:
    """Without pages of ours a button is a mail to us: nobody has to find words for it."""
    values = make_values()
    tags = re.findall("<a [^>]+>", make(purpose, language).html)
    buttons = [tag for tag in tags if 'class="button' in tag and "mailto:" in tag]
    assert buttons or purpose not in WITH_BUTTONS
    for button in buttons:
        link = re.search('href="([^"]+)"', button)
        assert link
        asked = parse_qs(urlsplit(html.unescape(link[1])).query)
        assert values["sender"]["reference"] in asked["subject"][0], button
        assert asked["body"][0].strip(), button


@given(name=st.text(max_size=400))
def test_no_name_can_break_a_message(name: str) -> None:
    message = make("termination_notice", "en", name=name)
    mail = message_from_bytes(build_bytes(message, ENVELOPE), policy=policy.SMTP)
    assert mail.keys().count("To") == 1
    assert mail["Bcc"] is None
    assert "\n" not in message.subject
    assert "<script" not in message.html


@pytest.mark.parametrize("name", ["zqv0002vqz", "zqv9999vqz", "zqxsubjectxqz", 'href="zqv0001vqz"'])
def test_a_name_that_looks_like_a_place_of_ours_stays_a_name(name: str, greet: Greeting) -> None:
    message = greet(name)
    assert name in message.subject
    assert name in message.text
    assert html.unescape(message.html).count(name) >= 2


@given(name=st.text(min_size=1, max_size=80))
def test_a_subject_comes_back_as_it_was(greet: Greeting, name: str) -> None:
    message = greet(name)
    mail = message_from_bytes(build_bytes(message, ENVELOPE), policy=policy.SMTP)
    assert " ".join(str(mail["Subject"]).split()) == " ".join(message.subject.split())
    head = build_bytes(message, ENVELOPE).partition(b"\r\n\r\n")[0]
    assert max(len(line) for line in head.split(b"\r\n")) <= 78


def test_a_header_with_a_line_break_is_refused() -> None:
    message = Rendered("hi\r\nBcc: x@y.example", "", "text", "<p>html</p>")
    with pytest.raises(ValueError, match="Subject holds a line break"):
        build_bytes(message, ENVELOPE)


def broken(tmp_path: Path, body: str, front: str = "") -> None:
    folder = tmp_path / "email" / "broken"
    folder.mkdir(parents=True)
    (tmp_path / "email" / "layout.html").write_text("{{ body }}", encoding="utf-8")
    head = front or "subject: s\npreheader: p\nclass: service\npolicy: at_most_once"
    (folder / "en.md").write_text(f"---\n{head}\n---\n{body}\n", encoding="utf-8")
    template = load_template(tmp_path, "broken", "en")
    render(tmp_path, template, make_values(), Manner("en_GB", "EUR"))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("Dear {{ customer.nmae }},", "has no attribute 'nmae'"),
        ("{{ nobody }}", "'nobody' is undefined"),
        ("{{ customer.__class__.__mro__ }}", "is unsafe|has no attribute"),
        ("{% for %}", "broken/en.md"),
        ("<b>bold</b> ![picture](https://x.example/a.png)", "'image' is not used in messages"),
        ("| a | b |\n\n> quoted", "'blockquote' is not used in messages"),
        ("[pay](http://x.example)", "a link must begin with one of"),
        ("[pay]({{ customer.name }})", "a link must begin with one of"),
        ("{{ customer.name | money }}", "broken/en.md"),
        ("{% if customer.name < offer.new_fee %}x{% endif %}", "broken/en.md"),
    ],
)
def test_a_broken_template_is_an_error_and_never_a_blank(
    tmp_path: Path, body: str, message: str
) -> None:
    with pytest.raises(TemplateError, match=message):
        broken(tmp_path, body)


def test_a_missing_template_is_named() -> None:
    with pytest.raises(TemplateError, match="template 'nothing': there is no es.md or en.md"):
        load_template(TEMPLATES, "nothing", "es")


def test_an_unknown_language_falls_back_to_english() -> None:
    assert load_template(TEMPLATES, "education", "eu").language == "en"
    assert load_template(TEMPLATES, "education", "../../x").language == "en"


@pytest.mark.parametrize(
    ("address", "usable"),
    [
        ("ana@customers.example", "ana@customers.example"),
        ("Ana@Mañana.com", "Ana@xn--maana-pta.com"),
        ("ñ@example.com", None),
        ("two words@example.com", None),
        ("a@example.com\nBcc: b@example.com", None),
        ("", None),
        (None, None),
    ],
)
def test_addresses_that_cannot_be_written_to_are_not_used(
    address: str | None, usable: str | None
) -> None:
    assert usable_address(address) == usable


def head_of(company: str, subject: str = "x") -> str:
    rendered = Rendered(subject, "", "text", "<p>html</p>")
    envelope = replace(ENVELOPE, company=company, reply_name=company)
    return build_bytes(rendered, envelope).decode().partition("\r\n\r\n")[0]


@pytest.mark.parametrize(
    "name",
    [
        "Example",
        "Compañía de Mantenimiento y Servicios Integrales de la Península Ibérica, S.A.",
        'Quotes " and, commas; Ltd.',
        "A" * 90,
        "=?utf-8?q?Other_Company?=",
        "日本" * 60,
    ],
)
def test_names_and_subjects_are_read_as_they_are_written(name: str) -> None:
    """No word is longer than RFC 2047 allows, no header begins with an empty line."""
    head = head_of(name, subject=name)
    for line in head.split("\r\n"):
        assert line.strip(), "an empty line in the head"
        assert all(len(word) <= 75 for word in re.findall(r"=\?\S+\?=", line))
        assert not re.fullmatch(r"[\w-]+:\s*", line)
        assert len(line) <= 998
    message = message_from_string(head, policy=policy.compat32)
    shown = {
        key: str(make_header(decode_header(message[key].replace("\r\n", ""))))
        for key in ("From", "Subject")
    }
    display, address = parseaddr(shown["From"]) if '"' in name else shown["From"].rsplit(" ", 1)
    assert (display, address.strip("<>")) == (name, ENVELOPE.sender)
    assert shown["Subject"] == name
