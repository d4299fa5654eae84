"""The only writer of links: a token is made when its message leaves, and only its hash is kept.

Until then the message holds a place for it, of the same length: so what people approve shows where
a link will stand, and nobody who reads the database, the console or a test mail can answer for a
customer. Each attempt to send has tokens of its own.
"""

import re
import secrets
from base64 import b32encode
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache, partial

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from retention.db.canonical import sha256
from retention.db.models.customer_pages import CustomerLink
from retention.db.seals import touch
from retention.domain.customer_pages import LASTS, PagePurpose

_BYTES = 32
LENGTH = 52
"""Letters of a token: 256 bits in base 32."""

_TOKEN = re.compile(rf"[a-z2-7]{{{LENGTH}}}")
_INSERT = insert(CustomerLink.__table__)  # type: ignore[arg-type]
Tokens = Mapping[str, str]


def place_of(purpose: str) -> str:
    """Return what stands in a message where its link's token will be."""
    return f"{purpose}-link-is-made-when-this-leaves".ljust(LENGTH, "-")


def mint(
    session: Session, leaving: Iterable[tuple[str, str, Iterable[str]]], now: datetime
) -> Mapping[str, Tokens]:
    """Make the tokens of messages that are about to leave: by action, then by purpose.

    `leaving` are the action, the customer and the purposes of each.
    """
    made: dict[str, dict[str, str]] = {}
    rows = []
    for action_id, customer_id, purposes in leaving:
        for purpose in map(PagePurpose, purposes):
            token = b32encode(secrets.token_bytes(_BYTES)).decode().rstrip("=").lower()
            made.setdefault(action_id, {})[purpose] = token
            rows.append(
                {"token_hash": sha256(token), "purpose": purpose, "action_id": action_id,
                 "customer_id": customer_id, "made_at": now, "ends_at": now + LASTS[purpose],
                 "revoked_at": None}
            )  # fmt: skip
    if rows:
        session.connection().execute(_INSERT, rows)
        touch(session, CustomerLink, (row["token_hash"] for row in rows))
    return made


def find(
    session: Session, token: str, purpose: PagePurpose, now: datetime
) -> tuple[CustomerLink | None, bool]:
    """Return the link of a token for a purpose, and whether it still works.

    It is looked for by its hash: how long that takes says nothing about tokens that are near it.
    """
    if not _TOKEN.fullmatch(token):
        return None, False
    hashed = sha256(token)
    link = session.get(CustomerLink, hashed)
    if link is None or not secrets.compare_digest(link.token_hash, hashed):
        return None, False
    if link.purpose is not purpose:
        return None, False
    return link, link.revoked_at is None and link.ends_at > now


def revoke(session: Session, action_id: str, now: datetime) -> int:
    """End the links of an action's message; return how many there were."""
    found = session.scalars(
        select(CustomerLink.token_hash).where(
            CustomerLink.action_id == action_id, CustomerLink.revoked_at.is_(None)
        )
    ).all()
    session.execute(
        update(CustomerLink)
        .where(CustomerLink.token_hash.in_(found))
        .values(revoked_at=now)
        .execution_options(synchronize_session=False)
    )
    touch(session, CustomerLink, found)
    return len(found)


def with_tokens(raw: bytes, tokens: Tokens) -> bytes:
    """Return a message with its tokens in their places.

    In quoted-printable a place may be broken over two lines: the break stays where it is.
    """
    for purpose, token in tokens.items():
        raw = _pattern(purpose).sub(partial(_along, token=token), raw)
    return raw


@lru_cache(maxsize=16)
def _pattern(purpose: str) -> re.Pattern[bytes]:
    letters = (re.escape(letter) for letter in place_of(purpose))
    return re.compile(r"(?:=\r\n)?".join(letters).encode("ascii"))


def _along(place: re.Match[bytes], token: str) -> bytes:
    """Write a token where a place stands, letter by letter, around its line breaks."""
    parts = place[0].split(b"=\r\n")
    written, at = [], 0
    for part in parts:
        written.append(token[at : at + len(part)].encode("ascii"))
        at += len(part)
    return b"=\r\n".join(written)
