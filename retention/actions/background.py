"""What a person should know of a case before they look at its action: in sentences."""

from datetime import date

from sqlalchemy.orm import Session

from retention.db.models.work.actions import Action
from retention.db.queries import cases
from retention.domain.waits import STUCK

_TIMES = {2: "second", 3: "third", 4: "fourth", 5: "fifth"}


def background_of(session: Session, action: Action) -> list[str]:
    """Return why a case waits in vain, and how often it was our own fault before."""
    lines = []
    if action.form == STUCK and action.case.waiting_for:
        lines.append(f"This case goes no further: it waits for '{action.case.waiting_for}'.")
    if action.form == "reassessment":
        cleared = cases.cleared_on(session, action.customer_id)
        lines += [_again(cleared)] if cleared else []
    return lines


def _again(cleared: list[date]) -> str:
    times = len(cleared) + 1
    listed = ", ".join(day.isoformat() for day in cleared)
    return (
        f"This customer is here for the {_TIMES.get(times, f'{times}th')} time: cleared for our "
        f"own fault on {listed}. Mend the cause, or it comes back."
    )
