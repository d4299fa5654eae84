"""The first few of a large batch go ahead; the others wait and see how those were taken."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class CanaryRule:
    """Of a batch larger than `above`, `first` messages go ahead and the others wait for `wait`."""

    above: int
    first: int
    wait: timedelta


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """How far a batch has come: all its messages, those that left, those that went wrong.

    `bad` are refused, bounced and complained-of ones, `unsettled` those whose fate is not known.
    """

    size: int
    left: int
    bad: int
    unsettled: int
    last_left_at: datetime | None


def may_leave(batch: BatchProgress, rule: CanaryRule, now: datetime) -> int | None:
    """Return how many more messages of a batch may leave now; None when people have to look."""
    waiting = batch.size - batch.left - batch.bad - batch.unsettled
    if batch.size <= rule.above:
        return waiting
    tried = batch.left + batch.bad + batch.unsettled
    if tried < rule.first:
        return rule.first - tried
    if tried > rule.first:
        return waiting
    if batch.bad:
        return None
    if batch.unsettled or batch.last_left_at is None:
        return 0
    return waiting if now >= batch.last_left_at + rule.wait else 0
