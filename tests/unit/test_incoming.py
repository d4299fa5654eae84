"""What came in is read for what it is: bounces, complaints, automatic answers, replies."""

import csv
import os
from datetime import date
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.domain.incoming import IncomingKind
from retention.inbox.out_of_office import back_on
from retention.inbox.parse import read_incoming
from retention.inbox.quotations import own_words
from retention.messages.mime import usable_address
from retention.messages.tokens import make_token, tagged, tokens_in
from retention.safeguards.bounce_reasons import meaning_of
from tests.conftest import ROOT
from tests.factories.letters import complaint, report, written

DATA = Path(os.environ.get("RETENTION_DATA", ROOT.parent / "shared" / "data"))
GOLDEN = ROOT / "tests" / "golden" / "bounces.csv"
OURS = "abcdefghijklmnopqrstuvwxyz"
needs_data = pytest.mark.skipif(
    not (DATA / "bounces").is_dir(), reason="the public bounces and addresses are not here"
)


@needs_data
def test_public_bounces_are_classified_as_was_reviewed(request: pytest.FixtureRequest) -> None:
    """The golden file was read line by line beside the messages."""
    rows = []
    for path in sorted((DATA / "bounces").glob("*.txt")):
        found = read_incoming(path.read_bytes())
        rows.append(
            [path.stem, found.kind.value, found.code or "", str(len(found.addresses)), found.reason]
        )
    if request.config.getoption("--write-golden"):
        with GOLDEN.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
    with GOLDEN.open(encoding="utf-8", newline="") as file:
        assert rows == list(csv.reader(file))
    assert len(rows) == 117
    assert all(reason for *_, reason in rows)


BARE_TOP_LEVEL = "test@io"
"""Its verdict is valid. We want a dot in the domain: without one it is a slip of the pen."""


@needs_data
def test_public_addresses_agree_with_their_verdicts() -> None:
    with (DATA / "addresses" / "cases.csv").open(encoding="utf-8", newline="") as file:
        cases = list(csv.DictReader(file))
    assert len(cases) == 164
    wrong = []
    for case in cases:
        # The list shows control characters as their pictures.
        address = "".join(
            chr(ord(c) - 0x2400) if 0x2400 <= ord(c) < 0x2420 else c for c in case["address"]
        )
        ordinary = case["category"] in ("ISEMAIL_VALID_CATEGORY", "ISEMAIL_DNSWARN")
        if (usable_address(address) is not None) != ordinary:
            wrong.append(address)
    assert wrong == [BARE_TOP_LEVEL]


@pytest.mark.parametrize(
    ("status", "said", "hard", "reason"),
    [
        ("5.1.1", "", True, "there is no such mailbox"),
        ("5.1.2", "", True, "there is no such domain"),
        ("5.2.1", "", False, "status 5.2.1"),
        ("5.2.1", "this account is disabled", True, "there is no such mailbox"),
        ("5.2.1", "receiving mail at a rate that", False, "the mailbox receives too much"),
        ("5.2.2", "", False, "the mailbox is full"),
        ("4.2.2", "", False, "the mailbox is full"),
        ("5.7.1", "User unknown to our policy", False, "their policy refuses it"),
        ("4.4.7", "", False, "it could not be delivered in time"),
        ("5.0.0", "550 User unknown", True, "there is no such mailbox"),
        ("5.0.0", "552 mailbox is full: user not found in index", False, "the mailbox is full"),
        ("", "550 5.1.1 <x@y.example> unknown", True, "there is no such mailbox"),
        ("", "El usuario desconocido", True, "there is no such mailbox"),
        ("5.5.2", "", False, "their server did not understand"),
        ("", "421 come back", False, "it failed for now"),
        ("", "something happened", False, "no reason that we know"),
        ("", "see RELEASED 5.1.1.2 of 2.0.12", False, "no reason that we know"),
    ],
)
def test_codes_and_words_are_two_witnesses(status: str, said: str, hard: bool, reason: str) -> None:
    meaning = meaning_of(status, said)
    assert meaning.hard is hard
    assert meaning.reason.startswith(reason)


@pytest.mark.parametrize("status", ["5.1.7", "5.1.8", "5.1.20", "5.1.90"])
def test_a_code_that_speaks_of_us_ends_no_address_whatever_is_said(status: str) -> None:
    assert not meaning_of(status, "user unknown").hard


