"""Who newly meets an entry condition tonight, and whether they are too many to be believed."""

from collections import Counter
from collections.abc import Iterable
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from retention.db.models.runs import GateOverride
from retention.db.models.work.cases import Confirmation
from retention.domain.entry_doubt import ENTRY, too_many
from retention.domain.limits import Limits
from retention.domain.playbook import ENTRY as CONDITION
from retention.domain.stages import PlaybookName
from retention.ladder.confirmations import Key
from retention.runs import trust

_ACCEPTED_FOR = timedelta(days=3)
_NIGHTS = 14
_ROOM = 1.2


def look_at_newcomers(
    session: Session, limits: Limits, meeting: Iterable[Key], as_of: date, active: int
) -> tuple[dict[str, int], dict[PlaybookName, str]]:
    """Return how many newly meet each entry condition, and why a playbook takes nobody tonight.

    On a first night everybody is new, and nothing is said. A night on which nobody met anything is
    none: those who meet something the night after are all new.
    """
    rows = session.execute(
        select(Confirmation.customer_id, Confirmation.playbook).where(
            Confirmation.condition == CONDITION
        )
    )
    before = {(row.customer_id, row.playbook) for row in rows}
    if not before and not trust.has_decided(session, "nightly", as_of):
        return {}, {}
    counts = Counter(key[1] for key in meeting if key not in before)
    past = trust.newly_meeting(session, "nightly", _NIGHTS, as_of)
    accepted = _accepted(session, as_of)
    doubt = {}
    for name in PlaybookName:
        found = too_many(counts[name], [n.get(name, 0) for n in past], active, limits.entry)
        if found is not None and counts[name] > accepted.get(name, 0) * _ROOM:
            doubt[name] = found
    return {str(name): counts[name] for name in PlaybookName}, doubt


def _accepted(session: Session, as_of: date) -> dict[str, int]:
    """Return how many newcomers a person has accepted in the last days, by playbook."""
    rows = session.scalars(
        select(GateOverride.found).where(
            GateOverride.table_name == ENTRY,
            GateOverride.business_date > as_of - _ACCEPTED_FOR,
            GateOverride.business_date <= as_of,
        )
    )
    pairs = (part.split(": ", 1) for row in rows for part in row.split("; "))
    return {name: int(said.split(" ", 1)[0].replace(",", "")) for name, said in pairs}
