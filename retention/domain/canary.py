"""The first few of a large mailing go ahead; the others wait and see how those were taken."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class CanaryRule:
    """Of a mailing larger than `above`, `first` messages leave; the others wait for `wait`."""

    above: int
    first: int
    wait: timedelta


@dataclass(frozen=True, slots=True)
class MailingProgress:
    """How far a mailing has come: all its messages, those that left, those that went wrong.

    `bad` are refused, bounced and complained-of ones, `unsettled` those whose fate is not known.
    """

    size: int
    left: int
    bad: int
    unsettled: int
    last_left_at: datetime | None


def may_leave(mailing: MailingProgress, rule: CanaryRule, now: datetime) -> int | None:
    """Return how many more messages of a mailing may leave now; None when people have to look."""
    waiting = mailing.size - mailing.left - mailing.bad - mailing.unsettled
    if mailing.size <= rule.above:
        return waiting
    tried = mailing.left + mailing.bad + mailing.unsettled
    if tried < rule.first:
        return rule.first - tried
    if tried > rule.first:
        return waiting
    if mailing.bad:
        return None
    if mailing.unsettled or mailing.last_left_at is None:
        return 0
    return waiting if now >= mailing.last_left_at + rule.wait else 0
