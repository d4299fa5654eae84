"""Cases that wait in vain: their owners are asked to look, with the reason."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from retention.db.models.work.actions import Receipt
from retention.domain.actions import OPEN_ACTION_STATES
from retention.domain.decision_kinds import DecisionKind
from retention.domain.waits import STUCK, is_in_vain, waiting_since
from retention.ladder.caps import Decided

_MANY = 500


def find_stuck(session: Session, cases: Iterable[Decided], as_of: date) -> dict[str, date]:
    """Return the cases that have waited longer than their playbook's patience, and since when.

    Who was asked is not asked again before as long has passed.
    """
    waiting = {
        case.open_case.case_id: case
        for case in cases
        if not case.is_new and _waits_in_vain(case) and _may_be_asked(case, as_of)
    }
    reasons = _reasons(session, sorted(waiting))
    found = {}
    for case_id, case in waiting.items():
        since = waiting_since(reasons[case_id], case.chain[-1].reason)
        if since is not None and as_of >= case.playbook.patience.after(since):
            found[case_id] = since
    return found


def _waits_in_vain(case: Decided) -> bool:
    last, known = case.chain[-1], case.open_case.waiting_for
    is_same = len(case.chain) == 1 and last.reason == known
    return last.kind is DecisionKind.WAIT and is_same and is_in_vain(last.reason)


def _may_be_asked(case: Decided, as_of: date) -> bool:
    asked = [action for action in case.open_case.actions if action.form == STUCK]
    if any(action.state in OPEN_ACTION_STATES for action in asked):
        return False
    last = max((action.proposed_on for action in asked), default=None)
    return last is None or as_of >= case.playbook.patience.after(last)


def _reasons(session: Session, cases: list[str]) -> dict[str, list[tuple[date, str]]]:
    found: dict[str, list[tuple[date, str]]] = defaultdict(list)
    for start in range(0, len(cases), _MANY):
        rows = session.execute(
            select(Receipt.case_id, Receipt.as_of, Receipt.reason)
            .where(Receipt.case_id.in_(cases[start : start + _MANY]))
            .order_by(Receipt.as_of, Receipt.id)
        )
        for case_id, on, reason in rows:
            found[case_id].append((on, reason))
    return found
