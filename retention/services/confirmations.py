"""For how many nights in a row a condition has held: what keeps cases from flapping."""

from collections.abc import Collection, Iterable
from datetime import date

from sqlalchemy import delete, insert, select, tuple_
from sqlalchemy.orm import Session

from retention.db.models import Confirmation
from retention.domain.stages import PlaybookName

Key = tuple[str, PlaybookName]


def count_nights(
    session: Session,
    condition: str,
    holding: Iterable[Key],
    as_of: date,
    *,
    paused: Collection[PlaybookName] = (),
) -> dict[Key, int]:
    """Record that `condition` holds tonight for `holding` and return the nights in a row.

    Whoever is not in `holding` starts from zero again, except in a playbook that is `paused`. A
    repeated date counts once.
    """
    rows = session.scalars(select(Confirmation).where(Confirmation.condition == condition))
    before = {(row.customer_id, row.playbook): row for row in rows}
    tonight = set(holding)
    over = [key for key in before if key not in tonight and key[1] not in paused]
    _forget(session, condition, over)
    for key in tonight & before.keys():
        if before[key].last_on < as_of:
            before[key].nights += 1
            before[key].last_on = as_of
    new = sorted(tonight - before.keys())
    if new:
        session.execute(
            insert(Confirmation),
            [
                {
                    "customer_id": customer,
                    "playbook": playbook,
                    "condition": condition,
                    "nights": 1,
                    "last_on": as_of,
                }
                for customer, playbook in new
            ],
        )
    return {key: before[key].nights if key in before else 1 for key in tonight}


def _forget(session: Session, condition: str, keys: list[Key]) -> None:
    for start in range(0, len(keys), 400):
        session.execute(
            delete(Confirmation).where(
                Confirmation.condition == condition,
                tuple_(Confirmation.customer_id, Confirmation.playbook).in_(
                    keys[start : start + 400]
                ),
            )
        )
