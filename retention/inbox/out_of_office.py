"""When somebody who is away comes back, as automatic answers say it in Spanish and English."""

import re
from datetime import date, timedelta

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan enero ene", "february feb febrero", "march mar marzo",
            "april apr abril abr",
            "may mayo", "june jun junio", "july jul julio", "august aug agosto ago",
            "september sep sept septiembre setiembre", "october oct octubre",
            "november nov noviembre", "december dec diciembre dic",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_UNTIL = (
    r"\b(?:until|till|back|return\w{0,6}|through|hasta|vuelvo|vuelta|regres\w{1,6}|"
    r"reincorpor\w{1,6}|incorpor\w{1,6}|bis)\b"
)
_GAP = r"[^.\n]{0,40}?"
_DATE = (
    r"\b(?:(?P<y1>20\d\d)[-/.](?P<m1>\d\d?)[-/.](?P<d1>\d\d?)\b"
    rf"|(?P<d2>\d{{1,2}})(?:st|nd|rd|th|\.)?\s+(?:de |of )?(?P<n2>{_MONTH})\b"
    r"(?:,?\s+(?:de |del )?(?P<y2>20\d\d))?"
    rf"|(?P<n3>{_MONTH})\.?\s+(?P<d3>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s+(?P<y3>20\d\d))?"
    r"|(?P<a4>\d{1,2})(?P<s4>[/.-])(?P<b4>\d{1,2})\b(?:(?P=s4)(?P<y4>20\d\d|\d\d)\b)?)"
)
_BACK = re.compile(rf"{_UNTIL}{_GAP}{_DATE}", re.IGNORECASE)
_RANGE = re.compile(
    r"\b(?:from|between|del|desde|entre|vom)\b[^\n]{1,40}?"
    rf"(?:\b(?:to|until|till|through|and|al|hasta|y|bis)\b|[-\u2013])\s*(?:el |the )?{_DATE}",
    re.IGNORECASE,
)
_LONGEST = timedelta(days=366)
_AHEAD = timedelta(days=270)
_DAY = timedelta(days=1)
# Where 12/8 is the eighth of December.
_MONTH_FIRST = frozenset({"US", "PH", "PR", "GU"})


def back_on(text: str, today: date, country: str | None = None) -> date | None:
    """Return the day on which somebody comes back, if the text names one within a year.

    A range ends the day before. Without a year the next such day is meant, unless that is most of a
    year away: then it is one that has passed. 3/4 is the third of April, but in countries that
    write the month first, unless that cannot be.
    """
    for pattern, more in ((_RANGE, _DAY), (_BACK, timedelta())):
        for match in pattern.finditer(text):
            found = _day(match.groupdict(), today, country)
            if found is not None and today <= found <= today + _LONGEST:
                return found + more
    return None


def _day(parts: dict[str, str | None], today: date, country: str | None) -> date | None:
    year, month, day = _numbers(parts, country)
    try:
        found = date(year or today.year, month, day)
        if year or found >= today:
            return found
        found = found.replace(year=found.year + 1)
        return found if found <= today + _AHEAD else None
    except ValueError:
        return None


def _numbers(parts: dict[str, str | None], country: str | None) -> tuple[int | None, int, int]:
    """Return year (or None), month and day."""
    if parts["y1"]:
        return int(parts["y1"]), int(parts["m1"] or 0), int(parts["d1"] or 0)
    if parts["n2"] or parts["n3"]:
        form = "2" if parts["n2"] else "3"
        name, written = parts[f"n{form}"] or "", parts[f"y{form}"]
        return int(written) if written else None, _MONTHS[name.lower()], int(parts[f"d{form}"] or 0)
    one, other = int(parts["a4"] or 0), int(parts["b4"] or 0)
    month_first = country in _MONTH_FIRST and parts["s4"] == "/"
    month, day = (one, other) if month_first else (other, one)
    if month > 12 >= day:  # noqa: PLR2004 - month and day the other way round
        month, day = day, month
    year = int(parts["y4"]) if parts["y4"] else None
    return (year + 2000 if year is not None and year < 100 else year), month, day  # noqa: PLR2004
