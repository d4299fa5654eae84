"""The whale curve: customers from the most to the least profitable, and what they earn together.

Kaplan and Narayanan (Journal of Cost Management, 2001) describe the shape: a few customers earn
more than all of the profit, and the last ones give part of it back.
"""

from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

_INK, _TEAL, _RUST, _GRID = "#23262b", "#0b5c58", "#b0472c", "#d9d5cb"


@dataclass(frozen=True, slots=True)
class WhaleCurve:
    """Cumulative profit in percent of the total, by percent of customers."""

    customers: npt.NDArray[np.float64]
    profit: npt.NDArray[np.float64]

    @property
    def peak(self) -> tuple[float, float]:
        """Percent of customers at the peak, and percent of the profit they earn."""
        top = int(np.argmax(self.profit))
        return float(self.customers[top]), float(self.profit[top])

    @property
    def title(self) -> str:
        """What the curve says, in a sentence."""
        share, profit = self.peak
        return (
            f"The best {share:.0f} % of customers earn {profit:.0f} % of the profit; "
            f"the rest lose {profit - 100:.0f} %"
        )


def whale_curve(net_profit: npt.NDArray[np.float64]) -> WhaleCurve | None:
    """Return the curve of one net profit per customer; None without a positive total."""
    profit = np.sort(net_profit[~np.isnan(net_profit)])[::-1]
    total = profit.sum()
    if len(profit) == 0 or total <= 0:
        return None
    share = np.arange(0, len(profit) + 1) / len(profit) * 100
    return WhaleCurve(share, np.concatenate([[0.0], np.cumsum(profit)]) / total * 100)


def draw_whale_curve(curve: WhaleCurve, *targets: Path) -> None:
    """Draw the curve to files; the suffix decides the format (svg, png)."""
    mpl.rcParams["svg.hashsalt"] = "retention"
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.add_subplot()
    share, profit = curve.peak
    axes.axhline(100, color=_GRID, linewidth=1.2)
    axes.plot(curve.customers, curve.profit, color=_TEAL, linewidth=2.4)
    losing = curve.customers >= share
    axes.fill_between(
        curve.customers, curve.profit, profit, where=losing.tolist(), color=_RUST, alpha=0.18
    )
    axes.plot([share], [profit], "o", color=_RUST)
    axes.annotate(
        f"{profit:.0f} % of the profit", (share, profit), (0, 10), textcoords="offset points",
        ha="center", color=_RUST, fontweight="bold",
    )  # fmt: skip
    axes.set_title(curve.title, loc="left", color=_INK, fontsize=12, fontweight="bold", pad=14)
    axes.set_xlabel("Customers, most profitable first (%)", color=_INK)
    axes.set_ylabel("Cumulative net profit (% of the total)", color=_INK)
    axes.set_xlim(0, 100)
    axes.set_ylim(0, max(115, profit * 1.12))
    axes.grid(color=_GRID, linewidth=0.5)
    axes.spines[["top", "right"]].set_visible(False)
    for target in targets:
        target.parent.mkdir(parents=True, exist_ok=True)
        still = {"Date": None} if target.suffix == ".svg" else {"Software": None}
        figure.savefig(target, dpi=160, metadata=still)
