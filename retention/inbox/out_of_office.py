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
    r"\b(?:until|till|back|return\w{0,6}|through|hasta|vuelvo|regres\w{1,6}|"
    r"reincorpor\w{1,6}|incorpor\w{1,6})"
)
_GAP = r"[^.\n]{0,40}?"
_PATTERNS = (
    re.compile(rf"{_UNTIL}{_GAP}\b(?P<y>20\d\d)-(?P<m>\d\d)-(?P<d>\d\d)\b", re.IGNORECASE),
    re.compile(
        rf"{_UNTIL}{_GAP}\b(?P<d>\d{{1,2}})(?:st|nd|rd|th)? (?:de |of )?(?P<name>{_MONTH})\b"
        rf"(?:,? (?:de |del )?(?P<y>20\d\d))?",
        re.IGNORECASE,
    ),
    re.compile(
        rf"{_UNTIL}{_GAP}\b(?P<name>{_MONTH})\.? (?P<d>\d{{1,2}})(?:st|nd|rd|th)?\b"
        rf"(?:,? (?P<y>20\d\d))?",
        re.IGNORECASE,
    ),
    re.compile(
        rf"{_UNTIL}{_GAP}\b(?P<d>\d{{1,2}})/(?P<m>\d{{1,2}})(?:/(?P<y>20\d\d))?\b", re.IGNORECASE
    ),
)
_LONGEST = timedelta(days=366)


def back_on(text: str, today: date) -> date | None:
    """Return the day on which somebody comes back, if the text names one within a year.

    Without a year the next such day is meant. 3/4 is the third of April, unless that cannot be.
    """
    for pattern in _PATTERNS:
        for match in pattern.finditer(text):
            found = _day(match.groupdict(), today)
            if found is not None and today <= found <= today + _LONGEST:
                return found
    return None


def _day(parts: dict[str, str | None], today: date) -> date | None:
    name, month = parts.get("name"), parts.get("m")
    number = _MONTHS[name.lower()] if name else int(month or 0)
    day = int(parts["d"] or 0)
    if number > 12 >= day:  # noqa: PLR2004 - month and day the other way round
        number, day = day, number
    year = int(parts.get("y") or today.year)
    try:
        found = date(year, number, day)
        return found if parts.get("y") or found >= today else found.replace(year=year + 1)
    except ValueError:
        return None
