"""What templates write with: a customer's manner of dates and money, and places for values.

Values never become Markdown or HTML: each is kept aside, and its placeholder printed.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton, format_time
from jinja2 import pass_context
from jinja2.runtime import Context

from retention.domain.brand import USUAL_BRAND, Brand
from retention.messages.money import HARD, money

MAX_VALUE = 300
VALUES = "_placed_values"
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\ufeff\u202a-\u202e\u2066-\u2069]+")


@dataclass(frozen=True, slots=True)
class Manner:
    """How a customer writes money and dates, which hosts links may lead to, and how we look."""

    locale: str
    currency: str
    hosts: frozenset[str] = frozenset()
    timezone: str = "UTC"
    brand: Brand = USUAL_BRAND


@dataclass(frozen=True, slots=True)
class Bill:
    """A bill that is open: its number, when it was due, and what of it is not paid."""

    number: str
    due_on: date
    amount: Decimal


class Written(str):
    """What a filter has written, values already in their places."""

    __slots__ = ()


@pass_context
def place(context: Context, value: object) -> str:
    """Keep a printed value aside and print its placeholder."""
    if isinstance(value, Written):
        return str(value)
    text = _UNSAFE.sub(" ", str(value)).strip()
    return kept(context[VALUES], text if len(text) <= MAX_VALUE else text[: MAX_VALUE - 1] + "…")


def kept(placed: list[str], text: str) -> str:
    """Keep a text aside; return its placeholder."""
    placed.append(text)
    return f"zqv{len(placed) - 1:04d}vqz"


@pass_context
def _money(context: Context, amount: Decimal) -> str:
    manner: Manner = context["manner"]
    return money(amount, manner.currency, locale_of(manner.locale))


@pass_context
def _long_date(context: Context, day: date) -> str:
    return long_date(day, context["manner"].locale)


@pass_context
def _short_date(context: Context, day: date) -> str:
    """Without its weekday, kept on one line."""
    locale = locale_of(context["manner"].locale)
    return str(format_date(day, "long", locale=locale)).replace(" ", HARD)


@pass_context
def _day_month(context: Context, at: date | datetime) -> str:
    """Without its year: for a subject."""
    manner: Manner = context["manner"]
    local = at.astimezone(ZoneInfo(manner.timezone)) if isinstance(at, datetime) else at
    return str(format_skeleton("MMMMd", local, locale=locale_of(manner.locale)))


@pass_context
def _bills(context: Context, bills: tuple[Bill, ...]) -> Written:
    """One line for each: its number, the day it was due, what is open."""
    manner: Manner = context["manner"]
    locale, placed = locale_of(manner.locale), context[VALUES]
    lines = []
    for bill in bills:
        number = _UNSAFE.sub(" ", bill.number).strip()[:40]
        day = str(format_date(bill.due_on, "medium", locale=locale)).replace(" ", HARD)
        amount = money(bill.amount, manner.currency, locale)
        lines.append(f"- {kept(placed, f'{number} ({day}): {amount}')}")
    return Written("\n".join(lines))


@pass_context
def _call(context: Context, phone: str) -> Written:
    """A telephone number: kept on one line, and dialled by a touch."""
    placed: list[str] = context[VALUES]
    shown = kept(placed, " ".join(str(phone).split()).replace(" ", HARD)[:MAX_VALUE])
    digits = re.sub(r"[^+\d]", "", str(phone))[:20]
    return Written(f"[{shown}]({kept(placed, 'tel:' + digits)})")


@pass_context
def _moment(context: Context, at: datetime) -> str:
    """The day and the time, in the customer's own zone."""
    manner: Manner = context["manner"]
    local, locale = at.astimezone(ZoneInfo(manner.timezone)), locale_of(manner.locale)
    return f"{_full(local.date(), locale)}, {format_time(local, 'short', locale=locale)}"


def long_date(day: date, locale: str) -> str:
    """Return a date with its weekday written out, as people there write it."""
    return _full(day, locale_of(locale))


def _full(day: date, locale: Locale) -> str:
    """Only behind its weekday may it be broken over lines."""
    whole = str(format_date(day, "full", locale=locale))
    if locale.language == "es":  # "el lunes 1 de febrero": after an article there is no comma
        whole = whole.replace(", ", " ", 1)
        weekday, _, rest = whole.partition(" ")
        return f"{weekday} {rest.replace(' ', HARD)}"
    return whole.replace(" ", HARD).replace(f",{HARD}", ", ", 1)


@lru_cache(maxsize=64)
def locale_of(name: str) -> Locale:
    """Return the locale, or that of its language when the country is unusual for it."""
    for candidate in (name, name.split("_", maxsplit=1)[0], "en"):
        try:
            return Locale.parse(candidate)
        except (UnknownLocaleError, ValueError):
            continue
    raise AssertionError("English is always known")


FILTERS: dict[str, Callable[..., str]] = {
    "bills": _bills,
    "call": _call,
    "day_month": _day_month,
    "long_date": _long_date,
    "moment": _moment,
    "money": _money,
    "short_date": _short_date,
}
"""The filters of templates, by name."""
