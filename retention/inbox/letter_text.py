"""The whole letter that somebody wrote, as text: every word of it, once."""

from collections.abc import Iterator
from email.message import Message

from inscriptis import get_text
from inscriptis.css_profiles import CSS_PROFILES
from inscriptis.model.config import ParserConfig

from retention.inbox.decoded_headers import header_of

LONGEST = 1_000_000
_CUT = "\n[The letter goes on; it is whole in the mailbox.]"
# What browsers read under these names (WHATWG Encoding): mail from Windows says latin-1 and is not.
_AS_BROWSERS = {"iso-8859-1": "cp1252", "latin-1": "cp1252", "latin1": "cp1252",
                "us-ascii": "cp1252", "ascii": "cp1252"}  # fmt: skip
_PROFILE = ParserConfig(css=CSS_PROFILES["strict"])


def letter_words(message: Message) -> str:
    """Return the words of a letter, those of HTML as text; attachments are named.

    Of parts that say the same in several ways, the plainest that says anything is taken.
    """
    text = "\n".join(words for words in _words(message) if words.strip()).strip("\n")
    return text if len(text) <= LONGEST else text[:LONGEST] + _CUT


def _words(part: Message) -> Iterator[str]:
    kind = part.get_content_type()
    if part.is_multipart():
        inner = [one for one in part.get_payload() if isinstance(one, Message)]
        if kind == "multipart/alternative":
            yield _plainest(inner)
        elif kind.startswith("message/"):
            yield _attached(part)
        else:
            for one in inner:
                yield from _words(one)
    elif part.get_content_disposition() == "attachment" or not kind.startswith("text"):
        yield _attached(part)
    elif kind in ("text/plain", "text/html", "text"):
        yield decoded(part) if kind != "text/html" else html_as_text(decoded(part))
    else:
        yield _attached(part)


def _plainest(ways: list[Message]) -> str:
    every = ["\n".join(_words(way)) for way in ways if way.get_content_type() != "text/calendar"]
    said = [words for words in every if words.strip()]
    return said[0] if said else ""


def _attached(part: Message) -> str:
    name = part.get_filename() or header_of(part, "Subject")
    return f"[Attached: {name or 'without a name'}, {part.get_content_type()}]"


def html_as_text(html: str) -> str:
    """Return what a browser would show of a page, as text; nothing of its style or scripts."""
    try:
        text: str = get_text(html, _PROFILE)
    except (ValueError, AssertionError):  # lxml will not have an empty page, or one of odd letters
        return html
    return text


def decoded(part: Message) -> str:
    """Return a part's text, in the characters that browsers would read."""
    data = part.get_payload(decode=True)
    if not isinstance(data, bytes):
        return ""
    charset = (part.get_content_charset() or "utf-8").lower()
    try:
        text = data.decode(_AS_BROWSERS.get(charset, charset), "replace")
    except LookupError:
        text = data.decode("latin-1")
    return text.replace("\r\n", "\n")
