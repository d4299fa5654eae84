"""What people write back: every word kept, quotations folded, machines told from people."""

from datetime import date
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.domain.incoming import IncomingKind
from retention.inbox.out_of_office import back_on
from retention.inbox.parse import read_incoming
from retention.inbox.protecting import protecting_words
from retention.inbox.quotations import own_words, segments

OURS = """A proposal for your contract

Dear Ana,

Serving your contract the way you use it costs more than the present fee
covers. This is our proposal:

- Today: €39.00 a month
- Proposed: €49.00 a month

You can contest this until 18 December 2026. That is no complaint.

Kind regards,
Marta Ruiz
"""
QUOTED = "\n".join(f"> {line}" for line in OURS.splitlines())


def letter(text: str, subject: str = "Re: x", charset: str = "utf-8", **headers: str) -> bytes:
    head = {"From": "ana@customers.example", "To": "marta@example.com", "Subject": subject}
    head |= {"Date": "Tue, 24 Nov 2026 10:05:00 +0100"}
    head |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\n" for name, value in head.items())
    return f"{lines}Content-Type: text/plain; charset={charset}\n\n".encode() + text.encode(
        "cp1252" if charset == "iso-8859-1" else "utf-8"
    )


@pytest.mark.parametrize(
    "text",
    [
        "Hello,\nyour original message said 49, we say 39.\nSubject: 4711\nTo: whom it may concern",
        "Date: we cannot before 3 December.\nFrom: 1 December we pay 39,\n  not 49.\nTo: be clear.",
        "> 3 incidents and no answer. We contest the invoice.\n>50% were your own fault.",
        "From: your side nothing came.\nSent: two letters, no answer.",
        "On the phone somebody wrote:\nnothing at all.",
    ],
)
def test_what_looks_like_a_header_or_a_quotation_is_the_customers_own(text: str) -> None:
    found = read_incoming(letter(text))
    assert found.kind is IncomingKind.REPLY
    assert found.text == text
    assert own_words(found.text, OURS) == text.strip()


@pytest.mark.parametrize(
    "before",
    [
        "On Mon, 5 Oct 2026 at 15:30, Example With A Long Name <\nservice@example.com> wrote:",
        "El lun, 5 oct 2026 a las 15:30, Example (<service@example.com>) escribió:",
        "-----Original Message-----\nFrom: Example\nSent: Monday\nTo: Ana\nSubject: x",
        "From: Example Company <service@example.com>\nSent: Monday, 5 October 2026\nTo: Ana",
        "De: Example\nEnviado el: lunes\nPara: Ana\nAsunto: x",
    ],
)
@pytest.mark.parametrize("quoted", [QUOTED, OURS])
def test_what_we_wrote_is_folded_with_what_leads_to_it(before: str, quoted: str) -> None:
    text = f"Yes, we accept.\n\n{before}\n\n{quoted}\n\nBut only from January on."
    found = segments(text, OURS)
    assert "\n".join(part.text for part in found) == text, "nothing is lost"
    own = [part.text.strip() for part in found if not part.quoted]
    assert own == ["Yes, we accept.", "But only from January on."]


def test_answers_between_quoted_lines_are_told_from_them() -> None:
    lines = [f"> {line}" for line in OURS.splitlines()]
    lines.insert(9, "Never 49!")
    found = own_words("\n".join(lines), OURS)
    assert found == "Never 49!"


@given(st.text(max_size=400), st.text(max_size=200))
def test_no_letter_loses_a_letter(text: str, ours: str) -> None:
    parts = segments(text, ours)
    assert "\n".join(part.text for part in parts) == text


def test_html_is_read_as_text_once_and_whole() -> None:
    style = "p{margin:0}" * 2000
    html = (
        f"<html><head><style>{style}</style></head><body><p>Yes, we accept &amp; thank you.</p>"
        "<script>alert(1)</script><ul><li>ñ</li></ul></body></html>"
    )
    message = EmailMessage()
    message["From"], message["Subject"] = "ana@customers.example", "Re: x"
    message.set_content(html, subtype="html")
    found = read_incoming(message.as_bytes()).text
    assert "Yes, we accept & thank you." in found
    assert "ñ" in found
    assert "margin" not in found
    assert "alert" not in found
    both = EmailMessage()
    both["From"], both["Subject"] = "ana@customers.example", "Re: x"
    both.set_content("We object to it.")
    both.add_alternative(html, subtype="html")
    both.add_attachment(b"x", maintype="application", subtype="pdf", filename="queja.pdf")
    assert read_incoming(both.as_bytes()).text == (
        "We object to it.\n\n[Attached: queja.pdf, application/pdf]"
    )


