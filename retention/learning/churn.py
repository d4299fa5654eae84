"""Who left: labels from contract ends and inactivity, and the columns churn is learnt from."""

from datetime import date

import numpy as np
import pandas as pd

from retention.learning.table import Labelled
from retention.scoring.risks import is_active

HORIZON_DAYS = 90
EXTRA = "x_"
_CENTS = 100

MONOTONE: dict[str, int] = {
    "usage_change": -1,
    "days_since_use": 1,
    "csat_mean_12m": -1,
    "csat_change": -1,
    "complaints_12m": 1,
}
"""Where sense demands a direction: less use or satisfaction never lowers the risk."""

COLUMNS: tuple[str, ...] = (
    "kind",
    "country",
    "plan",
    "acquired_through",
    "tenure_days",
    "monthly_fee",
    "revenue_change",
    "usage_change",
    "usage_breadth",
    "days_since_use",
    "contacts_per_month",
    "contacts_per_month_change",
    "minutes_change",
    "escalations_12m",
    "complaints_12m",
    "csat_mean_12m",
    "csat_change",
    "nps_last",
    "late_share_12m",
    "failed_payments_12m",
    "overdue_days_max",
)


def training_rows(pairs: list[tuple[date, pd.DataFrame, pd.DataFrame]]) -> Labelled | None:
    """Return rows to learn from, or None without any.

    Each pair is a date, the measured customers of that date, and those of 90 days later. Only
    customers who could leave take part; who is in the older frame alone has no known end.
    """
    parts = [(day, *_of_pair(before, after)) for day, before, after in pairs]
    parts = [part for part in parts if len(part[1])]
    if not parts:
        return None
    together = pd.concat([frame for _, frame, _ in parts], ignore_index=True)
    names = [c for c in together.columns if c in COLUMNS or c.startswith(EXTRA)]
    names = [name for name in names if together[name].notna().any()]
    return Labelled(
        features=together[names],
        label=np.concatenate([label for _, _, label in parts]),
        groups=together["customer_id"].to_numpy(dtype=object),
        value=_worth(together),
        days=np.concatenate(
            [np.full(len(frame), day, dtype="datetime64[D]") for day, frame, _ in parts]
        ),
    )


def _worth(frame: pd.DataFrame) -> np.ndarray | None:
    """Return each customer's net profit of 12 months, in currency; None where any is unknown."""
    cents = frame["net_profit_12m"]
    if cents.isna().any():
        return None
    return cents.to_numpy(dtype=float) / _CENTS


def _of_pair(before: pd.DataFrame, after: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    there = before[is_active(before)].set_index("customer_id", drop=False)
    later = after.set_index("customer_id")
    there = there[there.index.isin(later.index)]
    gone = ~is_active(later.loc[there.index])
    return there, gone.to_numpy(dtype=np.int64)
