"""What ops have to hear of: a night or a round that went wrong, what has waited too long."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum


class TroubleKind(StrEnum):
    """What is wrong."""

    NIGHT_FAILED = "night_failed"
    NIGHT_HELD = "night_held"
    NIGHT_LATE = "night_late"
    ROUND_FAILED = "round_failed"
    DELIVERY_STOPPED = "delivery_stopped"
    DELIVERY_SILENT = "delivery_silent"
    QUEUE_OLD = "queue_old"
    WEBHOOKS_GIVEN_UP = "webhooks_given_up"


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong now; `key` says of what (a date, a flow), `why` names nobody.

    It is the same trouble, told once, for as long as kind and key stay.
    """

    kind: TroubleKind
    key: str
    why: str = ""
    count: int = 0


@dataclass(frozen=True, slots=True)
class AlertRules:
    """When something is late, and how many mails about it a day may bring."""

    night_by: time = time(7)
    rounds_within: timedelta = timedelta(minutes=60)
    approved_within: timedelta = timedelta(hours=24)
    mails_per_day: int = 12
    opens: time = time(9)
    closes: time = time(19)

    def expected_night(self, local: datetime) -> date:
        """Return the newest business date whose night should be done at a local moment."""
        done = 1 if local.time() >= self.night_by else 2
        return local.date() - timedelta(days=done)
