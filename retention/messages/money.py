"""Amounts as people write them: the sign that they know, in its place, close to its figure."""

from decimal import Decimal
from functools import lru_cache

from babel import Locale
from babel.numbers import format_currency, get_currency_symbol

HARD = "\u00a0"
"""A space at which no line is broken."""


def money(amount: Decimal | float, currency: str, locale: Locale, *, whole: bool = False) -> str:
    """Return an amount with the sign that people know; `whole` leaves cents out.

    Groups are marked below ten thousand too.
    """
    return _written(amount + 0, currency, locale, whole)  # nothing owed has no sign


@lru_cache(maxsize=4096)
def _written(amount: Decimal | float, currency: str, locale: Locale, whole: bool) -> str:
    """A list writes the same few hundred amounts again with each of its pages."""
    if whole:
        pattern = _without_cents(str(locale.currency_formats["standard"].pattern))
        written: str = format_currency(
            round(amount), currency, format=pattern, locale=locale, currency_digits=False
        )
    else:
        written = format_currency(amount, currency, locale=locale)
    sign, known = get_currency_symbol(currency, locale), get_currency_symbol(currency, "en")
    if sign == currency and known != currency:
        written = written.replace(sign, known)
    elif sign == currency and written.startswith(sign):
        written = written.replace(sign, f"{sign}{HARD}")
    return written.replace(" ", HARD)


def _without_cents(pattern: str) -> str:
    return pattern.replace("0.00", "0")
