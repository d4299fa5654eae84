"""When a message may leave: its recipient's hours, what they got lately, the day's quota."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

from babel.core import get_global
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from retention.db.models.work.actions import Action, Rendering
from retention.db.models.work.messages import Message
from retention.domain.actions import SENT_KINDS, Purpose
from retention.domain.dates import date_in
from retention.domain.messages import MessageClass, MessageState
from retention.domain.people import refuse
from retention.domain.sending import SOMEWHERE, Hours, SendingRules
from retention.people.actor import Actor
from retention.policies.calendars import Calendars

_DAY = timedelta(hours=24)
_NOWHERE = frozenset({SOMEWHERE, "001"})
_NEARLY = 0.9
_MANY, _MOST_TRIES, _REMEMBERED = 500, 14, 4096
_NOT_OUT = frozenset(
    {MessageState.QUEUED, MessageState.RETRY_WAIT, MessageState.FAILED, MessageState.CANCELLED,
     MessageState.EXPIRED}
)  # fmt: skip
Opening = Callable[[datetime, str | None, str], datetime]
Sent = dict[tuple[str, MessageClass], list[datetime]]


@dataclass(frozen=True, slots=True)
class Departure:
    """From when on a message may leave, as far as is known now, and the last day on which."""

    earliest: datetime
    last_day: date


def departure(session: Session, action: Action, actor: Actor) -> Departure:
    """Return when an e-mail that is approved now may leave; its rendering must be loaded."""
    rendering, sending = action.rendering, actor.policies.sending
    if rendering is None or action.kind not in SENT_KINDS:
        raise AssertionError(f"action {action.id} is no e-mail")
    opening = openings(actor.policies.calendars, sending.hours, actor.zone)
    soonest = action.message.not_before if action.message else actor.now + sending.undo
    at = max(actor.now, soonest)
    cap = sending.frequency.get(rendering.message_class)
    if cap is not None and action.purpose is not Purpose.RECEIPT:
        theirs = sent_lately(session, [action.customer_id], sending, actor.now)
        at = max(at, cap.next_free(theirs[action.customer_id, rendering.message_class], at))
    longest = actor.now + timedelta(days=actor.policies.approvals.longest_days)
    last = min(action.due_on, date_in(longest, actor.zone))
    return Departure(opening(at, rendering.timezone, rendering.place), last)


def can_leave(session: Session, action: Action, actor: Actor) -> bool:
    """Return whether a message that waits could still leave by its last day."""
    return _is_in_time(departure(session, action, actor), actor)


def _is_in_time(found: Departure, actor: Actor) -> bool:
    return date_in(found.earliest, actor.zone) <= found.last_day


def refuse_too_late(session: Session, action: Action, actor: Actor) -> None:
    """Refuse what can no longer leave: whoever approved it would wait for nothing.

    Raises NotAllowedError.
    """
    found = departure(session, action, actor)
    if not _is_in_time(found, actor):
        refuse(
            f"action {action.id[:8]}",
            f"can leave on {found.earliest:%Y-%m-%d %H:%M} at the earliest, and its last day is "
            f"{found.last_day}",
            "The next night proposes it anew.",
        )


def openings(calendars: Calendars, hours: Hours, company_zone: str) -> Opening:
    """Return a function of a moment, a recipient's zone and place: when they may be written to.

    Without a zone it may be any of their country's: then when it is the hour in all of them, or in
    most where it never is in all. Who has a country that nobody understands may be anywhere, and
    only who has none at all is taken to be where the company is.
    """

    @lru_cache(maxsize=_REMEMBERED)
    def opening(now: datetime, zone: str | None, place: str) -> datetime:
        country, _, region = place.partition("-")
        if zone is not None:
            return in_zone(now, zone, country, region)
        zones = weigh(country or None, company_zone, now.date())
        at = now
        for _ in range(_MOST_TRIES):
            latest = max(in_zone(at, one, country, region) for one in zones)
            if latest <= at:
                return at
            at = latest
        return where_most_agree(now, zones, country, region)

    def where_most_agree(
        now: datetime, zones: Mapping[str, int], country: str, region: str
    ) -> datetime:
        """Some countries are so wide that it is never the hour in all of them.

        Where nearly as many work now as ever do it is now: the very best hour is soon over.
        """

        def working(at: datetime) -> int:
            return sum(n for one, n in zones.items() if in_zone(at, one, country, region) <= at)

        later = now + timedelta(hours=12)  # an open zone's next morning is one of the moments too
        found = {in_zone(at, one, country, region): 0 for at in (now, later) for one in zones}
        found = {at: working(at) for at in sorted(found)}
        enough = _NEARLY * max(found.values())
        return next(at for at, working_then in found.items() if working_then >= enough)

    def in_zone(now: datetime, zone: str, country: str, region: str) -> datetime:
        theirs = zone_of(zone)
        there = now.astimezone(theirs).date()
        days_of = calendars.of_customer(country or None, region or None, there)
        return hours.next_opening(now, theirs, days_of)

    return opening


@lru_cache(maxsize=512)
def weigh(country: str | None, company_zone: str, on: date) -> Mapping[str, int]:
    """Return the time zones in which somebody may be, and for how many each stands.

    The company's own without a country. Of the world's, those that have the same hour are one.
    """
    if not country:
        return {company_zone: 1}
    if zones := zones_of(country):
        return dict.fromkeys(zones, 1)
    alike: dict[timedelta | None, list[str]] = defaultdict(list)
    for zone in _everywhere():
        alike[datetime.combine(on, time(12), zone_of(zone)).utcoffset()].append(zone)
    return {zones[0]: len(zones) for zones in alike.values()}


@cache
def zones_of(country: str) -> tuple[str, ...]:
    """Return the time zones of a country, in order; none of one that is not known."""
    zones = () if country in _NOWHERE else get_global("territory_zones").get(country, ())
    return tuple(sorted(zone for zone in zones if zone in available_timezones()))


@cache
def _everywhere() -> tuple[str, ...]:
    return tuple(zone for country in get_global("territory_zones") for zone in zones_of(country))


zone_of = lru_cache(maxsize=512)(ZoneInfo)


def sent_lately(
    session: Session, customers: Collection[str], rules: SendingRules, now: datetime
) -> Sent:
    """Return what may have reached these customers, by class: in doubt it counts."""
    sent: Sent = defaultdict(list)
    longest = max((cap.days for cap in rules.frequency.values()), default=0)
    at = func.coalesce(Message.sent_at, Message.not_before)
    asked = sorted(customers)
    for start in range(0, len(asked), _MANY):
        rows = session.execute(
            select(Action.customer_id, Rendering.message_class, at)
            .select_from(Message)
            .join(Action, Action.id == Message.action_id)
            .join(Rendering, Rendering.action_id == Action.id)
            .where(
                Action.customer_id.in_(asked[start : start + _MANY]),
                Message.state.not_in(sorted(_NOT_OUT)),
                at > now - timedelta(days=longest),
            )
        )
        for customer_id, message_class, moment in rows:
            sent[customer_id, message_class].append(moment)
    return sent
