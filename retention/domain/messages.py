"""A message: one outbound e-mail to one recipient, and what a failed attempt means for it.

Between the final dot and the server's reply nobody can know who holds the message (RFC 1047).
So a failure before the dot is safe to repeat, and one after it is `unknown`.
"""

from enum import IntEnum, StrEnum


class MessageState(StrEnum):
    """Where a message stands."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    RETRY_WAIT = "retry_wait"
    FAILED = "failed"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    DELIVERED = "delivered"
    BOUNCED_SOFT = "bounced_soft"
    BOUNCED_HARD = "bounced_hard"
    COMPLAINED = "complained"


class MessageClass(StrEnum):
    """What a message is for: it decides what may keep it from leaving."""

    COMMERCIAL = "commercial"
    SERVICE = "service"
    LEGAL_NOTICE = "legal_notice"


class SendPolicy(StrEnum):
    """What to do when it is unknown whether the server took the message."""

    AT_MOST_ONCE = "at_most_once"
    AT_LEAST_ONCE = "at_least_once"


class AttemptStage(IntEnum):
    """How far an SMTP conversation went; it only grows."""

    CLAIMED = 0
    CONNECTED = 1
    MAIL = 2
    RCPT = 3
    DATA = 4
    DOT = 5
    REPLIED = 6


_M = MessageState
_ANSWERS = frozenset({_M.DELIVERED, _M.BOUNCED_SOFT, _M.BOUNCED_HARD, _M.COMPLAINED})

MESSAGE_MOVES: dict[MessageState, frozenset[MessageState]] = {
    _M.QUEUED: frozenset({_M.SENDING, _M.CANCELLED, _M.EXPIRED}),
    _M.SENDING: frozenset(
        {_M.SENT, _M.RETRY_WAIT, _M.FAILED, _M.UNKNOWN, _M.CANCELLED, _M.EXPIRED}
    ),
    _M.RETRY_WAIT: frozenset({_M.SENDING, _M.CANCELLED, _M.EXPIRED, _M.FAILED}),
    _M.SENT: _ANSWERS,
    _M.UNKNOWN: frozenset({_M.QUEUED, _M.SENT, _M.FAILED, _M.CANCELLED}),
    _M.FAILED: frozenset(),
    _M.CANCELLED: frozenset(),
    _M.EXPIRED: frozenset(),
    _M.DELIVERED: frozenset({_M.BOUNCED_SOFT, _M.BOUNCED_HARD, _M.COMPLAINED}),
    _M.BOUNCED_SOFT: frozenset({_M.DELIVERED, _M.BOUNCED_HARD}),
    _M.BOUNCED_HARD: frozenset(),
    _M.COMPLAINED: frozenset(),
}

CLAIMABLE_STATES: frozenset[MessageState] = frozenset({_M.QUEUED, _M.RETRY_WAIT})
DELIVERED_STATES: frozenset[MessageState] = frozenset({_M.SENT, _M.DELIVERED})
"""States that count as evidence that a message left and was taken."""

MAX_ATTEMPTS = 5
MAX_COPIES_AT_LEAST_ONCE = 2


def state_after_failure(
    stage: AttemptStage, reply_code: int | None, policy: SendPolicy, attempt: int
) -> MessageState:
    """Return the state a message takes after a failed attempt.

    `stage` is the last one recorded, `reply_code` the server's reply if there was one, `attempt`
    counts from 1. A reply is certain knowledge: 5xx fails (unless it is our own sender that is
    refused), 4xx may be tried again. Without a reply after the dot the server may hold the message.
    """
    refused = reply_code is not None and 500 <= reply_code < 600  # noqa: PLR2004 - SMTP classes
    if refused and stage >= AttemptStage.RCPT:
        return MessageState.FAILED
    if stage is AttemptStage.DOT and reply_code is None:
        may_repeat = policy is SendPolicy.AT_LEAST_ONCE and attempt < MAX_COPIES_AT_LEAST_ONCE
        return MessageState.RETRY_WAIT if may_repeat else MessageState.UNKNOWN
    return MessageState.RETRY_WAIT if attempt < MAX_ATTEMPTS else MessageState.FAILED
