"""Probabilities: to leave, to pay the next invoice very late, to dispute it."""

import numpy as np
import pandas as pd

from retention.scoring.additive import AdditiveModel
from retention.scoring.reference import Reference, undisputed

RISK_PREFIX = "risk_"
_STRENGTH = 5.0


def add_churn(scores: pd.DataFrame, model: AdditiveModel | None) -> pd.DataFrame:
    """Return `scores` with the probability to leave; NULL without an accepted model.

    It is also NULL for everybody when a column that the model looks at is not there tonight, and
    for a customer who has no running contract or has never been active.
    """
    scores = scores.copy()
    probability = pd.Series(pd.NA, index=scores.index, dtype="Float64")
    if model is not None and _has_all(scores, model.columns):
        probability = pd.Series(model.predict(scores), index=scores.index, dtype="Float64")
        probability = probability.where(is_active(scores))
    scores["churn_probability"] = probability
    return scores


def _has_all(scores: pd.DataFrame, columns: tuple[str, ...]) -> bool:
    return all(name in scores and bool(scores[name].notna().any()) for name in columns)


def is_active(scores: pd.DataFrame) -> pd.Series:
    """Tell who can still leave: a contract is running, or without contracts, something happened."""
    running = scores["active_contracts"] > 0
    busy = (scores["usage_90d"].fillna(0) > 0) | (scores["revenue_90d"].fillna(0) > 0)
    return running.fillna(busy).astype("boolean").fillna(value=False)


def shrunken_share(some: pd.Series, known: pd.Series, share: float) -> np.ndarray:
    """Return each customer's share of invoices that ended so, as if five had like everybody's."""
    before, of = (s.astype("Float64").to_numpy(dtype=float, na_value=np.nan) for s in (some, known))
    drawn: np.ndarray = (before + _STRENGTH * share) / (of + _STRENGTH)
    return drawn


def add_invoice_risks(
    scores: pd.DataFrame,
    late: AdditiveModel | None,
    dispute: AdditiveModel | None,
    reference: Reference,
) -> pd.DataFrame:
    """Return `scores` with the probabilities that the next invoice is paid very late, or disputed.

    Without a model it is the customer's own share, drawn towards the company's: as if five
    invoices had ended like everybody's (a beta prior). NULL without any invoice.
    """
    scores = scores.copy()
    known = scores["risk_known_before"].astype("Float64")
    own = scores.filter(like=RISK_PREFIX)
    frame = own.rename(columns=lambda name: name.removeprefix(RISK_PREFIX))
    for name, model, some, of, share in (
        ("late_payment", late, "risk_late_before", undisputed(scores), reference.late_share),
        ("dispute", dispute, "risk_disputed_before", known, reference.dispute_share),
    ):
        if model is not None and _has_all(frame, model.columns):
            found = pd.Series(model.predict(frame), index=scores.index, dtype="Float64")
        elif share is not None and some in scores:
            drawn = shrunken_share(scores[some], of, share)
            found = pd.Series(drawn, index=scores.index, dtype="Float64")
        else:
            found = pd.Series(np.nan, index=scores.index).astype("Float64")
        scores[f"{name}_probability"] = found.where(known.notna())
    return scores
