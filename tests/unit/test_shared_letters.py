"""The letters that once went wrong, as they came: each is read as a person would read it."""

from datetime import date
from pathlib import Path

import pytest

from retention.domain.incoming import IncomingKind as Kind
from retention.inbox.out_of_office import back_on
from retention.inbox.parse import Received, read_incoming
from retention.inbox.protecting import protecting_words
from retention.inbox.quotations import own_words, segments
from tests.factories.commands import data_folder

LETTERS = data_folder().parent / "cases" / "letters"
WRITTEN_ON = date(2026, 11, 24)

pytestmark = pytest.mark.skipif(
    not LETTERS.is_dir(), reason="the public cases are absent: set RETENTION_DATA"
)

KINDS = {
    "absence-a-exchange-header": Kind.OUT_OF_OFFICE,
    "absence-b-only-suppress": Kind.OUT_OF_OFFICE,
    "absence-e-range": Kind.OUT_OF_OFFICE,
    "absence-g-us": Kind.OUT_OF_OFFICE,
    "absence-quotes-offer": Kind.OUT_OF_OFFICE,
    "bounce-bad-outbound-sender": Kind.SOFT_BOUNCE,
    "bounce-daily-limit": Kind.SOFT_BOUNCE,
    "bounce-gmail-rate": Kind.SOFT_BOUNCE,
    "bounce-nonexistent-sender-domain": Kind.SOFT_BOUNCE,
    "bounce-s3150": Kind.SOFT_BOUNCE,
    "calendar-google-decline": Kind.AUTO_REPLY,
    "calendar-outlook-accept": Kind.AUTO_REPLY,
    "feedback-not-spam": Kind.OTHER,
    "feedback-opt-out": Kind.UNSUBSCRIBE,
    "left-company": Kind.REPLY,
    "receipt-outlook-read": Kind.AUTO_REPLY,
    "reply-b-gmail-wrapped": Kind.REPLY,
    "reply-c-outlook-block": Kind.REPLY,
    "reply-d-html-only": Kind.REPLY,
    "reply-e-alternative": Kind.REPLY,
    "reply-g-original-word": Kind.REPLY,
    "reply-j-own-headers": Kind.REPLY,
    "reply-k-greater-than": Kind.REPLY,
    "twice-1": Kind.REPLY,
    "twice-2": Kind.REPLY,
    "unsubscribe-fwd-gateway": Kind.UNSUBSCRIBE,
    "unsubscribe-gmail": Kind.UNSUBSCRIBE,
}


def read(name: str) -> Received:
    return read_incoming((LETTERS / f"{name}.eml").read_bytes())


def test_every_letter_is_here() -> None:
    assert {path.stem for path in Path(LETTERS).glob("*.eml")} == set(KINDS)


@pytest.mark.parametrize("name", KINDS)
def test_what_it_is(name: str) -> None:
    assert read(name).kind is KINDS[name]


@pytest.mark.parametrize(
    ("name", "country", "day"),
    [
        ("absence-quotes-offer", "ES", None),
        ("absence-g-us", "US", date(2026, 12, 8)),
        ("absence-e-range", "ES", date(2026, 12, 12)),
    ],
)
def test_until_when_they_are_away(name: str, country: str, day: date | None) -> None:
    assert back_on(own_words(read(name).text), WRITTEN_ON, country) == day


@pytest.mark.parametrize(
    ("name", "protecting", "shown"),
    [
        ("reply-g-original-word", True, "your original message said 49 euros"),
        ("reply-j-own-headers", True, "Date: we cannot do before 3 December."),
        ("reply-k-greater-than", True, "> 3 incidents last month and no answer."),
    ],
)
def test_every_word_of_theirs_is_shown(name: str, protecting: bool, shown: str) -> None:
    found = read(name)
    assert shown in "".join(part.text for part in segments(found.text) if not part.quoted)
    assert bool(protecting_words(found.text, "")) is protecting


@pytest.mark.parametrize("name", ["reply-b-gmail-wrapped", "reply-c-outlook-block"])
def test_what_they_quote_is_folded(name: str) -> None:
    parts = segments(read(name).text)
    assert [part.quoted for part in parts] == [False, True]
    assert parts[0].text.strip() == "Yes, we accept."


@pytest.mark.parametrize("name", ["reply-d-html-only", "reply-e-alternative"])
def test_html_is_read_as_text_and_once(name: str) -> None:
    text = read(name).text
    assert text.count("Yes, we accept") == 1
    assert "<" not in text


def test_what_a_decline_asks_for_is_another_time_and_an_acceptance_nothing() -> None:
    assert read("calendar-google-decline").refused_call is not None
    assert read("calendar-outlook-accept").refused_call is None


def test_one_message_id_is_one_letter() -> None:
    assert read("twice-1").digest == read("twice-2").digest


def test_who_has_left_names_who_is_to_be_written_to() -> None:
    assert "info@customers.example" in read("left-company").reason
