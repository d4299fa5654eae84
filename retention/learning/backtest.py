"""Back-test a model on rows it has not seen, and refuse it when it has no skill."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from retention.learning.calibration import across_folds, by_curve, by_line, in_words
from retention.learning.comparison import (
    MIN_PER_CLASS,
    Interval,
    gain,
    gain_over_incumbent,
    why_refused,
)
from retention.learning.ebm import (
    fit_additive,
    without_notes,
)
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
from retention.learning.out_of_fold import FOLDS, PAIRS, Tried, folds_of, out_of_fold
from retention.learning.table import Labelled
from retention.scoring.additive import AdditiveModel


@dataclass(frozen=True, slots=True)
class Backtest:
    """What a back-test found. `accepted` is false without skill; `reason` says why.

    What begins with `better_` are 95 % intervals of how much smaller the log loss is: than that of
    what the model would replace, of a logistic regression, of the model in use, and with pairs of
    columns (None when the first folds saw no gain) or a curve than without them.
    `calibration_words` says what `calibration` shows. `suspects` are columns that were used and
    look nearly like the label.
    """

    rows: int
    positives: int
    accepted: bool
    reason: str
    auc: float | None = None
    auc_spread: float | None = None
    auc_interval: Interval | None = None
    baseline_auc: float | None = None
    brier: float | None = None
    brier_of_the_mean: float | None = None
    top_decile_lift: float | None = None
    calibration: list[dict[str, Any]] = field(default_factory=list)
    calibration_words: str | None = None
    calibrated_by: str | None = None
    pairs: tuple[str, ...] = ()
    maximum_profit: dict[str, float] | None = None
    profit_by_value: dict[str, float] | None = None
    duplicate_rows: int = 0
    duplicates_kept: bool = False
    left_out: dict[str, str] = field(default_factory=dict)
    suspects: dict[str, str] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    better_than_rival: Interval | None = None
    better_than_logistic: Interval | None = None
    better_than_incumbent: Interval | None = None
    better_with_pairs: Interval | None = None
    better_with_a_curve: Interval | None = None

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
        "duplicates_kept": data.duplicates_kept,
        "left_out": data.left_out,
        "suspects": data.suspects,
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
    tried = out_of_fold(data, fold, monotone)
    form, probability = _choose(data, fold, tried)
    logit = tried.with_pairs if form.paired else tried.single
    found = form.found | _measured(data, fold, logit, probability, campaign)
    found["baseline_auc"] = round(auc(data.label, tried.logistic), 4)
    plain = across_folds(tried.logistic, data.label, fold, curved=False)
    found |= _compared(data, probability, plain)
    reason = why_refused(
        found["auc_interval"], found["better_than_rival"], found["better_than_logistic"],
        found["better_than_incumbent"],
    )  # fmt: skip
    if reason is not None:
        found["maximum_profit"] = found["profit_by_value"] = None
        return Backtest(accepted=False, reason=reason, **known, **found), None
    model = _fitted(data, monotone, form, logit)
    found["pairs"] = tuple(pair.column for pair in model.pairs)
    return Backtest(accepted=True, reason="it has skill", **known, **found), model


class _Form(NamedTuple):
    """What the model is made of: pairs of columns, and a curve, only where they help."""

    paired: bool
    curved: bool
    found: dict[str, Any]


def _choose(data: Labelled, fold: np.ndarray, tried: Tried) -> tuple[_Form, np.ndarray]:
    """More is taken only where the interval of its gain lies above zero."""
    label, groups = data.label, data.groups
    probability = across_folds(tried.single, label, fold, curved=False)
    logit, by_pairs = tried.single, None
    if tried.with_pairs is not tried.single:
        richer = across_folds(tried.with_pairs, label, fold, curved=False)
        by_pairs = gain(label, groups, richer, probability)
        if by_pairs[0] > 0:
            logit, probability = tried.with_pairs, richer
    paired = logit is not tried.single
    bent = across_folds(logit, label, fold, curved=True)
    by_bending = gain(label, groups, bent, probability)
    curved = by_bending[0] > 0
    found = {
        "better_with_pairs": by_pairs,
        "better_with_a_curve": by_bending,
        "calibrated_by": "curve" if curved else "line",
    }
    return _Form(paired, curved, found), bent if curved else probability


def _compared(data: Labelled, ours: np.ndarray, plain: np.ndarray) -> dict[str, Interval | None]:
    label, groups, rival = data.label, data.groups, data.rival
    return {
        "better_than_logistic": gain(label, groups, ours, plain),
        "better_than_rival": None if rival is None else gain(label, groups, ours, rival),
        "better_than_incumbent": gain_over_incumbent(label, groups, ours, data.incumbent),
    }


def _fitted(
    data: Labelled, monotone: dict[str, int], form: _Form, logit: np.ndarray
) -> AdditiveModel:
    """Fit on all rows; calibrate by what was predicted of rows that were not seen."""
    model = fit_additive(
        data.features, data.label, monotone, pairs=PAIRS if form.paired else 0
    )  # fmt: skip
    if form.curved:
        return replace(model, curve=by_curve(logit, data.label))
    return model.calibrated(*by_line(logit, data.label))


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
    by_value = None
    if campaign is not None and (data.value is not None or data.cost is not None):
        by_value = profit_by_value(label, probability, campaign, data.value, data.cost)
    tenths = calibration_table(label, probability)
    return {
        "auc": round(float(np.mean(each)), 4),
        "auc_spread": round(float(np.std(each, ddof=1)), 4),
        "auc_interval": (round(low, 4), round(high, 4)),
        "brier": round(float(squared), 4),
        "brier_of_the_mean": round(brier(label, np.full(len(label), label.mean())), 4),
        "top_decile_lift": round(top_decile_lift(label, probability), 2),
        "calibration": tenths,
        "calibration_words": in_words(tenths),
        "maximum_profit": maximum_profit(label, probability, campaign) if campaign else None,
        "profit_by_value": by_value,
    }
