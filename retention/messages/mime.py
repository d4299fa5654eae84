"""Build the exact bytes of one e-mail."""

import hashlib
from base64 import b64encode, encodebytes
from binascii import b2a_qp
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.utils import format_datetime, formataddr

from email_validator import EmailNotValidError, validate_email

from retention.messages.logo import LOGO_ID
from retention.messages.rendering import Rendered

_FORBIDDEN = ("\r", "\n", "\0")
_LINE = 76
_END = "\r\n"
_WORD_BYTES = 36
_CODED = "=?"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a message. `kind` is its media type with its parameters."""

    name: str
    kind: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who sends to whom, and where answers go.

    `written_at` is None for what is dated when it leaves.

    `unsubscribe` are the addresses that stop messages like this one; https ones act at one click
    (RFC 8058). `list_id` names the stream that it stops.
    """

    company: str
    sender: str
    recipient: str
    reply_to: str
    message_id: str
    written_at: datetime | None
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


def comparable(address: str) -> str:
    """Return an address as it stands in a message: its domain in ASCII, in small letters."""
    bare = address.strip()
    return (bare if bare.isascii() else usable_address(bare) or bare).casefold()


def message_id_for(token: str, sender: str) -> str:
    """Return our own Message-ID: the message's token, which nobody can guess, in our domain."""
    return f"<{token}@{sender.rpartition('@')[2]}>"


def build_bytes(
    rendered: Rendered,
    envelope: Envelope,
    attachments: tuple[Attachment, ...] = (),
    invitation: Attachment | None = None,
    logo: bytes | None = None,
) -> bytes:
    """Return the message as it goes over the wire: the same input gives the same bytes.

    An invitation is one more way to say the same, beside the text and the HTML: so mail programs
    show it with buttons to answer it. The logo, a PNG, comes with the HTML that shows it.

    Raises ValueError when a header would hold a line break.
    """
    head = _headers(rendered, envelope)
    head += ["MIME-Version: 1.0", f"Content-Language: {envelope.language}"]
    digest = hashlib.sha256((rendered.text + rendered.html).encode()).hexdigest()[:32]
    html = _words("html", rendered.html)
    if logo is not None:
        shown = Attachment("logo.png", "image/png", logo)
        where = f"Content-ID: <{LOGO_ID}>\r\nContent-Disposition: inline\r\n"
        html = _together("related", f"=_2_{digest}", [html, _coded(shown, where)])
    words = [_words("plain", rendered.text), html]
    if invitation is not None:
        words.append(_coded(invitation))
    body = _together("alternative", f"=_0_{digest}", words)
    if attachments:
        body = _together("mixed", f"=_1_{digest}", [body, *map(_file, attachments)])
    return "\r\n".join(head).encode("ascii") + b"\r\n" + body


def _together(kind: str, boundary: str, parts: list[bytes]) -> bytes:
    """Several parts as one; the boundary depends on nothing but the words."""
    head = f'Content-Type: multipart/{kind};\r\n boundary="{boundary}"\r\n\r\n'.encode()
    between = f"--{boundary}\r\n".encode()
    inside = b"".join(between + part + b"\r\n" for part in parts)
    return head + inside + f"--{boundary}--\r\n".encode()


def _words(kind: str, words: str) -> bytes:
    """A part in quoted-printable: nothing but ASCII goes over the wire."""
    coded = b2a_qp(words.replace("\r\n", "\n").encode(), istext=True).replace(b"\n", b"\r\n")
    head = f'Content-Type: text/{kind}; charset="utf-8"\r\n'
    return f"{head}Content-Transfer-Encoding: quoted-printable\r\n\r\n".encode() + coded


def _file(file: Attachment) -> bytes:
    return _coded(file, f'Content-Disposition: attachment; filename="{file.name}"\r\n')


def _coded(file: Attachment, more: str = "") -> bytes:
    coded = encodebytes(file.data).replace(b"\n", b"\r\n")
    head = f"Content-Type: {file.kind}\r\nContent-Transfer-Encoding: base64\r\n{more}\r\n"
    return head.encode("ascii") + coded


def _line(name: str, value: str) -> str:
    """One header; what is long or has other letters than ASCII is encoded and folded."""
    _refuse_breaks(name, value)
    plain = value.isascii() and _CODED not in value  # what looks like an encoded word is no such
    if plain and len(name) + len(value) < _LINE:
        return f"{name}: {value}"
    fits = len(name) + len(value.split(" ", 1)[0]) + 2 < _LINE
    if plain and fits:
        return f"{name}: {Header(value, header_name=name, maxlinelen=_LINE).encode(linesep=_END)}"
    if plain and name != "Subject":  # a line may be long, but never begins with an empty one
        return f"{name}: {value}"
    return f"{name}: {_encoded_words(value)}"


def _mailbox(name: str, display: str, address: str) -> str:
    """A header with an address and the name that is shown for it; folded between the two."""
    _refuse_breaks(name, display + address)
    if not display:
        return _line(name, address)
    if display.isascii() and _CODED not in display:
        shown = formataddr((display, "")).removesuffix(" <>")
    else:
        shown = _encoded_words(display)
    whole = f"{name}: {shown} <{address}>"
    if len(whole.rpartition(_END)[2]) < _LINE:
        return whole
    return f"{name}: {shown}{_END} <{address}>"


def _refuse_breaks(name: str, value: str) -> None:
    if any(mark in value for mark in _FORBIDDEN):
        raise ValueError(f"the header {name} holds a line break")


def _encoded_words(value: str) -> str:
    """Letters other than ASCII in a header (RFC 2047): words of base64, each of whole letters."""
    words, chunk = [], b""
    for letter in value:
        coded = letter.encode()
        if len(chunk) + len(coded) > _WORD_BYTES:
            words.append(chunk)
            chunk = b""
        chunk += coded
    words.append(chunk)
    return f"{_END} ".join(f"=?utf-8?b?{b64encode(word).decode()}?=" for word in words)


def _headers(rendered: Rendered, envelope: Envelope) -> list[str]:
    headers = {
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
    at = envelope.written_at
    return [
        *([_line("Date", format_datetime(at))] if at else []),
        _mailbox("From", envelope.company, envelope.sender),
        _line("To", envelope.recipient),
        _mailbox("Reply-To", envelope.reply_name, envelope.reply_to),
        *(_line(name, value) for name, value in headers.items()),
    ]
