"""Everything that keeps a message in the outbox now, for whoever asks why it has not left."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from retention.actions.leaving_times import sent_lately
from retention.db.models.work.messages import Message
from retention.delivery import queued_messages
from retention.delivery.last_check import Rules, all_reasons
from retention.delivery.selection import ENOUGH, OUT_OF_HOURS, QUOTA, used_quota
from retention.domain.actions import Purpose
from retention.domain.messages import CLAIMABLE_STATES, MessageState
from retention.domain.sending import SendingRules

_ASKED_ANEW = (OUT_OF_HOURS, ENOUGH, QUOTA, "the customer has written to us", "is stopped")


def reasons_of(
    session: Session,
    messages: Sequence[Message],
    now: datetime,
    rules: Rules,
    sending: SendingRules,
) -> dict[str, list[str]]:
    """Return the reasons of each message that waits, none for one that leaves at the next round.

    What only a round can tell, such as what the company's data says, counts until the next round.
    """
    waiting = {m.id: m for m in messages if m.state in CLAIMABLE_STATES}
    found = queued_messages.load(session, list(waiting))
    every = all_reasons(session, found, now, rules)
    sent = sent_lately(session, {queued.customer_id for queued in found}, sending, now)
    full = used_quota(session, now) >= sending.daily_quota
    said = {}
    for queued in found:
        message, kept = waiting[queued.message_id], dict[str, None]()
        if message.held_by:
            kept[f"held by {message.held_by}"] = None
        if message.state is MessageState.RETRY_WAIT:
            kept["to be tried again"] = None
        kept |= dict.fromkeys(refusal.reason for refusal in every[queued.message_id])
        cap = sending.frequency.get(queued.message_class)
        theirs = sent[queued.customer_id, queued.message_class]
        free = cap is None or queued.purpose is Purpose.RECEIPT or cap.next_free(theirs, now) <= now
        if not free:
            kept[ENOUGH] = None
        if full:
            kept[QUOTA] = None
        if message.waiting_for and not message.waiting_for.endswith(_ASKED_ANEW):
            kept[message.waiting_for] = None
        said[queued.message_id] = list(kept)
    return said
