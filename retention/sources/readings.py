"""How one canonical column is read from a raw one: SQL for its value, and for what is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from retention.sources.canonical import (
    AMOUNT,
    DAY,
    FLAG,
    INTEGER,
    MOMENT,
    NUMBER,
    OWN_NUMBER,
    TEXT,
    CanonicalTable,
)
from retention.sources.config import TableMapping
from retention.sources.rows import one_row

EXPECTED = {
    DAY: "a valid date from 1901 to 2098",
    MOMENT: "a valid moment from 1901 to 2098",
    AMOUNT: "a valid amount",
    NUMBER: "a valid number",
    OWN_NUMBER: "a valid number",
    INTEGER: "a valid whole number",
    FLAG: "a valid true or false",
    TEXT: "a valid whole number, as which this id arrives",
}
REFERENCES = ("parent_id", "referred_by")
# Days that other systems write for "none", and years in which no company of today does anything.
_SENTINEL = (
    "({0} < DATE '1901-01-01' OR {0} >= DATE '2099-01-01' "
    "OR ({0} >= DATE '1969-12-31' AND {0} < DATE '1970-01-02'))"
)
_UTC_MIDNIGHT = "[T ]00:00(:00([.]0+)?)?(Z|[+]00(:?00)?)$"
_FLOAT_ID = "[0-9]+[.]0+"
_EXACT_FLOAT = 2**53
_DAY_OF_MICROSECONDS = 86_400_000_000
_TRUE, _FALSE = ("sí", "si", "s", "verdadero", "x"), ("falso",)


@dataclass(frozen=True, slots=True)
class Reading:
    """How one canonical column is read; `raw` is SQL for what is there, `value` for what it means.

    `noticed` are kinds of findings with SQL for the rows that have them, in terms of `raw`.
    """

    column: str
    wanted: str
    raw: str
    value: str
    noticed: tuple[tuple[str, str], ...] = ()

    @property
    def broken(self) -> str | None:
        """Return SQL for 'present, but not readable', in terms of `raw <column>` and `<column>`."""
        if self.raw == self.value:
            return None
        return f'"raw {self.column}" IS NOT NULL AND "{self.column}" IS NULL'

    @property
    def sentinel(self) -> str | None:
        """Return SQL for a date that stands for none."""
        return _SENTINEL.format(f'"{self.column}"') if self.wanted in (DAY, MOMENT) else None


@dataclass(frozen=True, slots=True)
class Texts:
    """What is special about a column of text: blanks around it or nothing in it, and '1003.0'.

    Where there are no blanks, later scans need not look for them.
    """

    blanks: bool = True
    points: bool = True


def read_column(
    db: duckdb.DuckDBPyConnection,
    table: CanonicalTable,
    mapping: TableMapping,
    column: str,
    raw: str,
    raw_type: str,
    texts: Texts | None = None,
) -> Reading:
    """Return how a canonical column is read from the raw column of that type."""
    texts = texts or Texts()
    source = '"' + raw.replace('"', '""') + '"'
    own = OWN_NUMBER if column in mapping.numbers else raw_type
    wanted = table.columns.get(column, own)
    if raw_type == "VARCHAR" and texts.blanks:
        source = f"nullif(trim({source}), '')"
    if is_reference(column):
        return _id(db, table.name, column, source, raw_type, points=texts.points)
    value, noticed = _cast(source, raw_type, wanted, mapping)
    return Reading(column, wanted, source, value, noticed)


def look_at_texts(
    db: duckdb.DuckDBPyConnection,
    table: str,
    chosen: Mapping[str, str],
    raw_types: Mapping[str, str],
) -> dict[str, Texts]:
    """Return, by canonical column, what is special about raw text; one scan for all columns."""
    columns = {c: '"' + raw.replace('"', '""') + '"' for c, raw in chosen.items()
               if raw_types[raw] == "VARCHAR"}  # fmt: skip
    if not columns:
        return {}
    asked = [
        f"coalesce(bool_or({s} < '!' OR ends_with({s}, ' ')), false), "
        + (_ends_in_point(s) if is_reference(c) else "false")
        for c, s in columns.items()
    ]
    found = one_row(db, f'SELECT {", ".join(asked)} FROM "raw_{table}"')
    texts = {c: Texts(found[2 * n], found[2 * n + 1]) for n, c in enumerate(columns)}
    # To trim every id takes as long as all the rest: it is done where there are blanks at all.
    again = [c for c, text in texts.items() if text.blanks and is_reference(c)]
    if again:
        listed = ", ".join(_ends_in_point(f"trim({columns[c]})") for c in again)
        points = one_row(db, f'SELECT {listed} FROM "raw_{table}"')
        texts |= {
            c: Texts(blanks=True, points=point) for c, point in zip(again, points, strict=True)
        }
    return texts


def _ends_in_point(source: str) -> str:
    return f"coalesce(bool_or(ends_with({source}, '.0')), false)"


def is_reference(column: str) -> bool:
    """Tell whether a column holds ids."""
    return column.endswith("_id") or column in REFERENCES


def _cast(
    source: str, raw_type: str, wanted: str, mapping: TableMapping
) -> tuple[str, tuple[tuple[str, str], ...]]:
    if raw_type == wanted:
        return source, ()
    text = raw_type == "VARCHAR"
    plainly_dated = not (text and mapping.date_format)
    if wanted == DAY and plainly_dated and (text or raw_type.startswith("TIMESTAMP WITH")):
        return _day(source, text=text)
    return _from_text(source, wanted, mapping) if text else f"TRY_CAST({source} AS {wanted})", ()


def _from_text(source: str, wanted: str, mapping: TableMapping) -> str:
    """Return SQL for a value that is written as people write it."""
    if wanted in (DAY, MOMENT) and mapping.date_format:
        form = mapping.date_format.replace("'", "''")
        return f"CAST(try_strptime({source}, '{form}') AS {wanted})"
    if wanted == MOMENT:
        return _wall(source, wanted)
    if wanted == FLAG:
        return _flag(source)
    if wanted in (AMOUNT, NUMBER, INTEGER, OWN_NUMBER) and mapping.decimal:
        source = _plain_number(source, mapping.decimal)
    return f"TRY_CAST({source} AS {wanted})"


def _plain_number(source: str, decimal: str) -> str:
    """Thousands are apart in threes or not at all: 270.00 is a mistake where commas are decimal."""
    thousands = "." if decimal == "," else ","
    whole = f"[0-9]+|[0-9]{{1,3}}([{thousands}][0-9]{{3}})+"
    number = f"[-+]?({whole})?([{decimal}][0-9]*)?"
    plain = f"replace(replace({source}, '{thousands}', ''), '{decimal}', '.')"
    return f"CASE WHEN regexp_full_match({source}, '{number}') THEN {plain} END"


def _wall(source: str, wanted: str) -> str:
    # By way of TIMESTAMPTZ, a moment with an offset becomes the company's own wall time.
    return f"CAST(CAST(TRY_CAST({source} AS TIMESTAMPTZ) AS TIMESTAMP) AS {wanted})"


def _day(source: str, *, text: bool) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Midnight in UTC is how many systems write a plain day, whatever our own zone is."""
    if text:
        midnight = f"(length({source}) > 10 AND regexp_matches({source}, '{_UTC_MIDNIGHT}'))"
        plain, other = f"TRY_CAST({source}[:10] AS DATE)", _wall(source, DAY)
    else:
        midnight = f"(epoch_us({source}) % {_DAY_OF_MICROSECONDS} = 0)"
        plain, other = f"CAST({source} AT TIME ZONE 'UTC' AS DATE)", f"CAST({source} AS DATE)"
    moved = f"({midnight} AND {plain} <> {other})"
    return f"CASE WHEN {midnight} THEN {plain} ELSE {other} END", (("midnight", moved),)


