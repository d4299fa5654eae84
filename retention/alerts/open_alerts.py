"""The only writer of alerts: opened with a trouble, closed with its end, each told once."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select, union
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from retention.db.models.runs import Alert
from retention.domain.alerts import Trouble, TroubleKind

_TELLING = timedelta(minutes=5)
"""For how long who composes the mail has its alerts to itself; a killed one gives them back."""
_A_DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class News:
    """What ops have not heard yet: alerts that began, and alerts that are over."""

    began: tuple[Alert, ...] = ()
    over: tuple[Alert, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.began or self.over)


def bring_up_to_date(
    session: Session,
    troubles: Iterable[Trouble],
    now: datetime,
    undecided: Collection[tuple[TroubleKind, str]] = (),
) -> None:
    """Open an alert for each new trouble, and close those whose trouble is over.

    What is `undecided`, by kind and key, stays as it is.
    """
    wrong = {(t.kind, t.key): t for t in troubles}
    there = {(a.kind, a.key): a for a in _open(session)}
    for which, alert in there.items():
        if which in wrong:
            alert.why, alert.count = wrong[which].why, wrong[which].count
        elif which not in undecided:
            alert.closed_at = now
    for which, trouble in wrong.items():
        if which not in there:
            _begin(session, trouble, now)
    session.flush()


def _begin(session: Session, trouble: Trouble, now: datetime) -> None:
    """Open an alert, unless another process has opened it a moment ago: that one tells it."""
    row = Alert(kind=trouble.kind, key=trouble.key, why=trouble.why, count=trouble.count,
                opened_at=now)  # fmt: skip
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        return


def _open(session: Session) -> list[Alert]:
    query = select(Alert).where(Alert.closed_at.is_(None)).order_by(Alert.id).with_for_update()
    return list(session.scalars(query))


def take_news(session: Session, now: datetime, mails_per_day: int) -> News:
    """Take what is to be told, for the one mail that tells it; nothing when the day had enough.

    What began and ended before anybody was told is not news.
    """
    if _mails_since(session, now - _A_DAY) >= mails_per_day:
        return News()
    free = or_(Alert.telling_until.is_(None), Alert.telling_until < now)
    began = Alert.closed_at.is_(None) & Alert.told_at.is_(None)
    over = Alert.closed_at.is_not(None) & Alert.told_at.is_not(None) & Alert.over_told_at.is_(None)
    query = select(Alert).where(free, began | over).order_by(Alert.id)
    found = list(session.scalars(query.with_for_update(skip_locked=True)))
    for alert in found:
        alert.telling_until = now + _TELLING
    return News(
        tuple(a for a in found if a.closed_at is None),
        tuple(a for a in found if a.closed_at is not None),
    )


def _mails_since(session: Session, since: datetime) -> int:
    """Count the mails about alerts; all alerts of one mail are told at one moment."""
    told = union(
        select(Alert.told_at.label("at")).where(Alert.told_at > since),
        select(Alert.over_told_at.label("at")).where(Alert.over_told_at > since),
    ).subquery()
    return session.scalar(select(func.count()).select_from(told)) or 0


def mark_told(session: Session, news: News, now: datetime, *, sent: bool) -> None:
    """Write down that the mail is out; when it is not, the next round tells it."""
    for alert in (*news.began, *news.over):
        row = session.get_one(Alert, alert.id)
        row.telling_until = None
        if sent and alert in news.began:
            row.told_at = now
        elif sent:
            row.over_told_at = now


def list_open(session: Session) -> list[Alert]:
    """Return what is wrong, as of the last look."""
    return list(session.scalars(select(Alert).where(Alert.closed_at.is_(None)).order_by(Alert.id)))
