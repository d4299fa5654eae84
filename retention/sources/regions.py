"""The parts of a country: what other systems call them, as the codes that calendars know.

Holidays rest on them: a region that nobody understands would be taken for none, and a message would
leave on a day on which its reader is at home.
"""

import difflib
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache

import duckdb

from retention.domain.findings import Finding
from retention.sources.identities import cover
from retention.sources.vocabularies import plain

_TABLE, _COLUMN = "customers", "region"
_SHOWN, _LONGEST = 5, 3


def apply_regions(db: duckdb.DuckDBPyConnection, columns: Iterable[str]) -> list[Finding]:
    """Let regions be ISO 3166-2 codes without their country; return the words nobody knows.

    Those are empty then. In a country whose calendar has no regions nothing rests on them: they
    stay as they are, and so does a region without a country.
    """
    if not {"country", _COLUMN} <= set(columns):
        return []
    pairs = db.execute(
        f"SELECT country, {_COLUMN}, count(*) FROM {_TABLE} "
        f"WHERE country IS NOT NULL AND {_COLUMN} IS NOT NULL GROUP BY ALL ORDER BY 3 DESC, 1, 2"
    ).fetchall()
    told = [(country, word, rows, _codes(country)) for country, word, rows in pairs]
    read = [(c, word, rows, code_of(c, word, codes)) for c, word, rows, codes in told if codes]
    _replace(db, [(c, word, code) for c, word, _, code in read if code != word])
    strange = [(c, word, rows) for c, word, rows, code in read if code is None]
    if not strange:
        return []
    seen = ", ".join(_named(*one) for one in strange[:_SHOWN])
    total = sum(rows for *_, rows in pairs)
    rows = sum(rows for *_, rows in strange)
    return [Finding(_TABLE, _COLUMN, "unknown_word", rows, total, seen)]


def code_of(country: str, word: str, codes: Mapping[str, str]) -> str | None:
    """Return the code of a region by its code or name, with or without its country before it."""
    short = word.strip()
    if short.upper().startswith((f"{country}-", f"{country} ", f"{country}_")):
        short = short[len(country) + 1 :]
    return codes.get(_bare(word)) or codes.get(_bare(short))


@cache
def _codes(country: str) -> dict[str, str]:
    """Return the codes of a country's regions by code and name; none where there are none."""
    import holidays  # half a second, and most companies name no regions

    try:
        found = holidays.country_holidays(country)
    except (NotImplementedError, KeyError):
        return {}
    own = {code: code for code in found.subdivisions}
    named = {**own, **found.subdivisions_aliases}
    # Some calendars know cities too, which are no regions.
    return {_bare(name): code for name, code in named.items() if len(code) <= _LONGEST}


def _bare(word: str) -> str:
    """Return a word without case, blanks and accents: exports lose the last of these."""
    apart = unicodedata.normalize("NFKD", plain(word))
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


def _replace(db: duckdb.DuckDBPyConnection, changed: list[tuple[str, str, str | None]]) -> None:
    if not changed:
        return
    cases = " ".join(
        f"WHEN country = {_text(country)} AND {_COLUMN} = {_text(word)} THEN {_text(code)}"
        for country, word, code in changed
    )
    value = f"CASE {cases} ELSE {_COLUMN} END"
    cover(db, _TABLE, f"SELECT * REPLACE ({value} AS {_COLUMN}) FROM {{below}}")


def _text(word: str | None) -> str:
    return "NULL" if word is None else "'" + word.replace("'", "''") + "'"


def _named(country: str, word: str, rows: int) -> str:
    likely = difflib.get_close_matches(_bare(word), list(_codes(country)), n=1, cutoff=0.7)
    hint = f"; is it {_codes(country)[likely[0]]}?" if likely else ""
    return f"'{word[:40]}' in {country} ({rows}{hint})"
