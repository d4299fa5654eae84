"""Fit raw rows to a canonical table, or say exactly which rows do not fit.

What can be taken as empty without harm to anybody is, and is counted; what cannot stops its table,
with every mistake in one go.
"""

import difflib
from typing import Any

import duckdb

from retention.domain.errors import SourceError
from retention.domain.findings import Finding
from retention.sources.canonical import CanonicalTable
from retention.sources.config import TableMapping
from retention.sources.mistakes import Mistake, refuse_mistakes, refuse_twice
from retention.sources.origins import Origin, unreadable
from retention.sources.possible import Scales, impossible
from retention.sources.readings import EXPECTED, Reading, look_at_texts, read_column
from retention.sources.rows import one_row, run
from retention.sources.vocabularies import Words

_CLOSE = 0.8
# More answers off their scale than slips explain: then it is another scale, and none can be read.
_SLIPS = 0.01


def make_canonical(
    db: duckdb.DuckDBPyConnection,
    table: CanonicalTable,
    mapping: TableMapping,
    origin: Origin,
    words: Words,
) -> tuple[tuple[str, ...], list[Finding]]:
    """Create the canonical relation `<table>` from `raw_<table>`; return its mapped columns.

    `words` are those for what a survey asks. Also returns what was taken as empty. Raises
    SourceError for an unknown or missing column, for values of the wrong type, empty required
    values or a duplicate key. Nothing is created then.
    """
    try:
        described = db.execute(f'DESCRIBE "raw_{table.name}"').fetchall()
        raw_types = {str(row[0]): str(row[1]) for row in described}
        chosen = _choose_columns(table, mapping, raw_types, origin)
        texts = look_at_texts(db, table.name, chosen, raw_types)
        readings = [
            read_column(db, table, mapping, column, raw, raw_types[raw], texts.get(column))
            for column, raw in chosen.items()
        ]
        scales = Scales(mapping, words)
        findings = _look_through(db, table, readings, scales, origin)
        _create(db, table, readings, scales, origin)
        _refuse_duplicate_keys(db, table, origin)
        if origin.kept:
            run(db, f'DROP TABLE "raw_{table.name}"')
    except duckdb.Error as error:
        raise unreadable(origin, error) from error
    return tuple(chosen), findings


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
    _require_own_numbers(table, mapping, chosen, origin)
    for required in table.required:
        if required not in chosen:
            found = ", ".join(raw_types)
            raise SourceError(
                origin.label,
                f"the required column '{required}' is missing; found: {found}",
                f"Name it under 'columns: {{{required}: ...}}' in sources.yaml.",
            )
    return chosen


def _require_own_numbers(
    table: CanonicalTable, mapping: TableMapping, chosen: dict[str, str], origin: Origin
) -> None:
    for own in mapping.numbers:
        if own in table.columns:
            raise _unknown(origin, own, "of 'numbers' is none of your own", ())
        if own not in chosen:
            raise _unknown(origin, own, "of 'numbers' is not there", chosen)


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


def _look_through(
    db: duckdb.DuckDBPyConnection,
    table: CanonicalTable,
    readings: list[Reading],
    scales: Scales,
    origin: Origin,
) -> list[Finding]:
    """Look at every row once. Raises SourceError with every mistake; returns what is noticed."""
    mistakes = _mistakes(table, readings)
    noticed = _noticed(table, readings, scales)
    rules = [*(m.rule for m in mistakes), *(rule for _, _, rule in noticed)]
    read = _as_read(table, readings, with_raw=True)
    counts = ", ".join(f"count(*) FILTER (WHERE {rule})" for rule in rules)
    rows, *found = one_row(db, f"SELECT count(*){', ' if counts else ''}{counts} FROM ({read})")
    wrong = [m for m, count in zip(mistakes, found, strict=False) if count]
    answers = scales.off(table.name, {r.column for r in readings})
    findings = []
    for (column, kind, rule), count in zip(noticed, found[len(mistakes) :], strict=True):
        slips = max(1, _SLIPS * _answers(db, read, column)) if column in answers else count
        if kind == "impossible" and count > slips:
            said = f"column '{column}' is not {scales.said(column)}; say the scale under 'scales'"
            wrong.append(Mistake(column, rule, said))
        elif count:
            findings.append(Finding(table.name, column, kind, count, rows))
    if wrong:
        refuse_mistakes(db, read, wrong, origin)
    return findings


