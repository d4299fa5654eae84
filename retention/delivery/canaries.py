"""Which messages are due, mailing by mailing: a large mailing sends its canaries first."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from retention.db.models.switches import Switch
from retention.db.models.work.actions import Action
from retention.db.models.work.messages import Message
from retention.domain.canary import CanaryRule, MailingProgress, may_leave
from retention.domain.messages import CLAIMABLE_STATES, DELIVERED_STATES, MessageState
from retention.policies.guards import CanaryDoc
from retention.safeguards import kill_switch as switches

_BAD = (MessageState.FAILED, MessageState.BOUNCED_HARD, MessageState.COMPLAINED)
_UNSETTLED = (MessageState.UNKNOWN, MessageState.SENDING, MessageState.BOUNCED_SOFT)


def list_due(session: Session, now: datetime, doc: CanaryDoc) -> tuple[list[str], list[str]]:
    """Return the ids of messages that may leave now, oldest first, and of those behind canaries.

    A large mailing whose canaries went wrong is stopped; a person starts it with its switch.
    """
    rule = CanaryRule(doc.above, doc.first, timedelta(minutes=doc.wait_minutes))
    due: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    rows = session.execute(
        select(Action.mailing, Message.not_before, Message.id)
        .join(Action, Action.id == Message.action_id)
        .where(
            Message.state.in_(sorted(CLAIMABLE_STATES)),
            Message.not_before <= now,
            Message.held_by.is_(None),
        )
        .order_by(Message.not_before, Message.id)
    )
    for mailing, not_before, message_id in rows:
        due[mailing or message_id].append((not_before, message_id))
    found: list[tuple[datetime, str]] = []
    behind: list[str] = []
    for mailing, messages in due.items():
        allowed = _allowed(session, mailing, rule, now)
        found += messages[:allowed]
        behind += [message_id for _, message_id in messages[allowed:]]
    return [message_id for _, message_id in sorted(found)], behind


def _allowed(session: Session, mailing: str, rule: CanaryRule, now: datetime) -> int:
    progress = _progress(session, mailing)
    switch = session.get(Switch, switches.canary_of(mailing))
    if switch is not None:
        return 0 if switch.stopped else progress.size
    return may_leave(progress, rule, now) or 0


def stop_bad_batches(session: Session, now: datetime, doc: CanaryDoc) -> int:
    """Stop every large mailing whose canaries went wrong; return how many were stopped now."""
    rule = CanaryRule(doc.above, doc.first, timedelta(minutes=doc.wait_minutes))
    waiting = session.scalars(
        select(Action.mailing)
        .join(Message, Message.action_id == Action.id)
        .where(Message.state.in_(sorted(CLAIMABLE_STATES)), Action.mailing.is_not(None))
        .distinct()
        .order_by(Action.mailing)
    ).all()
    stopped = 0
    for mailing in filter(None, waiting):
        scope = switches.canary_of(mailing)
        if session.get(Switch, scope) is None:
            progress = _progress(session, mailing)
            if progress.size > rule.above and may_leave(progress, rule, now) is None:
                switches.stop_by_itself(session, scope, "its first messages went wrong", now)
                stopped += 1
    return stopped


def _progress(session: Session, mailing: str) -> MailingProgress:
    row = session.execute(
        select(
            func.count(),
            _count(sorted(DELIVERED_STATES)),
            _count(_BAD),
            _count(_UNSETTLED),
            func.max(Message.sent_at),
        )
        .select_from(Message)
        .join(Action, Action.id == Message.action_id)
        .where(Action.mailing == mailing)
    ).one()
    return MailingProgress(*row)


def _count(states: Iterable[MessageState]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((Message.state.in_(list(states)), 1), else_=0)), 0)
