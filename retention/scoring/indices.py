"""Pressure indices from 0 to 100 points: each is exactly the sum of its parts.

Points are integers. A part grows in a straight line from 0 to its maximum between two stated
values, so that anybody can check it by hand. An index is NULL when nothing is known about it.
"""

import numpy as np
import pandas as pd

_PAYS_LATE = 0.9
_MONTHS_OVERDUE = 3.0
_FAILED = 4.0
_TIMES_MEDIAN = 8.0
_CONTACTS = 8.0
_ESCALATIONS = 6.0
_COMPLAINTS = 6.0
_CONTENT, _DISCONTENT = 4.0, 1.5
_PASSIVE, _DETRACTOR = 7.0, 2.0
_MIN_CSAT_ANSWERS = 3


def add_indices(scores: pd.DataFrame) -> pd.DataFrame:
    """Return `scores` with the payment, service and dissatisfaction index and their parts."""
    scores = scores.copy()
    _add_payment(scores)
    _add_service(scores)
    _add_dissatisfaction(scores)
    return scores


def _points(values: pd.Series, zero_at: float, full_at: float, points: int) -> pd.Series:
    """Return 0 to `points` in a straight line between two values (which may fall)."""
    share = ((values.astype("Float64") - zero_at) / (full_at - zero_at)).clip(0, 1)
    return (share * points).round().astype("Int64")


def _add_payment(scores: pd.DataFrame) -> None:
    late = scores["late_share_12m"]
    month = (scores["revenue_12m"] / 12).where(scores["revenue_12m"] > 0)
    overdue_months = scores["overdue_amount"] / month
    scores["payment_points_late"] = _points(late, 0.1, _PAYS_LATE, 40)
    scores["payment_points_overdue"] = _points(overdue_months, 0, _MONTHS_OVERDUE, 40)
    scores["payment_points_failed"] = _points(scores["failed_payments_12m"], 0, _FAILED, 20)
    _sum(scores, "payment_index", "payment_points_", known=late.notna())


def _add_service(scores: pd.DataFrame) -> None:
    minutes = scores["ticket_minutes_12m"]
    positive = minutes[minutes > 0].to_numpy(dtype=float, na_value=np.nan)
    times = minutes / (np.median(positive) if len(positive) else 1.0)
    contacts = scores["contacts_per_month"]
    scores["service_points_minutes"] = _points(times, 1.5, _TIMES_MEDIAN, 60)
    scores["service_points_contacts"] = _points(contacts, 1.0, _CONTACTS, 20)
    scores["service_points_escalations"] = _points(scores["escalations_12m"], 0, _ESCALATIONS, 20)
    _sum(scores, "service_index", "service_points_", known=minutes.notna())


def _add_dissatisfaction(scores: pd.DataFrame) -> None:
    enough = scores["csat_answers_12m"].fillna(0) >= _MIN_CSAT_ANSWERS
    csat = scores["csat_mean_12m"].where(enough)
    nps = scores["nps_last"]
    scores["feeling_points_csat"] = _points(csat, _CONTENT, _DISCONTENT, 50)
    scores["feeling_points_nps"] = _points(nps, _PASSIVE, _DETRACTOR, 20)
    scores["feeling_points_complaints"] = _points(scores["complaints_12m"], 0, _COMPLAINTS, 30)
    known = csat.notna() | nps.notna()
    _sum(scores, "dissatisfaction_index", "feeling_points_", known=known)


def _sum(scores: pd.DataFrame, total: str, prefix: str, *, known: pd.Series) -> None:
    parts = [name for name in scores.columns if name.startswith(prefix)]
    for name in parts:
        scores[name] = scores[name].fillna(0).where(known)
    scores[total] = scores[parts].sum(axis=1, skipna=False).astype("Int64")
