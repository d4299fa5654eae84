"""Fit an explainable boosting machine and keep it as an additive model."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from retention.scoring.additive import AdditiveModel, Pair, Term, sigmoid

# Coarse bins, few bags, fewer but larger steps and less patience than the library's lose nothing on
# public churn data and on the demo's invoices, and take less than a quarter of the time.
_BINS, _BAGS, _MIN_LEAF, _SEED = 64, 4, 20, 7
_STEP, _MOST_ROUNDS, _PATIENCE = 0.1, 1000, 50
_TWO, _NEWTON_STEPS, _TINY = 2, 8, 1e-9


def fit_additive(
    frame: pd.DataFrame,
    label: np.ndarray,
    monotone: dict[str, int] | None = None,
    *,
    pairs: int = 0,
) -> AdditiveModel:
    """Fit `label` (0 or 1) from the columns of `frame`, and as many `pairs` of them.

    Call it within `without_notes`. Numbers are continuous, anything else is a category. `monotone`
    says for which columns the probability may only rise (1) or only fall (-1); they are in no pair.
    The single columns are fitted first: `single_columns` gives the model that has no pairs. Raises
    TypeError for a column that is neither numbers, flags nor words, and for a constraint on words.
    """
    from interpret.glassbox import ExplainableBoostingClassifier

    _refuse_unusable(frame, monotone or {})
    numeric = [name for name in frame.columns if is_numeric(frame[name])]
    machine = ExplainableBoostingClassifier(
        feature_names=list(frame.columns),
        feature_types=["continuous" if n in numeric else "nominal" for n in frame.columns],
        interactions=pairs,
        max_bins=_BINS,
        outer_bags=_BAGS,
        min_samples_leaf=_MIN_LEAF,
        learning_rate=_STEP,
        max_rounds=_MOST_ROUNDS,
        early_stopping_rounds=_PATIENCE,
        monotone_constraints=[
            (monotone or {}).get(n, 0) if n in numeric else 0 for n in frame.columns
        ],
        n_jobs=1,
        random_state=_SEED,
    )
    machine.fit(as_matrix(frame), label)
    found = list(zip(machine.term_features_, machine.term_scores_, strict=True))
    by_index = {features[0]: scores for features, scores in found if len(features) == 1}
    names, bins = list(frame.columns), machine.bins_
    terms = [
        _term(name, bins[place][0], by_index[place])
        for place, name in enumerate(names)
        if place in by_index
    ]
    both = [_pair(names, bins, places, scores) for places, scores in found if len(places) == _TWO]
    return AdditiveModel(float(np.ravel(machine.intercept_)[0]), tuple(terms), tuple(both))


def single_columns(model: AdditiveModel, frame: pd.DataFrame, label: np.ndarray) -> AdditiveModel:
    """Return a model without its pairs, as one that was fitted on these rows with none.

    Only the intercept is not the same: it lets the mean of the probabilities be that of `label`.
    """
    bare = model.without_pairs()
    logit, shift = bare.logit(frame), 0.0
    for _ in range(_NEWTON_STEPS):
        chance = sigmoid(logit + shift)
        shift += float((label - chance).sum() / max((chance * (1 - chance)).sum(), _TINY))
    return replace(bare, intercept=bare.intercept + shift)


@contextmanager
def without_notes() -> Iterator[None]:
    """Silence the library's note on missing values, which are a value of their own to it.

    The filter belongs to the whole process, so it is set once around every fit.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Missing values detected")
        yield


def _refuse_unusable(frame: pd.DataFrame, monotone: dict[str, int]) -> None:
    """A Decimal taken for a category would be learnt by heart, and its constraint be dropped."""
    for name in frame.columns:
        if is_numeric(frame[name]):
            continue
        if name in monotone:
            raise TypeError(f"column '{name}' is {frame[name].dtype}: only numbers rise or fall")
        kinds = {type(value) for value in frame[name].dropna()} - {str, bool, np.bool_}
        if kinds:
            said = ", ".join(sorted(kind.__name__ for kind in kinds))
            raise TypeError(f"column '{name}' holds {said}: a model takes numbers, flags or words")


def is_numeric(values: pd.Series) -> bool:
    """Tell whether a column is treated as a number; flags are categories."""
    return bool(pd.api.types.is_numeric_dtype(values)) and not bool(
        pd.api.types.is_bool_dtype(values)
    )


def as_matrix(frame: pd.DataFrame) -> pd.DataFrame:
    """Return plain floats and plain texts; what is missing or infinite is missing."""
    plain: dict[Any, Any] = {}
    for name in frame.columns:
        if is_numeric(frame[name]):
            numbers = frame[name].astype("Float64").to_numpy(dtype=float, na_value=np.nan)
            plain[name] = np.where(np.isfinite(numbers), numbers, np.nan)
        else:
            texts = frame[name].astype("string").astype(object)
            plain[name] = texts.where(frame[name].notna(), None)
    return pd.DataFrame(plain, index=frame.index)


def _pair(
    names: list[str], bins: list[list[Any]], places: tuple[int, ...], scores: np.ndarray
) -> Pair:
    ends = [
        # The library bins a column more coarsely for pairs where it has to.
        _term(names[place], bins[place][min(len(bins[place]), _TWO) - 1], np.zeros(count))
        for place, count in zip(places, scores.shape, strict=True)
    ]
    return Pair(ends[0], ends[1], tuple(tuple(float(s) for s in row) for row in scores))


def _term(name: str, bins: np.ndarray | dict[str, int], scores: np.ndarray) -> Term:
    values = tuple(float(score) for score in scores)
    if isinstance(bins, dict):
        in_order = sorted(bins, key=bins.__getitem__)
        return Term(name, None, tuple(in_order), values)
    return Term(name, tuple(float(cut) for cut in bins), None, values)


def library_versions() -> dict[str, str]:
    """Return the versions of what a model was made with."""
    from importlib.metadata import version

    return {name: version(name) for name in ("interpret-core", "scikit-learn", "numpy", "pandas")}
