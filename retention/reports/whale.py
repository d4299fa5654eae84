"""The whale curve: customers from the most to the least profitable, and what they earn together.

Kaplan and Narayanan (Journal of Cost Management, 2001) describe the shape: a few customers earn
more than all of the profit, and the last ones give part of it back.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from retention.reports.charts import GRID, INK, RUST, TEAL, Chart, new_figure, pictures
from retention.reports.words import Words

_TENTHS = range(0, 101, 10)
_HEADROOM = 1.12


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

    def title(self, words: Words) -> str:
        """Return what the curve says, in a sentence."""
        share, profit = self.peak
        return words.say(
            "whale_title", "report",
            share=f"{share:.0f}", profit=f"{profit:.0f}", lost=f"{profit - 100:.0f}",
        )  # fmt: skip


def whale_curve(net_profit: npt.NDArray[np.float64]) -> WhaleCurve | None:
    """Return the curve of one net profit per customer; None without a positive total."""
    profit = np.sort(net_profit[~np.isnan(net_profit)])[::-1]
    total = profit.sum()
    if len(profit) == 0 or total <= 0:
        return None
    share = np.arange(0, len(profit) + 1) / len(profit) * 100
    return WhaleCurve(share, np.concatenate([[0.0], np.cumsum(profit)]) / total * 100)


def whale_chart(net_profit: npt.NDArray[np.float64], words: Words) -> Chart:
    """Return the chart of the curve, with its peak as a sentence in the title."""
    curve = whale_curve(net_profit)
    if curve is None:
        return Chart("whale", words.say("whale_none", "report"))
    at = np.interp(list(_TENTHS), curve.customers, curve.profit)
    rows = [(f"{tenth}", words.number(round(p, 1))) for tenth, p in zip(_TENTHS, at, strict=True)]
    heads = (words.say("share_of_customers", "report"), words.say("share_of_profit", "report"))
    draw = partial(draw_whale_curve, curve, words)
    return Chart("whale", curve.title(words), *pictures(draw), heads, rows)


def draw_whale_curve(curve: WhaleCurve, words: Words, *, narrow: bool = False) -> Figure:
    """Draw the curve: what the last customers take away is shaded."""
    figure, axes = new_figure(narrow=narrow)
    share, profit = curve.peak
    axes.axhline(100, color=GRID, linewidth=1.2)
    axes.plot(curve.customers, curve.profit, color=TEAL, linewidth=2.4)
    losing = curve.customers >= share
    axes.fill_between(
        curve.customers, curve.profit, profit, where=losing.tolist(), color=RUST, alpha=0.18
    )
    axes.plot([share], [profit], "o", color=RUST)
    axes.annotate(
        words.say("whale_note", "report", profit=f"{profit:.0f}"), (share, profit), (0, 10),
        textcoords="offset points", ha="center", color=RUST, fontweight="bold",
    )  # fmt: skip
    axes.set_xlabel(words.say("whale_x", "report"), color=INK)
    axes.set_ylabel(words.say("whale_y", "report"), color=INK)
    axes.set_xlim(0, 100)
    axes.set_ylim(0, max(115, profit * _HEADROOM))
    axes.yaxis.set_major_formatter(lambda value, _: words.number(value))
    axes.grid(color=GRID, linewidth=0.5)
    return figure
