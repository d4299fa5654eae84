"""Read a table's raw rows from a SQL database, over ADBC as Arrow."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from retention.domain.errors import SourceError, SourceUnavailableError
from retention.sources.config import Database, TableMapping, fill_variables
from retention.sources.origins import Origin, first_line, unreadable
from retention.sources.rows import one_row, run

_CHUNK_ROWS = 50_000
_FEW_ROWS = 100_000


def read_database(
    db: duckdb.DuckDBPyConnection,
    name: str,
    mapping: TableMapping,
    connection: Database,
    base: Path,
    environment: dict[str, str],
) -> Origin:
    """Create the relation `raw_<name>` from a table or a query. Raises SourceError.

    SourceUnavailableError when the database does not answer. A SQLite file's path starts at `base`.
    """
    origin = Origin(f"{name} ({connection.kind} {mapping.table or 'query'})")
    query = mapping.query or f"SELECT * FROM {_table_name(connection.kind, mapping.table or '')}"
    url = fill_variables(connection.url, environment, f"connection of {name}")
    try:
        with _batches(connection.kind, url, base, query) as rows:
            db.register("incoming", rows)
            run(db, f'CREATE OR REPLACE TEMP TABLE "raw_{name}" AS SELECT * FROM incoming')
            db.unregister("incoming")
    except SourceError:
        raise
    except Exception as error:
        raise unreadable(origin, error) from error
    (rows,) = one_row(db, f'SELECT count(*) FROM "raw_{name}"')
    return replace(origin, kept=rows <= _FEW_ROWS)


def _table_name(kind: str, name: str) -> str:
    """Return a name, or a schema and a name, quoted: `usage` and `order` are words of SQL too."""
    mark = "`" if kind == "mysql" else '"'
    return ".".join(mark + part.replace(mark, mark * 2) + mark for part in name.split("."))


def _batches(kind: str, url: str, base: Path, query: str) -> Any:
    if kind == "sqlite":
        return _sqlite(base / url, query)
    return _postgresql(url, query) if kind == "postgresql" else _mysql(url, query)


def _connected(connect: Callable[[], Any], name: str) -> Any:
    try:
        return connect()
    except Exception as error:
        reason = first_line(error)
        raise SourceUnavailableError(
            name, "the database does not answer", "Check the URL and the server.", seen=reason
        ) from error


class _Adbc:
    """An ADBC query as a stream of Arrow batches; closes what it opened."""

    def __init__(self, connection: Any, query: str) -> None:
        self._connection = connection
        self._query = query

    def __enter__(self) -> pa.RecordBatchReader:
        self._cursor = self._connection.cursor()
        self._cursor.execute(self._query)
        return self._cursor.fetch_record_batch()

    def __exit__(self, *_: object) -> None:
        self._cursor.close()
        self._connection.close()


def _sqlite(path: Path, query: str) -> _Adbc:
    from adbc_driver_sqlite import dbapi

    if not path.is_file():
        raise SourceError(str(path), "there is no such database", "Correct 'url' in sources.yaml.")
    query = _all_as_text(path, query)
    return _Adbc(_connected(lambda: dbapi.connect(f"file:{path}?mode=ro"), path.name), query)


def _all_as_text(path: Path, query: str) -> str:
    """SQLite columns may hold any type in any row; as text they all arrive, and we check them."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        described = database.execute(f"SELECT * FROM ({query}) LIMIT 0").description
    names = ['"' + column[0].replace('"', '""') + '"' for column in described]
    return f"SELECT {', '.join(_as_text(n) for n in names)} FROM ({query})"


def _as_text(name: str) -> str:
    # Never NULL: the driver would take a column that begins with NULLs for a column of integers.
    return f"coalesce(CAST({name} AS TEXT), '') AS {name}"


def _postgresql(url: str, query: str) -> _Adbc:
    try:
        from adbc_driver_postgresql import dbapi
    except ImportError as error:
        raise _missing_extra("postgres") from error
    return _Adbc(_connected(lambda: dbapi.connect(url), "postgresql"), query)


class _mysql:  # noqa: N801 - reads like its two sisters above
    """A MySQL or MariaDB query as a stream of Arrow batches, with a server-side cursor."""

    def __init__(self, url: str, query: str) -> None:
        from sqlalchemy import create_engine

        try:
            self._engine = create_engine(url.replace("mysql://", "mysql+pymysql://", 1))
        except ImportError as error:
            raise _missing_extra("mysql") from error
        self._query = query

    def __enter__(self) -> pa.RecordBatchReader:
        connection = _connected(self._engine.connect, "mysql")
        self._connection = connection.execution_options(stream_results=True)
        result = self._connection.exec_driver_sql(self._query)
        names = list(result.keys())
        chunks = (_as_table(names, rows) for rows in result.partitions(_CHUNK_ROWS))
        first = next(chunks, _as_table(names, []))
        return pa.RecordBatchReader.from_batches(first.schema, _all_batches(first, chunks))

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._engine.dispose()


def _as_table(names: list[str], rows: Any) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [() for _ in names]
    texts = [pa.array([None if v is None else _text(v) for v in c], pa.string()) for c in columns]
    return pa.table(dict(zip(names, texts, strict=True)))


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _all_batches(first: pa.Table, rest: Iterator[pa.Table]) -> Iterator[pa.RecordBatch]:
    yield from first.to_batches()
    for table in rest:
        yield from table.to_batches()


def _missing_extra(name: str) -> SourceError:
    return SourceError(
        "sources.yaml", f"the {name} driver is not installed", f"pip install 'retention[{name}]'"
    )
