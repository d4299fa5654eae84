"""Reports of mail that did not arrive: RFC 3464, and the plain ones of every age.

flufl.bounce knows the plain formats and says which address failed; what it means is read from codes
and words.
"""

import logging
import re
from dataclasses import dataclass
from email.message import Message

from flufl.bounce import all_failures

from retention.domain.incoming import IncomingKind
from retention.mail.wording import Meaning, meaning_of

_STATUS = "message/delivery-status"
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)  # it would log what people wrote
_ORIGINALS = frozenset({"message/rfc822", "text/rfc822-headers", "message/rfc822-headers"})
_DAEMON = re.compile(
    r"mailer-daemon|postmaster|mail delivery (sub)?system|^<>$|^\s*$", re.IGNORECASE
)
_FAILED = re.compile(
    r"undeliver|not (be )?delivered|delivery (has )?fail|deliver(y|ed) .{0,20}(fail|problem|error)|"
    r"failure notice|returned mail|mail error|non.?delivery|could not be delivered|"
    r"returning (message )?to sender|rejected mail|delayed|delivery (status )?notification|"
    r"delivery report|failed mail",
    re.IGNORECASE,
)
_COPY = re.compile(
    r"^(.{0,12}(copy of (the|your) message|original message|old message:|"
    r"message (text |header )?follows|"
    r"unsent message|returned message|your message follows|transcript of message).*|"
    r"Received: from .*)$",
    re.IGNORECASE | re.MULTILINE,
)
_QUOTED_HEADER = re.compile(r"^[ \t]*(Subject|To|Cc|From|Sent|Date):.*(\n[ \t].*)*$", re.MULTILINE)
_LONGEST = 6000


@dataclass(frozen=True, slots=True)
class Bounce:
    """One report: what it is, of which addresses, and why."""

    kind: IncomingKind
    addresses: tuple[str, ...]
    code: str | None
    reason: str


def read_bounce(message: Message) -> Bounce | None:
    """Return what a report says, or None for a message that is no report.

    Only a machine reports: a customer who writes about something undelivered is a customer.
    """
    blocks = _status_blocks(message)
    if not blocks and not is_from_machine(message):
        return None
    later, never = all_failures(message)
    actions = {_word(block, "action") for block in blocks}
    addresses = tuple(sorted({_text(a) for a in (*later, *never)} | _final_recipients(blocks)))
    said = words_of(message)
    if not (later or never or actions or _says_failed(message, said)):
        return None
    status = " ".join(_status(block) for block in blocks)
    meaning = meaning_of(status, said if said.strip() else str(message.get("Subject", "")))
    if "delayed" in actions or (later and not never and not actions & {"failed", "failure"}):
        return Bounce(IncomingKind.DELAYED, addresses, meaning.code, "they are still trying")
    if actions & {"delivered", "relayed"} and "failed" not in actions:
        return Bounce(IncomingKind.DELIVERED, addresses, meaning.code, "it has arrived")
    return Bounce(_kind_of(meaning), addresses, meaning.code, meaning.reason)


def is_from_machine(message: Message) -> bool:
    """Return whether a mail system sent this: an empty return path, or a sender that is none."""
    if str(message.get("Return-Path", "x")).strip() == "<>":
        return True
    return bool(_DAEMON.search(str(message.get("From", ""))))


def _kind_of(meaning: Meaning) -> IncomingKind:
    return IncomingKind.HARD_BOUNCE if meaning.hard else IncomingKind.SOFT_BOUNCE


def _says_failed(message: Message, said: str) -> bool:
    """Return whether a report in no format that is known says that something failed."""
    return bool(_FAILED.search(str(message.get("Subject", ""))) or _FAILED.search(said[:600]))


def words_of(message: Message) -> str:
    """Return what a report says in words, without the message that it returns."""
    wanted = ("text/plain", "text/html", "text")
    parts = [p for p in _own_parts(message) if p.get_content_type() in wanted]
    text = "\n".join(_decoded(part) for part in parts)
    cut = _COPY.search(text)
    shown = text[: min(cut.start() if cut else _LONGEST, _LONGEST)]
    return _QUOTED_HEADER.sub("", shown)


def _own_parts(message: Message) -> list[Message]:
    """Return the parts of a message, but nothing of the messages inside it."""
    if message.get_content_type() in _ORIGINALS | {_STATUS}:
        return []
    if not message.is_multipart():
        return [message]
    inner = message.get_payload()
    parts = inner if isinstance(inner, list) else []
    return [p for part in parts if isinstance(part, Message) for p in _own_parts(part)]


def _status_blocks(message: Message) -> list[Message]:
    """Return the blocks about recipients of an RFC 3464 report."""
    blocks: list[Message] = []
    for part in _top_parts(message):
        payload = part.get_payload()
        if part.get_content_type() == _STATUS and isinstance(payload, list):
            blocks += [b for b in payload if isinstance(b, Message)]
    return [block for block in blocks if block.get("action") or block.get("status")]


def _top_parts(message: Message) -> list[Message]:
    """Return the message's own parts: a report that somebody has attached is not their report."""
    payload = message.get_payload()
    inside = payload if isinstance(payload, list) else []
    return [message, *(part for part in inside if isinstance(part, Message))]


def _status(block: Message) -> str:
    return f"{block.get('status', '')} {block.get('diagnostic-code', '')}"


def _word(block: Message, name: str) -> str:
    words = str(block.get(name, "")).lower().split()
    return words[0].strip(";,.") if words else ""


def _final_recipients(blocks: list[Message]) -> set[str]:
    found = set()
    for block in blocks:
        for name in ("original-recipient", "final-recipient"):
            address = str(block.get(name, "")).rpartition(";")[2].strip().strip("<>")
            if "@" in address:
                found.add(address)
                break
    return found


def _decoded(part: Message) -> str:
    data = part.get_payload(decode=True)
    if not isinstance(data, bytes):
        return ""
    charset = part.get_content_charset() or "utf-8"
    try:
        return data.decode(charset, "replace")
    except LookupError:
        return data.decode("latin-1")


def _text(address: bytes | str) -> str:
    return address.decode("utf-8", "replace") if isinstance(address, bytes) else address
