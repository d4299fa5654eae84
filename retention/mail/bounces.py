"""Reports of mail that did not arrive: RFC 3464, and the plain ones of every age.

flufl.bounce knows the plain formats and says which address failed; what it means is read from codes
and words.
"""

import re
from dataclasses import dataclass
from email.message import Message

from flufl.bounce import all_failures

from retention.domain.incoming import IncomingKind
from retention.mail.wording import Meaning, meaning_of

_STATUS = "message/delivery-status"
_REPORTS = frozenset({"multipart/report", _STATUS})
_ORIGINALS = frozenset({"message/rfc822", "text/rfc822-headers", "message/rfc822-headers"})
_DAEMON = re.compile(r"mailer-daemon|postmaster|mail delivery|^<>$|^\s*$", re.IGNORECASE)
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
    """Return what a report says, or None for a message that is no report."""
    later, never = all_failures(message)
    blocks = _status_blocks(message)
    actions = {_word(block, "action") for block in blocks}
    addresses = tuple(sorted({_text(a) for a in (*later, *never)} | _final_recipients(blocks)))
    said = words_of(message)
    if not (later or never or actions or _looks_like_one(message, said)):
        return None
    status = " ".join(_status(block) for block in blocks)
    meaning = meaning_of(status, said if said.strip() else str(message.get("Subject", "")))
    if "delayed" in actions or (later and not never and not actions & {"failed", "failure"}):
        return Bounce(IncomingKind.DELAYED, addresses, meaning.code, "they are still trying")
    if actions & {"delivered", "relayed"} and "failed" not in actions:
        return Bounce(IncomingKind.DELIVERED, addresses, meaning.code, "it has arrived")
    return Bounce(_kind_of(meaning), addresses, meaning.code, meaning.reason)


def _kind_of(meaning: Meaning) -> IncomingKind:
    return IncomingKind.HARD_BOUNCE if meaning.hard else IncomingKind.SOFT_BOUNCE


def _looks_like_one(message: Message, said: str) -> bool:
    """A report in no format that is known: nobody wrote it, and it says that something failed."""
    sender = str(message.get("From", ""))
    returned = str(message.get("Return-Path", "x"))
    by_machine = bool(_DAEMON.search(sender)) or returned.strip() == "<>"
    subject = str(message.get("Subject", ""))
    answered = message.get("In-Reply-To") is not None
    failed = _FAILED.search(subject) or _FAILED.search(said[:600])
    return bool(failed) and not answered and (by_machine or bool(_FAILED.search(subject)))


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
    for part in message.walk():
        if part.get_content_type() == _STATUS and isinstance(part.get_payload(), list):
            blocks += [b for b in part.get_payload() if isinstance(b, Message)]
    return [block for block in blocks if block.get("action") or block.get("status")]


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
