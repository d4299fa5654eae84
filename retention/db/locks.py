"""One after the other: what belongs to a customer, or to a colleague's day, has one at work.

SQLite has one writer anyway.
"""

from sqlalchemy import text
from sqlalchemy.orm import Session


def lock(session: Session, what: str) -> None:
    """Wait until nobody else works on `what`; it is free again when the transaction ends."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(hashtext(:what))"), {"what": what})
