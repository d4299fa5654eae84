"""Columns that must not be learnt from: identifiers, constants, dates, and the answer itself."""

from collections.abc import Collection
from datetime import date

import numpy as np
import pandas as pd

from retention.learning.ebm import is_numeric
from retention.learning.measures import auc

LEAK_AUC, SUSPECT_AUC = 0.98, 0.9
_ALONE = "it alone has"
_UNIQUE = 0.95
_MOST = 0.9
_FOLDS = 5


def leave_out(
    features: pd.DataFrame,
    label: np.ndarray,
    cut: date | None,
    known_before: Collection[str] = (),
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the columns that may be learnt from, and a reason for each of the others.

    Dates up to `cut` become days before it; a column with a later date is left out, and so is
    every date without a cut. A column in `known_before` never looks ahead: however well it tells
    the classes apart, it is no leak.
    """
    kept, reasons = {}, {}
    for name in features.columns:
        column, reason = _judged(features[name], label, cut)
        if name in known_before and reason.startswith(_ALONE):
            reason = ""
        if reason:
            reasons[str(name)] = reason
        else:
            kept[str(name)] = column
    return pd.DataFrame(kept, index=features.index), reasons


def suspects(
    features: pd.DataFrame, label: np.ndarray, known_before: Collection[str] = ()
) -> dict[str, str]:
    """Return the columns that may be learnt from, yet look nearly like the label, and why.

    Such a column is often the answer in other words, or was written after it (a reason for leaving,
    a date of closing): who knows the table has to say. Those `known_before` are none.
    """
    found = {}
    for name in features.columns:
        if name in known_before:
            continue
        alone = _auc_alone(features[name], label)
        filled = features[name].notna().to_numpy()
        if _either_way(label, filled * 1.0) >= SUSPECT_AUC:
            shares = [f"{filled[label == one].mean():.0%}" for one in (1, 0)]
            found[str(name)] = (
                f"it is filled in for {shares[0]} of those who left and {shares[1]} of the others: "
                "was it written after they left?"
            )
        elif alone >= SUSPECT_AUC:
            found[str(name)] = f"{_ALONE} AUC {alone:.3f}: was it known before they left?"
    return found


def _judged(column: pd.Series, label: np.ndarray, cut: date | None) -> tuple[pd.Series, str]:
    if column.nunique(dropna=False) < 2:  # noqa: PLR2004 - one value tells nothing apart
        return column, "one value only"
    days = _as_dates(column)
    if days is not None:
        if cut is None:
            return column, "dates, and no cut is given (--cut)"
        late = int((days > pd.Timestamp(cut)).sum())
        if late:
            return column, f"{late} dates after the cut"
        column = (pd.Timestamp(cut) - days).dt.days.astype("Float64")
    elif not is_numeric(column) and column.nunique() > _UNIQUE * column.notna().sum():
        return column, "an identifier: nearly every value is different"
    alone = _auc_alone(column, label)
    if alone >= LEAK_AUC:
        return column, f"{_ALONE} AUC {alone:.3f}: probably known only afterwards"
    return column, ""


def _as_dates(column: pd.Series) -> pd.Series | None:
    if pd.api.types.is_datetime64_any_dtype(column):
        naive: pd.Series = column.dt.tz_localize(None)
        return naive
    if is_numeric(column) or pd.api.types.is_bool_dtype(column):
        return None
    days = pd.to_datetime(
        column.astype("string").str.slice(0, 10), format="%Y-%m-%d", errors="coerce"
    )
    return days if days.notna().sum() > _MOST * column.notna().sum() else None


def _auc_alone(column: pd.Series, label: np.ndarray) -> float:
    """Return the AUC of one column: numbers as they are, categories by their rate elsewhere."""
    if is_numeric(column):
        numbers = column.astype("Float64").to_numpy(dtype=float, na_value=np.nan)
        known = np.isfinite(numbers)
        if not 0 < label[known].sum() < known.sum():
            return 1.0
        return max(_either_way(label[known], numbers[known]), _either_way(label, known * 1.0))
    codes = pd.factorize(column.astype("string").fillna(""))[0]
    score = np.empty(len(label))
    fold = np.arange(len(label)) % _FOLDS
    for number in range(_FOLDS):
        other = fold != number
        totals = np.bincount(codes[other], weights=label[other], minlength=codes.max() + 1)
        counts = np.bincount(codes[other], minlength=codes.max() + 1)
        score[~other] = ((totals + label.mean()) / (counts + 1))[codes[~other]]
    return auc(label, score)


def _either_way(label: np.ndarray, score: np.ndarray) -> float:
    one = auc(label, score)
    return max(one, 1 - one)
