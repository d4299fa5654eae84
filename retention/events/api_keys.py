"""The only writer of keys with which other systems tell us things."""

import secrets
from base64 import b32encode
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from retention.db.canonical import sha256
from retention.db.models.customer_pages import ApiKey
from retention.db.recording import Entry, record
from retention.domain.errors import NotFoundError
from retention.events.kinds import KINDS


def make(session: Session, name: str, now: datetime, kinds: Sequence[str] | None = None) -> str:
    """Return a new key of a system: it is shown once, only its hash is kept.

    `kinds` are those that it may tell, all without. Raises NotFoundError for one that is none.
    """
    unknown = sorted(set(kinds or ()) - KINDS)
    if unknown:
        raise NotFoundError(
            f"event '{unknown[0]}'", "is none", f"Known: {', '.join(sorted(KINDS))}."
        )
    key = "rk_" + b32encode(secrets.token_bytes(32)).decode().rstrip("=").lower()
    session.add(
        ApiKey(
            key_hash=sha256(key),
            name=name,
            kinds=sorted(kinds) if kinds else None,
            made_at=now,
            revoked_at=None,
        )
    )
    record(session, Entry(now, "api_key.made", f"key {name}"[:80], {"name": name, "kinds": kinds}))
    return key


def revoke(session: Session, name: str, now: datetime) -> int:
    """End every key of a system; return how many there were. Raises NotFoundError."""
    rows = [row for row in list_of(session) if row.name == name and row.revoked_at is None]
    if not rows:
        raise NotFoundError(f"key '{name}'", "does not exist", "See 'retention events keys'.")
    for row in rows:
        row.revoked_at = now
    record(session, Entry(now, "api_key.revoked", f"key {name}"[:80], {"name": name}))
    return len(rows)


def list_of(session: Session) -> Sequence[ApiKey]:
    """Return all keys, the newest first; none of them can be read back."""
    return session.scalars(select(ApiKey).order_by(ApiKey.made_at.desc())).all()


def find(session: Session, key: str) -> ApiKey | None:
    """Return a key, if it still works."""
    found = session.get(ApiKey, sha256(key)) if key.startswith("rk_") else None
    return found if found is not None and found.revoked_at is None else None
