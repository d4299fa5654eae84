"""The terms of a message: what a step offers, asks or announces."""

from dataclasses import dataclass, field
from typing import Any

from retention.domain.notices import NoticePlan
from retention.domain.offers import Proposal
from retention.messages.invitations import Appointment


@dataclass(frozen=True, slots=True)
class Terms:
    """What a message offers or announces.

    `alternative` and `fees` are what was said in the conversation before the notice; `more` are
    further values of a message that answers a customer, `appointment` a call for their calendar.
    """

    offer: Proposal | None = None
    notice: NoticePlan | None = None
    alternative: str = ""
    fees: str = ""
    more: dict[str, dict[str, Any]] = field(default_factory=dict)
    appointment: Appointment | None = None