@pytest.mark.parametrize(
    "said",
    ["sender address rejected", "your IP is listed", "no PTR record", "rate limit exceeded",
     "daily limit reached", "blocked by their list", "refused by policy", "mailbox full"],
)  # fmt: skip
def test_words_that_speak_of_us_end_no_address_whatever_the_code(said: str) -> None:
    assert meaning_of("5.1.1", "").hard
    assert not meaning_of("5.1.1", said).hard


@pytest.mark.parametrize("status", ["5.7.1", "5.4.1", "5.0.0"])
@pytest.mark.parametrize(
    "said", ["no such user", "unknown user", "deactivated mailbox", "the user does not exist"]
)
def test_words_of_somebody_who_is_not_there_are_believed(status: str, said: str) -> None:
    assert not meaning_of(status, "").hard
    assert meaning_of(status, said).hard


def test_a_report_names_our_message() -> None:
    found = read_incoming(report(f"<{OURS}@example.com>", "5.1.1", said="550 no such user"))
    assert (found.kind, found.code) == (IncomingKind.HARD_BOUNCE, "5.1.1")
    assert found.tokens == (OURS,)
    assert found.addresses == ("ana@customers.example",)


@pytest.mark.parametrize(
    ("action", "status", "kind"),
    [
        ("failed", "4.2.2", IncomingKind.SOFT_BOUNCE),
        ("delayed", "4.4.1", IncomingKind.DELAYED),
        ("delivered", "2.0.0", IncomingKind.DELIVERED),
        ("relayed", "2.0.0", IncomingKind.DELIVERED),
    ],
)
def test_what_a_report_says_of_a_message(action: str, status: str, kind: IncomingKind) -> None:
    assert read_incoming(report("<x@y>", status, action=action)).kind is kind


def test_a_complaint_names_our_message() -> None:
    found = read_incoming(complaint(f"<{OURS}@example.com>"))
    assert found.kind is IncomingKind.COMPLAINT
    assert found.tokens == (OURS,)


def test_a_complaint_that_somebody_attaches_is_not_theirs() -> None:
    message = message_from_bytes(written("What is this?"), policy=policy.default)
    assert isinstance(message, EmailMessage)
    attached = message_from_bytes(complaint("<x@y>"), policy=policy.default)
    message.add_attachment(attached)
    assert read_incoming(message.as_bytes()).kind is IncomingKind.REPLY


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (written("I would like to talk about this."), IncomingKind.REPLY),
        (written("x", Auto_Submitted="auto-replied"), IncomingKind.AUTO_REPLY),
        (written("x", Auto_Submitted="no"), IncomingKind.REPLY),
        (written("x", X_Autoreply="yes"), IncomingKind.AUTO_REPLY),
        (written("x", X_Auto_Response_Suppress="All"), IncomingKind.REPLY),
        (written("x", Precedence="list"), IncomingKind.REPLY),
        (
            written("My account is not valid? I contest this.", subject="Payment delayed"),
            IncomingKind.REPLY,
        ),
        (written("It was never here.", subject="Router not delivered"), IncomingKind.REPLY),
        (
            written("Since Monday.", subject="Ausencia de servicio en mi oficina"),
            IncomingKind.REPLY,
        ),
        (written("x", Precedence="auto_reply"), IncomingKind.AUTO_REPLY),
        (written("x", subject="Respuesta automática: hola"), IncomingKind.REPLY),
        (
            written("I am out of the office until 12 June.", Auto_Submitted="auto-replied"),
            IncomingKind.OUT_OF_OFFICE,
        ),
        (written("", subject="unsubscribe"), IncomingKind.UNSUBSCRIBE),
        (written("", subject="BAJA"), IncomingKind.REPLY),
        (written("Your parcel was undeliverable, what now?"), IncomingKind.REPLY),
        (b"", IncomingKind.AUTO_REPLY),
    ],
)
def test_what_a_message_is(raw: bytes, kind: IncomingKind) -> None:
    assert read_incoming(raw).kind is kind


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("I will be back on 12 June.", date(2026, 6, 12)),
        ("back on June 12th, 2026", date(2026, 6, 12)),
        ("Estaré fuera hasta el 12 de junio de 2026.", date(2026, 6, 12)),
        ("Me reincorporo el próximo 3 de enero", date(2027, 1, 3)),
        ("return on 2026-06-15", date(2026, 6, 15)),
        ("vuelvo el 15/06", date(2026, 6, 15)),
        ("until 06/15/2026", date(2026, 6, 15)),
        ("until 31/02/2026", None),
        ("back in 2039", None),
        ("until 12 June 2024", None),
        ("I was back on 28 May", None),
        ("vuelvo el 15/05", None),
        ("I was born on 12 June", None),
    ],
)
def test_when_somebody_comes_back(text: str, day: date | None) -> None:
    assert back_on(text, date(2026, 6, 2)) == day


