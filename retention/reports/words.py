"""Words for codes and sentences, per language: `templates/words/<language>.yaml`."""

import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from babel import Locale
from babel.dates import format_date
from babel.numbers import format_decimal, format_percent

from retention.domain.errors import ConfigError
from retention.domain.scores import BY_NAME, Kind
from retention.messages.money import money

LANGUAGES = ("en", "es")
_COALESCE = re.compile(r"coalesce\((\w+), \d+\)")
_PART = re.compile(r"<=|>=|<>|\b[A-Za-z]\w*")


@dataclass(frozen=True)
class Words:
    """One language's words. Codes that it does not know are shown as they are."""

    language: str
    document: dict[str, Any]

    def of(self, section: str, code: str | None) -> str:
        """Return the words for a code."""
        words = self.document.get(section, {})
        return str(words.get(code or "none", (code or "-").replace("_", " ")))

    def say(self, key: str, section: str = "say", **values: Any) -> str:
        """Return a sentence with its values filled in."""
        return str(self.document[section][key]).format(**values)

    def meaning(self, column: str) -> str:
        """Return what a score column means."""
        told = self.document["columns"].get(column)
        return str(told or (BY_NAME[column].meaning if column in BY_NAME else column))

    def condition(self, rule: str) -> str:
        """Return a condition of a playbook with words in place of its columns."""
        told = {**self.document["condition"], "<=": "≤", ">=": "≥", "<>": "≠"}
        said = _COALESCE.sub(r"\1", rule)
        return _PART.sub(lambda found: str(told.get(found[0]) or self.meaning(found[0])), said)

    def value(self, column: str, value: Any) -> str:
        """Return a score's value as people of this language read it."""
        if value is None:
            return "-"
        kind = BY_NAME[column].kind if column in BY_NAME else None
        if kind is Kind.DATE:
            return self.day(value)
        if kind is Kind.MONEY:
            return self.money(value)
        if kind is Kind.RATIO and BY_NAME[column].unit in ("share", "probability"):
            return self.percent(value)
        if isinstance(value, bool | str):
            return str(value).lower() if isinstance(value, bool) else value
        return self.number(value)

    def quantity(self, value: Any, unit: str) -> str:
        """Return a quantity with its unit: days, minutes, or an amount of money."""
        if value is None:
            return "-"
        if unit == "money":
            return self.money(value)
        return f"{self.number(value)} {self.of('unit', unit)}"

    def money(self, value: Any) -> str:
        """Return an amount with two decimals; its currency is the company's."""
        return str(format_decimal(value, format="#,##0.00", locale=self.language))

    def amount(self, value: Any, currency: str) -> str:
        """Return an amount in whole units with its currency, for people who steer."""
        return money(value, currency, Locale.parse(self.language), whole=True)

    def number(self, value: Any) -> str:
        """Return a number with two decimals at most."""
        return str(format_decimal(value, format="#,##0.##", locale=self.language))

    def percent(self, value: Any) -> str:
        """Return a share in percent, with one decimal."""
        return str(format_percent(value, format="#,##0.#%", locale=self.language))

    def day(self, value: date | str) -> str:
        """Return a date."""
        day = date.fromisoformat(value) if isinstance(value, str) else value
        return str(format_date(day, format="medium", locale=self.language))


@lru_cache(maxsize=8)
def load_words(templates: Path, language: str) -> Words:
    """Return the words of a language. Raises ConfigError when there are none."""
    path = templates / "words" / f"{language}.yaml"
    try:
        return Words(language, yaml.safe_load(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        known = ", ".join(sorted(file.stem for file in path.parent.glob("*.yaml")))
        raise ConfigError(
            f"language '{language}'", "has no words", f"Choose one of: {known}."
        ) from None
