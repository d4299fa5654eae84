"""What every activity costs: time-driven, month by month, in whole cents.

Quantity of each activity times its unit cost (Kaplan and Anderson, Harvard Business Review,
November 2004). Every part of every month is an integer number of cents, so that sums are exact.
"""

import difflib
from collections.abc import Collection

import numpy as np
import pyarrow as pa

from retention.domain.errors import ConfigError
from retention.scoring.costs import Costs

MONTHS = 12
_CENTS = 100
_DAYS_PER_YEAR = 365
LOW, LIKELY, HIGH = range(3)

PARTS = (
    "revenue_12m",
    "profit_direct_cost",
    "profit_service",
    "profit_events",
    "profit_collection",
    "profit_credit_loss",
)
SERVICE, EVENTS, COLLECTION, CREDIT_LOSS = PARTS[2:]
OURS = "own_fault"
_OWN_FAULT = "own_fault_minute."
_TICKET = "ticket_minute."

Cents = np.ndarray
Scenarios = tuple[float, float, float]


def unit_costs(activity: str, costs: Costs) -> tuple[str, Scenarios]:
    """Return the part of the profit that an activity belongs to, and cents per unit.

    Raises ConfigError when the activity, or its severity, has no rate.
    """
    if activity == "bad_debt":
        return CREDIT_LOSS, _times(costs.credit_loss.scenarios, -1)
    if activity.startswith("dunning."):
        step = costs.dunning[int(activity.removeprefix("dunning."))]
        return COLLECTION, _times(step.scenarios, -_CENTS)
    name, _, severity = activity.replace(_OWN_FAULT, _TICKET).partition(":")
    _require(name, costs.activities, "activity", "activities")
    factor = 1.0
    if severity:
        _require(severity, costs.severity, "severity", "severity")
        factor = costs.severity[severity]
    part = OURS if activity.startswith(_OWN_FAULT) else EVENTS
    part = SERVICE if activity.startswith(_TICKET) else part
    return part, _times(costs.activities[name].scenarios, -_CENTS * factor)


def _times(rates: Scenarios, factor: float) -> Scenarios:
    low, likely, high = rates
    return low * factor, likely * factor, high * factor


def _require(name: str, known: Collection[str], what: str, where: str) -> None:
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f" (did you mean '{close[0]}'?)" if close else ""
        raise ConfigError(
            "costs.yaml", f"{what} '{name}' has no rate{hint}", f"Add it under '{where}'."
        )


def scenario_of(cents: Cents, scenario: int) -> Cents:
    """Return one scenario's row; what costs the same in all of them has one row only."""
    row: Cents = cents[scenario if len(cents) > 1 else 0]
    return row


def month_cents(
    customers: int, activities: pa.Table, bills: pa.Table, costs: Costs
) -> tuple[dict[str, Cents], Cents]:
    """Return whole cents per part, scenario and customer-month, and what caps took away.

    Month `m` of the customer at place `p` is cell `12 * p + m - 1`. Revenue and direct cost have
    one row, everything else one for low, likely and high.
    """
    cells = customers * MONTHS
    floats = {part: np.zeros((3, cells)) for part in (*PARTS[2:], OURS)}
    removed = np.zeros(customers)
    place = activities.column("place").to_numpy()
    cell = _cells(activities)
    quantity = activities.column("quantity").to_numpy()
    cut = activities.column("removed").to_numpy()
    # In the order of their names, so that sums are the same however the rows are ordered.
    for name, rows in _rows_by_activity(activities):
        part, rates = unit_costs(name, costs)
        for scenario, rate in enumerate(rates):
            floats[part][scenario, cell[rows]] += quantity[rows] * rate
        removed += np.bincount(place[rows], cut[rows] * -rates[LIKELY], customers)
    billed = _cells(bills)
    outstanding = bills.column("capital").to_numpy()
    for scenario, rate in enumerate(costs.capital.scenarios):
        floats[COLLECTION][scenario, billed] -= outstanding * (rate / _DAYS_PER_YEAR)
    for part, column, sign in ((PARTS[0], "revenue", 1), (PARTS[1], "direct_cost", -1)):
        floats[part] = np.zeros((1, cells))
        floats[part][0, billed] = sign * bills.column(column).to_numpy()
    return {part: _whole(values) for part, values in floats.items()}, _cents(removed)


def _rows_by_activity(activities: pa.Table) -> list[tuple[str, np.ndarray]]:
    """Return each activity's rows, by name; an activity has one row per customer and month."""
    encoded = activities.column("activity").combine_chunks().dictionary_encode()
    code = encoded.indices.to_numpy()
    order = np.argsort(code, kind="stable")
    names = encoded.dictionary.to_pylist()
    edges = np.searchsorted(code[order], np.arange(len(names) + 1))
    parts = [(name, order[edges[n] : edges[n + 1]]) for n, name in enumerate(names)]
    return sorted(parts, key=lambda part: part[0])


def _cells(facts: pa.Table) -> np.ndarray:
    """Return where each row belongs in an array of twelve months per customer."""
    place = facts.column("place").to_numpy().astype(np.int64)
    cell: np.ndarray = place * MONTHS + facts.column("month").to_numpy() - 1
    return cell


def _whole(values: np.ndarray) -> Cents:
    """Return whole cents, rounded once: those of any months up to the newest are as near as can be.

    A month is what its end adds, so that a year of fractions does not lose or win a cent a month.
    """
    running = np.cumsum(values.reshape(len(values), -1, MONTHS), axis=2)
    ends = _cents(running)
    ends[:, :, 1:] -= ends[:, :, :-1].copy()
    return ends.reshape(len(values), -1)


def _cents(values: np.ndarray) -> Cents:
    rounded: Cents = np.rint(values).astype(np.int64)
    return rounded
