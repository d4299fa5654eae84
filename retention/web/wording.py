"""The console's words: English in the pages themselves, other languages in `.po` files.

A sentence without a translation is shown in English; a test says which are missing.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_skeleton, format_time
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent

from retention.messages.money import money
from retention.messages.template_filters import locale_of, long_date

LANGUAGES = {"en": "English", "es": "Español"}
_LOCALES = {"en": "en_GB", "es": "es_ES"}
_MINUS = "\N{MINUS SIGN}"
NOTHING = "\N{EN DASH}"


def N_(words: str) -> str:  # noqa: N802 - the usual mark of words that are translated elsewhere
    """Mark words that are shown later, in the reader's language."""
    return words


@dataclass(frozen=True)
class Wording:
    """How one reader is spoken to: words, dates, money, numbers."""

    language: str
    currency: str
    timezone: str
    catalogue: dict[str, str | tuple[str, ...]]
    country: str = ""

    @property
    def locale(self) -> Locale:
        """The reader's locale."""
        if self.country:
            return locale_of(f"{self.language}_{self.country}")
        return Locale.parse(_LOCALES[self.language])

    def say(self, words: str, **values: object) -> str:
        """Return words in the reader's language, with their values filled in."""
        found = self.catalogue.get(words) or words
        told = found if isinstance(found, str) else found[0]
        return told.format(**values) if values else told

    def count(self, one: str, many: str, n: int, **values: object) -> str:
        """Return the words for one thing or for several; `{n}` in them is how many."""
        found = self.catalogue.get(one)
        forms = found if isinstance(found, tuple) and len(found) > 1 else (one, many)
        return forms[0 if n == 1 else 1].format(n=self.number(n), **values)

    def day(self, value: date | str | None, *, year: bool = False) -> str:
        """Return a date as people say it: with its weekday, without this year's number."""
        if value is None:
            return NOTHING
        day = date.fromisoformat(value[:10]) if isinstance(value, str) else value
        if year:
            return str(format_date(day, "long", locale=self.locale))
        return str(format_skeleton("EMMMd", day, locale=self.locale))

    def long_day(self, value: date) -> str:
        """Return a date written out, with its weekday and its year."""
        return long_date(value, str(self.locale))

    def moment(self, value: datetime | None, *, year: bool = False) -> str:
        """Return a moment on the company's clock."""
        if value is None:
            return NOTHING
        local = value.astimezone(ZoneInfo(self.timezone))
        return f"{self.day(local.date(), year=year)}, {self.clock(value)}"

    def clock(self, value: datetime) -> str:
        """Return a time of day on the company's clock."""
        local = value.astimezone(ZoneInfo(self.timezone))
        return str(format_time(local, "HH:mm", locale=self.locale))

    def money(self, value: Any, *, whole: bool = True, currency: str | None = None) -> str:
        """Return an amount with its sign as people of this language write it."""
        if value is None:
            return NOTHING
        shown = money(Decimal(str(value)), currency or self.currency, self.locale, whole=whole)
        return shown.replace("-", _MINUS)

    def number(self, value: Any) -> str:
        """Return a number with two decimals at most."""
        if value is None:
            return NOTHING
        shown = format_decimal(value, format="#,##0.##", locale=self.locale)
        return str(shown).replace("-", _MINUS)

    def percent(self, value: Any) -> str:
        """Return a share in percent."""
        if value is None:
            return NOTHING
        shown = format_percent(value, format="#,##0.#%", locale=self.locale)
        return str(shown).replace("-", _MINUS)


def wording(templates: Path, language: str | None, currency: str, timezone: str) -> Wording:
    """Return the wording of a language; English for one that the console does not speak."""
    known = language if language in LANGUAGES else "en"
    return Wording(known, currency, timezone, _catalogue(templates, known))


@lru_cache(maxsize=8)
def _catalogue(templates: Path, language: str) -> dict[str, str | tuple[str, ...]]:
    path = templates / "web" / "locale" / f"{language}.po"
    if not path.exists():
        return {}
    with path.open("rb") as file:
        found = read_po(file, locale=language)
    words: dict[str, str | tuple[str, ...]] = {}
    for message in found:
        if message.id and message.string:
            key = message.id if isinstance(message.id, str) else message.id[0]
            words[key] = (
                message.string if isinstance(message.string, str) else tuple(message.string)
            )
    return words
