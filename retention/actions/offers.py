"""The only writer of offers: draft, follow the message, record the customer's answer, revise."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from retention.db.models.work.actions import Action, Offer
from retention.db.seals import touch
from retention.domain import keys
from retention.domain.errors import NotAllowedError, NotFoundError
from retention.domain.offers import (
    OFFER_MOVES,
    STATE_AFTER,
    Answer,
    OfferKind,
    OfferState,
    Proposal,
    VoidReason,
    starts_on,
)
from retention.domain.transitions import require_move
from retention.people.actor import Author
from retention.webhooks import outgoing
from retention.webhooks.outgoing import EventKind

_AFTERTHOUGHT = timedelta(days=1)
_EVENTS = {
    OfferState.ACCEPTED: EventKind.OFFER_ACCEPTED,
    OfferState.DECLINED: EventKind.OFFER_DECLINED,
    OfferState.COUNTERED: EventKind.OFFER_COUNTERED,
}
_UNANSWERED = (OfferState.SENT, OfferState.VIEWED)
_ANSWERABLE = frozenset(
    {*_UNANSWERED, OfferState.COUNTERED, OfferState.ACCEPTED, OfferState.DECLINED}
)


def draft(session: Session, action: Action, proposal: Proposal, currency: str) -> Offer:
    """Write the next version of a stage's offer; the versions before it are superseded."""
    before = session.scalar(
        select(func.max(Offer.version)).where(
            Offer.case_id == action.case_id, Offer.stage == action.stage
        )
    )
    offer = Offer(
        id=keys.offer_id(action.id),
        action_id=action.id,
        case_id=action.case_id,
        stage=action.stage,
        version=(before or 0) + 1,
        kind=proposal.kind,
        state=OfferState.DRAFT,
        current_fee=proposal.current_fee,
        new_fee=proposal.new_fee,
        detail=proposal.detail,
        currency=currency,
        expires_on=proposal.expires_on,
    )
    session.add(offer)
    action.offer = offer
    session.flush()
    return offer


def set_state(offer: Offer, target: OfferState) -> None:
    """Change an offer's state. Raises MoveNotAllowedError."""
    require_move(OFFER_MOVES, offer.state, target, subject=f"offer {offer.id}")
    offer.state = target


def follow(action: Action, target: OfferState) -> None:
    """Let the offer of an action, if it has one, follow its message."""
    if action.offer is not None and target in OFFER_MOVES[action.offer.state]:
        set_state(action.offer, target)


def follow_sent(session: Session, action_ids: Collection[str]) -> None:
    """Let the offers of actions whose messages the server has taken be answered from now on."""
    changed = session.connection().execute(_FOLLOW_SENT, {"ids": list(action_ids)})
    touch(session, Offer, changed.scalars().all())


_FOLLOW_SENT = (
    update(Offer)
    .where(
        Offer.action_id.in_(bindparam("ids", expanding=True)),
        Offer.state == OfferState.APPROVED,
    )
    .values(state=OfferState.SENT)
    .returning(Offer.id)
)


def void_unsent(session: Session, action_ids: Collection[str]) -> None:
    """Void the offers of actions whose messages will not leave."""
    voided = session.scalars(
        update(Offer)
        .where(Offer.action_id.in_(action_ids), Offer.state == OfferState.APPROVED)
        .values(state=OfferState.VOIDED, void_reason=VoidReason.NOT_SENT)
        .returning(Offer.id)
        .execution_options(synchronize_session=False)
    )
    touch(session, Offer, voided.all())


def void(action: Action, reason: VoidReason) -> None:
    """Void an offer that never reached its customer or counts no longer.

    What was agreed stays agreed when the case moves on.
    """
    agreed = action.offer is not None and action.offer.state is OfferState.ACCEPTED
    if agreed and reason is VoidReason.CASE_MOVED_ON:
        return
    if action.offer is not None and OfferState.VOIDED in OFFER_MOVES[action.offer.state]:
        set_state(action.offer, OfferState.VOIDED)
        action.offer.void_reason = reason


def expire_late(session: Session, today: date) -> None:
    """Expire every offer that was not answered in time; a counter-offer waits for us."""
    expired = session.scalars(
        update(Offer)
        .where(Offer.state.in_(sorted(_UNANSWERED)), Offer.expires_on < today)
        .values(state=OfferState.EXPIRED)
        .returning(Offer.id)
    )
    touch(session, Offer, expired.all())


