"""Stable ids of business records, derived from what they stand for.

The same night repeated gives the same ids, so a second insert is refused by the database instead of
becoming a second message. Nothing else in the program makes ids.
"""

import uuid
from datetime import date

_ROOT = uuid.UUID("6f1c6c1e-5d0a-4c43-9a55-0c6d1e0f7a11")


def case_id(customer_id: str, playbook: str, opened_on: date) -> str:
    """Return the id of the case that opened on a date."""
    return _key("case", customer_id, playbook, opened_on.isoformat())


def action_id(case: str, stage: str, part: str, proposed_on: date, number: int = 1) -> str:
    """Return the id of the action proposed on a date; `part` tells the works of a stage apart.

    Later versions of the same day have a number.
    """
    parts = ("action", case, stage, part, proposed_on.isoformat())
    return _key(*parts) if number == 1 else _key(*parts, str(number))


def receipt_id(case: str, decision: str, as_of: date) -> str:
    """Return the id of the receipt of a case's decision on a date."""
    return _key("receipt", case, decision, as_of.isoformat())


def message_id(action: str) -> str:
    """Return the id of the one message an action can become."""
    return _key("message", action)


def offer_id(action: str) -> str:
    """Return the id of the offer that an action makes."""
    return _key("offer", action)


def waiver_id(case: str, stage: str) -> str:
    """Return the id of the waiver of a stage."""
    return _key("waiver", case, stage)


def handover_id(case: str, partner: str) -> str:
    """Return the id of a case's hand-over to a partner."""
    return _key("handover", case, partner)


def batch_id(business_date: date, effect: str) -> str:
    """Return the id of what a night held back."""
    return _key("batch", business_date.isoformat(), effect)


def _key(*parts: str) -> str:
    return str(uuid.uuid5(_ROOT, "\x1f".join(parts)))
