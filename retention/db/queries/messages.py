"""What we ask about messages in the outbox."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from retention.db.models import Action, Message
from retention.domain.errors import NotFoundError
from retention.domain.messages import CLAIMABLE_STATES, MessageState

_SHORTEST_PREFIX = 6
OPEN_STATES: frozenset[MessageState] = CLAIMABLE_STATES | {
    MessageState.SENDING,
    MessageState.UNKNOWN,
}
"""Messages that are not settled: they wait, are being sent, or nobody knows."""


def get(session: Session, message_id: str, *, lock: bool = False) -> tuple[Message, Action]:
    """Return a message and its action. A unique prefix of either id is enough.

    Raises NotFoundError when nothing, or more than one message, fits.
    """
    found: Sequence[Message] = []
    if len(message_id) >= _SHORTEST_PREFIX:
        query = select(Message).where(
            Message.id.startswith(message_id, autoescape=True)
            | Message.action_id.startswith(message_id, autoescape=True)
        )
        if lock:
            query = query.with_for_update()
        found = session.scalars(query.options(selectinload(Message.tried)).limit(2)).unique().all()
    if len(found) != 1:
        what = "fits several messages" if found else "does not exist"
        raise NotFoundError(f"message '{message_id}'", what, "See 'retention outbox list'.")
    return found[0], _action_of(session, found[0])


def list_messages(
    session: Session, state: MessageState | None, limit: int
) -> list[tuple[Message, Action]]:
    """Return messages in a state, or all that are not settled, oldest first."""
    states = [state] if state else sorted(OPEN_STATES)
    rows = session.execute(
        select(Message, Action)
        .join(Action, Action.id == Message.action_id)
        .where(Message.state.in_(states))
        .options(joinedload(Action.rendering))
        .order_by(Message.not_before, Message.id)
        .limit(limit)
    )
    return [(message, action) for message, action in rows]


def _action_of(session: Session, message: Message) -> Action:
    query = select(Action).where(Action.id == message.action_id)
    return session.scalars(
        query.options(
            joinedload(Action.rendering), joinedload(Action.offer), joinedload(Action.case)
        )
    ).one()
