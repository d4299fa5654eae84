"""Addresses: a message to one that its customer no longer has is written anew; dead ones."""

from collections.abc import Collection
from dataclasses import replace

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from retention.actions import lifecycle as actions
from retention.db.models import DeadAddress
from retention.domain.actions import OPEN_ACTION_STATES, ActionKind, ActionState
from retention.ladder.condition_values import Evidence
from retention.ladder.open_cases import ActionStanding, Standing
from retention.ladder.progress import ADDRESS_CHANGED
from retention.messages.mime import comparable


def take_back_wrongly_addressed(
    session: Session, standings: list[Standing], evidence: Evidence
) -> int:
    """Take back what waits for another address than tonight's; return how many messages.

    A customer without an address tonight keeps what waits: no data is no change.
    """
    wrong = {
        action.action_id: standing
        for standing in standings
        for action in standing.actions
        if _is_wrong(action, (evidence.facts.get(standing.customer_id) or {}).get("email"))
    }
    taken = 0
    for action in actions.load(session, wrong):
        count = actions.give_up(session, [action], ActionState.SUPERSEDED)
        if count:
            action.outcome = ADDRESS_CHANGED
            _note(wrong[action.id], action.id)
        taken += count
    return taken


_DEAD = select(DeadAddress.address).where(DeadAddress.released_at.is_(None))
_DEAD_OF = _DEAD.where(DeadAddress.address.in_(bindparam("addresses", expanding=True)))


def dead(session: Session, addresses: Collection[str] | None = None) -> set[str]:
    """Return the addresses that do not take our mail: of the given ones, or all of them."""
    if addresses is None:
        return set(session.scalars(_DEAD))
    wanted = {"addresses": [address.casefold() for address in addresses]}
    return set(session.scalars(_DEAD_OF, wanted))


def _is_wrong(action: ActionStanding, address: str | None) -> bool:
    waits = action.kind is ActionKind.EMAIL and action.state in OPEN_ACTION_STATES
    if not waits or action.recipient is None or address is None:
        return False
    return action.recipient.casefold() != comparable(address)


def _note(standing: Standing, action_id: str) -> None:
    standing.actions = [
        replace(a, state=ActionState.SUPERSEDED, outcome=ADDRESS_CHANGED)
        if a.action_id == action_id
        else a
        for a in standing.actions
    ]