def answerable_until(offer: Offer) -> date:
    """Return the last day for an answer: who has answered may take it back the day after, too."""
    if offer.answered_on is None:
        return offer.expires_on
    return max(offer.expires_on, offer.answered_on + _AFTERTHOUGHT)


def _tell_others(
    session: Session, action: Action, offer: Offer, author: Author, grace: timedelta
) -> None:
    """What was told before and has not left yet is taken back: only the last answer counts."""
    subject = f"offer {offer.id}"
    outgoing.withdraw(session, subject, author.now)
    outgoing.tell(
        session, _EVENTS[offer.state], subject, action.customer_id, author.now, grace=grace,
        offer=offer.id, change=offer.kind, fee=str(offer.new_fee) if offer.new_fee else None,
        currency=offer.currency, starts_on=starts_on(offer.expires_on), by=author.name,
    )  # fmt: skip


def confirm(session: Session, rows: Mapping[str, Mapping[str, Any]], on: date) -> list[str]:
    """Note which accepted offers the company's own data shows by now; return their ids.

    The fee that was agreed, or payment in advance: what cannot be seen there stays unconfirmed.
    """
    found = []
    for offer, customer_id in _unconfirmed(session, rows):
        if _is_shown(offer, rows[customer_id]):
            offer.confirmed_on = on
            found.append(offer.id)
    return found


def _unconfirmed(session: Session, customers: Iterable[str]) -> list[tuple[Offer, str]]:
    wanted = set(customers)
    rows = session.execute(
        select(Offer, Action.customer_id)
        .join(Action, Action.id == Offer.action_id)
        .where(Offer.state == OfferState.ACCEPTED, Offer.confirmed_on.is_(None))
        .order_by(Offer.id)
    )
    return [(offer, customer) for offer, customer in rows if customer in wanted]


def waiting_for_confirmation(session: Session) -> list[tuple[Offer, Action]]:
    """Return what customers have accepted and the company's own system does not show yet."""
    rows = session.execute(
        select(Offer, Action)
        .join(Action, Action.id == Offer.action_id)
        .where(Offer.state == OfferState.ACCEPTED, Offer.confirmed_on.is_(None))
        .order_by(Offer.answered_on, Offer.id)
    )
    return [(offer, action) for offer, action in rows]


def _is_shown(offer: Offer, row: Mapping[str, Any]) -> bool:
    if offer.kind is OfferKind.PREPAID:
        return row.get("prepaid") is True
    return offer.new_fee is not None and row.get("monthly_fee") == offer.new_fee


def of_action(action: Action) -> Offer:
    """Return the offer of an action. Raises NotFoundError when it offers nothing."""
    if action.offer is None:
        raise NotFoundError(
            f"offer of action {action.id[:8]}", "does not exist", "Only proposals make an offer."
        )
    return action.offer


def answer(
    session: Session,
    action: Action,
    author: Author,
    said: Answer,
    *,
    counter_fee: Decimal | None = None,
    note: str = "",
    grace: timedelta = timedelta(),
) -> Offer:
    """Record what a customer says to an offer, whoever writes it down; a later answer counts.

    Other systems hear of it when the `grace` is over in which it may be taken back.

    Raises NotFoundError when the action offers nothing, NotAllowedError for an offer that the
    customer does not have, a date after its expiry, or a counter-offer without a fee.
    """
    offer = of_action(action)
    subject = f"offer of action {action.id[:8]}"
    if offer.state not in _ANSWERABLE:
        raise NotAllowedError(subject, f"is {offer.state}", "Only a sent offer can be answered.")
    if author.on > answerable_until(offer):
        raise NotAllowedError(subject, f"ran until {offer.expires_on}", "Propose a new one.")
    nothing = counter_fee is None and not note
    if said is Answer.COUNTER and (nothing or (counter_fee is not None and counter_fee < 0)):
        raise NotAllowedError(subject, "a counter-offer needs a fee", "Say it with --fee.")
    target = STATE_AFTER.get(said)
    if target is not None and target is not offer.state:
        set_state(offer, target)
        offer.answered_on = author.on
        _tell_others(session, action, offer, author, grace)
    offer.answered_by, offer.note = author.name, note or offer.note
    offer.counter_fee = counter_fee if said is Answer.COUNTER else offer.counter_fee
    author.tell(session, f"offer.{said}", action, offer=offer.id, fee=counter_fee, note=note)
    return offer
