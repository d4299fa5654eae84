"""Feedback loops: who reported our message as unwanted, and who said that it is not (RFC 5965)."""

import json
import re
from email.message import Message
from typing import Any, NamedTuple

from retention.domain.incoming import IncomingKind
from retention.inbox.bounces import top_parts
from retention.inbox.decoded_headers import header_of
from retention.inbox.letter_text import decoded

_PART = "message/feedback-report"
_SILENCES = {
    "abuse": (IncomingKind.COMPLAINT, "reported as unwanted (ARF)"),
    "fraud": (IncomingKind.COMPLAINT, "reported as fraud (ARF)"),
    "opt-out": (IncomingKind.UNSUBSCRIBE, "asked to be left out (ARF)"),
    "opt-out-list": (IncomingKind.UNSUBSCRIBE, "asked to be left out (ARF)"),
}
# Microsoft's junk reporting sends the message alone, from this address.
_STAFF = re.compile(r"^staff@(hotmail|outlook)\.com$", re.IGNORECASE)
_ADDRESS = re.compile(r"<?([^<>\s]+@[^<>\s]+)>?\s*$")


class Feedback(NamedTuple):
    """What a report says of our message; `addresses` are those that it names as its readers'."""

    kind: IncomingKind
    reason: str
    addresses: tuple[str, ...] = ()


def read_feedback(message: Message) -> Feedback | None:
    """Return what a feedback report says, or None for a message that is none.

    A report of another type (not spam, a failed authentication) silences nobody.
    """
    reports = [part for part in top_parts(message) if part.get_content_type() == _PART]
    if reports or message.get_param("report-type") == "feedback-report":
        kind = next((found for part in reports if (found := _type(part))), "abuse")
        return _of_type(kind)
    sender = _ADDRESS.search(header_of(message, "From"))
    if sender and _STAFF.match(sender[1]):
        return Feedback(IncomingKind.COMPLAINT, "reported as unwanted (Outlook.com)")
    return _of_ses(message)


def _type(part: Message) -> str:
    inner = part.get_payload()
    texts = [str(one) for one in inner] if isinstance(inner, list) else [decoded(part)]
    for text in texts:
        found = re.search(r"^feedback-type:\s*([\w-]+)", text, re.IGNORECASE | re.MULTILINE)
        if found:
            return found[1].lower()
    return ""


def _of_ses(message: Message) -> Feedback | None:
    """Amazon SES tells of complaints in JSON, as it is or inside an SNS notification."""
    for part in top_parts(message):
        if part.get_content_type() not in ("text/plain", "application/json"):
            continue
        text = decoded(part).strip()
        if not text.startswith("{") or "omplaint" not in text:
            continue
        try:
            told = json.loads(text)
            told = json.loads(told["Message"]) if "Message" in told else told
        except (ValueError, TypeError):
            continue
        if "Complaint" in (told.get("notificationType"), told.get("eventType")):
            complaint = told.get("complaint") or {}
            found = _of_type(str(complaint.get("complaintFeedbackType") or "abuse"))
            return found._replace(addresses=_recipients(complaint))
    return None


def _recipients(complaint: dict[str, Any]) -> tuple[str, ...]:
    """Return whose complaint it may be: SES names those of one domain when it does not know."""
    listed = complaint.get("complainedRecipients") or ()
    found = (one.get("emailAddress") for one in listed if isinstance(one, dict))
    return tuple(str(address) for address in found if address)


def _of_type(kind: str) -> Feedback:
    usual = (IncomingKind.OTHER, f"a feedback report that silences nobody: {kind[:40]}")
    return Feedback(*_SILENCES.get(kind.lower(), usual))
