"""Make log-odds say what happens: by a line, by a rising curve where a line does not fit; in words.

A line is Platt's ("Probabilistic Outputs for Support Vector Machines", 1999); the curve is isotonic
(Zadrozny and Elkan, "Transforming Classifier Scores into Accurate Multiclass Probability
Estimates", KDD 2002).
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from retention.scoring.additive import AdditiveModel, Curve, sigmoid

Calibrate = Callable[[AdditiveModel], AdditiveModel]
_Z = 1.96
_HALF = 0.5


def by_line(logit: np.ndarray, label: np.ndarray) -> tuple[float, float]:
    """Return the slope, never falling, and the shift of the line that fits best."""
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=1e6).fit(logit.reshape(-1, 1), label)
    slope = max(float(fitted.coef_[0, 0]), 0.0)
    return slope, float(fitted.intercept_[0])


def by_curve(logit: np.ndarray, label: np.ndarray) -> Curve:
    """Return the rising curve that fits best.

    It never says "never" or "always": at its ends one half of a row more is taken to be otherwise.
    """
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(logit, label)
    least = _HALF / (len(label) + 1)
    chance = np.clip(fitted.y_thresholds_, least, 1 - least)
    found = np.maximum.accumulate(np.log(chance / (1 - chance)))
    return Curve(tuple(map(float, fitted.X_thresholds_)), tuple(map(float, found)))


def across_folds(
    logit: np.ndarray, label: np.ndarray, fold: np.ndarray, *, curved: bool
) -> np.ndarray:
    """Return the probabilities of each fold, calibrated on the others."""
    probability = np.empty(len(logit))
    for number in np.unique(fold):
        here, others = fold == number, fold != number
        if curved:
            probability[here] = sigmoid(by_curve(logit[others], label[others]).of(logit[here]))
        else:
            slope, shift = by_line(logit[others], label[others])
            probability[here] = sigmoid(slope * logit[here] + shift)
    return probability


def in_words(table: list[dict[str, Any]]) -> str:
    """Return what a calibration table of tenths means, in a sentence.

    A tenth is off where what it predicts lies outside Wilson's 95 % interval of what was seen.
    """
    off = [row for row in table if not _agrees(row)]
    if not off:
        return "what it says is what happens: no tenth is off by more than chance"
    worst = max(off, key=lambda row: abs(row["predicted"] - row["seen"]))
    side = "more" if worst["predicted"] > worst["seen"] else "less"
    return (
        f"{len(off)} of {len(table)} tenths are off; the worst says {worst['predicted']:.0%}, "
        f"{side} than the {worst['seen']:.0%} seen of its {worst['customers']}"
    )


def _agrees(row: dict[str, Any]) -> bool:
    seen, count = row["seen"], row["customers"]
    middle = (seen + _Z**2 / (2 * count)) / (1 + _Z**2 / count)
    spread = (seen * (1 - seen) / count + _Z**2 / (4 * count**2)) ** 0.5
    half = _Z * spread / (1 + _Z**2 / count)
    return bool(middle - half <= row["predicted"] <= middle + half)
