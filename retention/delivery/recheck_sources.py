"""Which messages the company's own data has to be asked about, and what becomes of them then."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from retention.delivery import queued_messages
from retention.delivery.claim import settle_refused
from retention.delivery.last_check import Refusal
from retention.delivery.queued_messages import QueuedMessage
from retention.domain.actions import Purpose
from retention.domain.messages import MessageState
from retention.domain.stages import GUARDED_STAGES
from retention.messages import outbox


def ask_company(
    session: Session, ids: Sequence[str], now: datetime, valid: timedelta
) -> list[QueuedMessage]:
    """Return those of some messages about which the company's own data has to be asked.

    That is whatever is guarded, and what rules have kept for longer than an approval is `valid`.
    """
    return [
        queued
        for queued in queued_messages.load(session, ids)
        if is_guarded(queued) or queued.waited_until(now) > valid
    ]


def is_guarded(queued: QueuedMessage) -> bool:
    """Tell whether everything that may speak for a customer counts against a message."""
    return queued.stage in GUARDED_STAGES and queued.purpose is not Purpose.RECEIPT


def keep_back(
    session: Session,
    asked: Sequence[QueuedMessage],
    doubt: str | None,
    against: Mapping[str, str],
    now: datetime,
) -> set[str]:
    """Take back what no longer fits; return the messages that do not leave now.

    In doubt what is guarded waits, and says so: no data never worsens anybody's position.
    """
    if doubt is not None:
        ids = {queued.message_id for queued in asked if is_guarded(queued)}
        outbox.put_off(session, ids, doubt, now)
        return ids
    refused = {key: Refusal(MessageState.CANCELLED, reason) for key, reason in against.items()}
    settle_refused(session, asked, refused, now)
    return set(refused)
