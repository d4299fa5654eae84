"""Tokens that tie an answer to the message it answers: single, opaque, and not to be guessed.

A token is a keyed hash of what it stands for, so that a repeated night writes the same bytes; who
does not have the key can neither make one nor learn anything from one.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable

_SIZE = 26
_TAGGED = re.compile(r"\+([a-z2-7]{26})(?=@)", re.IGNORECASE)


def make_token(key: bytes, purpose: str, subject: str) -> str:
    """Return the token of `subject` for one purpose: 130 bits in lower-case base 32."""
    digest = hmac.new(key, f"{purpose}\x1f{subject}".encode(), hashlib.sha256).digest()
    return base64.b32encode(digest).decode().lower()[:_SIZE]


def tagged(address: str, token: str) -> str:
    """Return `address` with a token in its local part: `box+token@host`."""
    local, _, host = address.rpartition("@")
    return f"{local}+{token}@{host}"


def tokens_in(addresses: Iterable[str]) -> list[str]:
    """Return the tokens that addresses, or texts with addresses, carry."""
    found = [token.lower() for text in addresses for token in _TAGGED.findall(text)]
    return list(dict.fromkeys(found))
