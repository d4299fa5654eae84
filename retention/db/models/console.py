"""What the console keeps: accounts, sessions, links to sign in, drafts, saved views, claims.

None of it decides anything about a customer, so none of it is sealed by the audit's chain.
"""

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from retention.db.models.foundation import Base


class Account(Base):
    """How a person of `team.yaml` signs in, and how they like the console."""

    __tablename__ = "account"

    person_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    password_hash: Mapped[str | None]
    password_set_at: Mapped[datetime | None]
    language: Mapped[str | None] = mapped_column(String(8))
    scheme: Mapped[str] = mapped_column(String(8))
    keys: Mapped[bool]


class WebSession(Base):
    """One browser that is signed in; only the hash of what its cookie holds is kept."""

    __tablename__ = "web_session"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_id: Mapped[str] = mapped_column(String(64), index=True)
    csrf: Mapped[str] = mapped_column(String(64))
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    browser: Mapped[str] = mapped_column(String(200))
    how: Mapped[str] = mapped_column(String(16))


class SignInLink(Base):
    """A link that ops have made: it opens the console once, or lets a password be chosen."""

    __tablename__ = "sign_in_link"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_id: Mapped[str] = mapped_column(String(64), index=True)
    purpose: Mapped[str] = mapped_column(String(16))
    made_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class SignInAttempt(Base):
    """A sign-in that failed; `who` and `address` are hashes, they only have to be counted."""

    __tablename__ = "sign_in_attempt"

    id: Mapped[int] = mapped_column(primary_key=True)
    who: Mapped[str] = mapped_column(String(64), index=True)
    address: Mapped[str] = mapped_column(String(64), index=True)
    at: Mapped[datetime] = mapped_column(index=True)


class Draft(Base):
    """What somebody has typed into a form of an action and not sent yet."""

    __tablename__ = "draft"

    action_id: Mapped[str] = mapped_column(ForeignKey("action.id"), primary_key=True)
    person_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    form: Mapped[str] = mapped_column(String(32), primary_key=True)
    values: Mapped[dict[str, str]]
    saved_at: Mapped[datetime]


class SavedView(Base):
    """A view of the queue under a name of its own; `query` is the address's part behind `?`."""

    __tablename__ = "saved_view"
    __table_args__ = (UniqueConstraint("person_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[str] = mapped_column(String(64), index=True)
    name: Mapped[str] = mapped_column(String(60))
    query: Mapped[str] = mapped_column(String(500))
    shared: Mapped[bool]


class Claim(Base):
    """Who is at work on an action, until when. It keeps nobody out: it tells the others."""

    __tablename__ = "claim"

    action_id: Mapped[str] = mapped_column(ForeignKey("action.id"), primary_key=True)
    person_id: Mapped[str] = mapped_column(String(64))
    until: Mapped[datetime]
