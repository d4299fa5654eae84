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
class Attachment:
    """A file that goes with a message. `kind` is its media type, with one parameter at the most."""

    name: str
    kind: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who sends to whom, where answers go, and when the message was written.

    `unsubscribe` are the addresses that stop messages like this one; https ones act at one click
    (RFC 8058). `list_id` names the stream that it stops.
    """

    company: str
    sender: str
    recipient: str
    reply_to: str
    message_id: str
    written_at: datetime
    language: str
    reply_name: str = ""
    unsubscribe: tuple[str, ...] = ()
    list_id: str | None = None


def usable_address(address: str | None) -> str | None:
    """Return a normalised ASCII address that can be written to, or None.

    International domains become punycode; a mailbox name with other letters than ASCII is not
    usable, because not every server takes it.
    """
    if not address:
        return None
    try:
        checked = validate_email(
            address, check_deliverability=False, test_environment=True, strict=True
        )
    except EmailNotValidError:
        return None
    return checked.ascii_email


def message_id_for(action_key: str, sender: str) -> str:
    """Return our own Message-ID: unique per action, in the sender's domain."""
    return f"<{action_key}@{sender.rpartition('@')[2]}>"


def build_bytes(
    rendered: Rendered, envelope: Envelope, attachments: tuple[Attachment, ...] = ()
) -> bytes:
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
    for file in attachments:
        kind, _, rest = file.kind.partition("; ")
        main, _, sub = kind.partition("/")
        params = dict([rest.split("=", 1)]) if rest else {}
        message.add_attachment(
            file.data, maintype=main, subtype=sub, filename=file.name, params=params
        )
    message["Content-Language"] = envelope.language  # making the parts drops Content-* headers
    _set_boundaries(message, rendered)
    return message.as_bytes()


def _set_boundaries(message: EmailMessage, rendered: Rendered) -> None:
    """Boundaries that depend on nothing but the words."""
    digest = hashlib.sha256((rendered.text + rendered.html).encode()).hexdigest()
    several = [part for part in message.walk() if part.is_multipart()]
    for number, part in enumerate(several):
        part.set_boundary(f"=_{number}_{digest[:32]}")


def _headers(rendered: Rendered, envelope: Envelope) -> dict[str, str | Address]:
    headers: dict[str, str | Address] = {
        "Date": format_datetime(envelope.written_at),
        "From": _address(envelope.company, envelope.sender),
        "To": envelope.recipient,
        "Reply-To": _address(envelope.reply_name, envelope.reply_to),
        "Subject": rendered.subject,
        "Message-ID": envelope.message_id,
        "Auto-Submitted": "auto-generated",
        "X-Entity-Ref-ID": envelope.message_id.strip("<>"),
    }
    if envelope.list_id:
        headers["List-Id"] = f"<{envelope.list_id}>"
    if envelope.unsubscribe:
        headers["List-Unsubscribe"] = ", ".join(f"<{where}>" for where in envelope.unsubscribe)
    if any(where.startswith("https:") for where in envelope.unsubscribe):
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers


def _address(name: str, address: str) -> Address:
    user, _, domain = address.rpartition("@")
    return Address(name, user, domain)
