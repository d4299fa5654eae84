"""What the scores of a night say about the customers that matter tonight."""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from retention.domain.playbook import ENTRY, Playbook
from retention.playbooks.conditions import evaluate
from retention.snapshots import store as snapshots


@dataclass(slots=True)
class Evidence:
    """One night's condition values and score rows.

    `values[key]` maps a customer to True or False, for customers with a case and for those who meet
    an entry condition; a customer whose condition is not known is not in it. `facts` are the few
    columns that every decision needs, `rows` the full score rows, with names, of the customers for
    whom something happens.
    """

    as_of: date
    values: dict[str, dict[str, bool]]
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)

    def true_for(self, key: str) -> list[str]:
        """Return the customers for whom a condition is known to be true."""
        return [customer for customer, value in self.values[key].items() if value]


def condition_key(playbook: Playbook, what: str, stage: str = "") -> str:
    """Return the name under which a condition of a playbook version is evaluated."""
    return ":".join(part for part in (playbook.version[:16], what, stage) if part)


def conditions_of(playbook: Playbook) -> dict[str, str]:
    """Return every condition of a playbook, by key."""
    return {condition_key(playbook, *place): sql for *place, sql in playbook.conditions()}


def gather(root: Path, as_of: date, playbooks: list[Playbook], with_case: list[str]) -> Evidence:
    """Evaluate every condition of `playbooks` for all customers at once."""
    conditions = {key: sql for book in playbooks for key, sql in conditions_of(book).items()}
    table = evaluate(
        snapshots.scan(root, as_of, snapshots.SCORES),
        conditions,
        where_true=[condition_key(book, ENTRY) for book in playbooks],
        customers=with_case,
    )
    customers = table.column("customer_id").to_pylist()
    values = {key: _known(customers, table.column(key)) for key in conditions}
    return Evidence(as_of, values)


def _known(customers: list[str], column: pa.ChunkedArray) -> dict[str, bool]:
    pairs = zip(customers, column.to_pylist(), strict=True)
    return {customer: value for customer, value in pairs if value is not None}
