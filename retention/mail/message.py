"""Build the exact bytes of one e-mail."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from email_validator import EmailNotValidError, validate_email

from retention.mail.rendering import Rendered

_FORBIDDEN = ("\r", "\n", "\0")


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who sends to whom, and when the message was written."""

    company: str
    sender: str
    recipient: str
    reply_to: str
    message_id: str
    written_at: datetime
    language: str


def usable_address(address: str | None) -> str | None:
    """Return a normalised ASCII address that can be written to, or None.

    International domains become punycode; a mailbox name with other letters than ASCII is not
    usable, because not every server takes it.
    """
    if not address:
        return None
    try:
        checked = validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return None
    return checked.ascii_email


def message_id_for(action_key: str, sender: str) -> str:
    """Return our own Message-ID: unique per action, in the sender's domain."""
    return f"<{action_key}@{sender.rpartition('@')[2]}>"


def build_bytes(rendered: Rendered, envelope: Envelope) -> bytes:
    """Return the message as it goes over the wire: the same input gives the same bytes.

    Raises ValueError when a header would hold a line break.
    """
    message = EmailMessage(policy=SMTP)
    for name, value in _headers(rendered, envelope).items():
        if any(mark in str(value) for mark in _FORBIDDEN):
            raise ValueError(f"the header {name} holds a line break")
        message[name] = value
    message.set_content(rendered.text, cte="quoted-printable")
    message.add_alternative(rendered.html, subtype="html", cte="quoted-printable")
    message["Content-Language"] = envelope.language  # making the parts drops Content-* headers
    digest = hashlib.sha256((rendered.text + rendered.html).encode()).hexdigest()
    message.set_boundary(f"=_{digest[:32]}")
    return message.as_bytes()


def _headers(rendered: Rendered, envelope: Envelope) -> dict[str, str | Address]:
    user, _, domain = envelope.sender.rpartition("@")
    return {
        "Date": format_datetime(envelope.written_at),
        "From": Address(envelope.company, user, domain),
        "To": envelope.recipient,
        "Reply-To": envelope.reply_to,
        "Subject": rendered.subject,
        "Message-ID": envelope.message_id,
        "Auto-Submitted": "auto-generated",
    }
