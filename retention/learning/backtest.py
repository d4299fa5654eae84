"""Back-test a model on rows it has not seen, and refuse it when it has no skill."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from retention.learning.ebm import as_matrix, fit_additive, is_numeric, without_notes
from retention.learning.measures import (
    Campaign,
    auc,
    auc_interval,
    brier,
    calibration_table,
    maximum_profit,
    profit_by_value,
    top_decile_lift,
)
from retention.learning.table import Labelled
from retention.scoring.additive import AdditiveModel, sigmoid

FOLDS = 5
_FOLDS_AT_ONCE = 2
MIN_PER_CLASS = 30
_SEED = 20080401
_LARGEST = 1e12
_Z, _NEVER = 1.96, 1e-6


@dataclass(frozen=True, slots=True)
class Backtest:
    """What a back-test found. `accepted` is false without skill; `reason` says why.

    `better_than_rival` and `better_than_logistic` are 95 % intervals of how much smaller the log
    loss is than that of what the model would replace, and of a logistic regression.
    """

    rows: int
    positives: int
    accepted: bool
    reason: str
    auc: float | None = None
    auc_spread: float | None = None
    auc_interval: tuple[float, float] | None = None
    baseline_auc: float | None = None
    brier: float | None = None
    brier_of_the_mean: float | None = None
    top_decile_lift: float | None = None
    calibration: list[dict[str, Any]] = field(default_factory=list)
    maximum_profit: dict[str, float] | None = None
    profit_by_value: dict[str, float] | None = None
    duplicate_rows: int = 0
    left_out: dict[str, str] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    better_than_rival: tuple[float, float] | None = None
    better_than_logistic: tuple[float, float] | None = None

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def backtest(
    data: Labelled, monotone: dict[str, int], campaign: Campaign | None
) -> tuple[Backtest, AdditiveModel | None]:
    """Return the back-test and the model fitted on all rows; no model when it is refused.

    Folds keep the rows of one customer together and are drawn from a fixed seed. Probabilities of
    a fold are calibrated on the others. Without a campaign nothing is said about profit.
    """
    known: dict[str, Any] = {
        "rows": len(data.label),
        "positives": int(data.label.sum()),
        "duplicate_rows": data.duplicate_rows,
        "left_out": data.left_out,
        "columns": tuple(map(str, data.features.columns)),
    }
    fewest = min(known["positives"], known["rows"] - known["positives"])
    if fewest < MIN_PER_CLASS or data.features.shape[1] == 0:
        reason = f"too little to learn from: {fewest} of the rarer class, {MIN_PER_CLASS} needed"
        return Backtest(accepted=False, reason=reason, **known), None
    with without_notes():
        return _judge(data, monotone, campaign, known)


def _judge(
    data: Labelled, monotone: dict[str, int], campaign: Campaign | None, known: dict[str, Any]
) -> tuple[Backtest, AdditiveModel | None]:
    fold = folds_of(data.groups, data.label)
    logit, baseline = _out_of_fold(data, fold, monotone)
    probability = _calibrated_across(logit, data.label, fold)
    found = _measured(data, fold, logit, probability, campaign)
    low, high = found["auc_interval"]
    found["baseline_auc"] = round(auc(data.label, baseline), 4)
    plain = _calibrated_across(baseline, data.label, fold)
    found["better_than_logistic"] = gain(data, probability, plain)
    if data.rival is not None:
        found["better_than_rival"] = gain(data, probability, data.rival)
    reason = _why_refused(low, high, found["better_than_rival"], found["better_than_logistic"])
    if reason is not None:
        found["maximum_profit"] = found["profit_by_value"] = None
        return Backtest(accepted=False, reason=reason, **known, **found), None
    slope, shift = _platt(logit, data.label)
    model = fit_additive(data.features, data.label, monotone).calibrated(slope, shift)
    return Backtest(accepted=True, reason="it has skill", **known, **found), model


def _why_refused(
    low: float,
    high: float,
    rival: tuple[float, float] | None,
    logistic: tuple[float, float],
) -> str | None:
    """A model earns its place: better than a coin and what it replaces, not worse than a line."""
    if low <= 0.5:  # noqa: PLR2004 - a coin
        return f"no skill: the AUC lies between {low:.3f} and {high:.3f}, which a coin reaches"
    if rival is not None and rival[0] <= 0:
        return (
            "not better than what it would replace: the gain in log loss lies between "
            f"{rival[0]:+.4f} and {rival[1]:+.4f}"
        )
    if logistic[1] < 0:
        return (
            "worse than a logistic regression: the gain in log loss lies between "
            f"{logistic[0]:+.4f} and {logistic[1]:+.4f}"
        )
    return None


def gain(data: Labelled, ours: np.ndarray, theirs: np.ndarray) -> tuple[float, float]:
    """Return by how much our log loss is smaller than another's: a 95 % interval.

    Rows of one customer count together, for they are not independent (a cluster-robust interval).
    """
    difference = _log_loss(data.label, theirs) - _log_loss(data.label, ours)
    names, place = np.unique(data.groups.astype(str), return_inverse=True)
    middle = float(difference.mean())
    sums = np.bincount(place, weights=difference - middle, minlength=len(names))
    error = float(np.sqrt(np.square(sums).sum())) / len(difference)
    return round(middle - _Z * error, 5), round(middle + _Z * error, 5)


def _log_loss(label: np.ndarray, probability: np.ndarray) -> np.ndarray:
    clipped = np.clip(probability, _NEVER, 1 - _NEVER)
    loss: np.ndarray = -np.where(label == 1, np.log(clipped), np.log(1 - clipped))
    return loss


def folds_of(groups: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Return a fold for each row: customers stay whole, both classes are spread evenly."""
    names, place = np.unique(groups.astype(str), return_inverse=True)
    rng = np.random.default_rng(_SEED)
    ever = np.bincount(place, weights=label, minlength=len(names)) > 0
    fold = np.empty(len(names), dtype=np.int64)
    for kind in (ever, ~ever):
        members = np.flatnonzero(kind)
        fold[rng.permutation(members)] = np.arange(len(members)) % FOLDS
    return fold[place]


