"""May these messages leave now? Asked when they are claimed and again just before their data."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy.orm import Session

from retention.actions.lifecycle import drop_approved, finish_all_sent
from retention.delivery import attempts, queued_messages
from retention.delivery.attempts import Claimed, Ending
from retention.delivery.last_check import OVER, Refusal, Rules, check, not_approved
from retention.delivery.queued_messages import QueuedMessage
from retention.delivery.refused_addresses import note_refused
from retention.domain.actions import ActionState
from retention.domain.dates import date_in
from retention.domain.messages import MessageState, Verdict
from retention.messages import outbox

_MANY = 500


@dataclass(slots=True)
class Claims:
    """What a worker got of the messages it asked for."""

    taken: list[Claimed] = field(default_factory=list)
    refused: dict[str, Refusal] = field(default_factory=dict)


def claim_checked(session: Session, ids: Sequence[str], now: datetime, rules: Rules) -> Claims:
    """Claim the messages that may leave. The others are settled here, or wait and say why."""
    found = queued_messages.load(session, ids, lock=True)
    refused = check(session, found, now, rules)
    may_wait = [p for p in found if _may_wait(refused.get(p.message_id))]
    refused |= not_approved(session, may_wait, now, rules)  # what is void does not wait
    settle_refused(session, found, refused, now)
    free = [message_id for message_id in ids if message_id not in refused]
    return Claims(attempts.claim(session, free, now, rules.lease), refused)


def _may_wait(refusal: Refusal | None) -> bool:
    return refusal is None or refusal.state is MessageState.QUEUED


def settle_refused(
    session: Session, found: Sequence[QueuedMessage], refused: dict[str, Refusal], now: datetime
) -> None:
    """Give refused messages their final state, and their actions with them."""
    alike: dict[Refusal, list[QueuedMessage]] = defaultdict(list)
    for queued in found:
        if queued.message_id in refused:
            alike[refused[queued.message_id]].append(queued)
    for refusal, group in alike.items():
        ids = [queued.message_id for queued in group]
        if refusal.state is MessageState.QUEUED:
            outbox.put_off(session, ids, refusal.reason, now)
            continue
        outbox.take_back(session, ids, refusal.state, refusal.reason)
        expired = refusal.state is MessageState.EXPIRED
        fate = ActionState.EXPIRED if expired else ActionState.CANCELLED
        drop_approved(session, [queued.action_id for queued in group], fate)


def expire_late(session: Session, now: datetime, timezone: str) -> int:
    """Expire what may not leave any more, with its action; return how many messages that are."""
    late = outbox.list_late(session, date_in(now, timezone))
    for start in range(0, len(late), _MANY):
        found = queued_messages.load(session, late[start : start + _MANY], lock=True)
        over = Refusal(MessageState.EXPIRED, OVER)
        settle_refused(session, found, {queued.message_id: over for queued in found}, now)
    return len(late)


def pass_dots(
    session: Session, claims: Sequence[Claimed], now: datetime, rules: Rules
) -> dict[str, str]:
    """Ask once more and record the point of no return, in one transaction.

    A night or a person cannot slip in between: their change waits for this one to commit. Returns
    why messages must not be sent after all.
    """
    found = queued_messages.load(session, [claim.message_id for claim in claims], lock=True)
    refused = {key: refusal.reason for key, refusal in check(session, found, now, rules).items()}
    frozen = {queued.message_id: queued.content_hash for queued in found}
    for claim in claims:
        if frozen[claim.message_id] != claim.content_hash:
            refused.setdefault(claim.message_id, "the content is not what was approved")
    going = [claim for claim in claims if claim.message_id not in refused]
    held = attempts.record_dots(session, going, now + rules.lease) if going else set()
    lost = {claim.message_id for claim in going} - held
    return refused | dict.fromkeys(lost, "the claim was lost")


def record_results(
    session: Session, endings: Sequence[Ending], rules: Rules
) -> dict[str, MessageState]:
    """Settle attempts. A message that was sent finishes its step, dated by the sending.

    An address that was refused for good is written to no more.
    """
    settled = attempts.record_ends(session, endings)
    ended = [(ending, settled.get(ending.claimed.message_id)) for ending in endings]
    failed = [ending for ending, state in ended if state is MessageState.FAILED]
    note_refused(session, failed, rules.soft_bounces, rules.at_once)
    sent_on = {
        ending.claimed.action_id: date_in(ending.at, rules.timezone)
        for ending in endings
        if settled.get(ending.claimed.message_id) is MessageState.SENT
    }
    days: dict[date, list[str]] = defaultdict(list)
    for action_id, on in sent_on.items():
        days[on].append(action_id)
    for on, ids in days.items():
        finish_all_sent(session, ids, on)
    return settled


def has_server_trouble(endings: Sequence[Ending]) -> str | None:
    """Return what the server says against all of our messages, or None."""
    for ending in endings:
        if ending.verdict is Verdict.SERVER:
            told = str(ending.code or "") in ending.reply
            said = ending.reply if told else f"{ending.code} {ending.reply}"
            return f"the mail server will not have us: {said}"
    return None
