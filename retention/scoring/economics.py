"""What each customer brought in the last 12 months, after everything they made us do.

Time-driven activity costs: quantity of each activity times its unit cost (Kaplan and Anderson,
Harvard Business Review, November 2004). Every part is an integer number of cents, so the parts
sum to the net profit exactly. Low unit costs give the high end of the band, and the reverse.
"""

import difflib

import numpy as np
import pandas as pd

from retention.domain.errors import ConfigError
from retention.scoring.costs import Costs, Rate

_CENTS = 100
_DAYS_PER_YEAR = 365
_SCENARIOS = ("low", "likely", "high")
_EVENTS, _SERVICE = "profit_events", "profit_service"


def add_economics(scores: pd.DataFrame, activities: pd.DataFrame, costs: Costs) -> pd.DataFrame:
    """Return `scores` with profit parts, net profit with its band, and what it rests on.

    `scores` holds one row per customer with feature columns in cents. Net profit is NULL without
    revenue and direct cost; costs that no source reports are left out and say so as 'partial'.
    Raises ConfigError when an activity has no rate.
    """
    scores = scores.copy()
    _refuse_unknown_activities(activities, costs)
    scores["profit_direct_cost"] = -scores["direct_cost_12m"]
    profits = {s: _parts(scores, activities, costs, s) for s in _SCENARIOS}
    for name, values in profits["likely"].items():
        scores[name] = values
    base = scores["revenue_12m"] + scores["profit_direct_cost"]
    for scenario, column in zip(
        _SCENARIOS, ("net_profit_12m_high", "net_profit_12m", "net_profit_12m_low"), strict=True
    ):
        scores[column] = base + sum(part.fillna(0) for part in profits[scenario].values())
    known = profits["likely"]
    partial = pd.concat(list(known.values()), axis=1).isna().any(axis=1)
    confidence = np.where(base.isna(), "no_data", np.where(partial, "partial", "full"))
    scores["economics_confidence"] = pd.array(confidence, dtype="string")
    return scores


def _parts(
    scores: pd.DataFrame, activities: pd.DataFrame, costs: Costs, scenario: str
) -> dict[str, pd.Series]:
    """Return the cost parts of one scenario, as negative cents; NULL where nothing is known."""
    tickets = activities["activity"].str.startswith("ticket_minute.")
    service = _activity_cost(scores, activities[tickets], costs, scenario)
    events = _activity_cost(scores, activities[~tickets], costs, scenario)
    reminders = scores["late_invoices_12m"] * _rate(costs.reminder, scenario) * _CENTS
    capital = scores["overdue_capital"] * _rate(costs.capital, scenario) / _DAYS_PER_YEAR
    loss = scores["bad_debt_12m"] * _rate(costs.credit_loss, scenario)
    return {
        _SERVICE: service.where(scores["tickets_12m"].notna()),
        _EVENTS: events if (~tickets).any() else events.where(scores["customer_id"].isna()),
        "profit_collection": _cents(-(reminders + capital)),
        "profit_credit_loss": _cents(-loss),
    }


def _activity_cost(
    scores: pd.DataFrame, activities: pd.DataFrame, costs: Costs, scenario: str
) -> pd.Series:
    rates = {name: _rate(rate, scenario) for name, rate in costs.activities.items()}
    unit_cost = activities["activity"].map(rates).astype("Float64")
    cents = activities["quantity"].astype("Float64") * unit_cost * _CENTS
    per_customer = cents.groupby(activities["customer_id"]).sum()
    return _cents(-scores["customer_id"].map(per_customer).fillna(0.0))


def _cents(values: pd.Series) -> pd.Series:
    return values.astype("Float64").round().astype("Int64")


def _rate(rate: Rate, scenario: str) -> float:
    return float(getattr(rate, scenario))


def _refuse_unknown_activities(activities: pd.DataFrame, costs: Costs) -> None:
    for name in activities["activity"].unique():
        if name not in costs.activities:
            close = difflib.get_close_matches(name, costs.activities, n=1)
            hint = f" (did you mean '{close[0]}'?)" if close else ""
            raise ConfigError(
                "costs.yaml", f"activity '{name}' has no rate{hint}", "Add it under 'activities'."
            )
