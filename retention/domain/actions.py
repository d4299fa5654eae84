"""An action: one proposed piece of work for one case and step."""

from enum import StrEnum


class ActionKind(StrEnum):
    """What has to be done."""

    EMAIL = "email"
    CALL = "call"
    LETTER = "letter"
    REVIEW = "review"
    SMS = "sms"


class Purpose(StrEnum):
    """What an action is for: a step of its playbook, or work beside the playbook's own."""

    STEP = "step"
    RECEIPT = "receipt"
    HANDOVER = "handover"
    REPLY = "reply"
    NOTICE_CHECK = "notice_check"
    RETRACTION = "retraction"
    STUCK = "stuck"
    CALLBACK = "callback"


Part = int | Purpose
"""Which work of a stage: the position of a step, from 0, or the purpose of other work."""


class ActionState(StrEnum):
    """Where an action stands."""

    PROPOSED = "proposed"
    HELD = "held"
    PENDING_APPROVAL = "pending_approval"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    DONE = "done"
    CANCELLED = "cancelled"


_S = ActionState
_GIVEN_UP = frozenset({_S.SUPERSEDED, _S.CANCELLED, _S.EXPIRED})

# PENDING_APPROVAL -> DONE is for calls and reviews: logging their outcome is the deed itself.
# APPROVED -> PENDING_APPROVAL is for an approval that no longer matches the content.
ACTION_MOVES: dict[ActionState, frozenset[ActionState]] = {
    _S.PROPOSED: frozenset({_S.HELD, _S.PENDING_APPROVAL, _S.APPROVED}) | _GIVEN_UP,
    _S.HELD: frozenset({_S.PENDING_APPROVAL}) | _GIVEN_UP,
    _S.PENDING_APPROVAL: frozenset({_S.APPROVED, _S.REJECTED, _S.DONE}) | _GIVEN_UP,
    _S.APPROVED: frozenset({_S.DONE, _S.PENDING_APPROVAL}) | _GIVEN_UP,
    _S.REJECTED: frozenset(),
    _S.EXPIRED: frozenset(),
    _S.SUPERSEDED: frozenset(),
    _S.DONE: frozenset(),
    _S.CANCELLED: frozenset(),
}

OPEN_ACTION_STATES: frozenset[ActionState] = frozenset(
    {_S.PROPOSED, _S.HELD, _S.PENDING_APPROVAL, _S.APPROVED}
)
"""States in which an action still waits for somebody or something."""

SENT_KINDS = frozenset({ActionKind.EMAIL, ActionKind.SMS})
"""What leaves by itself once it is approved."""
