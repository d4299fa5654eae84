"""The same profit by month and by contract; both add up to the year exactly."""

from collections.abc import Collection

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from retention.scoring.activity_costs import HIGH, LIKELY, LOW, MONTHS, month_cents, scenario_of
from retention.scoring.costs import Costs


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
        net = [sum(int(scenario_of(cents[p], s)[month]) for p in known) for s in range(3)]
        parts = {part: int(scenario_of(cents[part], LIKELY)[month]) for part in known}
        if any(parts.values()):
            rows.append({"month": month + 1, "net_profit_low": net[HIGH], "net_profit": net[LIKELY],
                         "net_profit_high": net[LOW], **parts})  # fmt: skip
    return rows


def _only(facts: pa.Table, place: int) -> pa.Table:
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
