"""What the programme does to everybody else: those tied to treated customers, and the good ones.

Whoever watches a customer being let go may go too (Lepthien et al. 2017). So tied customers are
compared with others like them who are tied to nobody that was treated, and above a limit the
programme stops by itself.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlalchemy import select
from sqlalchemy.orm import Session

from retention.db.models.work.cases import Case
from retention.domain.cases import CaseState
from retention.domain.stages import PlaybookName
from retention.safeguards import kill_switch as switches
from retention.scoring.intervals import Interval, as_figures, difference_of_shares, wilson
from retention.scratch import scratch
from retention.snapshots import store as snapshots

WINDOW = timedelta(days=180)
_PLANNED = (CaseState.TERMINATED, CaseState.MIGRATED)
_LEFT = "now.contract_ended_on IS NOT NULL"

# Of every stratum of kind, size and tier: how many tied and other customers there were, and how
# many of them have left. The others are weighed by the tied ones, so that like meets like.
_STRATA = """
WITH base AS (
    SELECT customer_id, coalesce(peer_group, '') || ':' || coalesce(tier, '') AS stratum, fit
    FROM {before}
    WHERE contract_ended_on IS NULL
        AND customer_id NOT IN (SELECT customer_id FROM touched)
),
tied AS (
    SELECT DISTINCT other_id AS customer_id
    FROM {ties}
    WHERE customer_id IN (SELECT customer_id FROM treated)
)
SELECT
    b.stratum,
    count(*) FILTER (WHERE t.customer_id IS NOT NULL) AS tied,
    count(*) FILTER (WHERE t.customer_id IS NOT NULL AND {left}) AS tied_left,
    count(*) FILTER (WHERE t.customer_id IS NULL) AS others,
    count(*) FILTER (WHERE t.customer_id IS NULL AND {left}) AS others_left
FROM base AS b
LEFT JOIN tied AS t USING (customer_id)
LEFT JOIN {now} AS now USING (customer_id)
GROUP BY b.stratum
ORDER BY b.stratum
"""

_GOOD = """
SELECT count(*), count(*) FILTER (WHERE now.contract_ended_on IS NULL)
FROM {before} AS b
INNER JOIN {now} AS now USING (customer_id)
WHERE b.fit = 'good' AND b.contract_ended_on IS NULL
"""

_GONE = """
SELECT now.customer_id
FROM {before} AS b
INNER JOIN {now} AS now USING (customer_id)
WHERE b.contract_ended_on IS NULL AND now.contract_ended_on IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Sides:
    """Two dates that are compared: the snapshot before and the one now."""

    root: Path
    before: date
    now: date


def measure_others(session: Session, root: Path, as_of: date) -> dict[str, Any] | None:
    """Return spillover, exits, and how many good customers stayed, over half a year at the most.

    None when there is no earlier snapshot to compare with.
    """
    days = [day for day in snapshots.dates(root) if as_of - WINDOW <= day < as_of]
    if not days:
        return None
    sides = Sides(root, days[0], as_of)
    cases = session.execute(select(Case.customer_id, Case.state, Case.closed_on)).all()
    recent = [c for c in cases if c.closed_on is None or c.closed_on >= sides.before]
    touched = {case.customer_id for case in cases}
    treated = {case.customer_id for case in recent}
    planned = {case.customer_id for case in recent if case.state in _PLANNED}
    migrated = {case.customer_id for case in recent if case.state is CaseState.MIGRATED}
    gone = {row[0] for row in _query(sides, _GONE, {})}
    good, stayed = _query(sides, _GOOD, {})[0]
    return {
        "since": sides.before.isoformat(),
        "spillover": _spillover(sides, touched, treated),
        "good_kept": {"customers": good, **as_figures(wilson(stayed, good))},
        "exits": {
            "planned": len(gone & planned),
            "unplanned": len(gone - planned),
            "lost": len(gone - migrated),
            "migrated": len(migrated),
        },
    }


def _spillover(sides: Sides, touched: set[str], treated: set[str]) -> dict[str, Any]:
    strata = _query(sides, _STRATA, {"touched": touched, "treated": treated})
    matched = [row for row in strata if row[1] and row[3]]
    tied, tied_left = sum(row[1] for row in matched), sum(row[2] for row in matched)
    expected = sum(row[4] / row[3] * row[1] for row in matched)
    others = sum(row[3] for row in matched)
    share = expected / tied if tied else 0.0
    difference = difference_of_shares((tied_left, tied), (round(share * others), others))
    return {
        "tied": tied,
        "tied_left": tied_left,
        "others": others,
        "expected_left": round(expected, 2),
        "difference": as_figures(difference),
    }


def _query(sides: Sides, sql: str, sets: dict[str, set[str]]) -> list[tuple[Any, ...]]:
    parts = {
        "before": snapshots.scan(sides.root, sides.before, snapshots.SCORES),
        "now": snapshots.scan(sides.root, sides.now, snapshots.SCORES),
        "ties": snapshots.scan(sides.root, sides.before, snapshots.TIES),
        "left": _LEFT,
    }
    with scratch() as db:
        for name, customers in sets.items():
            table = pa.table({"customer_id": pa.array(sorted(customers), pa.string())})
            db.register(name, table)
        rows: list[tuple[Any, ...]] = db.sql(sql.format(**parts)).fetchall()
    return rows


def stop_above_limit(
    session: Session, found: dict[str, Any] | None, limit: float, now: datetime
) -> bool:
    """Stop the ladder when tied customers surely leave more than others, by more than a limit."""
    if found is None:
        return False
    figures = found["spillover"]["difference"]
    interval = Interval(figures["value"], figures["low"], figures["high"])
    if interval.value is None or interval.value <= limit or not interval.is_above_zero:
        return False
    scope = f"playbook:{PlaybookName.RESTORE}"
    if scope in switches.stopped(session):
        return False
    reason = f"tied customers leave more than others, by {interval.value:.1%}"
    switches.stop_by_itself(session, scope, reason, now)
    return True
