"""What each customer brought in the last 12 months, after everything they made us do.

Time-driven activity costs: quantity of each activity times its unit cost (Kaplan and Anderson,
Harvard Business Review, November 2004). Every part of every month is an integer number of cents, so
months sum to the year and parts to the net profit exactly. Low unit costs give the high end of the
band, and the reverse.
"""

import difflib
from collections.abc import Collection

import numpy as np
import pandas as pd
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
_SERVICE, _EVENTS, _COLLECTION, _LOSS = PARTS[2:]
_NET = ("net_profit_12m_high", "net_profit_12m", "net_profit_12m_low")
_OWN_FAULT = "own_fault_minute."
_TICKET = "ticket_minute."

Cents = np.ndarray
Scenarios = tuple[float, float, float]


def unit_costs(activity: str, costs: Costs) -> tuple[str, Scenarios]:
    """Return the part of the profit that an activity belongs to, and cents per unit.

    Raises ConfigError when the activity, or its severity, has no rate.
    """
    if activity == "revenue":
        return PARTS[0], (1.0, 1.0, 1.0)
    if activity == "direct_cost":
        return PARTS[1], (-1.0, -1.0, -1.0)
    if activity == "capital":
        return _COLLECTION, _times(costs.capital.scenarios, -1 / _DAYS_PER_YEAR)
    if activity == "bad_debt":
        return _LOSS, _times(costs.credit_loss.scenarios, -1)
    if activity.startswith("dunning."):
        step = costs.dunning[int(activity.removeprefix("dunning."))]
        return _COLLECTION, _times(step.scenarios, -_CENTS)
    name, _, severity = activity.replace(_OWN_FAULT, _TICKET).partition(":")
    _require(name, costs.activities, "activity", "activities")
    factor = 1.0
    if severity:
        _require(severity, costs.severity, "severity", "severity")
        factor = costs.severity[severity]
    part = "own_fault" if activity.startswith(_OWN_FAULT) else _EVENTS
    part = _SERVICE if activity.startswith(_TICKET) else part
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


def add_economics(
    scores: pd.DataFrame, activities: pa.Table, costs: Costs, mapped: Collection[str]
) -> tuple[pd.DataFrame, pa.Table]:
    """Return `scores` with the parts of the profit and its band, and the same by month.

    `scores` holds one row per customer with feature columns in cents, in the order that the
    `place` of `activities` counts. Net profit is NULL without revenue and direct cost; costs that
    no source reports are left out and say so as 'partial'. Raises ConfigError when a rate is
    missing.
    """
    scores = scores.copy()
    sums, removed = _sums(len(scores), activities, costs)
    known = _known(scores, mapped)
    for part in PARTS:
        year = sums[part][LIKELY].reshape(-1, MONTHS).sum(axis=1)
        scores[part] = pd.array(year, dtype="Int64")
        scores[part] = scores[part].where(known[part])
    base = known[PARTS[0]] & known[PARTS[1]]
    for scenario, column in enumerate(_NET):
        total = sum(np.where(known[part].repeat(MONTHS), sums[part][scenario], 0) for part in PARTS)
        scores[column] = pd.array(np.asarray(total).reshape(-1, MONTHS).sum(axis=1), dtype="Int64")
        scores[column] = scores[column].where(base)
    full = np.logical_and.reduce([known[part] for part in PARTS])
    confidence = np.where(~base, "no_data", np.where(full, "full", "partial"))
    scores["economics_confidence"] = pd.array(confidence, dtype="string")
    serving = scores[list(PARTS[2:])].fillna(0).sum(axis=1)
    scores["cost_to_serve_12m"] = (-serving).where(known[_SERVICE] | known[_EVENTS])
    ours = -sums["own_fault"][LIKELY].reshape(-1, MONTHS).sum(axis=1)
    scores["own_fault_cost_12m"] = pd.array(ours, dtype="Int64")
    scores["own_fault_cost_12m"] = scores["own_fault_cost_12m"].where(known[_SERVICE])
    scores["winsorised_12m"] = pd.array(removed, dtype="Int64")
    return scores, _by_month(scores, sums)


