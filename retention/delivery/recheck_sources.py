"""Has a customer paid, or complained, since the night that a message rests on?"""

from collections.abc import Sequence
from datetime import date

from sqlalchemy.orm import Session

from retention.delivery import queued_messages
from retention.delivery.claim import settle_refused
from retention.delivery.last_check import Refusal
from retention.delivery.queued_messages import QueuedMessage
from retention.domain.errors import SourceError
from retention.domain.messages import MessageState
from retention.domain.stages import ADVERSE_STAGES, GUARDED_STAGES
from retention.messages import outbox
from retention.policies.load import Policies
from retention.snapshots.folders import Folders
from retention.sources.recent import Recent, look_since

UNREADABLE = "company_data_unreadable"


def ask_company(session: Session, ids: Sequence[str]) -> list[QueuedMessage]:
    """Return those of some messages about which the company's own data has to be asked."""
    return [p for p in queued_messages.load(session, ids) if p.stage in GUARDED_STAGES]


def look(
    policies: Policies, folders: Folders, guarded: Sequence[QueuedMessage], today: date
) -> Recent | None:
    """Return what has happened until today, or None when the company's data cannot be read now."""
    try:
        return look_since(
            policies.sources,
            policies.home,
            folders.environment,
            folders.timezone,
            (min(queued.proposed_on for queued in guarded), today),
            {queued.customer_id for queued in guarded},
        )
    except SourceError:
        return None


def keep_back(
    session: Session, guarded: Sequence[QueuedMessage], recent: Recent | None
) -> set[str]:
    """Take back what no longer fits; return the messages that do not leave now.

    When nobody can tell, what is guarded waits: no data never worsens anybody's position.
    """
    if recent is None:
        ids = {queued.message_id for queued in guarded}
        outbox.put_off(session, ids, UNREADABLE, None)
        return ids
    refused = {}
    for queued in guarded:
        reason = _changed(queued, recent)
        if reason is not None:
            refused[queued.message_id] = Refusal(MessageState.CANCELLED, reason)
    settle_refused(session, guarded, refused)
    return set(refused)


def _changed(queued: QueuedMessage, recent: Recent) -> str | None:
    complained = recent.complained_on.get(queued.customer_id, date.min)
    if complained > queued.proposed_on:
        return f"the customer has complained since ({complained})"
    paid = recent.paid_on.get(queued.customer_id, date.min)
    if queued.stage in ADVERSE_STAGES and paid > queued.proposed_on:
        return f"the customer has paid since ({paid})"
    return None
