"""Look at a folder or a database without reading it: which tables it has, and their columns."""

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from retention.domain.errors import SourceError
from retention.sources.canonical import AMOUNT, CANONICAL, DAY, MOMENT, NUMBER
from retention.sources.config import Files, TableMapping
from retention.sources.connect import load_raw
from retention.sources.proposal import Found, Guess
from retention.sources.vocabularies import Words

_LOOKED_AT = 2_000
_MANY_WORDS = 40
_DAYS = ("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y/%m/%d", "%d/%m/%y")
_FORMATS = tuple(f"{day}{time}" for time in ("", " %H:%M", " %H:%M:%S") for day in _DAYS)
_COMMA = re.compile(r"^-?[\d.]*,\d+$")
Rows = list[dict[str, Any]]


def look_at_folder(folder: Path) -> list[tuple[Found, Rows]]:
    """Return the files of a folder, each with its first rows. Raises SourceError."""
    if not folder.is_dir():
        raise SourceError(str(folder), "there is no such folder", "Name another one.")
    names = sorted(path.name for path in folder.iterdir() if _is_table(path))
    if not names:
        raise SourceError(str(folder), "there is no CSV or Parquet file", "Name another folder.")
    return [_look_at_file(folder, name) for name in names]


def _is_table(path: Path) -> bool:
    if path.is_dir():
        return any(path.glob("*.parquet")) or any(path.glob("*.csv"))
    return path.suffix.lower() in (".csv", ".parquet")


def _look_at_file(folder: Path, name: str) -> tuple[Found, Rows]:
    options: dict[str, str] = {}
    path = folder / name
    if path.is_file() and path.suffix.lower() == ".csv" and not _is_utf8(path):
        options["encoding"] = "cp1252"
    first = f"SELECT * FROM source LIMIT {_LOOKED_AT}"
    mapping = TableMapping(file=name, encoding=options.get("encoding"), query=first)
    connection = Files(kind="files", path=".")
    with duckdb.connect() as db, tempfile.TemporaryDirectory(prefix="retention-read-") as aside:
        load_raw(db, "found", mapping, connection, folder, {}, Path(aside))
        rows = _first_rows(db)
        columns = tuple(row[0] for row in db.execute('DESCRIBE "raw_found"').fetchall())
    return Found(name, columns, options), rows


def _is_utf8(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8") as file:
            for _ in file:
                pass
    except UnicodeDecodeError:
        return False
    return True


def _first_rows(db: duckdb.DuckDBPyConnection) -> Rows:
    cursor = db.execute('SELECT * FROM "raw_found"')
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def look_at_database(url: str) -> list[tuple[Found, Rows]]:
    """Return the tables of a database, each with its first rows. Raises SourceError."""
    from sqlalchemy import create_engine, inspect, text
    from sqlalchemy.exc import SQLAlchemyError

    driver = {"postgresql://": "postgresql+psycopg://", "mysql://": "mysql+pymysql://"}
    for plain, full in driver.items():
        url = url.replace(plain, full, 1) if url.startswith(plain) else url
    try:
        engine = create_engine(url)
        with engine.connect() as connection:
            quote = engine.dialect.identifier_preparer.quote
            found = []
            for name in sorted(inspect(connection).get_table_names()):
                result = connection.execute(text(f"SELECT * FROM {quote(name)} LIMIT {_LOOKED_AT}"))
                rows = [dict(row) for row in result.mappings()]
                found.append((Found(name, tuple(result.keys())), rows))
        engine.dispose()
    except (SQLAlchemyError, ImportError) as error:
        raise SourceError(
            "the database", "it cannot be looked at", "Check the URL.", seen=str(error)
        ) from error
    return found


def recognise(one: Guess, rows: Rows, known: Mapping[str, Words]) -> Guess:
    """Add to a guess how its text is written, and the words that its closed columns hold."""
    options = dict(one.found.options)
    dates = _texts(one, rows, (DAY, MOMENT))
    if dates and (form := _format_of(dates)) is not None:
        options["date_format"] = form
    numbers = _texts(one, rows, (AMOUNT, NUMBER))
    if any(_COMMA.match(text) for text in numbers):
        options["decimal"] = "','"
    words = {
        column: sorted({str(row[raw]) for row in rows if row[raw] not in (None, "")})[:_MANY_WORDS]
        for column, raw in one.columns.items()
        if f"{one.table.name}.{column}" in known
    }
    found = Found(one.found.name, one.found.columns, options, words)
    return Guess(one.table, found, one.columns)


def _texts(one: Guess, rows: Rows, types: tuple[str, ...]) -> list[str]:
    wanted = [
        raw for c, raw in one.columns.items() if CANONICAL[one.table.name].columns[c] in types
    ]
    return [row[raw].strip() for row in rows for raw in wanted
            if isinstance(row[raw], str) and row[raw].strip()]  # fmt: skip


def _format_of(dates: list[str]) -> str | None:
    """Return how dates are written, unless DuckDB reads them as they are."""
    from datetime import datetime

    def fits(form: str) -> bool:
        try:
            for text in dates:
                datetime.strptime(text, form)  # noqa: DTZ007 - only its form is asked for
        except ValueError:
            return False
        return True

    try:
        for text in dates:
            datetime.fromisoformat(text)
    except ValueError:
        fitting = [f"'{form}'" for form in _FORMATS if fits(form)]
        if len(fitting) > 1:
            return f"{fitting[0]} # or {' or '.join(fitting[1:])}: these dates fit both"
        return fitting[0] if fitting else None
    return None
