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
_OURS = "own_fault"
_OWN_FAULT = "own_fault_minute."
_TICKET = "ticket_minute."

Cents = np.ndarray
Scenarios = tuple[float, float, float]


def unit_costs(activity: str, costs: Costs) -> tuple[str, Scenarios]:
    """Return the part of the profit that an activity belongs to, and cents per unit.

    Raises ConfigError when the activity, or its severity, has no rate.
    """
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
    part = _OURS if activity.startswith(_OWN_FAULT) else _EVENTS
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
    scores: pd.DataFrame,
    activities: pa.Table,
    bills: pa.Table,
    costs: Costs,
    mapped: Collection[str],
) -> pd.DataFrame:
    """Return `scores` with the parts of the profit and its band.

    `scores` holds one row per customer with feature columns in cents, in the order that the
    `place` of `activities` and `bills` counts. Net profit is NULL without revenue and direct cost;
    costs that no source reports are left out and say so as 'partial'. Raises ConfigError when a
    rate is missing.
    """
    scores = scores.copy()
    months, removed = month_cents(len(scores), activities, bills, costs)
    year = {
        part: cents.reshape(len(cents), -1, MONTHS).sum(axis=2) for part, cents in months.items()
    }
    known = _known(scores, mapped)
    for part in PARTS:
        scores[part] = _where(_scenario(year[part], LIKELY), known[part])
    base = known[PARTS[0]] & known[PARTS[1]]
    for scenario, column in enumerate(_NET):
        total = sum(np.where(known[part], _scenario(year[part], scenario), 0) for part in PARTS)
        scores[column] = _where(np.asarray(total), base)
    full = np.logical_and.reduce([known[part] for part in PARTS])
    confidence = np.where(~base, "no_data", np.where(full, "full", "partial"))
    scores["economics_confidence"] = pd.array(confidence, dtype="string")
    serving = scores[list(PARTS[2:])].fillna(0).sum(axis=1)
    scores["cost_to_serve_12m"] = (-serving).where(known[_SERVICE] | known[_EVENTS])
    ours = -_scenario(year[_OURS], LIKELY)
    scores["own_fault_cost_12m"] = _where(ours, known[_SERVICE])
    scores["winsorised_12m"] = _where(removed, known[_SERVICE] | known[_EVENTS])
    return scores


def _where(cents: Cents, known: np.ndarray) -> pd.Series:
    return pd.Series(pd.arrays.IntegerArray(cents.astype(np.int64), ~known))


def _scenario(cents: Cents, scenario: int) -> Cents:
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
    floats = {part: np.zeros((3, cells)) for part in (*PARTS[2:], _OURS)}
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
        floats[_COLLECTION][scenario, billed] -= outstanding * (rate / _DAYS_PER_YEAR)
    whole = {part: _cents(values) for part, values in floats.items()}
    for part, column, sign in ((PARTS[0], "revenue", 1), (PARTS[1], "direct_cost", -1)):
        whole[part] = np.zeros((1, cells), dtype=np.int64)
        whole[part][0, billed] = sign * _cents(bills.column(column).to_numpy())
    return whole, _cents(removed)


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


def by_month(
    place: int, activities: pa.Table, bills: pa.Table, costs: Costs, known: Collection[str]
) -> list[dict[str, int]]:
    """Return one customer's net profit by month, in cents, newest month first.

    `known` names the parts that count, as they did for the year. Months in which nothing happened
    are left out.
    """
    mine = [_only(facts, place) for facts in (activities, bills)]
    cents, _ = month_cents(1, mine[0], mine[1], costs)
    rows = []
    for month in range(MONTHS):
        net = [sum(int(_scenario(cents[p], s)[month]) for p in known) for s in range(3)]
        parts = {part: int(_scenario(cents[part], LIKELY)[month]) for part in known}
        if any(parts.values()):
            rows.append({"month": month + 1, "net_profit_low": net[HIGH], "net_profit": net[LIKELY],
                         "net_profit_high": net[LOW], **parts})  # fmt: skip
    return rows


def _only(facts: pa.Table, place: int) -> pa.Table:
    import pyarrow.compute as pc

    mine = facts.filter(pc.equal(facts["place"], place))
    return mine.set_column(
        mine.column_names.index("place"), "place", pa.array(np.zeros(mine.num_rows, np.int64))
    )


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
