"""A company for measuring: ten invoices, ten payments and five tickets per customer, drawn fast."""

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

AS_OF = date(2026, 5, 31)
_CHUNK = 200_000
_INVOICES, _TICKETS = 10, 5
_START = np.datetime64("2025-06-05")


def write(folder: Path, customers: int) -> int:
    """Write `customers` as Parquet, a part per 200,000; return all rows."""
    rows = 0
    for first in range(0, customers, _CHUNK):
        for name, table in tables(first, min(_CHUNK, customers - first)).items():
            target = folder / name / f"{first:08d}.parquet"
            target.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(table, target)
            rows += table.num_rows
    return rows


def tables(first: int, count: int) -> dict[str, pa.Table]:
    """Draw one part of the company."""
    rng = np.random.default_rng([20260531, first])
    ids = pa.array([f"C{first + n:07d}" for n in range(count)])
    billed = np.repeat(np.arange(count), _INVOICES)
    months = np.tile(np.arange(_INVOICES), count)
    issued = _START + (months * 35).astype("timedelta64[D]")
    amount = np.round(rng.uniform(20, 400, len(billed)), 2)
    numbers = pa.array([f"F{first * _INVOICES + n:09d}" for n in range(len(billed))])
    delay = np.where(rng.random(len(billed)) < 0.1, 45, 12) + rng.integers(0, 14, len(billed))
    called = rng.integers(0, count, count * _TICKETS)
    opened = _START + rng.integers(0, 360, len(called)).astype("timedelta64[D]")
    return {
        "customers": pa.table(
            {
                "customer_id": ids,
                "name": [f"Customer {first + n}" for n in range(count)],
                "email": [f"c{first + n}@customers.example" for n in range(count)],
                "kind": np.where(rng.random(count) < 0.4, "b2b", "b2c").tolist(),
                "created_on": np.full(count, np.datetime64("2023-01-01")),
            }
        ),
        "invoices": pa.table(
            {
                "invoice_id": numbers,
                "customer_id": ids.take(pa.array(billed)),
                "issued_on": issued,
                "due_on": issued + np.timedelta64(30, "D"),
                "amount": _cents(amount),
                "direct_cost": _cents(amount * rng.uniform(0.3, 0.9, len(amount))),
            }
        ),
        "payments": pa.table(
            {
                "customer_id": ids.take(pa.array(billed)),
                "paid_on": issued + delay.astype("timedelta64[D]"),
                "amount": _cents(amount),
                "invoice_id": numbers,
            }
        ),
        "tickets": pa.table(
            {
                "ticket_id": pa.array([f"T{first * _TICKETS + n:09d}" for n in range(len(called))]),
                "customer_id": ids.take(pa.array(called)),
                "opened_at": opened.astype("datetime64[s]"),
                "handling_minutes": np.round(rng.gamma(3.0, 4.0, len(called)), 1),
                "channel": np.where(rng.random(len(called)) < 0.5, "phone", "email").tolist(),
            }
        ),
    }


def _cents(values: np.ndarray) -> pa.Array:
    return pa.array(np.round(values, 2)).cast(pa.decimal128(12, 2), safe=False)
