"""Links that ops make on the command line: to sign in once, or to choose a password."""

import secrets
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import delete
from sqlalchemy.orm import Session

from retention.db.canonical import sha256
from retention.db.models.console import SignInLink
from retention.people import accounts


class LinkPurpose(StrEnum):
    """What a link is for."""

    ONCE = "once"
    PASSWORD = "password"  # noqa: S105 - what the link is for, no password


VALID = {LinkPurpose.ONCE: timedelta(hours=24), LinkPurpose.PASSWORD: timedelta(days=3)}
"""For how long each kind of link works."""


def make(session: Session, person_id: str, purpose: LinkPurpose, now: datetime, by: str) -> str:
    """Return a new link's secret; the person's earlier links of this purpose work no longer."""
    session.execute(
        delete(SignInLink).where(SignInLink.person_id == person_id, SignInLink.purpose == purpose)
    )
    token = secrets.token_urlsafe(32)
    session.add(
        SignInLink(
            token_hash=sha256(token),
            person_id=person_id,
            purpose=purpose,
            made_at=now,
            ends_at=now + VALID[purpose],
            used_at=None,
        )
    )
    accounts.tell(session, now, "account.link_made", person_id, purpose=purpose, made_by=by)
    return token


def look(session: Session, token: str, now: datetime) -> SignInLink | None:
    """Return the link of a secret if it still works; looking uses nothing up."""
    found = session.get(SignInLink, sha256(token))
    return found if found and found.used_at is None and found.ends_at > now else None


def use(session: Session, token: str, now: datetime) -> SignInLink | None:
    """Use a link up; None when it does not work, or no longer."""
    found = look(session, token, now)
    if found is not None:
        found.used_at = now
    return found