def _answers(db: duckdb.DuckDBPyConnection, read: str, column: str) -> int:
    return int(one_row(db, f'SELECT count("{column}") FROM ({read})')[0])


def _mistakes(table: CanonicalTable, readings: list[Reading]) -> list[Mistake]:
    """Return what stops a table when a row has it."""
    mistakes = []
    for r in readings:
        required = r.column in table.required
        if r.broken:
            rule = f"({r.broken})"
            if required and r.sentinel:
                rule = f"({r.broken} OR coalesce({r.sentinel}, false))"
            said = f"column '{r.column}' is not {EXPECTED.get(r.wanted, 'readable')}"
            mistakes.append(Mistake(r.column, rule, said))
        elif required and r.sentinel:
            said = f"column '{r.column}' is not {EXPECTED[r.wanted]}"
            mistakes.append(Mistake(r.column, f"coalesce({r.sentinel}, false)", said))
        if required:
            said = f"the required column '{r.column}' is empty"
            empty = f'"{"raw " if r.broken else ""}{r.column}" IS NULL'
            mistakes.append(Mistake(r.column, empty, said))
    return mistakes


def _noticed(
    table: CanonicalTable, readings: list[Reading], scales: Scales
) -> list[tuple[str, str, str]]:
    """Return what is only counted: column, kind and SQL for the rows that have it."""
    columns = {r.column for r in readings}
    found = [(r.column, kind, f'"{kind} {r.column}"') for r in readings for kind, _ in r.noticed]
    dated = {r.column: r.sentinel for r in readings if r.sentinel}
    found += [
        (column, "sentinel", f"coalesce({rule}, false)")
        for column, rule in dated.items()
        if column not in table.required
    ]
    cannot = [*impossible(table.name, columns), *scales.off(table.name, columns).items()]
    for column, rule in cannot:
        real = f"NOT {dated[column]} AND " if column in dated else ""
        found.append((column, "impossible", f"coalesce({real}{rule}, false)"))
    return found


def _as_read(table: CanonicalTable, readings: list[Reading], *, with_raw: bool) -> str:
    """Return SQL for the rows as they are read, before anything is taken as empty."""
    listed = [f'{r.value} AS "{r.column}"' for r in readings]
    if with_raw:
        listed += [f'{r.raw} AS "raw {r.column}"' for r in readings if r.broken]
        listed += [f'{sql} AS "{kind} {r.column}"' for r in readings for kind, sql in r.noticed]
    return f'SELECT {", ".join(listed)} FROM "raw_{table.name}"'


def _create(
    db: duckdb.DuckDBPyConnection,
    table: CanonicalTable,
    readings: list[Reading],
    scales: Scales,
    origin: Origin,
) -> None:
    mapped = {r.column for r in readings}
    rules: dict[str, list[str]] = {}
    for r in readings:
        if r.sentinel:
            rules.setdefault(r.column, []).append(r.sentinel)
    cannot = [*impossible(table.name, mapped), *scales.off(table.name, mapped).items()]
    for column, rule in cannot:
        rules.setdefault(column, []).append(rule)
    listed = []
    for r in readings:
        value = scales.usual(table.name, r.column)
        emptied = " OR ".join(f"coalesce({rule}, false)" for rule in rules.get(r.column, ()))
        value = f"CASE WHEN {emptied} THEN NULL ELSE {value} END" if emptied else value
        listed.append(f'{value} AS "{r.column}"')
    others = {**table.columns, **table.made}
    listed += [f'CAST(NULL AS {t}) AS "{c}"' for c, t in others.items() if c not in mapped]
    # CSV is parsed once into a table; many Parquet or Arrow rows are cheap to scan where they lie.
    relation = "TABLE" if origin.kept else "VIEW"
    run(
        db,
        f'CREATE OR REPLACE TEMP {relation} "{table.name}" AS SELECT {", ".join(listed)} '
        f"FROM ({_as_read(table, readings, with_raw=False)})",
    )


def _refuse_duplicate_keys(
    db: duckdb.DuckDBPyConnection, table: CanonicalTable, origin: Origin
) -> None:
    if table.key is None:
        return
    # No two hashes are equal: then no two keys are. It takes half as long as comparing keys.
    rows, hashes = one_row(
        db, f'SELECT count(*), count(DISTINCT hash("{table.key}")) FROM "{table.name}"'
    )
    if rows > hashes:
        refuse_twice(db, table.name, table.key, origin)
