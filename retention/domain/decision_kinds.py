"""What a night can do with a case, as it is written down."""

from enum import StrEnum


class DecisionKind(StrEnum):
    """What a night can do with a case."""

    OPEN = "open"
    WAIT = "wait"
    PROPOSE = "propose"
    ADVANCE = "advance"
    CLOSE = "close"
    VOID_NOTICE = "void_notice"
