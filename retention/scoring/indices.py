"""Pressure indices from 0 to 100 points: each is exactly the sum of its parts.

Points are integers. A part grows in a straight line from 0 to its maximum between two stated
values, so that anybody can check it by hand. An index is NULL when nothing is known about it.
"""

import numpy as np
import pandas as pd

from retention.scoring.reference import Reference, measures_of

_PAYS_LATE = 0.9
_MONTHS_OVERDUE = 3.0
_FAILED = 4.0
_TIMES_PEERS = 8.0
_CONTACTS = 8.0
_ESCALATIONS = 6.0
_COMPLAINTS = 6.0
_CONTENT, _DISCONTENT = 4.0, 1.5
_PASSIVE, _DETRACTOR = 7.0, 2.0
_MIN_CSAT_ANSWERS = 3
_SATISFIED, _DISSATISFIED = 4.0, 2.5
_FLAG, _SIZE, _TIES = 40, 30, 30
_MANY_TIES = 3.0


def add_indices(scores: pd.DataFrame, reference: Reference) -> pd.DataFrame:
    """Return `scores` with its indices and their parts, compared with peers where that is fair."""
    scores = scores.copy()
    _add_peers(scores, reference)
    _add_payment(scores)
    _add_service(scores, reference)
    _add_dissatisfaction(scores)
    _add_strategic(scores, reference)
    return scores


def _add_peers(scores: pd.DataFrame, reference: Reference) -> None:
    """Add how many robust deviations each measure lies from the median of the peers."""
    group = reference.group_of(scores)
    scores["peer_group"] = group
    scores["peers"] = group.map(reference.counts).astype("Int64")
    measured = measures_of(scores)
    names = {
        "margin": "margin_peer_z",
        "ticket_minutes_12m": "minutes_peer_z",
        "days_beyond_terms": "days_beyond_terms_peer_z",
        "csat_mean_12m": "csat_peer_z",
    }
    for measure, name in names.items():
        spread = reference.of_group(group, measure, 1)
        distance = measured[measure] - reference.of_group(group, measure, 0)
        scores[name] = distance / spread.where(spread > 0)


def _points(values: pd.Series, zero_at: float, full_at: float, points: int) -> pd.Series:
    """Return 0 to `points` in a straight line between two values (which may fall)."""
    numbers = values.astype("Float64").to_numpy(dtype=float, na_value=np.nan)
    unknown = np.isnan(numbers)
    share = np.clip((numbers - zero_at) / (full_at - zero_at), 0, 1)
    found = np.rint(np.where(unknown, 0, share) * points).astype(np.int64)
    return pd.Series(pd.arrays.IntegerArray(found, unknown), index=values.index)


def _add_payment(scores: pd.DataFrame) -> None:
    late = scores["late_share_12m"]
    month = (scores["revenue_12m"] / 12).where(scores["revenue_12m"] > 0)
    overdue_months = scores["overdue_amount"] / month
    scores["payment_points_late"] = _points(late, 0.1, _PAYS_LATE, 40)
    scores["payment_points_overdue"] = _points(overdue_months, 0, _MONTHS_OVERDUE, 40)
    scores["payment_points_failed"] = _points(scores["failed_payments_12m"], 0, _FAILED, 20)
    _sum(scores, "payment_index", "payment_points_", known=late.notna())


def _add_service(scores: pd.DataFrame, reference: Reference) -> None:
    minutes = scores["ticket_minutes_12m"]
    usual = reference.of_group(scores["peer_group"], "ticket_minutes_12m", 2)
    times = minutes / usual.where(usual > 0, 1.0)
    contacts = scores["contacts_per_month"]
    scores["service_points_minutes"] = _points(times, 1.5, _TIMES_PEERS, 60)
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

    content = csat.fillna(nps / 2)
    mixed = pd.Series(pd.array(["mixed"] * len(scores), dtype="string"), index=scores.index)
    satisfied = (content >= _SATISFIED).fillna(value=False)
    dissatisfied = (content <= _DISSATISFIED).fillna(value=False)
    prior = mixed.mask(satisfied, "satisfied").mask(dissatisfied, "dissatisfied")
    scores["prior_satisfaction"] = prior.where(known)


def _add_strategic(scores: pd.DataFrame, reference: Reference) -> None:
    """A flag, revenue against the largest hundredth, and ties to customers that bring profit."""
    scores["strategic_points_flag"] = scores["strategic"].astype("Int64") * _FLAG
    top = max(reference.revenue_top, 1.0)
    scores["strategic_points_size"] = _points(scores["revenue_12m"], 0, top, _SIZE)
    ties = scores["ties"].where(scores["tied_profit_12m"].fillna(0) > 0, 0)
    scores["strategic_points_ties"] = _points(ties, 0, _MANY_TIES, _TIES)
    _sum(scores, "strategic_index", "strategic_points_", known=scores["strategic"].notna())


def _sum(scores: pd.DataFrame, total: str, prefix: str, *, known: pd.Series) -> None:
    parts = [name for name in scores.columns if name.startswith(prefix)]
    for name in parts:
        scores[name] = scores[name].fillna(0).where(known)
    scores[total] = scores[parts].sum(axis=1, skipna=False).astype("Int64")
