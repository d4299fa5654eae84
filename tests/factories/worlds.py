"""A small world for nights without sources: customers whose scores a test sets by hand."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from retention.db import snapshots
from retention.domain.scores import SCORE_COLUMNS, Kind

_TYPES = {
    Kind.TEXT: pa.string(),
    Kind.FLAG: pa.bool_(),
    Kind.COUNT: pa.int64(),
    Kind.MONEY: pa.decimal128(18, 2),
    Kind.RATIO: pa.float64(),
    Kind.POINTS: pa.int64(),
    Kind.DATE: pa.date32(),
}
SCHEMA = pa.schema([(column.name, _TYPES[column.kind]) for column in SCORE_COLUMNS])
_PEOPLE = ("customer_id", "name", "email", "phone", "language", "country", "timezone", "kind",
           "account_manager", "currency")  # fmt: skip


@dataclass(slots=True)
class Somebody:
    """One customer: who costs money, whom nothing protects, unless a test says otherwise."""

    customer_id: str
    profit: int = -1000
    overdue: int = 200
    complaint: bool = False
    disputed: int = 0
    vulnerable: bool = False
    contacts_change: float = 0.5
    left_on: date | None = None
    email: str | None = "somebody@customers.example"
    present: bool = True
    country: str | None = "ES"
    prepaid: bool = False

    def scores(self) -> dict[str, Any]:
        """Return the score row of a night; what is not said is not known."""
        known = {
            "customer_id": self.customer_id,
            "kind": "b2c",
            "country": self.country,
            "language": "es",
            "strategic": False,
            "vulnerable": self.vulnerable,
            "has_email": self.email is not None,
            "active_contracts": 0 if self.left_on else 1,
            "contract_ended_on": self.left_on,
            "monthly_fee": Decimal("50.00"),
            "notice_days": 30,
            "notice_terms": "|30|2024-01-01|",
            "prepaid": self.prepaid,
            "net_profit_12m": Decimal(self.profit),
            "net_profit_12m_low": Decimal(self.profit - 100),
            "net_profit_12m_high": Decimal(self.profit + 100),
            "overdue_amount": Decimal(self.overdue),
            "disputed_amount": Decimal(self.disputed),
            "open_complaint": self.complaint,
            "contacts_per_month_change": self.contacts_change,
            "fit": "poor" if self.profit < 0 else "good",
            "usage_change": 0.0,
            "worth_retaining": False,
        }
        return {name: known.get(name) for name in SCHEMA.names}

    def person(self) -> dict[str, Any]:
        """Return the name and address of a night."""
        return {
            "customer_id": self.customer_id,
            "name": f"Ana Peña {self.customer_id}",
            "email": self.email,
            "phone": None,
            "language": "es",
            "country": self.country,
            "timezone": "Europe/Madrid",
            "kind": "b2c",
            "account_manager": "marta",
            "currency": "EUR",
        }


def write_night(root: Path, as_of: date, people: list[Somebody], ties: list[Any]) -> None:
    """Write a snapshot that holds exactly these customers."""
    here = sorted((p for p in people if p.present), key=lambda p: p.customer_id)
    snapshots.begin(root, as_of, {"as_of": as_of.isoformat(), "shards": 1, "costs": {}})
    rows = pa.Table.from_pylist([p.scores() for p in here], schema=SCHEMA)
    snapshots.write_shard(root, as_of, snapshots.SCORES, 0, rows)
    named = pa.Table.from_pylist(
        [p.person() for p in here], schema=pa.schema([(n, pa.string()) for n in _PEOPLE])
    )
    snapshots.write_shard(root, as_of, snapshots.PEOPLE, 0, named)
    pairs = pa.table(
        {
            "customer_id": pa.array([a for a, _ in ties], pa.string()),
            "other_id": pa.array([b for _, b in ties], pa.string()),
            "tie": pa.array(["parent"] * len(ties), pa.string()),
        }
    )
    snapshots.write_shard(root, as_of, snapshots.TIES, 0, pairs)
    snapshots.note(root, as_of, complete=True)
