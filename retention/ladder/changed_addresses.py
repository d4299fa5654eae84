"""Addresses: a message to one that its customer no longer has is written anew; dead ones."""

from dataclasses import replace

from sqlalchemy.orm import Session

from retention.actions import lifecycle as actions
from retention.domain.actions import OPEN_ACTION_STATES, ActionKind, ActionState
from retention.ladder.condition_values import Evidence
from retention.ladder.open_cases import CaseAction, OpenCase
from retention.ladder.progress import ADDRESS_CHANGED
from retention.messages.mime import comparable


def take_back_wrongly_addressed(
    session: Session, open_cases: list[OpenCase], evidence: Evidence
) -> int:
    """Take back what waits for another address than tonight's; return how many messages.

    A customer without an address tonight keeps what waits: no data is no change.
    """
    wrong = {
        action.action_id: open_case
        for open_case in open_cases
        for action in open_case.actions
        if _is_wrong(action, (evidence.facts.get(open_case.customer_id) or {}).get("email"))
    }
    taken = 0
    for action in actions.load(session, wrong):
        count = actions.give_up(session, [action], ActionState.SUPERSEDED)
        if count:
            action.outcome = ADDRESS_CHANGED
            _note(wrong[action.id], action.id)
        taken += count
    return taken


def _is_wrong(action: CaseAction, address: str | None) -> bool:
    waits = action.kind is ActionKind.EMAIL and action.state in OPEN_ACTION_STATES
    if not waits or action.recipient is None or address is None:
        return False
    return action.recipient.casefold() != comparable(address)


def _note(open_case: OpenCase, action_id: str) -> None:
    open_case.actions = [
        replace(a, state=ActionState.SUPERSEDED, outcome=ADDRESS_CHANGED)
        if a.action_id == action_id
        else a
        for a in open_case.actions
    ]
