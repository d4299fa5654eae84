"""Name the rows that do not fit: each with its line, its column and what was expected there."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from retention.domain.errors import SourceError
from retention.sources.origins import Origin
from retention.sources.rows import one_row

_SHOWN_ROWS, _SHOWN = 5, 60
_PERSONAL = frozenset({"name", "email", "phone", "address", "comment"})


@dataclass(frozen=True, slots=True)
class Mistake:
    """What stops a table: the column, SQL for the rows that have it, and words for it."""

    column: str
    rule: str
    said: str


def refuse_mistakes(
    db: duckdb.DuckDBPyConnection, read: str, wrong: Sequence[Mistake], origin: Origin
) -> None:
    """Raise a SourceError that names every mistake of a table, the first rows of each."""
    columns = {row[0] for row in db.execute(f"DESCRIBE ({read})").fetchall()}
    said: list[tuple[int, str, str]] = []
    for mistake in wrong:
        said += _rows_of(db, read, mistake, columns)
    places = lines_of(origin, [place for place, _, _ in said])
    (first, found, _), *others = said
    more = "".join(f"; {places[place]}: {words}" for place, words, _ in others)
    shown = [f"{places[place]}: {value}" for place, _, value in said if value]
    raise SourceError(
        f"{origin.label}, {places[first]}",
        found + more,
        "Correct the data there.",
        seen="; ".join(shown),
    )


def _rows_of(
    db: duckdb.DuckDBPyConnection, read: str, mistake: Mistake, columns: set[str]
) -> list[tuple[int, str, str]]:
    """Return place, words and value of the first rows that have a mistake."""
    raw = f"raw {mistake.column}" if f"raw {mistake.column}" in columns else mistake.column
    rows = db.execute(
        f'SELECT place, CAST("{raw}" AS VARCHAR), count(*) OVER () FROM '
        f"(SELECT row_number() OVER () AS place, * FROM ({read})) "
        f"WHERE {mistake.rule} ORDER BY place LIMIT {_SHOWN_ROWS}"
    ).fetchall()
    total = rows[0][2]
    others = f" ({total} rows like it)" if total > len(rows) else ""
    return [
        (place, mistake.said + (others if n == 0 else ""), _value(mistake.column, value))
        for n, (place, value, _) in enumerate(rows)
    ]


def _value(column: str, value: str | None) -> str:
    if value is None or column in _PERSONAL:
        return ""
    return f"{column} '{value[:_SHOWN]}'"


def lines_of(origin: Origin, places: Sequence[int]) -> dict[int, str]:
    """Return the line of each n-th record: quoted fields may span several lines."""
    if origin.csv is None:
        return {place: f"row {place}" for place in places}
    found, wanted = {}, set(places)
    with origin.csv.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file, delimiter=origin.delimiter)
        next(reader, None)
        for place in range(1, max(wanted) + 1):
            next(reader, None)
            if place in wanted:
                found[place] = f"line {reader.line_num}"
    return found


def refuse_twice(db: duckdb.DuckDBPyConnection, table: str, key: str, origin: Origin) -> None:
    """Raise a SourceError that names a key that is there twice, if there is one."""
    row = one_row(
        db,
        f'SELECT "{key}", list(place ORDER BY place)[:2] FROM '
        f'(SELECT row_number() OVER () AS place, "{key}" FROM "{table}") '
        f"GROUP BY 1 HAVING count(*) > 1 ORDER BY min(place) LIMIT 1",
    )
    if not row:
        return
    twice, places = row
    lines = lines_of(origin, places)
    raise SourceError(
        f"{origin.label}, {' and '.join(lines[place] for place in places)}",
        f"a key {key} is there twice",
        "Remove the duplicate, or make the query return one row per key.",
        seen=f"{key} '{str(twice)[:_SHOWN]}'",
    )
