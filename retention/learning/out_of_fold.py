"""Predict each row by models that have not seen it, nor another row of its customer."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from retention.learning.comparison import gain
from retention.learning.ebm import as_matrix, fit_additive, is_numeric, single_columns
from retention.learning.table import Labelled
from retention.scoring.additive import sigmoid

FOLDS = 5
PAIRS = 5
_FIRST = 2
_SEED = 20080401
_LARGEST = 1e12


class Tried(NamedTuple):
    """Log-odds of each row from models that have not seen it."""

    single: np.ndarray
    with_pairs: np.ndarray
    logistic: np.ndarray


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


def out_of_fold(data: Labelled, fold: np.ndarray, monotone: dict[str, int]) -> Tried:
    """Predict each fold from the others; with pairs in all of them if two folds gain by them."""
    tried = Tried(*(np.empty(len(fold)) for _ in Tried._fields))

    def fill(number: int, *, pairs: bool) -> None:
        train, test = fold != number, fold == number
        rows, label = data.features[train], data.label[train]
        model = fit_additive(rows, label, monotone, pairs=PAIRS if pairs else 0)
        single = single_columns(model, rows, label) if pairs else model
        tried.with_pairs[test] = model.logit(data.features[test])
        tried.single[test] = single.logit(data.features[test])
        tried.logistic[test] = _logistic(data.features, data.label, train)[test]

    for number in range(_FIRST):
        fill(number, pairs=True)
    helps = _gains_by_pairs(data, tried, fold < _FIRST)
    for number in range(_FIRST, FOLDS):
        fill(number, pairs=helps)
    return tried if helps else tried._replace(with_pairs=tried.single)


def _gains_by_pairs(data: Labelled, tried: Tried, seen: np.ndarray) -> bool:
    label, groups = data.label[seen], data.groups[seen]
    ours, theirs = (sigmoid(logit[seen]) for logit in (tried.with_pairs, tried.single))
    return sum(gain(label, groups, ours, theirs)) > 0


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
