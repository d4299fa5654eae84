"""The verdict: good, fixable, poor or no_data, with its archetype and reason codes.

- no_data: profit is not known, or the customer is younger than the observation window.
- poor: unprofitable at every unit cost in the band.
- fixable: the band holds zero, or the customer is profitable but hardly pays.
- good: profitable at every unit cost and pays.
"""

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray

OBSERVATION_DAYS = 180
_BAD_PAYER = 60
_STRONG = 45
_MOSTLY = 0.5
_FEW = 0.5
_FADED = -0.6

Mask = np.ndarray


def add_fit(scores: pd.DataFrame) -> pd.DataFrame:
    """Return `scores` with fit, archetype, reason_codes; churn stays NULL until it is known."""
    scores = scores.copy()
    scores["churn_probability"] = pd.array([None] * len(scores), dtype="Float64")
    patterns = _patterns(scores)
    scores["fit"] = pd.array(_verdict(scores), dtype="string")
    named = list(patterns)
    first = np.select([patterns[name] for name in named], named, default="")
    scores["archetype"] = pd.array([name or None for name in first.tolist()], dtype="string")
    scores["reason_codes"] = _reasons(scores, patterns)
    return scores


def _true(condition: pd.Series) -> Mask:
    return condition.fillna(value=False).to_numpy(dtype=bool)


def _verdict(scores: pd.DataFrame) -> np.ndarray:
    unknown = _true(scores["net_profit_12m"].isna()) | ~_true(
        scores["tenure_days"] >= OBSERVATION_DAYS
    )
    bad_payer = _true(scores["payment_index"] >= _BAD_PAYER)
    poor = _true(scores["net_profit_12m_high"] < 0)
    doubtful = _true(scores["net_profit_12m_low"] < 0) | bad_payer
    return np.select([unknown, poor, doubtful], ["no_data", "poor", "fixable"], default="good")


def _patterns(scores: pd.DataFrame) -> dict[str, Mask]:
    """Return the archetypes in the order in which they claim a customer."""
    how_to = _true((scores["top_topic"] == "how_to") & (scores["top_topic_share"] >= _MOSTLY))
    serviced = _true(scores["service_index"] >= _STRONG)
    margin = scores["revenue_12m"] + scores["profit_direct_cost"]
    little_used = _true(scores["usage_breadth"] < _FEW)
    return {
        "non_payer": _true(scores["payment_index"] >= _BAD_PAYER),
        "chronically_dissatisfied": _true(scores["dissatisfaction_index"] >= _STRONG),
        "unaware": how_to & _true(scores["service_index"] >= _STRONG // 2),
        "time_drain": serviced,
        "drifted": little_used & _true(margin < 0),
        "underpriced": _true(margin < 0),
    }


def _reasons(scores: pd.DataFrame, patterns: dict[str, Mask]) -> ExtensionArray:
    fading = _true(scores["usage_change"] <= _FADED)
    young = _true(scores["tenure_days"] < OBSERVATION_DAYS)
    codes = {
        "profit_unknown": _true(scores["net_profit_12m"].isna()),
        "observation_window": young,
        "unprofitable": _true(scores["net_profit_12m_high"] < 0),
        "profit_uncertain": _true(
            (scores["net_profit_12m_low"] < 0) & (scores["net_profit_12m_high"] >= 0)
        ),
        **patterns,
        "use_is_falling": fading,
        "cost_partly_unknown": _true(scores["economics_confidence"] == "partial"),
    }
    joined = np.full(len(scores), "", dtype=object)
    for code, mask in codes.items():
        joined = np.where(mask, joined + (code + ";"), joined)
    return pd.array([text.rstrip(";") or None for text in joined], dtype="string")
