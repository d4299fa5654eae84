"""Whether a customer has begun to earn since a night: nobody who has is pushed on."""

from collections.abc import Collection, Mapping
from typing import Any

from retention.scoring.costs import Costs
from retention.scoring.score import measure_customers
from retention.sources.extract import Features

_COLUMNS = ("recovering", "net_profit_12m_high")


def add_profit(
    rows: dict[str, dict[str, Any]], made: Features, costs: Costs, mapped: Collection[str]
) -> None:
    """Add to `rows`, by customer, what features say of the year and of the last 90 days."""
    measured = measure_customers(
        made.wide, made.activities, made.bills, made.contracts, costs, mapped
    )
    for row in measured.customers.select(["customer_id", *_COLUMNS]).to_pylist():
        rows[row["customer_id"]] |= row


def since(present: Mapping[str, Any], known: Mapping[str, Any]) -> list[str]:
    """Return what speaks for a customer by now; what the night knew already is no news."""
    return [why for said, why in _SAID.items() if said(present) and not said(known)]


def _earns_by_now(row: Mapping[str, Any]) -> bool:
    return row.get("recovering") is True


def _may_earn(row: Mapping[str, Any]) -> bool:
    high = row.get("net_profit_12m_high")  # a night of an earlier version may not have known
    return high is None or high >= 0


_SAID = {
    _earns_by_now: "the last 90 days earn by now, or lose far less",
    _may_earn: "it is no longer certain that the customer costs money",
}
