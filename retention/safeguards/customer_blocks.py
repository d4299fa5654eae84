"""What keeps a message from its customer now: switches, holds, suppressions, notices, replies."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sqlalchemy import bindparam, or_, select, union_all
from sqlalchemy.orm import Session

from retention.db.models.work.actions import Action
from retention.domain.actions import OPEN_ACTION_STATES, ActionKind, ActionState, Purpose
from retention.domain.customer_pages import topic_scope
from retention.domain.exclusions import Exclusion, ExclusionKind, in_force
from retention.domain.forms import REPLY
from retention.domain.messages import MessageClass
from retention.domain.stages import PlaybookName, Stage
from retention.safeguards import exclusions
from retention.safeguards import kill_switch as switches


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is in force around some customers: read once, asked for each message.

    `noticed` were given notice, `replied` have written something that nobody has read yet.
    """

    stopped: frozenset[str]
    exclusions: dict[str, tuple[Exclusion, ...]]
    noticed: frozenset[str]
    replied: frozenset[str]


def look_around(session: Session, customers: Collection[str], on: date) -> Surroundings:
    """Return what is in force on a day around `customers`; mostly nothing, so ask that first."""
    stopped = frozenset(switches.stopped(session))
    if not _is_anything(session, customers):
        return Surroundings(stopped, {}, frozenset(), frozenset())
    notices = select(Action.customer_id).where(
        Action.customer_id.in_(customers),
        Action.effective_on.is_not(None),
        Action.state == ActionState.DONE,
        Action.voided_on.is_(None),
    )
    replies = select(Action.customer_id).where(
        Action.customer_id.in_(customers),
        or_(Action.form == REPLY, Action.purpose == Purpose.CALLBACK),
        Action.state.in_(sorted(OPEN_ACTION_STATES)),
    )
    return Surroundings(
        stopped=stopped,
        exclusions=exclusions.of_customers(session, customers, on),
        noticed=frozenset(session.scalars(notices)),
        replied=frozenset(session.scalars(replies)),
    )


def _is_anything(session: Session, customers: Collection[str]) -> bool:
    """Return whether any of them has an exclusion, a notice or a reply at all."""
    found = session.execute(_ANYTHING, {"customers": list(customers)})
    return found.first() is not None


_ANYTHING = union_all(
    exclusions.ANY_OF,
    select(Action.customer_id).where(
        Action.customer_id.in_(bindparam("customers", expanding=True)),
        or_(
            Action.effective_on.is_not(None),
            Action.form == REPLY,
            Action.purpose == Purpose.CALLBACK,
        ),
    ),
).limit(1)


def stopped_by(
    around: Surroundings, playbook: PlaybookName, stage: Stage, kind: ActionKind
) -> str | None:
    """Return the switch that stops an action, or None."""
    return min(switches.scopes_of(playbook, stage, kind) & around.stopped, default=None)


def kept_apart(
    around: Surroundings,
    customer_id: str,
    playbook: PlaybookName,
    message_class: MessageClass | None,
    on: date,
    *,
    topic: str | None = None,
    answers: bool = False,
) -> str | None:
    """Return why a customer is left alone, or None. Nothing suppresses a legal notice.

    `topic` is what they may have switched off; what `answers` them is kept back by no hold.
    """
    theirs = around.exclusions.get(customer_id, ())
    holding = () if answers else (ExclusionKind.HOLD, ExclusionKind.EXEMPTION)
    for kind in holding:
        found = in_force(theirs, kind, playbook, on)
        if found is not None:
            return f"the customer has a {kind}: {found.reason}"
    if message_class is None or message_class is MessageClass.LEGAL_NOTICE:
        return None
    scopes = [str(message_class), *([topic_scope(topic)] if topic else [])]
    for scope in scopes:
        found = in_force(theirs, ExclusionKind.SUPPRESSION, scope, on)
        if found is not None:
            return f"suppressed: {found.reason}"
    if message_class is MessageClass.COMMERCIAL and customer_id in around.noticed:
        return "the customer has been given notice"  # nobody who was given notice is sold anything
    return None
