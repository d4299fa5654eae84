"""What a form carries to show that it was made, just now, for this page as it stands.

It names the moment and how many answers there were; a key that only we have ties both to the link.
So a form that was kept, passed on or sent twice is recognised, and nothing needs a cookie.
"""

import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

VALID = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Shown:
    """When a form was made, and how many answers its page had then."""

    at: datetime
    version: int


def make(key: bytes, link: str, version: int, now: datetime) -> str:
    """Return what a form of a link carries; no two are alike."""
    said = f"{int(now.timestamp() * 1000)}.{version}.{secrets.token_hex(8)}"
    return f"{said}.{_sign(key, link, said)}"


def read(key: bytes, link: str, nonce: str, now: datetime) -> Shown | None:
    """Return what a form says; None for one that is too old, or was made for another page."""
    said, _, signature = nonce.rpartition(".")
    if not hmac.compare_digest(signature.encode(), _sign(key, link, said).encode()):
        return None
    millis, version, _ = said.split(".")
    at = datetime.fromtimestamp(int(millis) / 1000, UTC)
    return Shown(at, int(version)) if timedelta() <= now - at <= VALID else None


def _sign(key: bytes, link: str, said: str) -> str:
    return hmac.new(b"form of a page" + key, f"{link}\x1f{said}".encode(), sha256).hexdigest()
