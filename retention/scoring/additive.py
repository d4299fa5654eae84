"""An additive model: a sum of one score per column, turned into a probability.

This is what an explainable boosting machine is once it is fitted (Lou, Caruana and Gehrke,
"Intelligible Models for Classification and Regression", KDD 2012). Scores are log-odds, calibration
is folded into them, so the contributions of the columns sum to the prediction exactly. A model is
plain data: reading one runs no code.
"""

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class AdditiveModel:
    """Terms and an intercept, in log-odds."""

    intercept: float
    terms: tuple[Term, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it looks at."""
        return tuple(term.column for term in self.terms)

    def contributions(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the log-odds that each column adds, one row per row of `frame`."""
        return pd.DataFrame(
            {
                term.column: np.asarray(term.scores)[term.places(frame[term.column])]
                for term in self.terms
            },
            index=frame.index,
        )

    def logit(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the intercept plus all contributions, added in the order of the terms."""
        total = np.full(len(frame), self.intercept)
        for term in self.terms:
            total += np.asarray(term.scores)[term.places(frame[term.column])]
        return total

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """Return probabilities."""
        return sigmoid(self.logit(frame))

    def calibrated(self, slope: float, shift: float) -> Self:
        """Return the model whose log-odds are `slope` times these plus `shift` (Platt, 1999)."""
        terms = tuple(
            Term(t.column, t.cuts, t.categories, tuple(slope * s for s in t.scores))
            for t in self.terms
        )
        return type(self)(slope * self.intercept + shift, terms)

    def as_json(self) -> dict[str, Any]:
        """Return the model as plain JSON values."""
        terms = [
            {"column": t.column, "cuts": t.cuts, "categories": t.categories, "scores": t.scores}
            for t in self.terms
        ]
        return {"intercept": self.intercept, "terms": terms}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """Return the model that `as_json` gave. Raises KeyError, TypeError or ValueError."""
        return cls(float(document["intercept"]), tuple(_term(t) for t in document["terms"]))


def sigmoid(logit: np.ndarray) -> np.ndarray:
    """Return the probability that belongs to log-odds."""
    odds: np.ndarray = 1.0 / (1.0 + np.exp(-np.clip(logit, -500, 500)))
    return odds


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
