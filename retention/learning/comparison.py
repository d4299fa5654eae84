"""Whether a model earns its place: by intervals of the log loss, against what it would replace."""

import numpy as np

_Z, _NEVER = 1.96, 1e-6
_COIN = 0.5
MIN_PER_CLASS = 30

Interval = tuple[float, float]


def gain(label: np.ndarray, groups: np.ndarray, ours: np.ndarray, theirs: np.ndarray) -> Interval:
    """Return by how much our log loss is smaller than another's: a 95 % interval.

    Rows of one customer count together, for they are not independent (a cluster-robust interval).
    """
    difference = _log_loss(label, theirs) - _log_loss(label, ours)
    names, place = np.unique(groups.astype(str), return_inverse=True)
    middle = float(difference.mean())
    sums = np.bincount(place, weights=difference - middle, minlength=len(names))
    error = float(np.sqrt(np.square(sums).sum())) / len(difference)
    return round(middle - _Z * error, 5), round(middle + _Z * error, 5)


def gain_over_incumbent(
    label: np.ndarray, groups: np.ndarray, ours: np.ndarray, theirs: np.ndarray | None
) -> Interval | None:
    """Return the gain over the model in use, on the rows of which it knew nothing.

    It would be flattered by what it was fitted on. None while there is too little else to tell.
    """
    if theirs is None:
        return None
    fair = np.isfinite(theirs)
    positives = int(label[fair].sum())
    if min(positives, int(fair.sum()) - positives) < MIN_PER_CLASS:
        return None
    return gain(label[fair], groups[fair], ours[fair], theirs[fair])


def why_refused(
    of_auc: Interval, rival: Interval | None, logistic: Interval, incumbent: Interval | None
) -> str | None:
    """Return why a model does not earn its place, or None.

    It is better than a coin and than what it would replace, and no worse than a logistic
    regression and than the model in use.
    """
    if of_auc[0] <= _COIN:
        low, high = of_auc
        return f"no skill: the AUC lies between {low:.3f} and {high:.3f}, which a coin reaches"
    if rival is not None and rival[0] <= 0:
        return f"not better than what it would replace: {_said(rival)}"
    if logistic[1] < 0:
        return f"worse than a logistic regression: {_said(logistic)}"
    if incumbent is not None and incumbent[1] < 0:
        return f"worse than the model in use: {_said(incumbent)}"
    return None


def _said(interval: Interval) -> str:
    return f"the gain in log loss lies between {interval[0]:+.4f} and {interval[1]:+.4f}"


def _log_loss(label: np.ndarray, probability: np.ndarray) -> np.ndarray:
    clipped = np.clip(probability, _NEVER, 1 - _NEVER)
    loss: np.ndarray = -np.where(label == 1, np.log(clipped), np.log(1 - clipped))
    return loss
