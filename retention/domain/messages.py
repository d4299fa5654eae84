"""A message: one outbound e-mail to one recipient, and what a failed attempt means for it.

Between the final dot and the server's reply nobody can know who holds the message (RFC 1047).
So a failure before the dot is safe to repeat, and one after it is `unknown`.
"""

from datetime import timedelta
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


class TeamClass(StrEnum):
    """What a message to our own people is for; it is no customer's, and has a cap of its own."""

    OPERATIONS = "operations"


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


class Verdict(StrEnum):
    """What a failed attempt means."""

    TRY_AGAIN = "try_again"
    NEVER = "never"
    UNSURE = "unsure"
    SERVER = "server"
    TAKEN_BACK = "taken_back"


_M = MessageState
_ANSWERS = frozenset({_M.DELIVERED, _M.BOUNCED_SOFT, _M.BOUNCED_HARD, _M.COMPLAINED})

MESSAGE_MOVES: dict[MessageState, frozenset[MessageState]] = {
    _M.QUEUED: frozenset({_M.SENDING, _M.CANCELLED, _M.EXPIRED}),
    _M.SENDING: frozenset(
        {_M.SENT, _M.QUEUED, _M.RETRY_WAIT, _M.FAILED, _M.UNKNOWN, _M.CANCELLED, _M.EXPIRED}
    ),
    _M.RETRY_WAIT: frozenset({_M.SENDING, _M.QUEUED, _M.CANCELLED, _M.EXPIRED, _M.FAILED}),
    _M.SENT: _ANSWERS,
    _M.UNKNOWN: frozenset({_M.QUEUED, _M.SENT, _M.FAILED, _M.CANCELLED}) | _ANSWERS,
    _M.FAILED: frozenset(),
    # Taken back by who approved it, before any attempt, and approved again.
    _M.CANCELLED: frozenset({_M.QUEUED}),
    _M.EXPIRED: frozenset(),
    _M.DELIVERED: frozenset({_M.BOUNCED_SOFT, _M.BOUNCED_HARD, _M.COMPLAINED}),
    _M.BOUNCED_SOFT: frozenset({_M.DELIVERED, _M.BOUNCED_HARD}),
    _M.BOUNCED_HARD: frozenset(),
    _M.COMPLAINED: frozenset(),
}

CLAIMABLE_STATES: frozenset[MessageState] = frozenset({_M.QUEUED, _M.RETRY_WAIT})
DELIVERED_STATES: frozenset[MessageState] = frozenset({_M.SENT, _M.DELIVERED})
"""States that count as evidence that a message left and was taken."""

MAX_REFUSALS = 8
MAX_COPIES_AT_LEAST_ONCE = 2
_WAITS = tuple(timedelta(minutes=m) for m in (1, 5, 20, 60, 120, 240))
_AFTER_UNSURE = timedelta(minutes=10)
_JITTER = 0.2


def verdict_of(stage: AttemptStage, reply_code: int | None) -> Verdict:
    """Return what a failure means. `stage` is the last one recorded.

    A reply is certain knowledge: a 4xx may be tried again, a 5xx refuses this message, or all of
    ours when it comes before there was a recipient. Without one, or with something that is neither,
    the server may hold the message once the dot was sent.
    """
    if reply_code is None or not 400 <= reply_code < 600:  # noqa: PLR2004 - SMTP classes
        return Verdict.UNSURE if stage is AttemptStage.DOT else Verdict.TRY_AGAIN
    if reply_code >= 500:  # noqa: PLR2004 - SMTP classes
        return Verdict.SERVER if stage <= AttemptStage.MAIL else Verdict.NEVER
    return Verdict.TRY_AGAIN


def state_after_failure(
    verdict: Verdict, policy: SendPolicy, *, unsure: int, refusals: int
) -> MessageState:
    """Return the state a message takes after a failed attempt.

    `unsure` counts the attempts, this one included, after which the server may hold a copy;
    `refusals` those that the server has answered with a 4xx about this message. What is wrong with
    the server or the line never fails a message: it goes on waiting until its last day.
    """
    if verdict in (Verdict.SERVER, Verdict.TAKEN_BACK):
        return MessageState.QUEUED
    if verdict is Verdict.NEVER:
        return MessageState.FAILED
    if verdict is Verdict.UNSURE:
        may_repeat = policy is SendPolicy.AT_LEAST_ONCE and unsure < MAX_COPIES_AT_LEAST_ONCE
        return MessageState.RETRY_WAIT if may_repeat else MessageState.UNKNOWN
    return MessageState.RETRY_WAIT if refusals < MAX_REFUSALS else MessageState.FAILED


def wait_before_retry(verdict: Verdict, attempt: int, spread: float) -> timedelta:
    """Return how long a message waits after its failed `attempt` (from 1).

    `spread`, from 0 to 1, tells messages apart that failed together, so that they do not all come
    back at the same moment.
    """
    if verdict is Verdict.TAKEN_BACK:
        return timedelta()
    if verdict is Verdict.UNSURE:
        return _AFTER_UNSURE
    return _WAITS[min(attempt, len(_WAITS)) - 1] * (1 + _JITTER * spread)
