"""Headers as people read them."""

from email.header import decode_header, make_header
from email.message import Message


def header_of(message: Message, name: str) -> str:
    """Return a header with its encoded words decoded; '' when there is none."""
    raw = message.get(name)
    if raw is None:
        return ""
    try:
        return str(make_header(decode_header(str(raw))))
    except (LookupError, ValueError):
        return str(raw)
