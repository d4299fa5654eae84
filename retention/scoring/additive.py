"""An additive model: a sum of one score per column, turned into a probability.

This is what an explainable boosting machine is once it is fitted (Lou, Caruana and Gehrke,
"Intelligible Models for Classification and Regression", KDD 2012), some pairs of columns included
("Accurate Intelligible Models with Pairwise Interactions", KDD 2013). Scores are log-odds, and the
contributions of the columns and pairs sum to the log-odds exactly. Calibration is a line, folded
into the scores, or a rising curve on top of them. A model is plain data: reading one runs no code.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd

MISSING = 0


@dataclass(frozen=True, slots=True)
class Term:
    """The scores of one column.

    `scores[0]` is for a missing value. A number falls into bin `1 + (cuts that are not above it)`;
    a category has the place of its name plus one; the last score is for a category never seen.
    """

    column: str
    cuts: tuple[float, ...] | None
    categories: tuple[str, ...] | None
    scores: tuple[float, ...]

    def places(self, values: pd.Series) -> np.ndarray:
        """Return which score each value gets."""
        if self.categories is not None:
            known = {name: place + 1 for place, name in enumerate(self.categories)}
            places = values.astype("string").map(known).fillna(len(self.scores) - 1)
            return np.where(values.isna(), MISSING, places).astype(np.int64)
        read = pd.to_numeric(values, errors="coerce").astype("Float64")
        numbers = read.to_numpy(dtype=float, na_value=np.nan)
        numbers = np.where(np.isfinite(numbers), numbers, np.nan)
        bins = np.searchsorted(np.asarray(self.cuts), numbers, side="right") + 1
        return np.where(np.isnan(numbers), MISSING, bins)

    def adds(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the log-odds that each row's value adds."""
        added: np.ndarray = np.asarray(self.scores)[self.places(frame[self.column])]
        return added

    def scaled(self, slope: float) -> "Term":
        """Return the term whose scores are `slope` times these."""
        return replace(self, scores=tuple(slope * score for score in self.scores))


@dataclass(frozen=True, slots=True)
class Pair:
    """What two columns add together, beyond what each adds alone.

    The two terms say which row and which column of `scores` a pair of values gets; their own scores
    are zeros.
    """

    one: Term
    other: Term
    scores: tuple[tuple[float, ...], ...]

    @property
    def column(self) -> str:
        """The pair's name, as it is shown among the reasons."""
        return f"{self.one.column} x {self.other.column}"

    def adds(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the log-odds that each row's two values add."""
        places = [term.places(frame[term.column]) for term in (self.one, self.other)]
        added: np.ndarray = np.asarray(self.scores)[places[0], places[1]]
        return added

    def scaled(self, slope: float) -> "Pair":
        """Return the pair whose scores are `slope` times these."""
        return replace(self, scores=tuple(tuple(slope * s for s in row) for row in self.scores))


@dataclass(frozen=True, slots=True)
class Curve:
    """A rising curve from log-odds to log-odds: straight between its points, level beyond them."""

    given: tuple[float, ...]
    found: tuple[float, ...]

    def of(self, logit: np.ndarray) -> np.ndarray:
        """Return the log-odds on the curve."""
        found: np.ndarray = np.interp(logit, self.given, self.found)
        return found


@dataclass(frozen=True, slots=True)
class AdditiveModel:
    """Terms, pairs and an intercept, in log-odds; and a curve where a line does not calibrate."""

    intercept: float
    terms: tuple[Term, ...]
    pairs: tuple[Pair, ...] = ()
    curve: Curve | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it looks at."""
        ends = [term.column for pair in self.pairs for term in (pair.one, pair.other)]
        return tuple(dict.fromkeys([*(term.column for term in self.terms), *ends]))

    def contributions(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the log-odds that each column and pair adds, one row per row of `frame`."""
        added = {part.column: part.adds(frame) for part in self._parts()}
        return pd.DataFrame(added, index=frame.index)

    def logit(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the intercept plus all contributions, added in the order of terms and pairs."""
        total = np.full(len(frame), self.intercept)
        for part in self._parts():
            total += part.adds(frame)
        return total

    def _parts(self) -> tuple[Term | Pair, ...]:
        return (*self.terms, *self.pairs)

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """Return probabilities."""
        logit = self.logit(frame)
        return sigmoid(logit if self.curve is None else self.curve.of(logit))

    def calibrated(self, slope: float, shift: float) -> Self:
        """Return the model whose log-odds are `slope` times these plus `shift` (Platt, 1999)."""
        terms = tuple(term.scaled(slope) for term in self.terms)
        pairs = tuple(pair.scaled(slope) for pair in self.pairs)
        return type(self)(slope * self.intercept + shift, terms, pairs, self.curve)

    def without_pairs(self) -> Self:
        """Return the model of the single columns alone."""
        return type(self)(self.intercept, self.terms, (), self.curve)

    def as_json(self) -> dict[str, Any]:
        """Return the model as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """Return the model that `as_json` gave. Raises KeyError, TypeError or ValueError."""
        curve = document.get("curve")
        return cls(
            float(document["intercept"]),
            tuple(_term(t) for t in document["terms"]),
            tuple(_pair(p) for p in document.get("pairs", ())),
            None if curve is None else _curve(curve),
        )


def sigmoid(logit: np.ndarray) -> np.ndarray:
    """Return the probability that belongs to log-odds."""
    odds: np.ndarray = 1.0 / (1.0 + np.exp(-np.clip(logit, -500, 500)))
    return odds


def _curve(document: dict[str, Any]) -> Curve:
    given, found = (tuple(float(x) for x in document[name]) for name in ("given", "found"))
    rising = [list(part) == sorted(part) for part in (given, found)]
    if len(given) != len(found) or not given or not all(rising):
        raise ValueError("the calibration is no rising curve")
    return Curve(given, found)


def _pair(document: dict[str, Any]) -> Pair:
    one, other = _term(document["one"]), _term(document["other"])
    scores = tuple(tuple(float(score) for score in row) for row in document["scores"])
    shape = (len(one.scores), len(other.scores))
    if np.shape(scores) != shape or not np.isfinite(scores).all():
        raise ValueError(f"the scores of '{one.column}' and '{other.column}' do not fit their bins")
    return Pair(one, other, scores)


def _term(document: dict[str, Any]) -> Term:
    cuts, categories = document["cuts"], document["categories"]
    term = Term(
        str(document["column"]),
        None if cuts is None else tuple(float(cut) for cut in cuts),
        None if categories is None else tuple(str(name) for name in categories),
        tuple(float(score) for score in document["scores"]),
    )
    bins = len(term.cuts) + 1 if term.cuts is not None else len(term.categories or ())
    if len(term.scores) != bins + 2 or not np.isfinite(term.scores).all():
        raise ValueError(f"the scores of '{term.column}' do not fit its bins")
    return term
