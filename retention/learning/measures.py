"""How good a probability is: order, calibration, and what acting on it would earn."""

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray
_TENTHS = 10
_Z95 = 1.959963984540054
_GAMMA_STEPS = 200


@dataclass(frozen=True, slots=True)
class Campaign:
    """What a retention campaign costs and brings, per customer.

    Defaults as in Verbraken, Verbeke and Baesens, "A Novel Profit Maximizing Metric for Measuring
    Classification Performance of Customer Churn Prediction Models" (IEEE TKDE 2013): a value of
    200, an incentive of 10, a contact of 1, and an acceptance rate drawn from Beta(6, 14).
    """

    value: float = 200.0
    incentive: float = 10.0
    contact: float = 1.0
    alpha: float = 6.0
    beta: float = 14.0


def auc(label: Array, score: Array) -> float:
    """Return the chance that a random positive scores above a random negative.

    Ties count half; with one class only there is nothing to tell apart, and the chance is a half.
    """
    ranks = _midranks(score)
    positive = label == 1
    n, m = int(positive.sum()), int((~positive).sum())
    if n * m == 0:
        return 0.5
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * m))


def auc_interval(label: Array, score: Array) -> tuple[float, float]:
    """Return the 95 % interval of the AUC (DeLong, DeLong and Clarke-Pearson, Biometrics 1988)."""
    positive = label == 1
    n, m = int(positive.sum()), int((~positive).sum())
    among_all = _midranks(score)
    above = (among_all[positive] - _midranks(score[positive])) / m
    below = 1 - (among_all[~positive] - _midranks(score[~positive])) / n
    middle = float(above.mean())
    spread = _Z95 * float(np.sqrt(above.var(ddof=1) / n + below.var(ddof=1) / m))
    return middle - spread, middle + spread


def _midranks(score: Array) -> Array:
    _, place, count = np.unique(score, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    middle: Array = last - (count - 1) / 2.0
    return middle[place]


def brier(label: Array, probability: Array) -> float:
    """Return the mean squared error of a probability (Brier, 1950)."""
    return float(np.mean((probability - label) ** 2))


def calibration_table(label: Array, probability: Array) -> list[dict[str, Any]]:
    """Return, per tenth of the customers by probability: how many, predicted, seen."""
    order = np.argsort(probability, kind="stable")
    return [
        {
            "customers": len(part),
            "predicted": round(float(probability[part].mean()), 4),
            "seen": round(float(label[part].mean()), 4),
        }
        for part in np.array_split(order, _TENTHS)
        if len(part)
    ]


def top_decile_lift(label: Array, probability: Array) -> float:
    """Return the share of positives in the tenth with the highest probability, over the mean."""
    order = np.argsort(-probability, kind="stable")[: max(1, len(label) // _TENTHS)]
    return float(label[order].mean() / label.mean())


def maximum_profit(label: Array, probability: Array, campaign: Campaign) -> dict[str, float]:
    """Return the expected maximum profit per customer, beside treating nobody and everybody.

    The acceptance rate is not known: profit is maximised for each rate and averaged over its
    distribution. Treating everybody is averaged the same way.
    """
    order = np.argsort(-probability, kind="stable")
    count = len(label)
    found = np.concatenate([[0.0], np.cumsum(label[order])]) / count
    treated = np.arange(count + 1) / count
    gammas = _beta_quantiles(campaign)
    gain = gammas * (campaign.value - campaign.incentive) - campaign.contact
    loss = campaign.incentive + campaign.contact
    profits = gain[:, None] * found[None, :] - loss * (treated - found)[None, :]
    best = profits.argmax(axis=1)
    return {
        "profit": round(float(profits.max(axis=1).mean()), 4),
        "share_treated": round(float(treated[best].mean()), 4),
        "nobody": 0.0,
        "everybody": round(float(profits[:, -1].mean()), 4),
    }


def _beta_quantiles(campaign: Campaign) -> Array:
    from scipy.stats import beta

    middles = (np.arange(_GAMMA_STEPS) + 0.5) / _GAMMA_STEPS
    quantiles: Array = beta.ppf(middles, campaign.alpha, campaign.beta)
    return quantiles


def profit_by_value(
    label: Array,
    probability: Array,
    campaign: Campaign,
    value: Array | None = None,
    cost: Array | None = None,
) -> dict[str, float]:
    """Return the profit per customer of treating whoever is above their own threshold.

    `value` is what each customer is worth, `cost` what treating each costs; the campaign says what
    is not given. A customer is treated when the expected gain exceeds the expected cost (Elkan,
    "The Foundations of Cost-Sensitive Learning", IJCAI 2001).
    """
    accepts = campaign.alpha / (campaign.alpha + campaign.beta)
    worth = campaign.value if value is None else value
    if cost is None:
        gain = accepts * (worth - campaign.incentive) - campaign.contact
        loss = np.full(len(label), campaign.incentive + campaign.contact)
    else:
        gain, loss = accepts * worth - cost, cost
    profit = np.where(label == 1, gain, -loss)
    chosen = probability * gain > (1 - probability) * loss
    return {
        "profit": round(float(np.where(chosen, profit, 0.0).mean()), 4),
        "share_treated": round(float(chosen.mean()), 4),
        "nobody": 0.0,
        "everybody": round(float(profit.mean()), 4),
    }
