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
    found = [(mistake, _rows_of(db, read, mistake, columns)) for mistake in wrong]
    places = lines_of(origin, [row.place for _, of in found for row in of.rows])
    said, shown = [], []
    for mistake, of in sorted(found, key=lambda pair: pair[1].rows[0].place):
        lines = [places[row.place] for row in of.rows]
        said.append((lines[0], mistake.said + _others(lines[1:], of.total - len(lines))))
        shown += [f"{places[r.place]}: {r.value}" for r in of.rows if r.value]
    (line, words), *more = said
    raise SourceError(
        f"{origin.label}, {line}",
        words + "".join(f"; {where}: {what}" for where, what in more),
        "Correct the data there.",
        seen="; ".join(shown),
    )


@dataclass(frozen=True, slots=True)
class _Row:
    place: int
    value: str


@dataclass(frozen=True, slots=True)
class _Rows:
    rows: list[_Row]
    total: int


def _others(lines: list[str], unseen: int) -> str:
    """Return where else a mistake is, in words."""
    if not lines:
        return ""
    more = f" and {unseen:,} more" if unseen else ""
    return f" (also {', '.join(lines)}{more})"


def _rows_of(
    db: duckdb.DuckDBPyConnection, read: str, mistake: Mistake, columns: set[str]
) -> _Rows:
    """Return the first rows that have a mistake, and how many there are."""
    raw = f"raw {mistake.column}" if f"raw {mistake.column}" in columns else mistake.column
    rows = db.execute(
        f'SELECT place, CAST("{raw}" AS VARCHAR), count(*) OVER () FROM '
        f"(SELECT row_number() OVER () AS place, * FROM ({read})) "
        f"WHERE {mistake.rule} ORDER BY place LIMIT {_SHOWN_ROWS}"
    ).fetchall()
    shown = [_Row(place, _value(mistake.column, value)) for place, value, _ in rows]
    return _Rows(shown, rows[0][2])


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
