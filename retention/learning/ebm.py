"""Fit an explainable boosting machine and keep it as an additive model."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

from retention.scoring.additive import AdditiveModel, Term

# Without interactions every reason is one column. Coarse bins, few bags, and fewer but larger
# steps than the library's lose nothing on public churn data and on the demo's invoices, and take a
# quarter of the time.
_BINS, _BAGS, _MIN_LEAF, _SEED = 64, 4, 20, 7
_STEP, _MOST_ROUNDS = 0.1, 1000


def fit_additive(
    frame: pd.DataFrame, label: np.ndarray, monotone: dict[str, int] | None = None
) -> AdditiveModel:
    """Fit `label` (0 or 1) from the columns of `frame`.

    Call it within `without_notes`. Numbers are continuous, anything else is a category. `monotone`
    says for which columns the probability may only rise (1) or only fall (-1).
    """
    from interpret.glassbox import ExplainableBoostingClassifier

    numeric = [name for name in frame.columns if is_numeric(frame[name])]
    machine = ExplainableBoostingClassifier(
        feature_names=list(frame.columns),
        feature_types=["continuous" if n in numeric else "nominal" for n in frame.columns],
        interactions=0,
        max_bins=_BINS,
        outer_bags=_BAGS,
        min_samples_leaf=_MIN_LEAF,
        learning_rate=_STEP,
        max_rounds=_MOST_ROUNDS,
        monotone_constraints=[
            (monotone or {}).get(n, 0) if n in numeric else 0 for n in frame.columns
        ],
        n_jobs=1,
        random_state=_SEED,
    )
    machine.fit(as_matrix(frame), label)
    by_index = {
        features[0]: scores
        for features, scores in zip(machine.term_features_, machine.term_scores_, strict=True)
    }
    terms = [
        _term(name, machine.bins_[place][0], by_index[place])
        for place, name in enumerate(frame.columns)
        if place in by_index
    ]
    return AdditiveModel(float(np.ravel(machine.intercept_)[0]), tuple(terms))


@contextmanager
def without_notes() -> Iterator[None]:
    """Silence the library's note on missing values, which are a value of their own to it.

    The filter belongs to the whole process, so it stands around threads that fit, not in them.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Missing values detected")
        yield


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
