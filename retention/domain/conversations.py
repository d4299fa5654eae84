"""What we owe a customer who talks to us, and how long an agreement gets to show."""

from dataclasses import dataclass
from datetime import time, timedelta
from decimal import Decimal

from retention.domain.dates import Period

THREE_DAYS = Period(3)


@dataclass(frozen=True, slots=True)
class CallWindow:
    """How soon, and how late, a call may be agreed for."""

    soonest: timedelta = timedelta(hours=2)
    latest: timedelta = timedelta(days=120)


@dataclass(frozen=True, slots=True)
class Slots:
    """The hours of those who call, in the company's zone, and how long a call may take."""

    opens: time = time(9, 30)
    closes: time = time(17, 30)
    length: timedelta = timedelta(minutes=30)
    days_ahead: int = 10


@dataclass(frozen=True, slots=True)
class Doubts:
    """Which answers may be a scanner's: so soon after the message left, or read so fast."""

    after_delivery: timedelta = timedelta(seconds=30)
    reading: timedelta = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class ConversationRules:
    """By when a reply is dealt with, how long who contests is left alone, when calls may be.

    What is owed may be split into `instalments`, none below `least_part`. What an answer on a page
    leads to elsewhere waits for its `grace`. What a customer has accepted gets
    `accepted_shows` before anybody moves on.
    """

    answer_within: Period = THREE_DAYS
    contested_hold: timedelta = timedelta(days=60)
    accepted_shows: timedelta = timedelta(days=90)
    calls: CallWindow = CallWindow()
    instalments: int = 3
    least_part: Decimal = Decimal(10)
    grace: timedelta = timedelta(hours=24)
    slots: Slots = Slots()
    doubts: Doubts = Doubts()
