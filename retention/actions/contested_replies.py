"""What becomes of a reply once a person has read it."""

from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from retention.db.models.work.actions import Action
from retention.domain.exclusions import ALL, ExclusionKind, ExclusionReason
from retention.domain.forms import CONTESTED
from retention.safeguards import exclusions


def after_reading(
    session: Session, task: Action, outcome: str, on: date, now: datetime, hold: timedelta
) -> None:
    """A customer who contests is left alone, for `hold` at most, until somebody has looked."""
    if outcome != CONTESTED:
        return
    wish = exclusions.Wish(
        customer_id=task.customer_id,
        kind=ExclusionKind.HOLD,
        reason=ExclusionReason.CONTESTED,
        starts_on=on,
        ends_on=on + hold,
        scope=ALL,
        note=task.note or "",
    )
    exclusions.place_for_customer(session, wish, now)
