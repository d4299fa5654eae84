"""May these messages leave now? Asked when they are claimed and again just before their data."""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from sqlalchemy import bindparam, case, select, update
from sqlalchemy.orm import Session, joinedload, load_only, selectinload

from retention.actions import offers
from retention.actions.approval import given, slots_of
from retention.actions.lifecycle import set_state
from retention.db.models import Action, Case, Rendering
from retention.delivery import attempts
from retention.delivery import queued_messages as postings
from retention.delivery.attempts import Claimed, Ending
from retention.delivery.queued_messages import Posting
from retention.domain.actions import RECEIPT_STEP, ActionState
from retention.domain.approving import is_approved
from retention.domain.cases import CaseState
from retention.domain.dates import date_in
from retention.domain.messages import MessageState, Verdict
from retention.domain.offers import OfferState
from retention.domain.stages import ADVERSE_STAGES
from retention.ladder import changed_addresses as addresses
from retention.messages import outbox
from retention.messages.content_hash import content_of
from retention.runs import ledger as runs
from retention.safeguards.customer_blocks import Surroundings, kept_apart, look_around, stopped_by

_FOR_EVER = timedelta(days=36500)
NIGHTLY = "nightly"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a message may not leave, and the state it takes: `queued` lets it wait."""

    state: MessageState
    reason: str


@dataclass(frozen=True, slots=True)
class Rules:
    """What is asked before a message leaves: the company's zone, how long approvals count.

    `lease` is for how long a worker has what it has claimed, and again from the dot on; `opens_at`
    says from when a recipient may be written to; a night that is older than `fresh_days` is no
    ground for anything adverse.
    """

    timezone: str
    approvals_valid: timedelta
    lease: timedelta = timedelta(minutes=30)
    opens_at: Callable[[datetime, str | None, str], datetime] | None = None
    fresh_days: int = 7


@dataclass(slots=True)
class Claims:
    """What a worker got of the messages it asked for."""

    taken: list[Claimed] = field(default_factory=list)
    refused: dict[str, Refusal] = field(default_factory=dict)


def claim_checked(session: Session, ids: Sequence[str], now: datetime, rules: Rules) -> Claims:
    """Claim the messages that may leave. The others are settled here, or wait and say why."""
    found = postings.load(session, ids, lock=True)
    refused = check(session, found, now, rules)
    may_wait = [p for p in found if _may_wait(refused.get(p.message_id))]
    refused |= _not_approved(session, may_wait, now, rules)  # what is void does not wait
    settle_refused(session, found, refused)
    free = [message_id for message_id in ids if message_id not in refused]
    return Claims(attempts.claim(session, free, now, rules.lease), refused)


def _may_wait(refusal: Refusal | None) -> bool:
    return refusal is None or refusal.state is MessageState.QUEUED


def check(
    session: Session, found: Sequence[Posting], now: datetime, rules: Rules
) -> dict[str, Refusal]:
    """Return which messages may not leave at this moment, and why."""
    on = date_in(now, rules.timezone)
    around = look_around(session, {posting.customer_id for posting in found}, on)
    dead = addresses.dead(session, {posting.recipient for posting in found})
    adverse = any(posting.stage in ADVERSE_STAGES for posting in found)
    doubt = runs.why_in_doubt(session, NIGHTLY, on, rules.fresh_days) if adverse else None
    refusals = {}
    for posting in found:
        refusal = (
            _out_of_time(posting, on)
            or _obstacle(posting, around, dead, on)
            or _not_now(posting, now, rules, doubt)
        )
        if refusal is not None:
            refusals[posting.message_id] = refusal
    return refusals


def _out_of_time(posting: Posting, on: date) -> Refusal | None:
    if posting.send_until < on:
        return Refusal(MessageState.EXPIRED, "its last day for sending is over")
    if posting.action_state is not ActionState.APPROVED or posting.case_state is not CaseState.OPEN:
        return Refusal(MessageState.CANCELLED, "the action is no longer approved")
    if posting.case_stage is not posting.stage:
        return Refusal(MessageState.CANCELLED, "the case has moved to another stage")
    return None


def _obstacle(
    posting: Posting, around: Surroundings, dead: Collection[str], on: date
) -> Refusal | None:
    scope = stopped_by(around, posting.playbook, posting.stage, posting.kind)
    if scope is not None:
        return Refusal(MessageState.QUEUED, f"'{scope}' is stopped")
    reason = kept_apart(around, posting.customer_id, posting.playbook, posting.message_class, on)
    if reason is not None:
        return Refusal(MessageState.CANCELLED, reason)
    if posting.recipient.casefold() in dead:
        return Refusal(MessageState.CANCELLED, "the address does not take our mail")
    if posting.customer_id in around.replied:
        return Refusal(MessageState.QUEUED, "the customer has written to us")
    return None


def _not_now(posting: Posting, now: datetime, rules: Rules, doubt: str | None) -> Refusal | None:
    """What waits: outside the recipient's hours, and adverse while no good night speaks for it."""
    if posting.not_before > now:
        return Refusal(MessageState.QUEUED, posting.waiting_for or "not yet")
    if rules.opens_at and rules.opens_at(now, posting.timezone, posting.place) > now:
        return Refusal(MessageState.QUEUED, "outside_hours")
    answers = posting.step == RECEIPT_STEP
    if doubt is not None and posting.stage in ADVERSE_STAGES and not answers:
        return Refusal(MessageState.QUEUED, doubt)
    return None


