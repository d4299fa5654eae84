"""The survey: a number first, then why. The next night reads the number as a survey's answer."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from retention.answers.submissions import scores_until
from retention.domain.dates import date_in
from retention.sources.own_surveys import OwnAnswer

CAUSES = {
    "our_service": "own_fault",
    "our_price": "unable",
    "not_needed": "need_change",
    "how_it_works": "unaware",
}
"""What may lie behind a number, and the root cause of a reassessment that it speaks for."""

UNHAPPY = 6
"""Up to this number somebody is asked to call (the usual bound of the net promoter score)."""


def answers_until(session: Session, as_of: date, timezone: str) -> list[OwnAnswer]:
    """Return the answers that a night may know: those given by the end of its day."""
    end = datetime.combine(as_of + timedelta(days=1), time(), ZoneInfo(timezone))
    return [
        OwnAnswer(customer_id, date_in(at, timezone), score, why)
        for customer_id, at, score, why in scores_until(session, end)
    ]
