"""The terms of a message: what a step offers, asks or announces."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from retention.domain.notices import NoticePlan
from retention.domain.offers import Proposal
from retention.messages.invitations import Appointment


@dataclass(frozen=True, slots=True)
class Terms:
    """What a message offers or announces.

    `said` are the answers of the conversation before the notice, `tried` the days on which each
    stage's message had left before it, `first_notice_on` when a second notice had its first. What
    is owed may be split into `instalments`. `more` are further values of a message that answers a
    customer, `appointment` a call for their calendar.
    """

    offer: Proposal | None = None
    notice: NoticePlan | None = None
    said: dict[str, str] = field(default_factory=dict)
    tried: dict[str, date] = field(default_factory=dict)
    first_notice_on: date | None = None
    instalments: int = 1
    more: dict[str, dict[str, Any]] = field(default_factory=dict)
    appointment: Appointment | None = None
