"""What a customer is worth from here on, and from which risk on it pays to act."""

import numpy as np
import pandas as pd

from retention.scoring.costs import Costs
from retention.scoring.reference import Reference
from retention.scoring.risks import is_active

MONTHS_PER_YEAR = 12
CHURN_MONTHS = 3
_CENTS = 100


def add_value(scores: pd.DataFrame, costs: Costs, reference: Reference) -> pd.DataFrame:
    """Return `scores` with projected value, tier, share of profit and the threshold for acting.

    Needs churn_probability (which may be NULL). Money in cents.
    """
    scores = scores.copy()
    profit = scores["net_profit_12m"]
    scores["projected_value"] = projected_value(profit, _stays(scores, reference), costs)
    scores["tier"] = _tier(profit, reference)
    total = reference.total_profit
    scores["profit_share"] = (profit / total if total > 0 else profit * pd.NA).astype("Float64")
    scores["churn_threshold"] = _threshold(profit, costs, reference)
    scores["worth_retaining"] = scores["churn_probability"] >= scores["churn_threshold"]
    return scores


def _stays(scores: pd.DataFrame, reference: Reference) -> pd.Series:
    """Return the chance to stay for a month: the customer's own, or else the company's."""
    own = (1 - scores["churn_probability"].astype("Float64")) ** (1 / CHURN_MONTHS)
    if reference.ended_share_12m is not None:
        own = own.fillna((1 - reference.ended_share_12m) ** (1 / MONTHS_PER_YEAR))
    return own.where(is_active(scores) | scores["active_contracts"].isna(), 0.0)


def projected_value(profit: pd.Series, stays: pd.Series, costs: Costs) -> pd.Series:
    """Return the discounted sum of monthly profits, each weighted by the chance to be there.

    The last 12 months' profit goes on month by month (Gupta and Lehmann, "Customers as Assets",
    Journal of Interactive Marketing 2003).
    """
    wait = (1 - costs.horizon.discount) ** (1 / MONTHS_PER_YEAR)
    chance = (stays * wait).to_numpy(dtype=float, na_value=np.nan)
    total = np.zeros(len(profit))
    for month in range(1, costs.horizon.months + 1):
        total += chance**month
    value = profit.astype("Float64") / MONTHS_PER_YEAR * total
    return value.round().astype("Int64").where(stays.notna())


def _tier(profit: pd.Series, reference: Reference) -> pd.Series:
    tier = pd.Series(pd.array(["iron"] * len(profit), dtype="string"), index=profit.index)
    for name in ("gold", "platinum"):
        least = reference.tier_cuts.get(name)
        if least is not None:
            tier = tier.mask((profit >= least).fillna(value=False), name)
    return tier.mask((profit < 0).fillna(value=False), "lead").where(profit.notna())


def _threshold(profit: pd.Series, costs: Costs, reference: Reference) -> pd.Series:
    """Return the probability from which an attempt to keep the customer is worth its cost.

    Expected-cost rule: act when probability times gain exceeds the rest times loss (Elkan, "The
    Foundations of Cost-Sensitive Learning", IJCAI 2001). The gain is the value of a customer who
    would stay as long as others do. Where nothing can be gained the threshold is 1.
    """
    share = reference.ended_share_12m or 0.0
    usual = pd.Series((1 - share) ** (1 / MONTHS_PER_YEAR), index=profit.index, dtype="Float64")
    value = projected_value(profit, usual, costs)
    rules = costs.retaining
    gain = rules.accepts * (value - rules.incentive * _CENTS) - rules.contact * _CENTS
    loss = (rules.incentive + rules.contact) * _CENTS
    threshold = loss / (gain + loss)
    return threshold.where(gain > 0, 1.0).where(profit.notna()).astype("Float64")
