"""A refusal at RCPT says of an address what the same words say in a report."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from retention.db.models import Action
from retention.delivery.attempts import Ending
from retention.domain.messages import AttemptStage, Verdict
from retention.domain.sending import DeadAtOnce
from retention.safeguards import dead_addresses
from retention.safeguards.bounce_reasons import meaning_of


def note_refused(session: Session, endings: Iterable[Ending], at_once: DeadAtOnce) -> None:
    """End the addresses that were refused for good, by code and words alike."""
    for ending in endings:
        if ending.stage is not AttemptStage.RCPT or ending.verdict is not Verdict.NEVER:
            continue
        meaning = meaning_of("", f"{ending.code or ''} {ending.reply}")
        if not meaning.hard:
            continue
        claimed = ending.claimed
        customer = session.scalar(select(Action.customer_id).where(Action.id == claimed.action_id))
        dead_addresses.note(
            session, claimed.recipient.casefold(), customer or "",
            f"refused: {meaning.reason}", ending.at, at_once,
        )  # fmt: skip
