"""Fit raw rows to a canonical table, or say exactly which row does not fit."""

import csv
import difflib
from dataclasses import dataclass
from typing import Any

import duckdb

from retention.domain.errors import SourceError
from retention.sources.canonical import AMOUNT, DAY, MOMENT, NUMBER, TEXT, CanonicalTable
from retention.sources.config import TableMapping
from retention.sources.connect import Origin, unreadable
from retention.sources.rows import one_row, run

_EARLIEST, _LATEST = "1900-01-01", "2200-01-01"
_SHOWN = 60
_CLOSE = 0.8


@dataclass(frozen=True, slots=True)
class Reading:
    """How one canonical column is read: SQL for its value, and for 'present but not readable'."""

    column: str
    value: str
    broken: str | None


def make_canonical(
    db: duckdb.DuckDBPyConnection, table: CanonicalTable, mapping: TableMapping, origin: Origin
) -> tuple[str, ...]:
    """Create the canonical relation `<table>` from `raw_<table>`; return its mapped columns.

    Raises SourceError for an unknown or missing column, a value of the wrong type, an empty
    required value or a duplicate key. Nothing is created then.
    """
    try:
        described = db.execute(f'DESCRIBE "raw_{table.name}"').fetchall()
    except duckdb.Error as error:
        raise unreadable(origin.label, error) from error
    raw_types = {str(row[0]): str(row[1]) for row in described}
    chosen = _choose_columns(table, mapping, raw_types, origin)
    readings = [_reading(table, column, raw, raw_types[raw]) for column, raw in chosen.items()]
    try:
        _refuse_broken_rows(db, table, readings, origin)
        _create(db, table, readings, origin)
        _refuse_duplicate_keys(db, table, origin)
    except duckdb.Error as error:
        raise unreadable(origin.label, error) from error
    return tuple(chosen)


def _choose_columns(
    table: CanonicalTable, mapping: TableMapping, raw_types: dict[str, str], origin: Origin
) -> dict[str, str]:
    for canonical, raw in mapping.columns.items():
        if canonical not in table.columns and not table.extra_columns:
            raise _unknown(origin, canonical, "is no column of this table", table.columns)
        if raw not in raw_types:
            raise _unknown(origin, raw, "is not there", raw_types)
    renamed = set(mapping.columns.values())
    chosen = dict(mapping.columns)
    for raw in raw_types:
        name = raw.strip().lower()
        if raw in renamed or raw in mapping.ignore or name in chosen:
            continue
        if name not in table.columns and _is_suspect(table, name, raw_types):
            raise _unknown(origin, raw, "is not known", table.columns)
        chosen[name if name in table.columns else raw] = raw
    for required in table.required:
        if required not in chosen:
            found = ", ".join(raw_types)
            raise SourceError(
                origin.label,
                f"the required column '{required}' is missing; found: {found}",
                f"Name it under 'columns: {{{required}: ...}}' in sources.yaml.",
            )
    return chosen


def _is_suspect(table: CanonicalTable, name: str, raw_types: dict[str, str]) -> bool:
    """Customers may have columns of their own, but not ones that look like a misspelt known one."""
    if not table.extra_columns:
        return True
    there = {raw.strip().lower() for raw in raw_types}
    return bool(difflib.get_close_matches(name, set(table.columns) - there, n=1, cutoff=_CLOSE))


def _unknown(origin: Origin, name: str, what: str, known: Any) -> SourceError:
    close = difflib.get_close_matches(name, list(known), n=1)
    hint = f"Did you mean '{close[0]}'? " if close else ""
    return SourceError(
        origin.label,
        f"column '{name}' {what}",
        f"{hint}Map it under 'columns:' or list it under 'ignore:' in sources.yaml.",
    )


def _reading(table: CanonicalTable, column: str, raw: str, raw_type: str) -> Reading:
    source = '"' + raw.replace('"', '""') + '"'
    wanted = table.columns.get(column, raw_type)
    if raw_type == "VARCHAR":
        source = f"nullif(trim({source}), '')"
    value = _cast(source, raw_type, wanted)
    return Reading(column, value, _broken(source, value, raw_type, wanted))


def _cast(source: str, raw_type: str, wanted: str) -> str:
    if raw_type == wanted:
        return source
    if wanted in (DAY, MOMENT) and raw_type == "VARCHAR":
        # By way of TIMESTAMPTZ, a moment with an offset becomes the company's own wall time.
        return f"CAST(CAST(TRY_CAST({source} AS TIMESTAMPTZ) AS TIMESTAMP) AS {wanted})"
    return f"TRY_CAST({source} AS {wanted})"


