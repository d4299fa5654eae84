"""What each customer brought in the last 12 months, after everything they made us do.

Months sum to the year and parts to the net profit exactly. Low unit costs give the high end of the
band, and the reverse.
"""

from collections.abc import Collection

import numpy as np
import pandas as pd
import pyarrow as pa

from retention.scoring.activity_costs import (
    COLLECTION,
    CREDIT_LOSS,
    EVENTS,
    LIKELY,
    MONTHS,
    OURS,
    PARTS,
    SERVICE,
    Cents,
    month_cents,
    scenario_of,
)
from retention.scoring.costs import Costs

_NET = ("net_profit_12m_high", "net_profit_12m", "net_profit_12m_low")


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
        scores[part] = _where(scenario_of(year[part], LIKELY), known[part])
    base = known[PARTS[0]] & known[PARTS[1]]
    for scenario, column in enumerate(_NET):
        total = sum(np.where(known[part], scenario_of(year[part], scenario), 0) for part in PARTS)
        scores[column] = _where(np.asarray(total), base)
    full = np.logical_and.reduce([known[part] for part in PARTS])
    confidence = np.where(~base, "no_data", np.where(full, "full", "partial"))
    scores["economics_confidence"] = pd.array(confidence, dtype="string")
    serving = scores[list(PARTS[2:])].fillna(0).sum(axis=1)
    scores["cost_to_serve_12m"] = (-serving).where(known[SERVICE] | known[EVENTS])
    ours = -scenario_of(year[OURS], LIKELY)
    scores["own_fault_cost_12m"] = _where(ours, known[SERVICE])
    scores["winsorised_12m"] = _where(removed, known[SERVICE] | known[EVENTS])
    return scores


def _where(cents: Cents, known: np.ndarray) -> pd.Series:
    return pd.Series(pd.arrays.IntegerArray(cents.astype(np.int64), ~known))


def _known(scores: pd.DataFrame, mapped: Collection[str]) -> dict[str, np.ndarray]:
    """Return, per part, for which customers a source says anything about it."""
    everybody = np.ones(len(scores), dtype=bool)
    paid = scores["overdue_amount"].notna().to_numpy()
    return {
        PARTS[0]: scores["revenue_12m"].notna().to_numpy(),
        PARTS[1]: scores["direct_cost_12m"].notna().to_numpy(),
        SERVICE: everybody & ("tickets" in mapped),
        EVENTS: everybody & ("cost_events" in mapped),
        COLLECTION: paid,
        CREDIT_LOSS: paid,
    }
