"""What the programme has done, on the company's own data: against a holdout, with intervals.

Who is treated was drawn by chance, so the difference between the arms is the programme's doing. The
figures by stage are not: whoever came further was another customer to begin with.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sqlalchemy import select
from sqlalchemy.orm import Session

from retention.db.models.exemptions import Holdout
from retention.db.models.work.cases import Case, CaseEvent
from retention.domain.cases import CaseEventKind
from retention.domain.errors import NotFoundError
from retention.domain.holdouts import Arm
from retention.domain.stages import LADDERS, PlaybookName, Stage
from retention.reports.case_outcomes import final_states
from retention.reports.spillover import measure_others
from retention.scoring.intervals import as_figures, difference_of_means
from retention.scratch import scratch
from retention.snapshots import store as snapshots

SEED = 2008
_SCORES = ("net_profit_12m", "contacts_per_month")
_SHORTEST = timedelta(days=28)


@dataclass(frozen=True, slots=True)
class Change:
    """One customer's figures when the arm was drawn, and now; `outcome` is how the case stands."""

    customer_id: str
    arm: Arm
    furthest: Stage | None
    profit: float | None
    contacts: float | None
    outcome: str | None = None


def measure_programme(session: Session, root: Path, as_of: date) -> dict[str, Any]:
    """Return what every playbook has done, and what became of everybody else."""
    return {
        "as_of": as_of.isoformat(),
        "playbooks": {
            name.value: measure_playbook(session, root, name, as_of) for name in PlaybookName
        },
        "others": measure_others(session, root, as_of),
    }


def compare_arms(treated: npt.ArrayLike, untreated: npt.ArrayLike) -> dict[str, float | None]:
    """Return the difference between two arms' means, with its interval; both are changes."""
    one, other = (np.asarray(values, dtype=np.float64) for values in (treated, untreated))
    return as_figures(difference_of_means(one, other, SEED))


def measure_playbook(
    session: Session, root: Path, playbook: PlaybookName, as_of: date
) -> dict[str, Any]:
    """Return a playbook's effect on profit and contacts, and the changes by stage and by outcome.

    The last two let nobody take the end of a loss for a customer who has learnt.

    Customers who were drawn less than four weeks ago are left out. Profit is of 12 months, contacts
    are per month. Raises NotFoundError without a snapshot of the date.
    """
    changes = list(_changes(session, root, playbook, as_of))
    held = [c for c in changes if c.arm is Arm.HOLDOUT]
    treated = [c for c in changes if c.arm is Arm.TREATED]
    stages = []
    for stage in LADDERS[playbook]:
        here = [c for c in treated if c.furthest is stage]
        stages.append({"stage": stage.value, "customers": len(here), **_compared(here, held)})
    outcomes = []
    for outcome in sorted({c.outcome for c in treated if c.outcome}):
        here = [c for c in treated if c.outcome == outcome]
        outcomes.append({"outcome": outcome, "customers": len(here), **_compared(here, held)})
    return {
        "treated": len(treated),
        "held_out": len(held),
        "effect": _compared(treated, held),
        "stages": stages,
        "outcomes": outcomes,
    }


def _compared(some: list[Change], held: list[Change]) -> dict[str, Any]:
    found = {}
    for name in ("profit", "contacts"):
        one, other = (
            [value for c in group if (value := getattr(c, name)) is not None]
            for group in (some, held)
        )
        found[name] = {
            "change": round(float(np.mean(one)), 2) if one else None,
            "untreated_change": round(float(np.mean(other)), 2) if other else None,
            "difference": compare_arms(one, other),
        }
    return found


def _changes(session: Session, root: Path, playbook: PlaybookName, as_of: date) -> Iterable[Change]:
    days = snapshots.dates(root)
    if as_of not in days:
        raise NotFoundError(f"snapshot of {as_of}", "does not exist", "Choose a night that ran.")
    drawn = session.execute(
        select(Holdout.customer_id, Holdout.arm, Holdout.assigned_on).where(
            Holdout.playbook == playbook, Holdout.assigned_on <= as_of - _SHORTEST
        )
    ).all()
    furthest = _furthest(session, playbook)
    outcomes = {c: state for c, (state, _) in final_states(session, playbook).items()}
    now = scores_of(root, as_of, (row.customer_id for row in drawn), _SCORES)
    by_day: dict[date, dict[str, dict[str, Any]]] = {}
    for row in drawn:
        if row.assigned_on not in days:
            continue
        if row.assigned_on not in by_day:
            theirs = [r.customer_id for r in drawn if r.assigned_on == row.assigned_on]
            by_day[row.assigned_on] = scores_of(root, row.assigned_on, theirs, _SCORES)
        before, after = by_day[row.assigned_on].get(row.customer_id), now.get(row.customer_id)
        if before is not None and after is not None:
            profit, contacts = (_difference(before[name], after[name]) for name in _SCORES)
            yield Change(
                row.customer_id, row.arm, furthest.get(row.customer_id), profit, contacts,
                outcomes.get(row.customer_id),
            )  # fmt: skip


def _difference(before: Any, after: Any) -> float | None:
    return None if before is None or after is None else float(after) - float(before)


def _furthest(session: Session, playbook: PlaybookName) -> dict[str, Stage]:
    """Return the furthest stage that each customer has reached."""
    ladder = LADDERS[playbook]
    found: dict[str, Stage] = {}
    rows = session.execute(
        select(Case.customer_id, CaseEvent.to_stage)
        .join(CaseEvent, CaseEvent.case_id == Case.id)
        .where(
            Case.playbook == playbook,
            CaseEvent.kind.in_([CaseEventKind.OPENED, CaseEventKind.STAGE_ENTERED]),
        )
    )
    for customer, stage in rows:
        if stage is not None:
            known = found.get(customer, ladder[0])
            found[customer] = max(known, stage, key=ladder.index)
    return found


def scores_of(
    root: Path, as_of: date, customers: Iterable[str], columns: Iterable[str]
) -> dict[str, dict[str, Any]]:
    """Return some score columns of some customers on a date."""
    wanted = pa.table({"customer_id": pa.array(sorted(set(customers)), pa.string())})
    listed = ", ".join(columns)
    with scratch() as db:
        db.register("wanted", wanted)
        table = db.sql(
            f"SELECT customer_id, {listed} FROM {snapshots.scan(root, as_of, snapshots.SCORES)} "
            f"WHERE customer_id IN (SELECT customer_id FROM wanted)"
        ).to_arrow_table()
    return {row["customer_id"]: row for row in table.to_pylist()}