def _broken(source: str, value: str, raw_type: str, wanted: str) -> str | None:
    conditions = []
    if wanted not in (raw_type, TEXT):
        conditions.append(f"({source} IS NOT NULL AND {value} IS NULL)")
    if wanted in (DAY, MOMENT):
        conditions.append(
            f"({value} < CAST('{_EARLIEST}' AS {wanted}) OR "
            f"{value} > CAST('{_LATEST}' AS {wanted}))"
        )
    return " OR ".join(conditions) or None


def _refuse_broken_rows(
    db: duckdb.DuckDBPyConnection, table: CanonicalTable, readings: list[Reading], origin: Origin
) -> None:
    rules = [(r.column, f"coalesce({r.broken}, false)", r.value) for r in readings if r.broken]
    rules += [(r.column, f"{r.value} IS NULL", r.value) for r in readings
              if r.column in table.required]  # fmt: skip
    if not rules:
        return
    counts = ", ".join(f"count(*) FILTER (WHERE {rule})" for _, rule, _ in rules)
    found = one_row(db, f'SELECT {counts} FROM "raw_{table.name}"')
    for (column, rule, _), count in zip(rules, found, strict=True):
        if count:
            raise _broken_row(db, table, column, rule, count, origin)


def _broken_row(
    db: duckdb.DuckDBPyConnection,
    table: CanonicalTable,
    column: str,
    rule: str,
    count: int,
    origin: Origin,
) -> SourceError:
    row = one_row(
        db,
        f'SELECT place FROM (SELECT row_number() OVER () AS place, * FROM "raw_{table.name}") '
        f"WHERE {rule} LIMIT 1",
    )
    place = int(row[0]) if row else 0
    others = f" ({count} rows like it)" if count > 1 else ""
    required = " IS NULL" in rule and "IS NOT NULL" not in rule
    problem = (
        f"the required column '{column}' is empty"
        if required
        else f"column '{column}' is not a valid {_type_name(table.columns[column])}"
    )
    return SourceError(
        f"{origin.label}, {_line(origin, place)}", f"{problem}{others}", "Correct the data there."
    )


def _type_name(wanted: str) -> str:
    names = {DAY: "date between 1900 and 2200", MOMENT: "moment between 1900 and 2200"}
    names |= {AMOUNT: "amount", NUMBER: "number", "BIGINT": "whole number"}
    return names.get(wanted, "true or false")


def _line(origin: Origin, place: int) -> str:
    """Return the line of the n-th record: quoted fields may span several lines."""
    if origin.csv is None:
        return f"row {place}"
    with origin.csv.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file, delimiter=origin.delimiter)
        for _ in range(place + 1):
            next(reader, None)
        return f"line {reader.line_num}"


def _create(
    db: duckdb.DuckDBPyConnection, table: CanonicalTable, readings: list[Reading], origin: Origin
) -> None:
    listed = [f'{r.value} AS "{r.column}"' for r in readings]
    mapped = {r.column for r in readings}
    listed += [f'CAST(NULL AS {t}) AS "{c}"' for c, t in table.columns.items() if c not in mapped]
    # CSV is parsed once into a table; Parquet and Arrow rows are cheap to scan where they lie.
    relation = "TABLE" if origin.csv else "VIEW"
    run(db, f'DROP VIEW IF EXISTS "{table.name}"')
    run(
        db,
        f'CREATE OR REPLACE TEMP {relation} "{table.name}" AS '
        f'SELECT {", ".join(listed)} FROM "raw_{table.name}"',
    )


def _refuse_duplicate_keys(
    db: duckdb.DuckDBPyConnection, table: CanonicalTable, origin: Origin
) -> None:
    if table.key is None:
        return
    twice = one_row(
        db,
        f'SELECT count(*) > count(DISTINCT "{table.key}") FROM "{table.name}"',
    )
    if not twice or not twice[0]:
        return
    rows = one_row(
        db,
        f'SELECT "{table.key}", list(place ORDER BY place)[:2] FROM '
        f'(SELECT row_number() OVER () AS place, "{table.key}" FROM "{table.name}") '
        f"GROUP BY 1 HAVING count(*) > 1 ORDER BY min(place) LIMIT 1",
    )
    key, places = rows or ("?", [0, 0])
    lines = " and ".join(_line(origin, place) for place in places)
    raise SourceError(
        f"{origin.label}, {lines}",
        f"a key {table.key} is there twice",
        "Remove the duplicate, or make the query return one row per key.",
        seen=f"{table.key} '{str(key)[:_SHOWN]}'",
    )
