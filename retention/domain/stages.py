"""The stages of the two ladders, and which of them can hurt a customer.

`restore` follows the five steps of Mittal, Sarkees and Murshed (Harvard Business Review, April
2008); `retain` keeps good customers who show signs of leaving.
"""

from enum import StrEnum


class PlaybookName(StrEnum):
    """The two playbooks."""

    RESTORE = "restore"
    RETAIN = "retain"


class Stage(StrEnum):
    """Where a case stands on its ladder."""

    REASSESS = "reassess"
    EDUCATE = "educate"
    RENEGOTIATE = "renegotiate"
    MIGRATE = "migrate"
    TERMINATE = "terminate"
    LISTEN = "listen"
    REWARD = "reward"


LADDERS: dict[PlaybookName, tuple[Stage, ...]] = {
    PlaybookName.RESTORE: (
        Stage.REASSESS,
        Stage.EDUCATE,
        Stage.RENEGOTIATE,
        Stage.MIGRATE,
        Stage.TERMINATE,
    ),
    PlaybookName.RETAIN: (Stage.LISTEN, Stage.EDUCATE, Stage.REWARD),
}

ADVERSE_STAGES: frozenset[Stage] = frozenset({Stage.MIGRATE, Stage.TERMINATE})
"""Stages that worsen a customer's position: they need two people and undisturbed data."""

GUARDED_STAGES: frozenset[Stage] = ADVERSE_STAGES | {Stage.RENEGOTIATE}
"""Stages that a complaint, a dispute or a vulnerable flag holds up."""
