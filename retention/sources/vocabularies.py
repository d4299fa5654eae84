"""The words of closed columns: what another system's words mean here, and which are not known.

A word that is not known is unknown, which is never the worst: no status makes no debt, no severity
makes no cost.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from zoneinfo import available_timezones

import duckdb
from babel import Locale
from babel.core import get_global

from retention.domain.errors import ConfigError
from retention.domain.findings import Finding
from retention.domain.sending import SOMEWHERE
from retention.sources.identities import cover
from retention.yaml_files import PolicyModel, parse_policy

_TICKET = "ticket_minute."
_LANGUAGES = ("en", "es")
# `plain`, as SQL.
_PLAIN = "regexp_replace(lower(\"{}\"), '[ _\\t\u00a0.-]', '', 'g')"
_COUNTRY, _ZONE = "customers.country", "customers.timezone"
Own = Mapping[str, Mapping[str, Iterable[str]]]


class Vocabulary(PolicyModel):
    """One column's meanings with the words for them.

    An unknown word is empty, or what `otherwise` says; with `trips` it is a gate.
    """

    meanings: dict[str, tuple[str, ...]]
    open: bool = False
    trips: bool = False
    otherwise: str | None = None


class _Shipped(PolicyModel):
    columns: dict[str, Vocabulary]


@dataclass(frozen=True, slots=True)
class Words:
    """What the words of one column mean."""

    column: str
    means: Mapping[str, str]
    trips: bool = False
    otherwise: str | None = None

    def meaning(self, word: str) -> str | None:
        """Return what a word means here, or None when nobody has said so."""
        return self.means.get(plain(word))

    def is_meant(self, column: str, meaning: str) -> str:
        """Return SQL for the rows whose word in `column` has a meaning."""
        said = ", ".join(_text(word) for word, meant in self.means.items() if meant == meaning)
        return f"{_PLAIN.format(column)} IN ({said})" if said else "false"

    def likely(self, word: str) -> str | None:
        """Return the known word that is most like one that is not known."""
        found = difflib.get_close_matches(plain(word), list(self.means), n=1, cutoff=0.7)
        return self.means[found[0]] if found else None


def plain(word: str) -> str:
    """Return a word without case, blanks, hyphens and underscores."""
    return "".join(letter for letter in word.casefold() if letter not in " -_\t\u00a0.")


@cache
def shipped() -> dict[str, Vocabulary]:
    """Return the vocabularies that come with retention."""
    text = (files("retention.sources") / "vocabularies.yaml").read_text("utf-8")
    rows = "\n".join(f"  {line}" for line in text.splitlines())
    return parse_policy(f"columns:\n{rows}", _Shipped, "vocabularies.yaml").columns


def vocabularies(own: Own) -> dict[str, Words]:
    """Return the words of every closed column, with those that a company has added.

    Raises ConfigError when it adds them to another column, or a meaning to a closed one.
    """
    known = {name: _words(name, found, own.get(name, {})) for name, found in shipped().items()}
    countries = {**_countries(), **_added(own.get(_COUNTRY, {}))}
    known[_COUNTRY] = Words(_COUNTRY, countries, otherwise=SOMEWHERE)
    known[_ZONE] = Words(_ZONE, {**_zones(), **_added(own.get(_ZONE, {}))})
    for name in own:
        if name not in known:
            listed = ", ".join(known)
            raise ConfigError(
                "sources.yaml", f"words: '{name}' is no closed column", f"They are: {listed}."
            )
    return known


def with_costs(own: Own, costed: Iterable[str]) -> dict[str, dict[str, Iterable[str]]]:
    """Add the words that have a rate: channels as `ticket_minute.<channel>`, and severities."""
    found = {name: dict(words) for name, words in own.items()}
    for name in costed:
        channel = name.removeprefix(_TICKET)
        column = "tickets.severity" if channel == name else "tickets.channel"
        if channel not in shipped()[column].meanings:
            found.setdefault(column, {}).setdefault(channel, ())
    return found


def _words(name: str, found: Vocabulary, own: Mapping[str, Iterable[str]]) -> Words:
    for meaning in own:
        if meaning not in found.meanings and not found.open:
            raise ConfigError(
                "sources.yaml",
                f"words: '{meaning}' is no meaning of {name}",
                f"They are: {', '.join(found.meanings)}.",
            )
    meant = {plain(word): m for m, words in found.meanings.items() for word in (m, *words)}
    return Words(name, {**meant, **_added(own)}, found.trips, found.otherwise)


def _added(own: Mapping[str, Iterable[str]]) -> dict[str, str]:
    return {plain(word): meaning for meaning, words in own.items() for word in (meaning, *words)}


@cache
def _zones() -> dict[str, str]:
    return {plain(zone): zone for zone in available_timezones()}


@cache
def _countries() -> dict[str, str]:
    """Return ISO 3166 codes by code (two letters, three letters, digits) and name."""
    aliases = get_global("territory_aliases")
    found = {plain(old): new[0] for old, new in aliases.items() if len(new) == 1}
    for language in _LANGUAGES:
        for code, name in Locale(language).territories.items():
            if len(code) == 2 and code.isalpha():  # noqa: PLR2004 - ISO 3166-1 alpha-2
                found[plain(name)] = found[plain(code)] = code
    return found


def apply_words(
    db: duckdb.DuckDBPyConnection, table: str, columns: Iterable[str], known: Mapping[str, Words]
) -> list[Finding]:
    """Let the closed columns of a table say what their words mean; return the unknown ones."""
    findings: list[Finding] = []
    replaced = []
    for column in columns:
        words = known.get(f"{table}.{column}")
        if words is None:
            continue
        counts = db.execute(
            f'SELECT "{column}", count(*) FROM "{table}" WHERE "{column}" IS NOT NULL '
            "GROUP BY 1 ORDER BY 2 DESC, 1"
        ).fetchall()
        findings += _unknown(table, column, words, counts)
        changed = [(word, words.meaning(word)) for word, _ in counts]
        if any(meaning != word for word, meaning in changed):
            replaced.append(_replacement(column, changed, words.otherwise))
    if replaced:
        cover(db, table, f"SELECT * REPLACE ({', '.join(replaced)}) FROM {{below}}")
    return findings


def _replacement(column: str, changed: list[tuple[str, str | None]], otherwise: str | None) -> str:
    """Return SQL for a column: each word that occurs becomes its meaning, any other is unknown."""
    cases = " ".join(f"WHEN {_text(w)} THEN {_text(m)}" for w, m in changed if m is not None)
    if otherwise is not None:
        cases = f'WHEN "{column}" IS NOT NULL THEN {_text(otherwise)}'
        cases = "".join(f'WHEN "{column}" = {_text(w)} THEN {_text(m)} '
                        for w, m in changed if m is not None) + cases  # fmt: skip
        return f'CASE {cases} END AS "{column}"'
    value = f'CASE "{column}" {cases} END' if cases else "CAST(NULL AS VARCHAR)"
    return f'{value} AS "{column}"'


def _text(word: str) -> str:
    return "'" + word.replace("'", "''") + "'"


def _unknown(table: str, column: str, words: Words, counts: list[tuple[str, int]]) -> list[Finding]:
    total = sum(count for _, count in counts)
    strange = [(word, count) for word, count in counts if words.meaning(word) is None]
    if not strange:
        return []
    seen = ", ".join(_named(word, count, words.likely(word)) for word, count in strange[:5])
    rows = sum(count for _, count in strange)
    return [Finding(table, column, "unknown_word", rows, total, seen, trips=words.trips)]


def _named(word: str, count: int, likely: str | None) -> str:
    hint = f"; is it {likely}?" if likely else ""
    return f"'{word[:40]}' ({count}{hint})"