def test_quoted_words_are_not_the_customers() -> None:
    quoted = "On Tue, 2 Jun 2026 Marta wrote:\n> your contract ends\n\nI contest this."
    raw = written(f"Yes, please call me.\n\n{quoted}")
    assert own_words(read_incoming(raw).text) == "Yes, please call me."
    ours = "We write to you because your contract ends"
    assert own_words(read_incoming(raw).text, ours) == "Yes, please call me.\n\nI contest this."


def test_a_report_that_somebody_attaches_is_not_theirs() -> None:
    message = EmailMessage()
    message["From"] = "ana@customers.example"
    message["Subject"] = "What is this?"
    message.set_content("I got this from you.")
    message.add_attachment(message_from_bytes(report("<x@y>", "5.1.1"), policy=policy.default))
    assert read_incoming(message.as_bytes()).kind is IncomingKind.REPLY


@pytest.mark.parametrize(
    "odd",
    ["Subject: =?utf-8?b?a?=", "From: " + "(" * 5000, "Content-Type: text/plain; charset=idna"],
)
def test_what_cannot_be_taken_apart_still_reaches_its_owner(odd: str) -> None:
    token = make_token(b"key", "message", OURS)
    raw = f"{odd}\r\nTo: replies+{token}@example.com\r\n\r\nI contest this.\r\n".encode()
    found = read_incoming(raw)
    assert found.kind is IncomingKind.REPLY
    assert token in found.tokens


def test_no_text_breaks_a_database() -> None:
    head = "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable"
    found = read_incoming(f"Subject: x\n{head}\n\na=00b\n".encode())
    assert found.text == "ab"


def test_a_long_word_is_read_in_no_time() -> None:
    """A pattern that goes back and forth would take minutes here; the suite's clock would tell."""
    assert back_on("return" * 5000, date(2026, 6, 2)) is None


def test_a_token_is_found_in_the_address_it_came_to() -> None:
    token = make_token(b"key", "message", OURS)
    raw = written("hello", to=tagged("replies@example.com", token.upper()))
    assert read_incoming(raw).tokens == (token,)
    assert tokens_in(["replies+short@example.com"]) == []
    assert make_token(b"other key", "message", OURS) != token
    assert make_token(b"key", "other", OURS) != token


@given(raw=st.binary(max_size=2000))
def test_nothing_that_strangers_write_stops_the_inbox(raw: bytes) -> None:
    found = read_incoming(raw)
    assert found.kind in IncomingKind
    assert len(found.text) <= 8000


@given(head=st.text(max_size=200), body=st.text(max_size=500))
def test_odd_headers_do_not_stop_it_either(head: str, body: str) -> None:
    raw = (
        f"Subject: {head}\nFrom: {head}\nDate: {head}\nTo: {head}\nContent-Type: {head}\n\n{body}"
    ).encode("utf-8", "surrogatepass")
    assert read_incoming(raw).digest


def reports() -> list[dict[str, str]]:
    path = ROOT / "tests" / "golden" / "bounce_reports.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_reports_in_the_manner_of_many_systems_mean_what_they_mean() -> None:
    """Made up; each row says why. Both witnesses are asked: the status, and what is said."""
    rows = reports()
    assert len(rows) >= 150
    assert len({row["system"] for row in rows}) >= 30
    wrong = [
        f"{row['system']} {row['status']} {row['said']}: {found.reason}"
        for row in rows
        if (found := meaning_of(row["status"], row["said"])).hard is not (row["hard"] == "yes")
    ]
    assert wrong == []


def test_a_report_that_an_address_takes_mail_is_no_bounce() -> None:
    raw = report("<x@y.example>", "2.1.5", action="deliverable")
    assert read_incoming(raw).kind not in (IncomingKind.HARD_BOUNCE, IncomingKind.SOFT_BOUNCE)


def test_the_subject_of_a_report_is_decoded_before_it_is_read() -> None:
    subject = "=?utf-8?b?VW5kZWxpdmVyYWJsZTogeA==?="
    raw = (f"From: MAILER-DAEMON@y.example\nSubject: {subject}\n\n"
           "ana@y.example: 550 5.1.1 no such user\n").encode()  # fmt: skip
    assert read_incoming(raw).kind is IncomingKind.HARD_BOUNCE
