"""What a probability is made to say: by a line, by a curve, and in words."""

import numpy as np
import pytest

from retention.learning.calibration import across_folds, by_curve, in_words
from retention.learning.comparison import gain, gain_over_incumbent, why_refused
from retention.scoring.additive import Curve, sigmoid


def bent(rows: int = 4000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log-odds that are right in their order, and wrong in a way that no line mends."""
    rng = np.random.default_rng(2)
    logit = rng.uniform(-4, 4, rows)
    chance = np.where(logit > 0, 0.6, 0.1)
    return logit, (rng.random(rows) < chance).astype(np.int64), np.arange(rows) % 5


def test_a_curve_mends_what_a_line_cannot() -> None:
    logit, label, fold = bent()
    line = across_folds(logit, label, fold, curved=False)
    curve = across_folds(logit, label, fold, curved=True)
    low, _ = gain(label, np.arange(len(label)), curve, line)
    assert low > 0.01
    assert np.abs(curve - np.where(logit > 0, 0.6, 0.1)).mean() < 0.03


def test_a_curve_rises_and_never_says_never() -> None:
    logit, label, _ = bent(60)
    curve = by_curve(logit, label)
    found = sigmoid(curve.of(np.linspace(-99, 99, 400)))
    assert (np.diff(found) >= 0).all()
    assert 0 < found.min() < found.max() < 1


def tenths(*rows: tuple[float, float]) -> list[dict[str, float]]:
    return [{"customers": 200, "predicted": said, "seen": seen} for said, seen in rows]


def test_calibration_is_said_in_words() -> None:
    assert in_words(tenths((0.1, 0.11), (0.5, 0.47))).startswith("what it says is what happens")
    said = in_words(tenths((0.1, 0.11), (0.52, 0.41), (0.9, 0.97)))
    assert said == ("2 of 3 tenths are off; the worst says 52%, more than the 41% seen of its 200")


def test_rows_of_one_customer_count_as_one_witness() -> None:
    label = np.tile([0, 1, 1, 0], 50)
    ours, theirs = np.where(label == 1, 0.6, 0.4), np.full(200, 0.5)
    low, high = gain(label, np.arange(200), ours, theirs)
    wide = gain(label, np.zeros(200), np.where(label == 1, 0.6, 0.45), theirs)
    assert 0 < low <= high
    assert wide[0] <= wide[1]


@pytest.mark.parametrize(
    ("of_auc", "rival", "logistic", "incumbent", "reason"),
    [
        ((0.49, 0.6), None, (0.0, 0.1), None, "no skill"),
        ((0.6, 0.7), (-0.01, 0.1), (0.0, 0.1), None, "not better than what it would replace"),
        ((0.6, 0.7), (0.01, 0.1), (-0.2, -0.1), None, "worse than a logistic regression"),
        ((0.6, 0.7), None, (-0.2, 0.1), (-0.2, -0.1), "worse than the model in use"),
        ((0.6, 0.7), (0.01, 0.1), (-0.2, 0.1), (-0.2, 0.1), None),
    ],
)
def test_a_model_earns_its_place_or_says_why_not(
    of_auc: tuple[float, float],
    rival: tuple[float, float] | None,
    logistic: tuple[float, float],
    incumbent: tuple[float, float] | None,
    reason: str | None,
) -> None:
    found = why_refused(of_auc, rival, logistic, incumbent)
    assert (found or "").startswith(reason or "")
    assert (found is None) is (reason is None)


def test_the_model_in_use_is_judged_on_what_it_had_not_seen() -> None:
    label, groups = np.tile([0, 1], 100), np.arange(200)
    ours = np.full(200, 0.5)
    flattered = np.where(np.arange(200) < 100, label, np.nan).astype(float)
    assert gain_over_incumbent(label, groups, ours, None) is None
    assert gain_over_incumbent(label, groups, ours, np.full(200, np.nan)) is None
    found = gain_over_incumbent(label, groups, ours, flattered)
    assert found is not None
    assert found[1] < 0


@pytest.mark.parametrize(
    ("given", "found"), [((0.0, 1.0), (1.0, 0.0)), ((0.0,), (0.0, 1.0)), ((), ())]
)
def test_a_file_whose_curve_does_not_rise_is_refused(
    given: tuple[float, ...], found: tuple[float, ...]
) -> None:
    from retention.scoring.additive import AdditiveModel

    document = AdditiveModel(0.0, (), (), Curve(given, found)).as_json()
    with pytest.raises(ValueError, match="no rising curve"):
        AdditiveModel.from_json(document)
