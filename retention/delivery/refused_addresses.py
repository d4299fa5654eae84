"""A refusal at RCPT says of an address what the same words say in a report."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from retention.db.models.work.actions import Action
from retention.delivery.attempts import Ending
from retention.domain.messages import AttemptStage
from retention.domain.sending import DeadAtOnce
from retention.safeguards import dead_addresses
from retention.safeguards.bounce_reasons import meaning_of
from retention.safeguards.soft_bounces import soft_in_a_row


def note_refused(
    session: Session, failed: Iterable[Ending], soft_bounces: int, at_once: DeadAtOnce
) -> None:
    """End the addresses that were refused for good, by code and words alike, or too often.

    `failed` are the attempts after which their message failed.
    """
    for ending in failed:
        if ending.stage is not AttemptStage.RCPT:
            continue
        address = ending.claimed.recipient.casefold()
        meaning = meaning_of("", f"{ending.code or ''} {ending.reply}")
        reason = f"refused: {meaning.reason}"
        if not meaning.hard:
            in_a_row = soft_in_a_row(session, address, soft_bounces)
            if in_a_row < soft_bounces:
                continue
            reason = f"{in_a_row} refused or soft bounces in a row: {meaning.reason}"
        query = select(Action.customer_id).where(Action.id == ending.claimed.action_id)
        customer = session.scalar(query) or ""
        dead_addresses.note(session, address, customer, reason, ending.at, at_once)
