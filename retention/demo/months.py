"""What happens in one month of the demo company: vectors in, tables out."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from retention.demo.archetypes import TAGS
from retention.demo.population import FADING_FROM, Array, Customers

_CHANNELS = np.array(["phone", "email", "chat"])
_TOPICS = np.array(["billing", "delivery", "outage", "change_request", "contract"])
_METRICS = ("logins", "orders_online", "reports", "app_sessions")
_GRACE_DAYS = 30
_FADE_PER_MONTH = 0.62

Tables = dict[str, pa.Table]


@dataclass(frozen=True, slots=True)
class Month:
    """One month to simulate: its first day, its length and its place in the sequence."""

    first: date
    days: int
    number: int
    fading_months: int


def simulate_month(customers: Customers, month: Month) -> Tables:
    """Return invoices, payments, tickets, usage, surveys and cost events of one month."""
    rng = np.random.default_rng([customers.seed, customers.first, 2, month.number])
    invoices, payments = _billing(rng, customers, month)
    return {
        "invoices": invoices,
        "payments": payments,
        "tickets": _tickets(rng, customers, month),
        "usage": _usage(rng, customers, month),
        "surveys": _surveys(rng, customers, month),
        "cost_events": _cost_events(rng, customers, month),
    }


def _ids(customers: Customers, rows: np.ndarray) -> pa.Array:
    return pa.array(customers.ids).take(pa.array(rows))


def _days(month: Month, offsets: np.ndarray) -> np.ndarray:
    return np.datetime64(month.first) + offsets.astype("timedelta64[D]")


def _cents(amounts: Array) -> pa.Array:
    return pa.array(np.round(amounts, 2)).cast(pa.decimal128(12, 2), safe=False)


def _billing(
    rng: np.random.Generator, customers: Customers, month: Month
) -> tuple[pa.Table, pa.Table]:
    rows = np.flatnonzero(customers.cancel_month > month.number)
    count = len(rows)
    amount = np.round(customers.fee[rows] * rng.uniform(0.97, 1.06, count), 2)
    cost = amount * customers.traits["direct_cost_share"][rows] * rng.uniform(0.95, 1.05, count)
    ids = _ids(customers, rows)
    number = pa.array([f"F{month.first:%y%m}-{n}" for n in ids.to_pylist()])
    issued = np.full(count, np.datetime64(month.first))
    disputed = rng.random(count) < 0.002
    invoices = pa.table(
        {
            "invoice_id": number,
            "customer_id": ids,
            "issued_on": issued,
            "due_on": issued + np.timedelta64(_GRACE_DAYS, "D"),
            "amount": _cents(amount),
            "direct_cost": _cents(cost),
            "currency": pa.array(["EUR"] * count),
            "status": pa.array(np.where(disputed, "disputed", "open")),
        }
    )
    payments = _payments(rng, customers, month, rows, amount, number)
    return invoices, pa.concat_tables([payments, _settlements(customers, month)])


def _payments(
    rng: np.random.Generator,
    customers: Customers,
    month: Month,
    billed: np.ndarray,
    amount: Array,
    number: pa.Array,
) -> pa.Table:
    late_share = customers.traits["late_share"][billed]
    late = rng.random(len(billed)) < late_share
    days = np.where(late, 31 + rng.integers(1, 60, len(billed)), rng.integers(5, 30, len(billed)))
    pays = rng.random(len(billed)) >= customers.traits["unpaid_share"][billed]
    failed = rng.random(len(billed)) < late_share * 0.2
    customers.arrears[billed[~pays]] += amount[~pays]
    paid, bounced = np.flatnonzero(pays), np.flatnonzero(failed)
    rows = np.concatenate([paid, bounced])
    return _payment_table(
        _ids(customers, billed[rows]),
        _days(month, np.concatenate([days[paid], np.full(len(bounced), 28)])),
        amount[rows],
        number.take(pa.array(rows)),
        np.concatenate([np.zeros(len(paid), bool), np.ones(len(bounced), bool)]),
    )


def _settlements(customers: Customers, month: Month) -> pa.Table:
    """Customers who turned pay their arrears in one sum, without naming an invoice."""
    rows = np.flatnonzero(customers.settling > 0)
    amount = customers.settling[rows].copy()
    customers.arrears[rows] -= amount
    customers.settling[rows] = 0.0
    days = _days(month, np.full(len(rows), 4))
    none = pa.nulls(len(rows), pa.string())
    return _payment_table(_ids(customers, rows), days, amount, none, np.zeros(len(rows), bool))


def _payment_table(
    ids: pa.Array, paid_on: np.ndarray, amount: Array, invoice: pa.Array, failed: np.ndarray
) -> pa.Table:
    return pa.table(
        {
            "customer_id": ids,
            "paid_on": paid_on,
            "amount": _cents(amount),
            "invoice_id": invoice,
            "method": pa.array(["direct_debit"] * len(ids), pa.string()),
            "failed": failed,
        }
    )


def _tickets(rng: np.random.Generator, customers: Customers, month: Month) -> pa.Table:
    traits = customers.traits
    rate = np.where(customers.cancel_month > month.number, traits["tickets"], 0.0)
    rows = np.repeat(np.arange(len(customers.fee)), rng.poisson(rate))
    count = len(rows)
    opened = _days(month, rng.integers(0, month.days, count)).astype("datetime64[s]")
    opened = opened + rng.integers(8 * 3600, 19 * 3600, count).astype("timedelta64[s]")
    how_to = rng.random(count) < traits["how_to_share"][rows]
    csat = np.clip(np.rint(rng.normal(traits["csat"][rows], 0.7)), 1, 5)
    silent = rng.random(count) > 0.55
    hours = rng.exponential(20, count)
    return pa.table(
        {
            "ticket_id": pa.array([f"T{month.number}-{customers.first}-{n}" for n in range(count)]),
            "customer_id": _ids(customers, rows),
            "opened_at": opened,
            "closed_at": opened + (hours * 3600).astype("timedelta64[s]"),
            "handling_minutes": np.round(rng.gamma(4.0, traits["minutes"][rows] / 4.0), 1),
            "channel": pa.array(_CHANNELS[rng.choice(3, count, p=[0.5, 0.35, 0.15])]),
            "topic": pa.array(np.where(how_to, "how_to", _TOPICS[rng.integers(0, 5, count)])),
            "severity": pa.array(np.where(rng.random(count) < 0.1, "high", "normal")),
            "csat": pa.array(csat, mask=silent),
            "escalated": rng.random(count) < traits["escalated_share"][rows],
            "complaint": rng.random(count) < traits["complaint_share"][rows],
            "own_fault": rng.random(count) < 0.06,
            "tags": _tags(customers, month, rows),
        }
    )


def _tags(customers: Customers, month: Month, rows: np.ndarray) -> pa.Array:
    """Return what staff tagged; a stream of its own, so that tags change nothing else."""
    rng = np.random.default_rng([customers.seed, customers.first, 6, month.number])
    draw, pick = rng.random(len(rows)), rng.integers(0, 1 << 16, len(rows))
    tags = np.full(len(rows), "", dtype=object)
    for name, (share, words) in TAGS.items():
        mine = (customers.archetype[rows] == name) & (draw < share)
        tags[mine] = np.array(words)[pick[mine] % len(words)]
    return pa.array(tags, pa.string(), mask=tags == "")


def _usage(rng: np.random.Generator, customers: Customers, month: Month) -> pa.Table:
    traits, count = customers.traits, len(customers.fee)
    fade = np.where(customers.fading, _FADE_PER_MONTH**month.fading_months, 1.0)
    fade = np.where(customers.cancel_month > month.number, fade, 0.0)
    tables = []
    for position, metric in enumerate(_METRICS):
        rows = np.flatnonzero(traits["metrics"] > position)
        quantity = rng.poisson(traits["usage"][rows] * fade[rows] / (position + 1))
        days = rng.integers(0, month.days, len(rows))
        used = quantity > 0
        tables.append(
            pa.table(
                {
                    "customer_id": _ids(customers, rows[used]),
                    "used_on": _days(month, days[used]),
                    "metric": pa.array([metric] * int(used.sum()), pa.string()),
                    "quantity": quantity[used].astype(float),
                }
            )
        )
    return pa.concat_tables(tables) if count else tables[0]


def _surveys(rng: np.random.Generator, customers: Customers, month: Month) -> pa.Table:
    count = len(customers.fee)
    rows = np.flatnonzero(rng.random(count) < 0.06)
    score = np.clip(np.rint(rng.normal(customers.traits["csat"][rows] * 2, 1.0)), 0, 10)
    return pa.table(
        {
            "customer_id": _ids(customers, rows),
            "answered_on": _days(month, rng.integers(0, month.days, len(rows))),
            "kind": pa.array(["nps"] * len(rows), pa.string()),
            "score": score,
        }
    )


def _cost_events(rng: np.random.Generator, customers: Customers, month: Month) -> pa.Table:
    orders = rng.poisson(0.8, len(customers.fee))
    returns = rng.poisson(customers.traits["returns"])
    tables = []
    for driver, quantity in (("delivery", orders), ("return", returns)):
        rows = np.flatnonzero(quantity)
        tables.append(
            pa.table(
                {
                    "customer_id": _ids(customers, rows),
                    "occurred_on": _days(month, rng.integers(0, month.days, len(rows))),
                    "driver": pa.array([driver] * len(rows), pa.string()),
                    "quantity": quantity[rows].astype(float),
                }
            )
        )
    return pa.concat_tables(tables)


def month_of(first: date, number: int) -> Month:
    """Return month `number` of a company whose first month starts on `first`."""
    index = first.year * 12 + first.month - 1 + number
    start = date(index // 12, index % 12 + 1, 1)
    after = date((index + 1) // 12, (index + 1) % 12 + 1, 1)
    length = (after - start) // timedelta(days=1)
    return Month(start, length, number, max(0, number - FADING_FROM + 1))
