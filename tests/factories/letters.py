"""Messages as mail servers and customers send them to us."""

from email.message import EmailMessage
from email.utils import format_datetime

from tests.factories.outboxes import AFTERNOON


def report(
    message_id: str,
    status: str,
    *,
    action: str = "failed",
    said: str = "",
    to: str = "us@example.com",
    recipient: str = "ana@customers.example",
) -> bytes:
    """A delivery status notification (RFC 3464) about one of our messages."""
    return f"""\
Return-Path: <>
From: Mail Delivery System <MAILER-DAEMON@mx.customers.example>
To: {to}
Subject: Undelivered Mail Returned to Sender
Date: {format_datetime(AFTERNOON)}
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

The mail system could not deliver this message. {said}

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.customers.example

Final-Recipient: rfc822; {recipient}
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {said}

--b
Content-Type: text/rfc822-headers

Message-ID: {message_id}
Subject: something of ours

--b--
""".encode()


def complaint(message_id: str) -> bytes:
    """An abuse report (RFC 5965): somebody pressed the button for unwanted mail."""
    return f"""\
From: feedback@mail.example
To: us@example.com
Subject: complaint about message
Date: {format_datetime(AFTERNOON)}
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: text/plain

This is an email abuse report.

--b
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: SomeProvider/1.0
Version: 1

--b
Content-Type: message/rfc822

Message-ID: {message_id}
Subject: something of ours

words

--b--
""".encode()


def written(
    text: str,
    *,
    to: str = "us@example.com",
    subject: str = "Re: your message",
    sender: str = "ana@customers.example",
    **headers: str,
) -> bytes:
    """A message that a person wrote, unless its headers say otherwise."""
    message = EmailMessage()
    message["From"] = f"Ana Peña <{sender}>"
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = format_datetime(AFTERNOON)
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message.as_bytes()


def calendar_answer(method: str, status: str, call_id: str, *, to: str) -> bytes:
    """What a calendar answers to an invitation, with a word of its owner."""
    mail = EmailMessage()
    mail["From"] = "ana@customers.example"
    mail["To"] = to
    mail["Subject"] = "Declined: your call"
    mail["Date"] = format_datetime(AFTERNOON)
    mail["Message-ID"] = f"<{method}-{call_id}@customers.example>"
    mail.set_content("On Monday, please.\n")
    event = (
        f"BEGIN:VCALENDAR\r\nPRODID:x\r\nVERSION:2.0\r\nMETHOD:{method}\r\nBEGIN:VEVENT\r\n"
        f"UID:{call_id}@example.com\r\nDTSTAMP:20260602T160000Z\r\nDTSTART:20260605T083000Z\r\n"
        f"ATTENDEE;PARTSTAT={status}:mailto:ana@customers.example\r\nEND:VEVENT\r\n"
        "END:VCALENDAR\r\n"
    )
    mail.add_alternative(event.encode(), "text", "calendar", params={"method": method})
    return mail.as_bytes()
