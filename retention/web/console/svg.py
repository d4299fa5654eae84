"""The console's charts: inline SVG from numbers, coloured by the style sheet.

Shapes only: what they show always stands beside them as figures, in a table or in words.
"""

from collections.abc import Sequence

from markupsafe import Markup, escape

_WIDE, _HIGH = 600, 160


def bar(value: float | None, greatest: float, *, thin: bool = False) -> Markup:
    """Return a lying bar of a value beside the greatest of its group; a loss has its own colour."""
    share = 0.0 if not greatest or value is None else min(abs(value) / greatest, 1.0)
    kind = "loss" if (value or 0) < 0 else "gain"
    high = 6 if thin else 10
    width = max(round(share * 100, 1), 0.8 if value else 0)
    return Markup(
        '<svg class="bar {}" viewBox="0 0 100 {}" preserveAspectRatio="none" aria-hidden="true">'
        '<rect width="{}" height="{}" rx="1"/></svg>'
    ).format(kind, high, width, high)


def columns(values: Sequence[tuple[str, float]], title: str) -> Markup:
    """Return standing columns above and below a line, each with its label as a tooltip."""
    if not values:
        return Markup("")
    heights = [0.0, *(v for _, v in values)]
    top, bottom = max(heights), min(heights)
    span = (top - bottom) or 1
    step = _WIDE / len(values)
    zero = _HIGH * top / span
    parts = [
        Markup(
            '<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="1"><title>{}</title></rect>'
        ).format(
            "loss" if v < 0 else "gain", round(at * step + step * 0.15, 1),
            round(zero - (_HIGH * v / span if v > 0 else 0), 1), round(step * 0.7, 1),
            max(round(abs(_HIGH * v / span), 1), 0.5), label,
        )
        for at, (label, v) in enumerate(values)
    ]  # fmt: skip
    line = Markup('<line x1="0" x2="{}" y1="{}" y2="{}"/>').format(_WIDE, zero, zero)
    return _chart(title, Markup("").join([*parts, line]))


def curve(points: Sequence[tuple[float, float]], title: str) -> Markup:
    """Return a curve through points; x is 0 to 100, the line of y = 0 is drawn."""
    if not points:
        return Markup("")
    heights = [0.0, *(y for _, y in points)]
    top, bottom = max(heights), min(heights)
    span = (top - bottom) or 1

    def at(x: float, y: float) -> str:
        return f"{x / 100 * _WIDE:.1f},{_HIGH * (top - y) / span:.1f}"

    path = " ".join(at(x, y) for x, y in points)
    zero = round(_HIGH * top / span, 1)
    inner = Markup(
        '<line x1="0" x2="{}" y1="{}" y2="{}"/><polyline class="curve" points="{}"/>'
    ).format(_WIDE, zero, zero, path)
    return _chart(title, inner)


def _chart(title: str, inner: Markup) -> Markup:
    return Markup(
        '<svg class="chart" viewBox="-2 -4 {} {}" role="img" aria-label="{}">{}</svg>'
    ).format(_WIDE + 4, _HIGH + 8, escape(title), inner)
