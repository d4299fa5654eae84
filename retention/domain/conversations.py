"""What we owe a customer who talks to us, and how long an agreement gets to show."""

from dataclasses import dataclass
from datetime import timedelta

from retention.domain.dates import Period

THREE_DAYS = Period(3)


@dataclass(frozen=True, slots=True)
class CallWindow:
    """How soon, and how late, a call may be agreed for."""

    soonest: timedelta = timedelta(hours=2)
    latest: timedelta = timedelta(days=120)


@dataclass(frozen=True, slots=True)
class ConversationRules:
    """By when a reply is dealt with, how long who contests is left alone, when calls may be.

    What is owed may be split into `instalments`. What a customer has accepted gets
    `accepted_shows` before anybody moves on.
    """

    answer_within: Period = THREE_DAYS
    contested_hold: timedelta = timedelta(days=60)
    accepted_shows: timedelta = timedelta(days=90)
    calls: CallWindow = CallWindow()
    instalments: int = 3
