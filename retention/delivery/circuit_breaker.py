"""Sending stops by itself when the mail server will not have us, or when too much of it fails."""

from datetime import datetime, timedelta

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from retention.db.models.switches import Switch
from retention.db.models.work.messages import DeliveryAttempt
from retention.domain.messages import AttemptStage
from retention.domain.sending import ErrorRate
from retention.safeguards import kill_switch as switches


def stop_mail(session: Session, reason: str, now: datetime) -> None:
    """Stop all e-mail until a person has looked and started it again."""
    switch = session.get(Switch, switches.MAIL)
    if switch is None or not switch.stopped:
        switches.stop_by_itself(session, switches.MAIL, reason, now)


def why_stopped(session: Session) -> str | None:
    """Return why e-mail is stopped, or None."""
    return switches.stopped(session).get(switches.MAIL)


def stop_when_failing(session: Session, now: datetime, rate: ErrorRate) -> bool:
    """Stop all e-mail when too many of the recent attempts failed; return whether it was.

    What failed before a person started it again does not count any more.
    """
    switch = session.get(Switch, switches.MAIL)
    since = now - timedelta(minutes=rate.minutes)
    if switch is not None:
        since = max(since, switch.changed_at)
    stage = DeliveryAttempt.stage
    taken = stage == int(AttemptStage.REPLIED)
    # What the server has said about messages, or left open; a line that is down says nothing.
    judged = or_(
        stage >= int(AttemptStage.DOT),
        and_(stage >= int(AttemptStage.RCPT), DeliveryAttempt.code.is_not(None)),
    )
    tried, good = session.execute(
        select(func.count(), func.count().filter(taken)).where(
            DeliveryAttempt.started_at > since, DeliveryAttempt.ended_at.is_not(None), judged
        )
    ).one()
    if not rate.is_exceeded(tried - good, tried):
        return False
    stop_mail(session, f"{tried - good} of the last {tried} attempts failed", now)
    return True
