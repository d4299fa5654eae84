"""For how many nights in a row a condition has held: what keeps cases from flapping."""

from collections.abc import Collection, Iterable
from datetime import date, timedelta

from sqlalchemy import delete, insert, select, tuple_, update
from sqlalchemy.orm import Session

from retention.db.models.work.cases import Confirmation
from retention.domain.stages import PlaybookName

Key = tuple[str, PlaybookName]
_MANY = 1000


def count_nights(
    session: Session,
    condition: str,
    holding: Iterable[Key],
    as_of: date,
    *,
    gap_days: int,
    paused: Collection[PlaybookName] = (),
) -> dict[Key, int]:
    """Record that `condition` holds tonight for `holding` and return the nights in a row.

    Whoever is not in `holding` starts from zero again, except in a playbook that is `paused`; so
    does who held last more than `gap_days` ago. A repeated date counts once.
    """
    rows = session.execute(
        select(
            Confirmation.customer_id,
            Confirmation.playbook,
            Confirmation.nights,
            Confirmation.last_on,
        ).where(Confirmation.condition == condition)
    )
    before = {(row.customer_id, row.playbook): row for row in rows}
    tonight = set(holding)
    over = [key for key in before if key not in tonight and key[1] not in paused]
    _forget(session, condition, over)
    since = as_of - timedelta(days=gap_days)
    nights: dict[Key, int] = {}
    changed: list[dict[str, object]] = []
    new: list[dict[str, object]] = []
    for key in sorted(tonight):
        known = before.get(key)
        if known is not None and known.last_on == as_of:
            nights[key] = known.nights
            continue
        in_a_row = known is not None and known.last_on >= since
        nights[key] = known.nights + 1 if known is not None and in_a_row else 1
        (new if known is None else changed).append(_values(key, condition, nights[key], as_of))
    if changed:
        session.execute(update(Confirmation), changed)
    if new:
        session.execute(insert(Confirmation), new)
    return nights


def _values(key: Key, condition: str, nights: int, as_of: date) -> dict[str, object]:
    customer, playbook = key
    return {
        "customer_id": customer,
        "playbook": playbook,
        "condition": condition,
        "nights": nights,
        "last_on": as_of,
    }


def _forget(session: Session, condition: str, keys: list[Key]) -> None:
    for start in range(0, len(keys), _MANY):
        session.execute(
            delete(Confirmation).where(
                Confirmation.condition == condition,
                tuple_(Confirmation.customer_id, Confirmation.playbook).in_(
                    keys[start : start + _MANY]
                ),
            )
        )