def _flag(source: str) -> str:
    yes, no = (", ".join(f"'{word}'" for word in words) for words in (_TRUE, _FALSE))
    return (
        f"CASE WHEN lower({source}) IN ({yes}) THEN true WHEN lower({source}) IN ({no}) THEN false "
        f"ELSE TRY_CAST({source} AS BOOLEAN) END"
    )


def _id(
    db: duckdb.DuckDBPyConnection,
    table: str,
    column: str,
    source: str,
    raw_type: str,
    *,
    points: bool,
) -> Reading:
    """Read an id; whole numbers that arrive with a decimal point are the integers they hold."""
    if raw_type == "VARCHAR":
        if not points or not _only_numbers(db, table, source):
            return Reading(column, TEXT, source, source)
        value = f"regexp_replace({source}, '[.]0+$', '')"
        return Reading(column, TEXT, source, value, (("float_id", f"{source} <> {value}"),))
    if raw_type in ("DOUBLE", "FLOAT") or (
        raw_type.startswith("DECIMAL") and ",0)" not in raw_type
    ):
        whole = f"{source} = trunc({source}) AND abs({source}) < {_EXACT_FLOAT}"
        value = f"CASE WHEN {whole} THEN CAST(CAST({source} AS BIGINT) AS VARCHAR) END"
        return Reading(column, TEXT, source, value, (("float_id", f"{source} IS NOT NULL"),))
    return Reading(column, TEXT, source, f"CAST({source} AS VARCHAR)")


def _only_numbers(db: duckdb.DuckDBPyConnection, table: str, source: str) -> bool:
    """Tell whether every id in a column is a number like 1003 or 1003.0."""
    return not one_row(
        db,
        f'SELECT 1 FROM "raw_{table}" '
        f"WHERE NOT regexp_full_match({source}, '{_FLOAT_ID}|[0-9]+') LIMIT 1",
    )
