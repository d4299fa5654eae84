"""Browsers that are signed in. A session ends when it idles, after half a day, or with its person.

The cookie holds 256 random bits; only their hash is kept, so that who reads the database signs in
nowhere.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from retention.db.canonical import sha256
from retention.db.models.console import WebSession
from retention.people import accounts

IDLE, LONGEST = timedelta(hours=1), timedelta(hours=12)
_NOTED = timedelta(minutes=1)
_BROWSER = 200


def start(session: Session, person_id: str, browser: str, how: str, now: datetime) -> str:
    """Sign a browser in; return what its cookie holds. Old ones of the person are cleared away."""
    session.execute(
        delete(WebSession).where(
            WebSession.person_id == person_id,
            (WebSession.seen_at <= now - IDLE) | (WebSession.started_at <= now - LONGEST),
        )
    )
    token = secrets.token_urlsafe(32)
    session.add(
        WebSession(
            token_hash=sha256(token),
            person_id=person_id,
            csrf=secrets.token_urlsafe(32),
            started_at=now,
            seen_at=now,
            browser=browser[:_BROWSER],
            how=how,
        )
    )
    accounts.tell(session, now, "account.signed_in", person_id, how=how)
    return token


def find(session: Session, token: str, now: datetime) -> WebSession | None:
    """Return the session of a cookie, if it is still good."""
    found = session.get(WebSession, sha256(token))
    if found is None or found.seen_at <= now - IDLE or found.started_at <= now - LONGEST:
        return None
    return found


def is_stale(found: WebSession, now: datetime) -> bool:
    """Return whether it is time to note that the session is in use."""
    return found.seen_at <= now - _NOTED


def note_use(session: Session, token_hash: str, now: datetime) -> None:
    """Note that a session is in use."""
    found = session.get(WebSession, token_hash)
    if found is not None:
        found.seen_at = now


def list_of(session: Session, person_id: str, now: datetime) -> Sequence[WebSession]:
    """Return the sessions of a person that are still good, newest first."""
    return session.scalars(
        select(WebSession)
        .where(
            WebSession.person_id == person_id,
            WebSession.seen_at > now - IDLE,
            WebSession.started_at > now - LONGEST,
        )
        .order_by(WebSession.started_at.desc())
    ).all()


def end(session: Session, token_hash: str, person_id: str, now: datetime) -> None:
    """End one session of a person; another's is left alone."""
    found = session.get(WebSession, token_hash)
    if found is not None and found.person_id == person_id:
        session.delete(found)
        accounts.tell(session, now, "account.signed_out", person_id)


def end_all(session: Session, person_id: str, now: datetime) -> int:
    """End every session of a person: the password has changed, or ops want it; return how many."""
    ended = session.execute(
        delete(WebSession).where(WebSession.person_id == person_id).returning(WebSession.token_hash)
    ).all()
    if ended:
        accounts.tell(session, now, "account.signed_out", person_id, sessions=len(ended))
    return len(ended)