def test_an_empty_plain_part_does_not_hide_the_html() -> None:
    message = EmailMessage()
    message["From"], message["Subject"] = "ana@customers.example", "Re: x"
    message.set_content("\n \n")
    message.add_alternative("<p>Call me</p>", subtype="html")
    assert read_incoming(message.as_bytes()).text.strip() == "Call me"


def test_a_long_letter_is_kept_and_windows_letters_are_read_as_browsers_do() -> None:
    text = "word " * 20_000 + "We contest it."
    assert read_incoming(letter(text)).text.endswith("We contest it.")
    assert read_incoming(letter("39 € “fair”", charset="iso-8859-1")).text == "39 € “fair”"


def test_words_that_protect_are_looked_for_in_all_that_the_customer_wrote() -> None:
    text = f"Thanks.\n\n{QUOTED}\n\nPS: our lawyer will make a complaint. Queja formal."
    assert protecting_words(text, OURS) == ["lawyer", "complaint", "queja"]
    assert protecting_words(f"Thanks.\n{QUOTED}", OURS) == [], "ours are not theirs"
    assert "contest" in protecting_words(f"Thanks.\n{QUOTED}", ""), "in doubt they count"
    theirs = "Marta wrote:\n\n> your invoice\n> we dispute it\n"
    assert protecting_words(theirs, OURS) == ["dispute"], "quoted, but not by us"


def test_one_message_id_with_one_body_is_one_letter() -> None:
    first = letter("Please call me.", Message_ID="<a@b.example>", Received="from a")
    again = letter("Please call me.", Message_ID="<a@b.example>", Received="from b; later")
    other = letter("Please do not call.", Message_ID="<a@b.example>", Received="from b; later")
    assert read_incoming(first).digest == read_incoming(again).digest
    assert read_incoming(first).digest != read_incoming(other).digest


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (letter("This was automatically generated.", "unsubscribe"), IncomingKind.UNSUBSCRIBE),
        (letter("", "[EXTERNAL] unsubscribe"), IncomingKind.UNSUBSCRIBE),
        (letter("", "*** EXTERNAL *** Fwd: Unsubscribe"), IncomingKind.UNSUBSCRIBE),
        (letter("", "unsubscribe " + "a" * 26), IncomingKind.UNSUBSCRIBE),
        (letter("x", "How do I unsubscribe from this?"), IncomingKind.REPLY),
        (letter("I am out of the office until 8 December.", X_Auto_Response_Suppress="All"),
         IncomingKind.OUT_OF_OFFICE),
        (letter("Out of office.", Precedence="bulk"), IncomingKind.OUT_OF_OFFICE),
        (letter("We contest this.", Precedence="bulk"), IncomingKind.REPLY),
        (letter("I am out of the office, and I contest this.", Precedence="bulk"),
         IncomingKind.REPLY),
        (letter("We contest this.", X_Auto_Response_Suppress="All"), IncomingKind.REPLY),
        (letter("This is an automated answer.", "Your request #4711 has been received"),
         IncomingKind.AUTO_REPLY),
        (letter("I want an answer.", "Your request was received badly"), IncomingKind.REPLY),
        (letter("Click here.", "Please confirm your message to ana"), IncomingKind.AUTO_REPLY),
        (letter("Maria no longer works here; write to info@customers.example.",
                Auto_Submitted="auto-replied"), IncomingKind.REPLY),
    ],
)  # fmt: skip
def test_machines_are_told_from_people(raw: bytes, kind: IncomingKind) -> None:
    assert read_incoming(raw).kind is kind


def test_who_has_left_names_who_is_to_be_written_to() -> None:
    raw = letter("Maria ya no trabaja aquí. Escriba a info@customers.example, por favor.",
                 Auto_Submitted="auto-replied")  # fmt: skip
    assert read_incoming(raw).reason == "the contact has gone; it names info@customers.example"