def _not_approved(
    session: Session, found: Sequence[Posting], now: datetime, rules: Rules
) -> dict[str, Refusal]:
    """Refuse what is not, byte for byte, what the right people have approved lately."""
    actions = {action.id: action for action in _load(session, [p.action_id for p in found])}
    refusals = {}
    for posting in found:
        refusal = _judge_approval(actions[posting.action_id], posting.content_hash, now, rules)
        if refusal is not None:
            refusals[posting.message_id] = refusal
    return refusals


def _judge_approval(action: Action, content: str, now: datetime, rules: Rules) -> Refusal | None:
    if action.rendering is None or content_of(action) != content:
        return Refusal(MessageState.CANCELLED, "the content is not what was approved")
    slots, answers = slots_of(action), action.step == RECEIPT_STEP
    lately = given(action, now, rules.approvals_valid)
    if is_approved(action.stage, slots, lately, answers=answers):
        return None
    if is_approved(action.stage, slots, given(action, now, _FOR_EVER), answers=answers):
        return Refusal(MessageState.EXPIRED, "an approval is too old")
    return Refusal(MessageState.CANCELLED, "an approval is missing")


def settle_refused(session: Session, found: Sequence[Posting], refused: dict[str, Refusal]) -> None:
    """Give refused messages their final state, and their actions with them."""
    alike: dict[Refusal, list[Posting]] = defaultdict(list)
    for posting in found:
        if posting.message_id in refused:
            alike[refused[posting.message_id]].append(posting)
    for refusal, group in alike.items():
        ids = [posting.message_id for posting in group]
        if refusal.state is MessageState.QUEUED:
            outbox.put_off(session, ids, refusal.reason, None)
            continue
        outbox.take_back(session, ids, refusal.state, refusal.reason)
        expired = refusal.state is MessageState.EXPIRED
        session.execute(
            update(Action)
            .where(
                Action.id.in_([posting.action_id for posting in group]),
                Action.state == ActionState.APPROVED,
            )
            .values(state=ActionState.EXPIRED if expired else ActionState.CANCELLED)
            .execution_options(synchronize_session=False)
        )


def pass_dots(
    session: Session, claims: Sequence[Claimed], now: datetime, rules: Rules
) -> dict[str, str]:
    """Ask once more and record the point of no return, in one transaction.

    A night or a person cannot slip in between: their change waits for this one to commit. Returns
    why messages must not be sent after all.
    """
    found = postings.load(session, [claim.message_id for claim in claims], lock=True)
    refused = {key: refusal.reason for key, refusal in check(session, found, now, rules).items()}
    frozen = {posting.message_id: posting.content_hash for posting in found}
    for claim in claims:
        if frozen[claim.message_id] != claim.content_hash:
            refused.setdefault(claim.message_id, "the content is not what was approved")
    going = [claim for claim in claims if claim.message_id not in refused]
    held = attempts.record_dots(session, going, now + rules.lease) if going else set()
    lost = {claim.message_id for claim in going} - held
    return refused | dict.fromkeys(lost, "the claim was lost")


def record_results(
    session: Session, endings: Sequence[Ending], timezone: str
) -> dict[str, MessageState]:
    """Settle attempts. A message that was sent finishes its step, dated by the sending."""
    settled = attempts.record_ends(session, endings)
    sent_on = {
        ending.claimed.action_id: date_in(ending.at, timezone)
        for ending in endings
        if settled.get(ending.claimed.message_id) is MessageState.SENT
    }
    days: dict[date, list[str]] = defaultdict(list)
    for action_id, on in sent_on.items():
        days[on].append(action_id)
    for on, ids in days.items():
        _finish_all(session, ids, on)
    return settled


def _finish_all(session: Session, ids: Sequence[str], on: date) -> None:
    """What `finish` does, for many actions at once."""
    session.connection().execute(_FINISH, {"ids": list(ids), "on": on})
    offers.follow_sent(session, ids)


_FINISH = (
    update(Action)
    .where(Action.id.in_(bindparam("ids", expanding=True)))
    .values(
        state=case((Action.state == ActionState.APPROVED, ActionState.DONE), else_=Action.state),
        done_on=bindparam("on"),
    )
)


def finish(action: Action, on: date) -> None:
    """End an action whose message the server has taken; its offer may be answered from now on."""
    if action.state is ActionState.APPROVED:
        set_state(action, ActionState.DONE)
        offers.follow(action, OfferState.SENT)
    action.done_on = on


def has_server_trouble(endings: Sequence[Ending]) -> str | None:
    """Return what the server says against all of our messages, or None."""
    for ending in endings:
        if ending.verdict is Verdict.SERVER:
            told = str(ending.code or "") in ending.reply
            said = ending.reply if told else f"{ending.code} {ending.reply}"
            return f"the mail server will not have us: {said}"
    return None


def is_stopped(stop_file: Path) -> bool:
    """Return whether somebody has stopped all sending."""
    return stop_file.exists()


def _load(session: Session, ids: Collection[str]) -> Sequence[Action]:
    return session.scalars(_JUDGED, {"ids": list(ids)}).all()


# No more of each than is judged: whatever else would be asked for raises.
_JUDGED = (
    select(Action)
    .where(Action.id.in_(bindparam("ids", expanding=True)))
    .options(
        load_only(Action.kind, Action.customer_id, Action.form, Action.effective_on, Action.proof,
                  Action.snapshot_hash, Action.stage, Action.step, Action.required_roles,
                  Action.escalated_on, raiseload=True),
        joinedload(Action.case).load_only(Case.version, raiseload=True),
        joinedload(Action.rendering).load_only(
            Rendering.recipient, Rendering.sender, Rendering.raw, raiseload=True
        ),
        joinedload(Action.offer),
        selectinload(Action.approvals),
    )
)  # fmt: skip