def _out_of_fold(
    data: Labelled, fold: np.ndarray, monotone: dict[str, int]
) -> tuple[np.ndarray, np.ndarray]:
    logit, baseline = np.empty(len(fold)), np.empty(len(fold))

    def fill(number: int) -> None:
        train, test = fold != number, fold == number
        model = fit_additive(data.features[train], data.label[train], monotone)
        logit[test] = model.logit(data.features[test])
        baseline[test] = _logistic(data.features, data.label, train)[test]

    with ThreadPoolExecutor(_FOLDS_AT_ONCE) as pool:  # the library computes outside Python's lock
        list(pool.map(fill, range(FOLDS)))
    return logit, baseline


def _logistic(features: pd.DataFrame, label: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Return the baseline: a plain logistic regression."""
    from sklearn.linear_model import LogisticRegression

    columns = []
    for name, values in as_matrix(features).items():
        if is_numeric(features[name]):
            middle = np.nanmedian(values[train]) if values[train].notna().any() else 0.0
            numbers = values.fillna(middle).clip(-_LARGEST, _LARGEST).to_numpy(dtype=float)
            columns.append((numbers - numbers[train].mean()) / (numbers[train].std() or 1.0))
        else:
            common = values[train].value_counts().index[:30]
            columns.extend((values == one).to_numpy(dtype=float) for one in common)
    matrix = np.column_stack(columns)
    fitted = LogisticRegression(max_iter=1000).fit(matrix[train], label[train])
    logit: np.ndarray = fitted.decision_function(matrix)
    return logit


def _calibrated_across(logit: np.ndarray, label: np.ndarray, fold: np.ndarray) -> np.ndarray:
    probability = np.empty(len(logit))
    for number in range(FOLDS):
        slope, shift = _platt(logit[fold != number], label[fold != number])
        here = fold == number
        probability[here] = sigmoid(slope * logit[here] + shift)
    return probability


def _platt(logit: np.ndarray, label: np.ndarray) -> tuple[float, float]:
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=1e6).fit(logit.reshape(-1, 1), label)
    slope = max(float(fitted.coef_[0, 0]), 0.0)
    return slope, float(fitted.intercept_[0])


def _measured(
    data: Labelled,
    fold: np.ndarray,
    logit: np.ndarray,
    probability: np.ndarray,
    campaign: Campaign | None,
) -> dict[str, Any]:
    label, numbers = data.label, range(FOLDS)
    each = [auc(label[fold == n], logit[fold == n]) for n in numbers]
    squared = np.mean([brier(label[fold == n], probability[fold == n]) for n in numbers])
    low, high = auc_interval(label, probability)
    by_value = (
        profit_by_value(label, probability, data.value, campaign)
        if campaign is not None and data.value is not None
        else None
    )
    return {
        "auc": round(float(np.mean(each)), 4),
        "auc_spread": round(float(np.std(each, ddof=1)), 4),
        "auc_interval": (round(low, 4), round(high, 4)),
        "brier": round(float(squared), 4),
        "brier_of_the_mean": round(brier(label, np.full(len(label), label.mean())), 4),
        "top_decile_lift": round(top_decile_lift(label, probability), 2),
        "calibration": calibration_table(label, probability),
        "maximum_profit": maximum_profit(label, probability, campaign) if campaign else None,
        "profit_by_value": by_value,
        "better_than_rival": None,
    }
