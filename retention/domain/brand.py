"""How the company looks in what people read: a logo, a colour, a tax number."""

from dataclasses import dataclass
from pathlib import Path

_PAPER, _DARK_PAPER = "#ffffff", "#1f2428"
_LEAST = 4.5


@dataclass(frozen=True, slots=True)
class Brand:
    """One look for mails, letters and reports.

    `colour` stands on white, and under white words; `dark_colour` stands on dark paper. `logo` is
    an SVG or a PNG.
    """

    colour: str = "#0b5c58"
    dark_colour: str = "#7fd6cf"
    logo: Path | None = None
    tax_id: str = ""


USUAL_BRAND = Brand()


def unreadable(colour: str, dark_colour: str) -> str | None:
    """Say which of two colours cannot be read where it stands, or None."""
    for name, one, paper in (
        ("colour", colour, _PAPER),
        ("dark_colour", dark_colour, _DARK_PAPER),
    ):
        found = contrast(one, paper)
        if found < _LEAST:
            return f"{name} {one} on {paper} has a contrast of {found:.1f}; {_LEAST} is the least"
    return None


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, `#rrggbb`, from 1 to 21 (WCAG 2.2, 1.4.3)."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    shares = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4  # noqa: PLR2004
        for share in shares
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
