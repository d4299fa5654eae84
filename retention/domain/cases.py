"""A case: one customer's way through one playbook version."""

from enum import StrEnum


class CaseState(StrEnum):
    """Open, or the outcome it was closed with."""

    OPEN = "open"
    RESTORED = "restored"
    MIGRATED = "migrated"
    TERMINATED = "terminated"
    SELF_CHURNED = "self_churned"
    CLEARED = "cleared"
    EXEMPT = "exempt"
    EXPIRED = "expired"


OUTCOMES: frozenset[CaseState] = frozenset(CaseState) - {CaseState.OPEN}

CASE_MOVES: dict[CaseState, frozenset[CaseState]] = {
    CaseState.OPEN: OUTCOMES,
    **{outcome: frozenset() for outcome in OUTCOMES},
}


OUR_FAULT = "review:own_fault"
"""Why a case was closed whose cause was ours."""


class CaseEventKind(StrEnum):
    """What a line of a case's history says."""

    OPENED = "opened"
    STAGE_ENTERED = "stage_entered"
    REVIEWED = "reviewed"
    CONVERSATION = "conversation"
    NOTICE_VOIDED = "notice_voided"
    CLOSED = "closed"
