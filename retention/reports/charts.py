"""Draw the report's charts: quiet axes, one colour for gain and one for loss, SVG or PNG."""

import io
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

INK, TEAL, RUST, SAND, GRID = "#23262b", "#0b5c58", "#b0472c", "#b9b2a3", "#d9d5cb"
_WIDTH, _HEIGHT, _NARROW, _ROW = 9.0, 4.2, 4.0, 0.4


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart: a title that is a sentence, the picture, and the figures behind it.

    `svg` is for a desk, `narrow` for a telephone, `png` draws it for mail and artifacts; they are
    empty when there is nothing to draw, and then the title says why.
    """

    key: str
    title: str
    svg: str = ""
    narrow: str = ""
    png: Callable[[], bytes] = bytes
    headers: tuple[str, ...] = ()
    rows: Sequence[tuple[str, ...]] = field(default_factory=tuple)


Draw = Callable[..., Figure]
"""What draws a chart; with `narrow` for a telephone."""

_PAGE_COLOURS = {INK: "--ink", TEAL: "--gain", RUST: "--loss", SAND: "--other", GRID: "--line"}


def pictures(draw: Draw) -> tuple[str, str, Callable[[], bytes]]:
    """Return a chart as SVG for a desk, as SVG for a telephone, and what draws it as PNG."""
    wide = draw(narrow=False)
    return svg_of(wide), svg_of(draw(narrow=True)), partial(png_of, wide)


def new_figure(*, narrow: bool, rows: int = 0) -> tuple[Figure, Axes]:
    """Return an empty figure in the house's manner, with room for `rows` names of two lines."""
    mpl.rcParams["svg.hashsalt"] = "retention"
    mpl.rcParams["svg.fonttype"] = "none"
    size = (_NARROW, max(_NARROW * 1.05, _ROW * rows + 1)) if narrow else (_WIDTH, _HEIGHT)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(INK)
    axes.tick_params(colors=INK, labelsize=9 if narrow else 10)
    return figure, axes


def svg_of(figure: Figure) -> str:
    """Return a figure as an SVG element for a page; the same figure gives the same text.

    Its colours are the page's, so that it can be read in the dark too.
    """
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
    text = buffer.getvalue()
    for colour, name in _PAGE_COLOURS.items():
        text = text.replace(colour, f"var({name})")
    return text[text.index("<svg") :]


def png_of(figure: Figure) -> bytes:
    """Return a figure as PNG, for mail and artifacts."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return buffer.getvalue()


def bars(
    names: Sequence[str],
    values: Sequence[float],
    label: str,
    marks: Sequence[str],
    number: Callable[[float], str],
    *,
    loss: bool = False,
    narrow: bool = False,
) -> Figure:
    """Return horizontal bars, each with its figure, in the colours of gain and loss.

    What is below zero is a loss; with `loss` every bar is one. `number` writes what the axis says.
    """
    figure, axes = new_figure(narrow=narrow, rows=len(names))
    places = list(range(len(names)))[::-1]
    axes.barh(
        places, values, color=[RUST if loss or value < 0 else TEAL for value in values], height=0.62
    )
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.xaxis.set_major_formatter(lambda value, _: number(value))
    axes.xaxis.set_major_locator(MaxNLocator(3 if narrow else 6))
    shown = [textwrap.fill(name, 16) for name in names] if narrow else list(names)
    axes.set_yticks(places, shown, color=INK)
    axes.set_xlabel(label, color=INK)
    axes.grid(axis="x", color=GRID, linewidth=0.5)
    axes.set_axisbelow(True)
    longest = max((len(mark) for mark in marks), default=0)
    axes.margins(x=longest * (0.07 if narrow else 0.016) + 0.02)
    for place, value, mark in zip(places, values, marks, strict=True):
        axes.annotate(
            mark, (value, place), (6 if value >= 0 else -6, 0), textcoords="offset points",
            ha="left" if value >= 0 else "right", va="center", color=INK, fontsize=9,
        )  # fmt: skip
    return figure


def pairs(
    names: Sequence[str],
    one: Sequence[float],
    other: Sequence[float],
    labels: tuple[str, str],
    number: Callable[[float], str],
    below: str = "",
    *,
    narrow: bool = False,
) -> Figure:
    """Return two bars per name, side by side; `below` says what the names are.

    `number` writes what the axis says.
    """
    figure, axes = new_figure(narrow=narrow)
    places = list(range(len(names)))
    axes.bar([p - 0.2 for p in places], one, 0.38, color=TEAL, label=labels[0])
    axes.bar([p + 0.2 for p in places], other, 0.38, color=SAND, label=labels[1])
    axes.set_xticks(places, names, color=INK)
    axes.yaxis.set_major_formatter(lambda value, _: number(value))
    axes.grid(axis="y", color=GRID, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.set_xlabel(below, color=INK)
    highest = max([*one, *other, 1.0])
    axes.set_ylim(0, highest * (1.35 if narrow else 1.2))  # room for the legend above the bars
    axes.legend(frameon=False, labelcolor=INK, loc="upper right", fontsize=9 if narrow else 10)
    return figure


def diagonal(
    predicted: Sequence[float],
    seen: Sequence[float],
    labels: tuple[str, str],
    number: Callable[[float], str],
    *,
    narrow: bool = False,
) -> Figure:
    """Return predicted against seen shares, in percent, with the line of perfect calibration.

    `number` writes what the axes say.
    """
    figure, axes = new_figure(narrow=narrow)
    most = max([*predicted, *seen, 1.0]) * 1.08
    axes.plot([0, most], [0, most], color=GRID, linewidth=1.4)
    axes.plot(predicted, seen, "o-", color=TEAL, linewidth=1.8)
    axes.set_xlim(0, most)
    axes.set_ylim(0, most)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: number(value))
    axes.set_xlabel(labels[0], color=INK)
    axes.set_ylabel(labels[1], color=INK)
    axes.grid(color=GRID, linewidth=0.5)
    return figure
