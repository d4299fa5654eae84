"""Waits that end by somebody's work only: after the playbook's patience the owner is asked."""

from collections.abc import Iterable
from datetime import date
from itertools import groupby
from operator import itemgetter

STUCK = "stuck"
"""The form of the question."""

_IN_VAIN = frozenset(
    {
        "improving_or_unknown", "no_alternative_named", "no_conversation_logged",
        "no_data_tonight", "no_usable_address", "playbook_unreadable", "profit_uncertain",
        "recovering",
    }
)  # fmt: skip
_IN_VAIN_WITH = (
    "blocked:",
    "message_",
    "not_written:",
    "notice_needs_person:",
    "stage_not_served:",
)


def is_in_vain(reason: str) -> bool:
    """Tell whether a wait can last for ever though everybody has done their work."""
    return reason in _IN_VAIN or reason.startswith(_IN_VAIN_WITH)


def waiting_since(reasons: Iterable[tuple[date, str]], reason: str) -> date | None:
    """Return since when a case has waited for `reason`, from its receipts, oldest first.

    What was decided on one night has no order of its own: a case may have moved on and waited.
    """
    since = None
    for on, decided in groupby(reasons, key=itemgetter(0)):
        if all(found != reason for _, found in decided):
            since = None
        elif since is None:
            since = on
    return since
