"""What is wrong right now, as the database knows it."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from retention.db.models.runs import Round, Run
from retention.db.models.switches import Switch
from retention.db.models.work.actions import Action
from retention.db.models.work.messages import Message
from retention.domain.actions import ActionState
from retention.domain.alerts import AlertRules, Trouble, TroubleKind
from retention.domain.dates import Calendar
from retention.domain.documents import why_of
from retention.domain.messages import MessageState
from retention.domain.runs import RoundState, RunState
from retention.safeguards.kill_switch import MAIL, provider
from retention.webhooks import deliveries

NIGHTLY, DELIVER = "nightly", "deliver"
_BAD = {RunState.FAILED: TroubleKind.NIGHT_FAILED, RunState.HELD: TroubleKind.NIGHT_HELD}
_OF_NIGHTS = (*_BAD.values(), TroubleKind.NIGHT_LATE)
_DONE = (RunState.COMPLETED, *_BAD)
_SOON = timedelta(days=1)


def find(
    session: Session, rules: AlertRules, now: datetime, timezone: str, workdays: Calendar
) -> list[Trouble]:
    """Return everything that is wrong at `now`; `timezone` is the company's."""
    local = now.astimezone(ZoneInfo(timezone))
    return [
        *_nights(session, rules, now, local),
        *_rounds(session),
        *_delivery(session, rules, now, local, workdays),
        *_queue(session, local.date()),
        *_webhooks(session, now),
    ]


def undecided(session: Session) -> set[tuple[TroubleKind, str]]:
    """Return of which troubles nobody can say whether they are over: their night is being run."""
    running = select(Run.business_date).where(Run.flow == NIGHTLY, Run.state == RunState.RUNNING)
    return {(kind, str(day)) for day in session.scalars(running) for kind in _OF_NIGHTS}


def _nights(
    session: Session, rules: AlertRules, now: datetime, local: datetime
) -> Iterator[Trouble]:
    newest = session.scalars(
        select(Run).where(Run.flow == NIGHTLY, Run.state.in_((*_DONE, RunState.RUNNING)))
        .order_by(Run.business_date.desc()).limit(1)
    ).one_or_none()  # fmt: skip
    if newest is None:
        return
    if newest.state in _BAD:
        yield Trouble(_BAD[newest.state], str(newest.business_date), why_of(newest.summary))
    expected = rules.expected_night(local)
    works = newest.state is RunState.RUNNING and newest.lease_until > now
    if newest.business_date < expected and not works:
        late = Trouble(TroubleKind.NIGHT_LATE, str(expected), f"the last is {newest.business_date}")
        yield late


def _rounds(session: Session) -> Iterator[Trouble]:
    """Yield the flows whose newest round has failed."""
    newest = select(func.max(Round.id)).where(Round.state != RoundState.RUNNING)
    for row in session.scalars(
        select(Round).where(Round.id.in_(newest.group_by(Round.flow))).order_by(Round.flow)
    ):
        if row.state is RoundState.FAILED:
            yield Trouble(TroubleKind.ROUND_FAILED, row.flow, row.why or "")


def _delivery(
    session: Session, rules: AlertRules, now: datetime, local: datetime, workdays: Calendar
) -> Iterator[Trouble]:
    """Yield what keeps approved messages from leaving; only while rounds should have come by."""
    stopped = session.scalars(
        select(Switch).where(
            Switch.stopped, or_(Switch.scope == MAIL, Switch.scope.startswith(provider("")))
        )
    ).all()
    for switch in stopped:
        yield Trouble(TroubleKind.DELIVERY_STOPPED, switch.scope, switch.reason)
    if any(switch.scope == MAIL for switch in stopped):
        return
    opened = datetime.combine(local.date(), rules.opens, local.tzinfo)
    at_work = opened + rules.rounds_within <= local < opened.replace(hour=rules.closes.hour)
    if not (workdays.is_workday(local.date()) and at_work):
        return
    last = session.scalar(
        select(func.max(Round.ended_at)).where(
            Round.flow == DELIVER, Round.state == RoundState.COMPLETED
        )
    )
    waiting = _count_due(session, now - rules.rounds_within)
    if waiting and (last is None or last < now - rules.rounds_within):
        said = f"the last round ended {last:%Y-%m-%d %H:%M} UTC" if last else "no round has ended"
        yield Trouble(TroubleKind.DELIVERY_SILENT, DELIVER, said, waiting)
    stuck = _count_due(session, now - rules.approved_within)
    if stuck:
        yield Trouble(TroubleKind.QUEUE_OLD, "messages", "approved and due, not sent", stuck)


def _count_due(session: Session, before: datetime) -> int:
    """Count the messages that could have left before a moment, and that nothing holds up."""
    query = select(func.count()).select_from(Message).where(
        Message.state.in_((MessageState.QUEUED, MessageState.RETRY_WAIT)),
        Message.waiting_for.is_(None),
        Message.held_by.is_(None),
        Message.not_before <= before,
    )  # fmt: skip
    return session.scalar(query) or 0


def _queue(session: Session, today: date) -> Iterator[Trouble]:
    """Yield decisions whose due date is past and that no night has expired."""
    overdue = session.scalar(
        select(func.count()).select_from(Action).where(
            Action.state == ActionState.PENDING_APPROVAL, Action.due_on < today - _SOON
        )
    )  # fmt: skip
    if overdue:
        yield Trouble(TroubleKind.QUEUE_OLD, "decisions", "past their due date", overdue)


def _webhooks(session: Session, now: datetime) -> Iterator[Trouble]:
    """Yield the receivers that were not told of something lately, and will not be by itself."""
    for receiver, count in deliveries.given_up(session, now):
        yield Trouble(TroubleKind.WEBHOOKS_GIVEN_UP, receiver, "events were not taken", count)
