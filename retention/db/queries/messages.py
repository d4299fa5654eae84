"""What we ask about messages in the outbox."""

from collections.abc import Collection

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from retention.db.models.work.actions import Action
from retention.db.models.work.messages import Message
from retention.db.queries.by_id import only
from retention.domain.messages import CLAIMABLE_STATES, MessageState

OPEN_STATES: frozenset[MessageState] = CLAIMABLE_STATES | {
    MessageState.SENDING,
    MessageState.UNKNOWN,
}
"""Messages that are not settled: they wait, are being sent, or nobody knows."""


def get(session: Session, message_id: str, *, lock: bool = False) -> tuple[Message, Action]:
    """Return a message and its action. A unique prefix of either id is enough.

    Raises NotFoundError when nothing, or more than one message, fits.
    """
    query = select(Message).options(selectinload(Message.tried))
    if lock:
        query = query.with_for_update()
    ids = (Message.id, Message.action_id)
    found = only(session, query, message_id, ids, what="message", listed="retention outbox list")
    return found, _action_of(session, found)


def list_messages(
    session: Session,
    state: MessageState | None,
    limit: int,
    owners: Collection[str] | None = None,
) -> list[tuple[Message, Action]]:
    """Return messages in a state, or all that are not settled; those of some owners, or of all.

    What is to leave comes first that leaves first; of what is settled the newest.
    """
    states = [state] if state else sorted(OPEN_STATES)
    newest = state is not None and state not in OPEN_STATES
    order = (Message.not_before.desc(), Message.id) if newest else (Message.not_before, Message.id)
    query = (
        select(Message, Action)
        .join(Action, Action.id == Message.action_id)
        .where(Message.state.in_(states))
        .options(joinedload(Action.rendering))
        .order_by(*order)
        .limit(limit)
    )
    if owners is not None:
        query = query.where(Action.owner.in_(sorted(owners)))
    return [(message, action) for message, action in session.execute(query)]


def count_by_state(session: Session, owners: Collection[str] | None) -> dict[str, int]:
    """Return how many messages of some owners, or of all, are in each state."""
    query = select(Message.state, func.count()).group_by(Message.state)
    if owners is not None:
        query = query.join(Action, Action.id == Message.action_id)
        query = query.where(Action.owner.in_(sorted(owners)))
    return {str(state): count for state, count in session.execute(query)}


def _action_of(session: Session, message: Message) -> Action:
    query = select(Action).where(Action.id == message.action_id)
    return session.scalars(
        query.options(
            joinedload(Action.rendering), joinedload(Action.offer), joinedload(Action.case)
        )
    ).one()
