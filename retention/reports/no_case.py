"""Why a customer has no case: what keeps each playbook from starting."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import sqlglot
from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlglot import expressions as exp

from retention.db.models.exemptions import Holdout
from retention.db.models.work.cases import Confirmation
from retention.db.queries import cases as case_queries
from retention.domain.cases import CaseState
from retention.domain.errors import NotFoundError
from retention.domain.exclusions import ExclusionKind, in_force
from retention.domain.holdouts import Arm
from retention.domain.playbook import Playbook
from retention.playbooks.counterfactual import evaluate
from retention.policies.load import Policies
from retention.runs.history import summary_of
from retention.safeguards import exclusions, kill_switch

Reason = dict[str, Any]


def why_no_case(
    session: Session, policies: Policies, row: dict[str, Any], as_of: date
) -> list[Reason]:
    """Return, per playbook, what keeps it from starting; empty while a case is open.

    Each has `playbook`, `why` and what belongs to it: `unmet` are the parts of the entry condition
    that do not hold, with the figures that they look at.
    """
    customer = row["customer_id"]
    cases = case_queries.list_of_customer(session, customer)
    if any(case.state is CaseState.OPEN for case in cases):
        return []
    night, stopped = _night(session, as_of), kill_switch.stopped(session)
    theirs = exclusions.of_customers(session, [customer], as_of).get(customer, ())
    found = []
    for name, book in policies.playbooks.items():
        closed = max(
            (c.closed_on for c in cases if c.playbook is name and c.closed_on), default=None
        )
        closed_to_all = _kept_from_all(book, night, stopped)
        apart = next((k for k in (ExclusionKind.HOLD, ExclusionKind.EXEMPTION)
                      if in_force(theirs, k, name, as_of)), None)  # fmt: skip
        reason: Reason = {"playbook": str(name)}
        unmet = _unmet(book, row)
        if unmet:
            reason |= {"why": "unmet", "unmet": unmet}
        elif apart is not None:
            reason |= {"why": str(apart)}
        elif closed_to_all is not None:
            reason |= closed_to_all
        elif closed is not None and as_of < book.again.after(closed):
            reason |= {"why": "resting", "until": book.again.after(closed).isoformat()}
        elif _is_held_out(session, customer):
            reason |= {"why": "held_out"}
        else:
            nights = _nights(session, customer, book)
            reason |= {"why": "confirming", "nights": nights, "of": book.entry.nights}
        found.append(reason)
    return found


def _night(session: Session, as_of: date) -> dict[str, Any]:
    try:
        return summary_of(session, "nightly", as_of)
    except NotFoundError:  # scores are there, and a night that was held
        return {}


def _kept_from_all(
    book: Playbook, night: dict[str, Any], stopped: Mapping[str, str]
) -> Reason | None:
    """Return what lets nobody into a playbook: a switch, tables, or too many newcomers."""
    if f"playbook:{book.name}" in stopped:
        return {"why": "stopped", "reason": stopped[f"playbook:{book.name}"]}
    pull = night.get("pull", {})
    if str(book.name) in pull.get("held_playbooks", ()):
        return {"why": "table", "tables": ", ".join(sorted(pull["tripped"]))}
    doubt = night.get("decisions", {}).get("doubt", {}).get(str(book.name))
    return {"why": "doubt", "reason": doubt} if doubt else None


def _unmet(book: Playbook, row: dict[str, Any]) -> list[Reason]:
    """Return the parts of the entry condition that are not known to hold."""
    tree = sqlglot.parse_one(book.entry.when, dialect="duckdb")
    parts = list(tree.flatten()) if isinstance(tree, exp.And) else [tree]
    sqls = [part.sql("duckdb") for part in parts]
    values = evaluate(sqls, row)
    return [
        {"condition": sql, "now": {c.name: row.get(c.name) for c in part.find_all(exp.Column)}}
        for part, sql, value in zip(parts, sqls, values, strict=True)
        if value is not True
    ]


def _is_held_out(session: Session, customer: str) -> bool:
    arms = session.scalars(select(Holdout.arm).where(Holdout.customer_id == customer)).all()
    return Arm.HOLDOUT in arms


def _nights(session: Session, customer: str, book: Playbook) -> int:
    row = session.get(Confirmation, (customer, book.name, "entry"))
    return row.nights if row else 0
