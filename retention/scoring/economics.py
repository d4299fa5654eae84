"""What each customer brought in the last 12 months, after everything they made us do.

Months sum to the year and parts to the net profit exactly. Low unit costs give the high end of the
band, and the reverse. The run rate is the last three months as if a year were made of them.
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

QUARTER, _QUARTERS = 3, 4
_CLEARLY_BETTER = 0.5
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
    _add_run_rate(scores, months, known, costs)
    full = np.logical_and.reduce([known[part] for part in PARTS])
    confidence = np.where(~base, "no_data", np.where(full, "full", "partial"))
    scores["economics_confidence"] = pd.array(confidence, dtype="string")
    serving = scores[list(PARTS[2:])].fillna(0).sum(axis=1)
    scores["cost_to_serve_12m"] = (-serving).where(known[SERVICE] | known[EVENTS])
    ours = -scenario_of(year[OURS], LIKELY)
    scores["own_fault_cost_12m"] = _where(ours, known[SERVICE])
    scores["winsorised_12m"] = _where(removed, known[SERVICE] | known[EVENTS])
    return scores


def _add_run_rate(
    scores: pd.DataFrame, months: dict[str, Cents], known: dict[str, np.ndarray], costs: Costs
) -> None:
    """Add the run rate, its band, the one before it, and who is recovering.

    Who is billed less often than once in a quarter earns a quarter of the year in each: that much
    is known of the season. What is overdue by less than 60 days is not lost yet in the year's
    profit; in the run rate it is, or who does not pay would seem to earn with every invoice.
    """
    base = known[PARTS[0]] & known[PARTS[1]]
    seldom = (scores["invoices_12m"].fillna(0) < _QUARTERS).to_numpy(dtype=bool)
    fresh = sum(
        scores[c].fillna(0).to_numpy(dtype=float) for c in ("overdue_1_30", "overdue_31_60")
    )
    names = ("run_rate_high", "run_rate", "run_rate_low")
    for scenario, column in enumerate(names):
        rate = _quarter(months, known, seldom, scenario, 0)
        unpaid = np.where(known[CREDIT_LOSS], fresh * costs.credit_loss.scenarios[scenario], 0)
        scores[column] = _where(_QUARTERS * (rate - np.rint(unpaid).astype(np.int64)), base)
    before = _quarter(months, known, seldom, LIKELY, QUARTER)
    scores["run_rate_prior"] = _where(_QUARTERS * before, base)
    profit = scores["net_profit_12m"]
    better = (profit < 0) & (scores["run_rate"] > profit * _CLEARLY_BETTER)
    scores["recovering"] = ((scores["run_rate_high"] >= 0) | better).astype("boolean")


def _quarter(
    months: dict[str, Cents],
    known: dict[str, np.ndarray],
    seldom: np.ndarray,
    scenario: int,
    first: int,
) -> Cents:
    """Return the profit of three months, the newest of which is `first` months ago."""
    total = np.zeros(len(seldom), dtype=np.int64)
    for part in PARTS:
        cells = scenario_of(months[part], scenario).reshape(-1, MONTHS)
        quarter = cells[:, first : first + QUARTER].sum(axis=1)
        if part in PARTS[:2]:
            quarter = np.where(seldom, cells.sum(axis=1) // _QUARTERS, quarter)
        total += np.where(known[part], quarter, 0)
    return total


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
