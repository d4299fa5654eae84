"""The only writer of what customers say on their pages: every answer is kept, in its order."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from retention.answers.respondent import Respondent
from retention.db.models.customer_pages import Submission
from retention.db.recording import Entry, record
from retention.domain.customer_pages import Doubt, PagePurpose, Said


def add(
    who: Respondent, said: Said, values: dict[str, str], doubt: Doubt | None = None
) -> Submission:
    """Keep an answer; a page's answers are numbered without gaps, so no two can be the same one."""
    row = Submission(
        action_id=who.action.id,
        customer_id=who.customer_id,
        purpose=who.purpose,
        number=how_many(who.session, who.action.id, who.purpose) + 1,
        said=said,
        values={name: text for name, text in values.items() if text} or None,
        said_at=who.now,
        doubt=doubt,
    )
    who.session.add(row)
    who.session.flush()
    document = {"said": said, "page": who.purpose, "number": row.number, "doubt": doubt,
                "values": row.values}  # fmt: skip
    subject = f"action {who.action.id}"
    record(who.session, Entry(who.now, f"page.{said}", subject, document, who.customer_id))
    return row


def how_many(session: Session, action_id: str, purpose: PagePurpose) -> int:
    """Return how often a page was answered."""
    query = select(func.count()).where(
        Submission.action_id == action_id, Submission.purpose == purpose
    )
    return session.scalar(query) or 0


def of_page(session: Session, action_id: str, purpose: PagePurpose) -> Sequence[Submission]:
    """Return what was said on a page, oldest first."""
    query = (
        select(Submission)
        .where(Submission.action_id == action_id, Submission.purpose == purpose)
        .order_by(Submission.number)
    )
    return session.scalars(query).all()


def of_customer(session: Session, customer_id: str) -> Sequence[Submission]:
    """Return what a customer said on their pages, newest first."""
    query = select(Submission).where(Submission.customer_id == customer_id)
    return session.scalars(query.order_by(Submission.said_at.desc(), Submission.id.desc())).all()


def latest_score(session: Session, customer_id: str) -> Submission | None:
    """Return the newest answer to the survey that counts."""
    query = (
        select(Submission)
        .where(
            Submission.customer_id == customer_id,
            Submission.said == Said.SCORE,
            Submission.doubt.is_(None),
        )
        .order_by(Submission.id.desc())
        .limit(1)
    )
    return session.scalars(query).first()


def scores_until(session: Session, moment: datetime) -> list[tuple[str, datetime, int, str]]:
    """Return customer, moment, score and comment of each survey page, as it stood then.

    A page's later answer replaces its earlier ones; what is doubtful counts for nothing.
    """
    query = (
        select(Submission)
        .where(
            Submission.said == Said.SCORE, Submission.doubt.is_(None), Submission.said_at <= moment
        )
        .order_by(Submission.id)
    )
    found: dict[str, tuple[str, datetime, int, str]] = {}
    for row in session.scalars(query):
        values = row.values or {}
        if values.get("score", "").isdecimal():
            found[row.action_id] = (
                row.customer_id, row.said_at, int(values["score"]), values.get("why", "")
            )  # fmt: skip
    return list(found.values())
