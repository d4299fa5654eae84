"""Which messages leave in one round of delivery; what cannot leave now waits, and says why."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from retention.actions.leaving_times import Sent, openings, sent_lately
from retention.db.models.work.messages import DeliveryAttempt
from retention.delivery import canaries, queued_messages
from retention.delivery.queued_messages import QueuedMessage
from retention.domain.actions import Purpose
from retention.domain.messages import AttemptStage, MessageClass
from retention.domain.sending import SendingRules
from retention.messages import outbox
from retention.policies.load import Policies

OUT_OF_HOURS, ENOUGH, QUOTA = "outside_hours", "frequency_cap", "daily_quota"
CANARY = "first_of_mailing"
_MANY, _DAY = 500, timedelta(hours=24)
Opening = Callable[[str | None, str], datetime]


@dataclass(frozen=True, slots=True)
class Round:
    """The messages that leave now, and how many wait for what."""

    ids: list[str]
    waiting: dict[str, int] = field(default_factory=dict)


def gather(session: Session, now: datetime, limit: int, policies: Policies, timezone: str) -> Round:
    """Return the messages that may leave now, legal notices first; let the others wait."""
    rules = policies.sending
    may, behind = canaries.list_due(session, now, policies.canary)
    due = _load(session, may)
    put_off: dict[tuple[str, datetime | None], list[str]] = defaultdict(list)
    put_off[CANARY, None] = behind
    opening = partial(openings(policies.calendars, rules.hours, timezone), now)
    awake = _in_hours(due, opening, now, put_off)
    sent = sent_lately(session, {queued.customer_id for queued in awake}, rules, now)
    free = _not_too_many(awake, sent, rules, now, put_off)
    free.sort(key=lambda p: (p.message_class is not MessageClass.LEGAL_NOTICE, p.not_before))
    room = max(0, rules.daily_quota - used_quota(session, now))
    put_off[QUOTA, None] = [queued.message_id for queued in free[room:]]
    for (reason, until), ids in put_off.items():
        for start in range(0, len(ids), _MANY):
            outbox.put_off(session, ids[start : start + _MANY], reason, now, until)
    waiting: dict[str, int] = defaultdict(int)
    for (reason, _), ids in put_off.items():
        waiting[reason] += len(ids)
    leaving = [queued.message_id for queued in free[: min(room, limit)]]
    return Round(leaving, {reason: n for reason, n in sorted(waiting.items()) if n})


def used_quota(session: Session, now: datetime) -> int:
    """Return how many messages the provider may have counted in the last 24 hours."""
    query = select(func.count()).select_from(DeliveryAttempt).where(
        DeliveryAttempt.started_at > now - _DAY,
        DeliveryAttempt.started_at <= now,
        DeliveryAttempt.stage >= int(AttemptStage.DOT),
    )  # fmt: skip
    return session.scalar(query) or 0


def _load(session: Session, ids: Sequence[str]) -> list[QueuedMessage]:
    starts = range(0, len(ids), _MANY)
    return [
        p for start in starts for p in queued_messages.load(session, ids[start : start + _MANY])
    ]


def _in_hours(
    due: Sequence[QueuedMessage],
    opening: Opening,
    now: datetime,
    put_off: dict[tuple[str, datetime | None], list[str]],
) -> list[QueuedMessage]:
    awake = []
    for queued in due:
        opens_at = opening(queued.timezone, queued.place)
        if opens_at <= now:
            awake.append(queued)
        else:
            put_off[OUT_OF_HOURS, opens_at].append(queued.message_id)
    return awake


def _not_too_many(
    found: Sequence[QueuedMessage],
    sent: Sent,
    rules: SendingRules,
    now: datetime,
    put_off: dict[tuple[str, datetime | None], list[str]],
) -> list[QueuedMessage]:
    free = []
    for queued in found:
        answers = queued.purpose is Purpose.RECEIPT  # what a customer waits for is not one too many
        cap = None if answers else rules.frequency.get(queued.message_class)
        theirs = sent[queued.customer_id, queued.message_class]
        at = cap.next_free(theirs, now) if cap else now
        if at > now:
            put_off[ENOUGH, at].append(queued.message_id)
        else:
            theirs.append(now)
            free.append(queued)
    return free
