"""Read one message that came in: what it is, which of ours it answers, and what it says."""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime

from retention.domain.incoming import GONE, NAMES, UNREAD, IncomingKind
from retention.inbox.automatic import AWAY, why_automatic
from retention.inbox.bounces import Bounce, read_bounce
from retention.inbox.decoded_headers import header_of
from retention.inbox.feedback import Feedback, read_feedback
from retention.inbox.invitation_answers import CalendarAnswer, read_calendar_answer
from retention.inbox.letter_text import letter_words
from retention.inbox.quotations import own_words
from retention.messages.tokens import tokens_in

MAX_BYTES = 10 * 1024 * 1024
_HEAD_BYTES = 20_000
_ID = re.compile(r"<([a-z2-7]{26})@[^<>\s]+>", re.IGNORECASE)
_TO = ("To", "Cc", "Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To")
_THREAD = ("In-Reply-To", "References")
# Gateways write before a subject; a person who forwards or answers does, too.
_BEFORE = re.compile(
    r"^\s*((\[[^\]]{1,40}\]|\*{2,}[^*]{1,40}\*{2,}|(re|fwd?|rv|aw|wg)\s*:)\s*)+", re.IGNORECASE
)
_UNSUBSCRIBE = re.compile(r"(unsubscribe|sin publicidad)(\s+[a-z2-7]{26})?", re.IGNORECASE)
_IN_SUBJECT = re.compile(r"\b[a-z2-7]{26}\b", re.IGNORECASE)
_GONE = re.compile(
    r"no longer (works?|with|employed|at|part of)|(has )?left the (company|organi[sz]ation)|"
    r"ya no (trabaja|forma parte|pertenece)|ha dejado la empresa|"
    r"mailbox is (not|no longer) (read|monitored)",
    re.IGNORECASE,
)
_WRITE_TO = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]*\w")


@dataclass(frozen=True, slots=True)
class Received:
    """One message that came in.

    `digest` is of its Message-ID and its body: the same letter that came twice is one. `text` is
    every word of it. `tokens` are those in the addresses that it was sent to, in the Message-IDs
    that it names, and in the subject of an opt-out. `refused_call` is the call whose time does not
    suit, when it is a calendar's answer that says so.
    """

    digest: str
    raw_digest: str
    kind: IncomingKind
    reason: str
    code: str | None
    received_at: datetime | None
    sender: str | None
    subject: str
    text: str
    tokens: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    refused_call: str | None = None


def read_incoming(raw: bytes) -> Received:
    """Read a message. Whatever is in it, something is returned: at the least `other`."""
    try:
        return _read(raw)
    except Exception as error:  # noqa: BLE001 - strangers write these; none may stop the others
        return _unreadable(raw, type(error).__name__)


def _unreadable(raw: bytes, why: str) -> Received:
    """What cannot be taken apart may still be an answer: a person looks at it."""
    head = raw[:_HEAD_BYTES].decode("latin-1")
    tokens = tuple(tokens_in([head]))
    kind = IncomingKind.REPLY if tokens else IncomingKind.OTHER
    reason = f"{UNREAD} ({why}); look at it in the mailbox"
    digest = hashlib.sha256(raw).hexdigest()
    return Received(digest, digest, kind, reason, None, None, None, "", "", tokens)


def _read(raw: bytes) -> Received:
    message = message_from_bytes(raw[:MAX_BYTES], policy=policy.compat32)
    feedback = read_feedback(message)
    bounce = None if feedback else read_bounce(message)
    text = letter_words(message)
    subject = header_of(message, "Subject")
    calendar = None if feedback or bounce else read_calendar_answer(message)
    report = bounce or feedback
    kind, reason = _kind(message, subject, text, report, calendar)
    to = tokens_in(header_of(message, name) for name in _TO)
    if kind is IncomingKind.UNSUBSCRIBE:
        to += [found.lower() for found in _IN_SUBJECT.findall(subject)]
    return Received(
        digest=_digest(message, raw),
        raw_digest=hashlib.sha256(raw).hexdigest(),
        kind=kind,
        reason=reason,
        code=bounce.code if bounce else None,
        received_at=_date(message),
        sender=_plain(_sender(message) or "") or None,
        subject=_plain(subject)[:300],
        text=_plain(text),
        tokens=tuple(dict.fromkeys([*to, *_ids(message, report is not None)])),
        addresses=report.addresses if report else (),
        refused_call=calendar.call_id if calendar and not calendar.agreed else None,
    )


def _digest(message: Message, raw: bytes) -> str:
    """One Message-ID with one body is one letter, whatever machines wrote above it on its way."""
    named = header_of(message, "Message-ID").strip()
    if not named:
        return hashlib.sha256(raw).hexdigest()
    body = re.split(rb"\r?\n\r?\n", raw, maxsplit=1)[-1]
    return hashlib.sha256(named.encode("utf-8", "replace") + b"\0" + body).hexdigest()


def _kind(
    message: Message,
    subject: str,
    text: str,
    report: Bounce | Feedback | None,
    calendar: CalendarAnswer | None,
) -> tuple[IncomingKind, str]:
    if report is not None:
        return report.kind, report.reason
    if _UNSUBSCRIBE.fullmatch(_BEFORE.sub("", subject).strip()):
        return IncomingKind.UNSUBSCRIBE, "asked to be left out"
    if calendar is not None:
        return IncomingKind.AUTO_REPLY, calendar.reason
    return _by_whom(message, subject, text)


def _by_whom(message: Message, subject: str, text: str) -> tuple[IncomingKind, str]:
    """Tell what a person wrote from what a machine did; what machines quote is not theirs."""
    own = own_words(text)
    away = AWAY.search(f"{subject} {own[:1500]}") is not None
    automatic = why_automatic(message, subject, own, away=away)
    if automatic is None:
        return IncomingKind.REPLY, "written by a person"
    if _GONE.search(own):
        named = _WRITE_TO.search(own)
        where = f"{NAMES}{named[0]}" if named else ""
        return IncomingKind.REPLY, f"{GONE}{where}"
    return (IncomingKind.OUT_OF_OFFICE if away else IncomingKind.AUTO_REPLY), automatic


def _ids(message: Message, is_report: bool) -> tuple[str, ...]:
    """Return the tokens in the Message-IDs that a message names, also inside what it returns."""
    texts = [header_of(message, name) for name in _THREAD]
    if is_report:
        for part in message.walk():
            texts += [header_of(part, "Message-ID")] if part is not message else []
            if part.get_content_type() == "text/rfc822-headers":
                texts.append(str(part.get_payload()))
        if not message.is_multipart():
            texts.append(str(message.get_payload())[:20_000])
    return tuple(match.lower() for text in texts for match in _ID.findall(text))


def _plain(text: str) -> str:
    """Return a text that every database takes: no zero bytes, no halves of letters."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _sender(message: Message) -> str | None:
    addresses = [address for _, address in getaddresses([header_of(message, "From")]) if address]
    return addresses[0][:254] if addresses else None


def _date(message: Message) -> datetime | None:
    try:
        found = parsedate_to_datetime(header_of(message, "Date"))
    except (ValueError, TypeError, IndexError):
        return None
    aware = found if found.tzinfo else found.replace(tzinfo=UTC)
    try:
        return aware.astimezone(UTC)
    except OverflowError:
        return None