def with_part(kind: str, text: str, subject: str = "x", sender: str = "a@b.example") -> bytes:
    return (
        f"From: {sender}\nSubject: {subject}\nMIME-Version: 1.0\n"
        f'Content-Type: multipart/mixed; boundary="z"\n\n--z\nContent-Type: text/plain\n\n\n'
        f"--z\nContent-Type: {kind}\n\n{text}\n--z--\n"
    ).encode()


def calendar(method: str, status: str) -> bytes:
    return with_part(
        f"text/calendar; method={method}",
        f"BEGIN:VCALENDAR\nPRODID:x\nVERSION:2.0\nMETHOD:{method}\nBEGIN:VEVENT\nUID:1@x\n"
        f"DTSTAMP:20261124T090000Z\nDTSTART:20261203T093000Z\n"
        f"ATTENDEE;PARTSTAT={status}:mailto:a@b.example\nEND:VEVENT\nEND:VCALENDAR",
    )


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (calendar("REPLY", "ACCEPTED"), IncomingKind.AUTO_REPLY),
        (calendar("REPLY", "TENTATIVE"), IncomingKind.AUTO_REPLY),
        (calendar("REPLY", "DECLINED"), IncomingKind.AUTO_REPLY),
        (calendar("COUNTER", "TENTATIVE"), IncomingKind.AUTO_REPLY),
        (calendar("REQUEST", "NEEDS-ACTION"), IncomingKind.REPLY),
    ],
)
def test_what_a_calendar_answers(raw: bytes, kind: IncomingKind) -> None:
    assert read_incoming(raw).kind is kind


SES = '{"notificationType":"Complaint","complaint":{"complaintFeedbackType":"%s"}}'


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (with_part("message/feedback-report", "Feedback-Type: abuse"), IncomingKind.COMPLAINT),
        (with_part("message/feedback-report", "Feedback-Type: fraud"), IncomingKind.COMPLAINT),
        (with_part("message/feedback-report", "Feedback-Type: opt-out"), IncomingKind.UNSUBSCRIBE),
        (with_part("message/feedback-report", "Feedback-Type: not-spam"), IncomingKind.OTHER),
        (with_part("message/feedback-report", "Feedback-Type: auth-failure"), IncomingKind.OTHER),
        (with_part("message/feedback-report", "Feedback-Type: other"), IncomingKind.OTHER),
        (with_part("message/feedback-report", "no type"), IncomingKind.COMPLAINT),
        (with_part("message/rfc822", "Subject: x\n\nx", sender="staff@hotmail.com"),
         IncomingKind.COMPLAINT),
        (letter(SES % "abuse"), IncomingKind.COMPLAINT),
        (letter(SES % "not-spam"), IncomingKind.OTHER),
        (letter("{I want to make a Complaint}"), IncomingKind.REPLY),
    ],
)  # fmt: skip
def test_feedback_silences_by_its_type_alone(raw: bytes, kind: IncomingKind) -> None:
    assert read_incoming(raw).kind is kind


@pytest.mark.parametrize(
    ("text", "country", "day"),
    [
        ("I will be back on 12/8/2026.", "US", date(2026, 12, 8)),
        ("back on 8/12", "ES", date(2026, 12, 8)),
        ("vuelvo el 8-12-2026", "ES", date(2026, 12, 8)),
        ("abwesend bis 8.12.", "DE", date(2026, 12, 8)),
        ("until 8.12.2026", "US", date(2026, 12, 8)),
        ("back on 12/28/2026", "ES", date(2026, 12, 28)),
        ("until 2026/12/08", None, date(2026, 12, 8)),
        ("hasta el 8/12", "ES", date(2026, 12, 8)),
        ("on leave from 20 November to 11 December 2026", "GB", date(2026, 12, 12)),
        ("fuera del 20 al 30 de noviembre", "ES", date(2026, 12, 1)),
        ("between 20.11. and 8.12.", "DE", date(2026, 12, 9)),
        ("on my return on the 8th December", "GB", date(2026, 12, 8)),
        ("until 8 December 2020", "GB", None),
        ("back on 20 November", "GB", None),
        ("hasta el 23/11", "ES", None),
        ("back on 31/02/2027", "ES", None),
        ("back on 13/13/2026", "US", None),
        ("from page 3 to page 4", "GB", None),
    ],
)
def test_an_absence_ends_as_dates_are_written_where_it_was_written(
    text: str, country: str | None, day: date | None
) -> None:
    assert back_on(text, date(2026, 11, 24), country) == day
