"""How one canonical column is read from a raw one: SQL for its value, and for what is wrong with it."""

from dataclasses import dataclass

import duckdb

from retention.sources.canonical import (
    AMOUNT,
    DAY,
    FLAG,
    INTEGER,
    MOMENT,
    NUMBER,
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
    INTEGER: "a valid whole number",
    FLAG: "a valid true or false",
    TEXT: "a valid whole number, as which this id arrives",
}
REFERENCES = ("parent_id", "referred_by")
# Days that other systems write for "none", and years in which no company of today does anything.
_SENTINEL = (
    "(year({0}) <= 1900 OR year({0}) >= 2099 "
    "OR CAST({0} AS DATE) IN (DATE '1970-01-01', DATE '1969-12-31'))"
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


def read_column(
    db: duckdb.DuckDBPyConnection,
    table: CanonicalTable,
    mapping: TableMapping,
    column: str,
    raw: str,
    raw_type: str,
) -> Reading:
    """Return how a canonical column is read from the raw column of that type."""
    source = '"' + raw.replace('"', '""') + '"'
    wanted = table.columns.get(column, raw_type)
    if raw_type == "VARCHAR":
        source = f"nullif(trim({source}), '')"
    if column.endswith("_id") or column in REFERENCES:
        return _id(db, table.name, column, source, raw_type)
    value, noticed = _cast(source, raw_type, wanted, mapping)
    return Reading(column, wanted, source, value, noticed)


def _cast(
    source: str, raw_type: str, wanted: str, mapping: TableMapping
) -> tuple[str, tuple[tuple[str, str], ...]]:
    if raw_type == wanted:
        return source, ()
    text = raw_type == "VARCHAR"
    if wanted in (DAY, MOMENT) and text and mapping.date_format:
        form = mapping.date_format.replace("'", "''")
        return f"CAST(try_strptime({source}, '{form}') AS {wanted})", ()
    if wanted == DAY and (text or raw_type.startswith("TIMESTAMP WITH")):
        return _day(source, text=text)
    if wanted == MOMENT and text:
        return _wall(source, wanted), ()
    if wanted == FLAG and text:
        return _flag(source), ()
    if wanted in (AMOUNT, NUMBER, INTEGER) and text and mapping.decimal:
        thousands = "." if mapping.decimal == "," else ","
        plain = f"replace(replace({source}, '{thousands}', ''), '{mapping.decimal}', '.')"
        return f"TRY_CAST({plain} AS {wanted})", ()
    return f"TRY_CAST({source} AS {wanted})", ()


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
    db: duckdb.DuckDBPyConnection, table: str, column: str, source: str, raw_type: str
) -> Reading:
    """Read an id; whole numbers that arrive with a decimal point are the integers they hold."""
    if raw_type == "VARCHAR":
        if not _only_floats(db, table, source):
            return Reading(column, TEXT, source, source)
        value = f"regexp_replace({source}, '[.]0+$', '')"
        return Reading(column, TEXT, source, value, (("float_id", f"{source} <> {value}"),))
    if raw_type in ("DOUBLE", "FLOAT") or (raw_type.startswith("DECIMAL") and ",0)" not in raw_type):
        whole = f"{source} = trunc({source}) AND abs({source}) < {_EXACT_FLOAT}"
        value = f"CASE WHEN {whole} THEN CAST(CAST({source} AS BIGINT) AS VARCHAR) END"
        return Reading(column, TEXT, source, value, (("float_id", f"{source} IS NOT NULL"),))
    return Reading(column, TEXT, source, f"CAST({source} AS VARCHAR)")


def _only_floats(db: duckdb.DuckDBPyConnection, table: str, source: str) -> bool:
    """Tell whether a column has ids like 1003.0, and none that is not a number."""
    if not one_row(db, f"SELECT 1 FROM \"raw_{table}\" WHERE ends_with({source}, '.0') LIMIT 1"):
        return False
    return not one_row(
        db,
        f'SELECT 1 FROM "raw_{table}" '
        f"WHERE NOT regexp_full_match({source}, '{_FLOAT_ID}|[0-9]+') LIMIT 1",
    )
