"""Which messages leave in one round of delivery; what cannot leave now waits, and says why."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, lru_cache, partial
from zoneinfo import ZoneInfo, available_timezones

from babel.core import get_global
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from retention.db.models import Action, DeliveryAttempt, Message, Rendering
from retention.delivery import canaries, queued_messages
from retention.delivery.queued_messages import QueuedMessage
from retention.domain.actions import Purpose
from retention.domain.messages import AttemptStage, MessageClass, MessageState
from retention.domain.sending import SendingRules
from retention.messages import outbox
from retention.policies.load import Policies

OUT_OF_HOURS, ENOUGH, QUOTA = "outside_hours", "frequency_cap", "daily_quota"
_DAY = timedelta(hours=24)
_MANY, _MOST_TRIES, _REMEMBERED = 500, 14, 4096
_NOT_OUT = frozenset(
    {MessageState.QUEUED, MessageState.RETRY_WAIT, MessageState.FAILED, MessageState.CANCELLED,
     MessageState.EXPIRED}
)  # fmt: skip
Opening = Callable[[str | None, str], datetime]
Sent = dict[tuple[str, MessageClass], list[datetime]]


@dataclass(frozen=True, slots=True)
class Round:
    """The messages that leave now, and how many wait for what."""

    ids: list[str]
    waiting: dict[str, int] = field(default_factory=dict)


def gather(session: Session, now: datetime, limit: int, policies: Policies, timezone: str) -> Round:
    """Return the messages that may leave now, legal notices first; let the others wait."""
    rules = policies.sending
    due = _load(session, canaries.list_due(session, now, policies.canary))
    put_off: dict[tuple[str, datetime | None], list[str]] = defaultdict(list)
    opening = partial(openings(policies, timezone), now)
    awake = _in_hours(due, opening, now, put_off)
    free = _not_too_many(awake, _sent_lately(session, awake, rules, now), rules, now, put_off)
    free.sort(key=lambda p: (p.message_class is not MessageClass.LEGAL_NOTICE, p.not_before))
    room = max(0, rules.daily_quota - used_quota(session, now))
    put_off[QUOTA, None] = [queued.message_id for queued in free[room:]]
    for (reason, until), ids in put_off.items():
        for start in range(0, len(ids), _MANY):
            outbox.put_off(session, ids[start : start + _MANY], reason, until)
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


def openings(
    policies: Policies, company_zone: str
) -> Callable[[datetime, str | None, str], datetime]:
    """Return a function of a moment, a recipient's zone and place: when they may be written to.

    Without a zone it may be any of their country's: then when it is the hour in all of them.
    """

    @lru_cache(maxsize=_REMEMBERED)
    def opening(now: datetime, zone: str | None, place: str) -> datetime:
        country, _, region = place.partition("-")
        if zone is not None:
            return in_zone(now, zone, country, region)
        zones = zones_of(country) or (company_zone,)
        at = now
        for _ in range(_MOST_TRIES):
            latest = max(in_zone(at, one, country, region) for one in zones)
            if latest <= at:
                return at
            at = latest
        return in_zone(now, company_zone, country, region)  # they never agree

    def in_zone(now: datetime, zone: str, country: str, region: str) -> datetime:
        theirs = zone_of(zone)
        there = now.astimezone(theirs).date()
        days_of = policies.calendars.of_customer(country or None, region or None, there)
        return policies.sending.hours.next_opening(now, theirs, days_of)

    return opening


@cache
def zones_of(country: str) -> tuple[str, ...]:
    """Return the time zones of a country; none of one that is not known."""
    zones = get_global("territory_zones").get(country, ())
    return tuple(sorted(zone for zone in zones if zone in available_timezones()))


zone_of = lru_cache(maxsize=512)(ZoneInfo)


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


def _sent_lately(
    session: Session, found: Sequence[QueuedMessage], rules: SendingRules, now: datetime
) -> Sent:
    """Return what may have reached these customers, by class: in doubt it counts."""
    sent: Sent = defaultdict(list)
    longest = max((cap.days for cap in rules.frequency.values()), default=0)
    at = func.coalesce(Message.sent_at, Message.not_before)
    customers = sorted({queued.customer_id for queued in found})
    for start in range(0, len(customers), _MANY):
        rows = session.execute(
            select(Action.customer_id, Rendering.message_class, at)
            .select_from(Message)
            .join(Action, Action.id == Message.action_id)
            .join(Rendering, Rendering.action_id == Action.id)
            .where(
                Action.customer_id.in_(customers[start : start + _MANY]),
                Message.state.not_in(sorted(_NOT_OUT)),
                at > now - timedelta(days=longest),
            )
        )
        for customer_id, message_class, moment in rows:
            sent[customer_id, message_class].append(moment)
    return sent
