"""Who is left alone: holds, exemptions and suppressions, with a reason, an author and an end."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class ExclusionKind(StrEnum):
    """What an exclusion does.

    A hold stops a customer's playbooks for a while; an exemption keeps the customer out of them and
    closes an open case; a suppression keeps messages of a class from leaving.
    """

    HOLD = "hold"
    EXEMPTION = "exemption"
    SUPPRESSION = "suppression"


class ExclusionReason(StrEnum):
    """Why; the note says the rest."""

    PROMISE_TO_PAY = "promise_to_pay"
    COMPLAINT = "complaint"
    DISPUTE = "dispute"
    HARDSHIP = "hardship"
    VULNERABLE = "vulnerable"
    LEGAL = "legal"
    NEGOTIATING = "negotiating"
    CONTESTED = "contested"
    STRATEGIC = "strategic"
    DO_NOT_DISTURB = "do_not_disturb"
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    OTHER = "other"
    PAID = "paid"
    PAUSED = "paused"
    ADDRESS_CHANGED = "address_changed"


ALL = "all"
"""The scope of an exclusion that holds for every playbook, or for every class but legal notices."""

MESSAGE_CLASSES = ("commercial", "service")
"""What can be suppressed. A legal notice never can."""

OPEN_ENDED = frozenset({ExclusionKind.SUPPRESSION})
"""Kinds that may go without an end: an address that bounced stays wrong."""


@dataclass(frozen=True, slots=True)
class Exclusion:
    """One exclusion of one customer; `scope` is a playbook or a message class, or `all`.

    It holds from `starts_on` to `ends_on`, both included; then it is released by itself.
    """

    kind: ExclusionKind
    scope: str
    reason: ExclusionReason
    starts_on: date
    ends_on: date | None

    def holds(self, today: date) -> bool:
        """Return whether it is in force on a day."""
        return self.starts_on <= today and (self.ends_on is None or today <= self.ends_on)

    def covers(self, scope: str) -> bool:
        """Return whether it covers a playbook or a message class."""
        return self.scope in (ALL, scope)


def in_force(
    exclusions: tuple[Exclusion, ...], kind: ExclusionKind, scope: str, today: date
) -> Exclusion | None:
    """Return the first exclusion of a kind that covers `scope` on a day, or None."""
    for exclusion in exclusions:
        if exclusion.kind is kind and exclusion.covers(scope) and exclusion.holds(today):
            return exclusion
    return None
