"""Messages on their way out, as far as it matters whether they may leave."""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from retention.db.models.work.actions import Action, Rendering
from retention.db.models.work.cases import Case
from retention.db.models.work.messages import Message
from retention.domain.actions import ActionKind, ActionState, Purpose
from retention.domain.cases import CaseState
from retention.domain.messages import MessageClass, MessageState
from retention.domain.stages import PlaybookName, Stage

_COLUMNS = (  # in the order of QueuedMessage
    Message.id.label("message_id"),
    Message.action_id,
    Message.state,
    Message.not_before,
    Message.send_until,
    Message.content_hash,
    Message.waiting_for,
    Message.waiting_since,
    Message.waited,
    Action.customer_id,
    Action.kind,
    Action.stage,
    Action.purpose,
    Action.state.label("action_state"),
    Action.proposed_on,
    Case.state.label("case_state"),
    Case.stage.label("case_stage"),
    Case.playbook,
    Rendering.message_class,
    Rendering.recipient,
    Rendering.timezone,
    Rendering.place,
    Rendering.topic,
)


# Made once: a statement is asked for every few messages, and making it costs more than asking.
_QUERY = (
    select(*_COLUMNS)
    .join(Action, Action.id == Message.action_id)
    .join(Case, Case.id == Action.case_id)
    .join(Rendering, Rendering.action_id == Action.id)
    .where(Message.id.in_(bindparam("ids", expanding=True)))
    .order_by(Action.id)
)
_LOCK = (
    select(Action.id)
    .where(
        Action.id.in_(
            select(Message.action_id).where(Message.id.in_(bindparam("ids", expanding=True)))
        )
    )
    .order_by(Action.id)
    .with_for_update()
)


class QueuedMessage(NamedTuple):
    """One message, its action and its case."""

    message_id: str
    action_id: str
    state: MessageState
    not_before: datetime
    send_until: date
    content_hash: str
    waiting_for: str | None
    waiting_since: datetime | None
    waited: int
    customer_id: str
    kind: ActionKind
    stage: Stage
    purpose: Purpose
    action_state: ActionState
    proposed_on: date
    case_state: CaseState
    case_stage: Stage
    playbook: PlaybookName
    message_class: MessageClass
    recipient: str
    timezone: str | None
    place: str
    topic: str | None

    def waited_until(self, now: datetime) -> timedelta:
        """Return for how long it has waited by rule, up to now: that ages no approval."""
        lately = now - self.waiting_since if self.waiting_since else timedelta()
        return timedelta(seconds=self.waited) + lately


def load(session: Session, ids: Collection[str], *, lock: bool = False) -> list[QueuedMessage]:
    """Return messages as they stand now, in the order of `ids`.

    `lock` makes nights and people wait until this transaction ends. First the lock, then the
    look: one statement for both would wait, and then show what was there before it waited.
    """
    if lock and session.get_bind().dialect.name != "sqlite":
        session.connection().execute(_LOCK, {"ids": list(ids)})
    session.flush()
    rows = session.connection().execute(_QUERY, {"ids": list(ids)})
    found = {row.message_id: QueuedMessage._make(row) for row in rows}
    return [found[message_id] for message_id in ids if message_id in found]
