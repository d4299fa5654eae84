"""Intervals instead of points: how sure a measured share or difference is.

Wilson, E. B. (1927), Probable inference, the law of succession, and statistical inference, JASA 22;
Efron, B. (1979), Bootstrap methods: another look at the jackknife, Annals of Statistics 7.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_Z = 1.959963984540054
_ROUNDS = 2000
_CHUNK = 200

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its 95 % interval; None where there is too little to say."""

    value: float | None
    low: float | None
    high: float | None

    @property
    def is_above_zero(self) -> bool:
        """Whether the whole interval lies above zero."""
        return self.low is not None and self.low > 0

    @property
    def holds_zero(self) -> bool:
        """Whether nothing at all is within the interval."""
        return self.low is not None and self.high is not None and self.low <= 0 <= self.high


UNKNOWN = Interval(None, None, None)


def as_figures(interval: Interval) -> dict[str, float | None]:
    """Return an interval as rounded figures."""
    figures = {"value": interval.value, "low": interval.low, "high": interval.high}
    return {name: None if v is None else round(v, 4) for name, v in figures.items()}


def wilson(successes: int, trials: int) -> Interval:
    """Return a share with its Wilson score interval. Raises ValueError for an impossible count."""
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes of {trials} trials")
    if trials == 0:
        return UNKNOWN
    share = successes / trials
    spread = _Z * np.sqrt(share * (1 - share) / trials + _Z**2 / (4 * trials**2))
    middle, scale = share + _Z**2 / (2 * trials), 1 + _Z**2 / trials
    low, high = (middle - spread) / scale, (middle + spread) / scale
    return Interval(share, max(0.0, float(low)), min(1.0, float(high)))


def difference_of_means(one: Array, other: Array, seed: int) -> Interval:
    """Return the difference of two groups' means with its bootstrap percentile interval."""
    if len(one) < 2 or len(other) < 2:  # noqa: PLR2004 - nothing varies in a single one
        return UNKNOWN
    rng = np.random.default_rng([seed, len(one), len(other)])
    drawn = _means(one, rng) - _means(other, rng)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(float(one.mean() - other.mean()), float(low), float(high))


def difference_of_shares(one: tuple[int, int], other: tuple[int, int]) -> Interval:
    """Return the difference of two shares with Newcombe's interval, from their Wilson intervals.

    Newcombe, R. G. (1998), Interval estimation for the difference between independent proportions,
    Statistics in Medicine 17, method 10.
    """
    first, second = wilson(*one), wilson(*other)
    if first.value is None or second.value is None:
        return UNKNOWN
    value = first.value - second.value
    down = np.hypot(first.value - (first.low or 0.0), (second.high or 0.0) - second.value)
    up = np.hypot((first.high or 0.0) - first.value, second.value - (second.low or 0.0))
    return Interval(value, value - float(down), value + float(up))


def _means(values: Array, rng: np.random.Generator) -> Array:
    """Return the means of resampled groups, in chunks so that large groups need little memory."""
    means = []
    for _ in range(_ROUNDS // _CHUNK):
        picks = rng.integers(0, len(values), (_CHUNK, len(values)))
        means.append(values[picks].mean(axis=1))
    return np.concatenate(means)
