"""Additive models: the same numbers as the library's own, exact reasons, plain data."""

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retention.learning.ebm import as_matrix, fit_additive, without_notes
from retention.scoring.additive import AdditiveModel, Term, sigmoid

COLOURS = ["red", "green", "blue", "ñandú"]


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    with without_notes():
        yield


@pytest.fixture(scope="module")
def table() -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "age": rng.normal(40, 12, 3000),
            "visits": pd.array(rng.poisson(3, 3000), dtype="Int64"),
            "colour": rng.choice(COLOURS, 3000),
        }
    )
    frame.loc[::17, "age"] = np.nan
    frame.loc[::23, "visits"] = pd.NA
    logit = 0.06 * (frame["age"].fillna(30) - 40) + (frame["colour"] == "red") - 0.5
    return frame, (rng.random(3000) < sigmoid(logit.to_numpy())).astype(np.int64)


def test_a_model_predicts_what_the_library_predicts(table: tuple[pd.DataFrame, np.ndarray]) -> None:
    from interpret.glassbox import ExplainableBoostingClassifier

    frame, label = table
    ours = fit_additive(frame, label)
    theirs = ExplainableBoostingClassifier(
        feature_types=["continuous", "continuous", "nominal"], interactions=0, max_bins=64,
        outer_bags=4, min_samples_leaf=20, n_jobs=1, random_state=7, learning_rate=0.1,
        max_rounds=1000,
    )  # fmt: skip
    with pytest.warns(UserWarning, match="Missing values"):
        theirs.fit(as_matrix(frame), label)
    unseen = frame.head(50).assign(colour="violet", age=[np.nan, -9.0, 1e9, 40.0, 41.0] * 10)
    for some in (frame, unseen):
        expected = theirs.predict_proba(as_matrix(some))[:, 1]
        assert np.allclose(ours.predict(some), expected, atol=1e-12)


def test_reasons_add_up_to_the_prediction(table: tuple[pd.DataFrame, np.ndarray]) -> None:
    frame, label = table
    model = fit_additive(frame, label).calibrated(0.9, 0.05)
    together = model.contributions(frame).sum(axis=1) + model.intercept
    assert np.allclose(sigmoid(together.to_numpy()), model.predict(frame), atol=1e-14)


def test_a_model_survives_its_file(table: tuple[pd.DataFrame, np.ndarray]) -> None:
    frame, label = table
    model = fit_additive(frame, label)
    again = AdditiveModel.from_json(json.loads(json.dumps(model.as_json())))
    assert (again.predict(frame) == model.predict(frame)).all()


def test_a_constraint_is_kept(table: tuple[pd.DataFrame, np.ndarray]) -> None:
    frame, label = table
    term = fit_additive(frame, label, {"age": -1}).terms[0]
    assert term.column == "age"
    assert (np.diff(term.scores[1:-1]) <= 1e-12).all()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=20))
def test_any_number_has_a_score(numbers: list[float]) -> None:
    term = Term("x", (0.0, 10.0), None, (9.0, 1.0, 2.0, 3.0, 0.0))
    places = term.places(pd.Series(numbers, dtype="float64"))
    for number, place in zip(numbers, places, strict=True):
        if not np.isfinite(number):
            assert place == 0
        else:
            assert place == 1 + (number >= 0) + (number >= 10)


def test_a_category_that_was_never_seen_scores_like_unknown() -> None:
    term = Term("x", None, ("a", "b"), (5.0, 1.0, 2.0, 0.5))
    assert term.places(pd.Series(["b", "c", None])).tolist() == [2, 3, 0]


@pytest.mark.parametrize(
    "broken",
    [
        {"intercept": 0.0, "terms": [{"column": "x", "cuts": [1], "categories": None,
                                      "scores": [0, 1]}]},
        {"intercept": 0.0, "terms": [{"column": "x", "cuts": None, "categories": ["a"],
                                      "scores": [0, float("inf"), 0]}]},
    ],
)  # fmt: skip
def test_a_broken_model_file_is_refused(broken: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="do not fit its bins"):
        AdditiveModel.from_json(broken)


def test_what_a_model_cannot_use_is_an_error_and_no_category() -> None:
    """A count that arrives as Decimal would be learnt by heart, and its constraint be dropped."""
    label = np.array([0, 1] * 20)
    counts = pd.DataFrame({"late": [Decimal(n % 7) for n in range(40)]})
    with pytest.raises(TypeError, match="'late' holds Decimal: a model takes numbers"):
        fit_additive(counts, label)
    words = pd.DataFrame({"late": ["1", "2"] * 20})
    with pytest.raises(TypeError, match="only numbers rise or fall"):
        fit_additive(words, label, {"late": 1})
    days = pd.DataFrame({"on": [date(2026, 1, 1)] * 40})
    with pytest.raises(TypeError, match="'on' holds date"):
        fit_additive(days, label)
