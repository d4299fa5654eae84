"""What a customer is compared with: peers, ranks and rates of the whole company, once a night."""

from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from retention.scoring.costs import Tiers

MIN_PEERS = 20
EVERYBODY = "everybody"
_SIZES = (0.25, 0.5, 0.75)
# The median absolute deviation of a normal distribution is this part of its standard deviation.
_MAD_TO_SD = 1.4826

MEASURES = ("margin", "ticket_minutes_12m", "days_beyond_terms", "csat_mean_12m")
COLUMNS = (
    "customer_id",
    "kind",
    "net_profit_12m",
    "revenue_12m",
    "profit_direct_cost",
    "ticket_minutes_12m",
    "days_beyond_terms",
    "csat_mean_12m",
    "risk_known_before",
    "risk_late_before",
    "risk_disputed_before",
    "active_contracts",
    "contract_ended_on",
)


@dataclass(frozen=True, slots=True)
class Reference:
    """Medians and spreads per group of peers, and what else needs all customers at once.

    `size_cuts` are the quartiles of revenue per kind, in cents. `groups[group][measure]` holds
    median, spread (1.4826 times the median absolute deviation) and the median of what is above
    zero; `counts` how many customers a group has. Money is in cents.
    """

    customers: int
    size_cuts: dict[str, list[float]]
    counts: dict[str, int]
    groups: dict[str, dict[str, list[float]]]
    tier_cuts: dict[str, float]
    total_profit: int
    revenue_top: float
    late_share: float | None
    ended_share_12m: float | None
    dispute_share: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """Return what `as_json` gave."""
        return cls(**document)

    def group_of(self, frame: pd.DataFrame) -> pd.Series:
        """Return each customer's group of peers: kind and size, or everybody when it is small."""
        named = _named(frame, self.size_cuts)
        enough = {name for name, count in self.counts.items() if count >= MIN_PEERS}
        return named.where(named.isin(enough), EVERYBODY)

    def of_group(self, group: pd.Series, measure: str, place: int) -> pd.Series:
        """Return median (0), spread (1) or median above zero (2) of each customer's peers."""
        known = {name: measures[measure][place] for name, measures in self.groups.items()}
        return group.map(known).astype("Float64")


def make_reference(frame: pd.DataFrame, tiers: Tiers, ended_after: pd.Timestamp) -> Reference:
    """Compare all customers; `frame` has one row per customer with `COLUMNS`."""
    cuts = {
        str(kind): [float(cut) for cut in rows["revenue_12m"].dropna().quantile(list(_SIZES))]
        for kind, rows in frame.assign(kind=frame["kind"].fillna("any")).groupby("kind")
        if rows["revenue_12m"].notna().any()
    }
    named = _named(frame, cuts)
    measured = measures_of(frame)
    counts = {str(name): int(count) for name, count in named.value_counts().sort_index().items()}
    groups = {EVERYBODY: _spread(measured)}
    for name, rows in measured.groupby(named):
        if counts[str(name)] >= MIN_PEERS:
            groups[str(name)] = _spread(rows)
    profit = frame["net_profit_12m"].dropna().astype("int64").sort_values(ascending=False)
    return Reference(
        customers=len(frame),
        size_cuts=cuts,
        counts={**counts, EVERYBODY: len(frame)},
        groups=groups,
        tier_cuts=_tier_cuts(profit[profit >= 0], tiers),
        total_profit=int(profit.sum()),
        revenue_top=_top(frame["revenue_12m"]),
        late_share=_share(frame["risk_late_before"], undisputed(frame)),
        dispute_share=_share(frame["risk_disputed_before"], frame["risk_known_before"]),
        ended_share_12m=_ended(frame, ended_after),
    )


def undisputed(frame: pd.DataFrame) -> pd.Series:
    """Return how many invoices of a known end were never in dispute: those that could be late."""
    known = frame["risk_known_before"].astype("Float64")
    if "risk_disputed_before" not in frame:  # features of an earlier version
        return known
    return known - frame["risk_disputed_before"].astype("Float64")


def measures_of(frame: pd.DataFrame) -> pd.DataFrame:
    """Return what is compared with peers. The margin is a share of revenue."""
    revenue = frame["revenue_12m"].astype("Float64")
    margin = (revenue + frame["profit_direct_cost"]) / revenue.where(revenue > 0)
    rest = {name: frame[name].astype("Float64") for name in MEASURES[1:]}
    return pd.DataFrame({"margin": margin, **rest})


def _named(frame: pd.DataFrame, cuts: dict[str, list[float]]) -> pd.Series:
    kinds = frame["kind"].fillna("any").astype("string")
    size = np.zeros(len(frame), dtype=np.int64)
    revenue = frame["revenue_12m"].astype("Float64").to_numpy(dtype=float, na_value=np.nan)
    for kind, edges in cuts.items():
        mine = (kinds == kind).to_numpy(dtype=bool)
        size[mine] = np.searchsorted(edges, revenue[mine], side="right") + 1
    return kinds + ", size " + pd.Series(size, index=frame.index).astype("string")


def _spread(measured: pd.DataFrame) -> dict[str, list[float]]:
    found = {}
    for name in MEASURES:
        values = measured[name].dropna().to_numpy(dtype=float)
        values = values[np.isfinite(values)]
        if len(values) == 0:
            found[name] = [0.0, 0.0, 0.0]
            continue
        middle = float(np.median(values))
        spread = _MAD_TO_SD * float(np.median(np.abs(values - middle)))
        above = values[values > 0]
        found[name] = [middle, spread, float(np.median(above)) if len(above) else 0.0]
    return found


def _tier_cuts(profit: pd.Series, tiers: Tiers) -> dict[str, float]:
    """Return the least profit of each tier, from ranks; `profit` falls and is not negative."""
    if profit.empty:
        return {}
    shares = {"platinum": tiers.platinum, "gold": tiers.gold}
    places = {name: max(0, int(np.ceil(share * len(profit))) - 1) for name, share in shares.items()}
    return {name: float(profit.iloc[place]) for name, place in places.items()}


def _top(revenue: pd.Series) -> float:
    known = revenue.dropna()
    return float(known.quantile(0.99)) if len(known) else 0.0


def _share(part: pd.Series, whole: pd.Series) -> float | None:
    total = int(whole.fillna(0).sum())
    return float(part.fillna(0).sum()) / total if total else None


def _ended(frame: pd.DataFrame, after: pd.Timestamp) -> float | None:
    """Return the share of the customers of a year ago whose last contract has ended since."""
    if frame["active_contracts"].isna().all():
        return None
    ended = pd.to_datetime(frame["contract_ended_on"]) > after
    there = ended | (frame["active_contracts"].fillna(0) > 0)
    return float(ended.sum()) / float(there.sum()) if there.any() else None
