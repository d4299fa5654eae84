"""Whose approval an action still needs."""

from datetime import datetime, timedelta

from retention.db.models.work.actions import Action
from retention.domain.approving import (
    Given,
    Slot,
    open_slots,
    parse_slot,
    slot_text,
)
from retention.domain.people import Role, Team
from retention.messages.content_hash import content_of


def slots_of(action: Action) -> list[Slot]:
    """Return who must approve an action; one that was escalated may be decided by a director."""
    slots = [parse_slot(text) for text in action.required_roles]
    if action.escalated_on is None:
        return slots
    return [slot | {Role.DIRECTOR} for slot in slots]


def given(action: Action, now: datetime, valid: timedelta) -> list[Given]:
    """Return the approvals that are still worth something: same content, not refused, not stale."""
    if not action.approvals:
        return []
    content = content_of(action)
    return [
        Given(a.person_id, a.role, a.on_behalf_of)
        for a in action.approvals
        if a.approved
        and a.withdrawn_at is None
        and a.content_hash == content
        and a.decided_at > now - valid
    ]


def counting(action: Action, now: datetime, valid: timedelta, team: Team) -> list[Given]:
    """Return those of `given` whose people still have the role in which they approved."""
    return [
        g
        for g in given(action, now, valid)
        if team.still_has(g.person_id, g.on_behalf_of, g.role, action.owner)
    ]


def still_needed(action: Action, now: datetime, valid: timedelta) -> list[str]:
    """Return the slots that nobody has filled yet, as text."""
    return [slot_text(slot) for slot in open_slots(slots_of(action), given(action, now, valid))]
