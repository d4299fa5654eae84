"""When a message may leave: the recipient's hours, how many there were lately, the day's quota."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from retention.domain.dates import Calendar
from retention.domain.messages import MessageClass

SOMEWHERE = "ZZ"
"""The country of a customer whose country is given in words that nobody knows (CLDR)."""
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Hours:
    """From when to when customers may be written to, in their own time; never on their holidays."""

    opens: time = time(9)
    closes: time = time(19)

    def next_opening(self, now: datetime, zone: ZoneInfo, days_of: Calendar) -> datetime:
        """Return `now` if a message may leave now, or the moment from which it may."""
        local = now.astimezone(zone)
        if days_of.is_workday(local.date()) and self.opens <= local.time() < self.closes:
            return now
        day = local.date()
        if local.time() >= self.opens:
            day += timedelta(days=1)
        while not days_of.is_workday(day):
            day += timedelta(days=1)
        return datetime.combine(day, self.opens, zone)


@dataclass(frozen=True, slots=True)
class Frequency:
    """At most `messages` of a class to one customer within `days`, across playbooks."""

    messages: int
    days: int

    def next_free(self, sent: Iterable[datetime], now: datetime) -> datetime:
        """Return `now` if one more may leave now, or the moment from which it may."""
        since = now - timedelta(days=self.days)
        recent = sorted(moment for moment in sent if moment > since)
        if len(recent) < self.messages:
            return now
        return recent[-self.messages] + timedelta(days=self.days)


@dataclass(frozen=True, slots=True)
class ErrorRate:
    """Sending stops by itself when of at least `among` attempts in `minutes` a `share` failed."""

    share: float = 0.2
    among: int = 20
    minutes: int = 60

    def is_exceeded(self, failed: int, tried: int) -> bool:
        """Return whether too many of the attempts failed."""
        return tried >= self.among and failed > self.share * tried


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast we may be: per second, per second and recipient domain, and on how many lines."""

    per_second: float = 5.0
    per_domain: float = 2.0
    connections: int = 2
    messages_per_connection: int = 100


@dataclass(frozen=True, slots=True)
class DeadAtOnce:
    """When so many addresses of a provider die within an hour, it is us that it refuses.

    At least `addresses` of them, and more than this `share` of those that were written to in a day.
    """

    addresses: int = 10
    share: float = 0.2


USUAL_DEAD_AT_ONCE = DeadAtOnce()


@dataclass(frozen=True, slots=True)
class SendingRules:
    """Everything `sending.yaml` says about when, where to and how fast messages leave.

    An address is dead after `soft_bounces` in a row; nothing adverse leaves when the newest good
    night is older than `newest_night` days. What was approved waits for `undo` before it leaves.
    """

    hours: Hours = Hours()
    frequency: dict[MessageClass, Frequency] = field(default_factory=dict)
    daily_quota: int = 2000
    pace: Pace = Pace()
    errors: ErrorRate = ErrorRate()
    hosts: frozenset[str] = frozenset()
    soft_bounces: int = 3
    dead_at_once: DeadAtOnce = USUAL_DEAD_AT_ONCE
    newest_night: int = 7
    undo: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Spill:
    """How the quota spreads what is ready over days: how many leave when, at the soonest."""

    ready: int
    quota: int
    sent_today: int

    @property
    def today(self) -> int:
        """How many still leave today."""
        return min(self.ready, max(0, self.quota - self.sent_today))

    def days(self, first: date, days_of: Calendar) -> dict[date, int]:
        """Return how many messages leave on which workday, from `first`; at most sixty days."""
        left, found, day = self.ready, {}, first
        room = max(0, self.quota - self.sent_today)
        for _ in range(_LONGEST):
            while not days_of.is_workday(day):
                day += timedelta(days=1)
            if left and room:
                found[day] = min(left, room)
                left -= found[day]
            if not left:
                break
            day, room = day + timedelta(days=1), self.quota
        return found