def _sums(
    customers: int, activities: pa.Table, costs: Costs
) -> tuple[dict[str, list[Cents]], Cents]:
    """Return cents per part, scenario and customer-month, and what caps took away per customer."""
    floats = {part: np.zeros((3, customers * MONTHS)) for part in (*PARTS, "own_fault")}
    removed = np.zeros(customers)
    encoded = activities.column("activity").combine_chunks().dictionary_encode()
    code = encoded.indices.to_numpy()
    place = activities.column("place").to_numpy()
    cell = place * MONTHS + activities.column("month").to_numpy() - 1
    quantity = activities.column("quantity").to_numpy()
    cut = activities.column("removed").to_numpy()
    names = encoded.dictionary.to_pylist()
    # In the order of their names, so that sums are the same however the rows are ordered.
    for number in sorted(range(len(names)), key=names.__getitem__):
        part, rates = unit_costs(names[number], costs)
        rows = code == number
        for scenario, rate in enumerate(rates):
            floats[part][scenario, cell[rows]] += quantity[rows] * rate
        removed[place[rows]] += cut[rows] * -rates[LIKELY]
    whole = {part: [_cents(row) for row in rows] for part, rows in floats.items()}
    return whole, _cents(removed)


def _cents(values: np.ndarray) -> Cents:
    rounded: Cents = np.rint(values).astype(np.int64)
    return rounded


def _known(scores: pd.DataFrame, mapped: Collection[str]) -> dict[str, np.ndarray]:
    """Return, per part, for which customers a source says anything about it."""
    everybody = np.ones(len(scores), dtype=bool)
    paid = scores["overdue_amount"].notna().to_numpy()
    return {
        PARTS[0]: scores["revenue_12m"].notna().to_numpy(),
        PARTS[1]: scores["direct_cost_12m"].notna().to_numpy(),
        _SERVICE: everybody & ("tickets" in mapped),
        _EVENTS: everybody & ("cost_events" in mapped),
        _COLLECTION: paid,
        _LOSS: paid,
    }


def _by_month(scores: pd.DataFrame, sums: dict[str, list[Cents]]) -> pa.Table:
    """Return one row per customer and month in which anything happened, in cents."""
    likely = {part: sums[part][LIKELY] for part in PARTS}
    busy = np.flatnonzero(np.logical_or.reduce([values != 0 for values in likely.values()]))
    ids = pa.array(scores["customer_id"], pa.string()).take(pa.array(busy // MONTHS))
    columns = {"customer_id": ids, "month": pa.array(busy % MONTHS + 1, pa.int64())}
    columns |= {part: pa.array(values[busy]) for part, values in likely.items()}
    names = ((HIGH, "net_profit_low"), (LIKELY, "net_profit"), (LOW, "net_profit_high"))
    for scenario, name in names:
        columns[name] = pa.array(sum(sums[part][scenario][busy] for part in PARTS))
    return pa.table(columns)


def by_contract(scores: pd.DataFrame, contracts: pa.Table) -> pa.Table:
    """Return the net profit of each contract, in cents.

    A contract has its own revenue and direct cost; serving costs are shared among a customer's
    contracts by revenue, so that the contracts sum to the customer. Customers without any contract
    have none.
    """
    frame = contracts.to_pandas()
    own = frame["revenue"].clip(lower=0)
    total = own.groupby(frame["customer_id"]).transform("sum")
    frame["share"] = np.where(total > 0, own / total.where(total > 0, 1.0), frame["weight"])
    frame["margin"] = frame["revenue"] - frame["direct_cost"]
    customer = scores.set_index("customer_id")
    margin = frame.groupby("customer_id")["margin"].transform("sum")
    for column in ("net_profit_12m", "net_profit_12m_low", "net_profit_12m_high"):
        rest = frame["customer_id"].map(customer[column]).astype("Float64") - margin
        exact = (frame["margin"] + rest * frame["share"]).groupby(frame["customer_id"]).cumsum()
        whole = exact.round().astype("Int64")
        first = ~frame["customer_id"].duplicated()
        frame[column] = whole.diff().where(~first, whole)
    names = ["customer_id", "contract_id", "plan"]
    money = ["net_profit_12m", "net_profit_12m_low", "net_profit_12m_high"]
    out = {name: pa.array(frame[name], pa.string()) for name in names}
    for name in ("revenue", "direct_cost"):
        out[name] = pa.array(frame[name].round().astype("Int64"), pa.int64())
    return pa.table(out | {name: pa.array(frame[name], pa.int64()) for name in money})
