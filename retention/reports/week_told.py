"""A week of the programme in the words of who pays for it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy.orm import Session

from retention.reports.week import Stuck, Week, stuck, weeks
from retention.reports.words import Words

_FIGURES = (
    "opened", "moved", "restored", "ended", "approved", "rejected", "expired", "left", "answered",
    "bounced", "opted_out", "saved",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Told:
    """What the programme did in the last week and in the one before, and what is stuck now."""

    week: Week
    before: Week
    stuck: Stuck


@dataclass(frozen=True, slots=True)
class WeekLines:
    """A week on the page: a sentence, rows of figures, and what is stuck."""

    title: str
    heads: tuple[str, str]
    rows: tuple[tuple[str, str, str], ...]
    stuck_title: str
    stuck: tuple[str, ...]


def look_back(session: Session, as_of: date, timezone: str) -> Told:
    """Return the week that ends with a business date, the one before, and what is stuck."""
    return Told(*weeks(session, as_of, timezone), stuck(session, as_of))


def week_lines(told: Told, currency: str, words: Words) -> WeekLines:
    """Return the week in a reader's language; amounts in `currency`."""
    week = told.week
    title = words.say(
        "week_title", "report",
        restored=words.number(week.restored), ended=words.number(week.ended),
        left=words.number(week.left), saved=words.amount(week.saved, currency),
    )  # fmt: skip
    rows = tuple(
        (
            words.say(f"week_{name}", "report"),
            _figure(getattr(week, name), currency, words),
            _figure(getattr(told.before, name), currency, words),
        )
        for name in _FIGURES
    )
    heads = (words.say("this_week", "report"), words.say("last_week", "report"))
    lines = tuple(_stuck(told.stuck, words))
    nothing = words.say("stuck_nothing", "report")
    return WeekLines(title, heads, rows, words.say("stuck_title", "report"), lines or (nothing,))


def _figure(value: int | Decimal, currency: str, words: Words) -> str:
    return words.amount(value, currency) if isinstance(value, Decimal) else words.number(value)


def _stuck(found: Stuck, words: Words) -> Iterator[str]:
    for name in ("overdue", "in_vain", "unknown"):
        count = getattr(found, name)
        if count:
            yield words.say(f"stuck_{name}", "report", count=words.number(count))
