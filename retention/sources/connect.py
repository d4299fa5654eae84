"""Bring a table's raw rows into DuckDB, from files or from a database."""

from pathlib import Path

import duckdb

from retention.sources.config import Connection, Database, TableMapping, fill_variables
from retention.sources.databases import read_database
from retention.sources.files import read_files
from retention.sources.origins import Origin
from retention.sources.threads import use_threads


def load_raw(
    db: duckdb.DuckDBPyConnection,
    name: str,
    mapping: TableMapping,
    connection: Connection,
    base: Path,
    environment: dict[str, str],
    aside: Path,
) -> Origin:
    """Create the relation `raw_<name>` in `db`. Raises SourceError when it cannot be read.

    What has to be written anew before it can be read goes to the folder `aside`.
    """
    if isinstance(connection, Database):
        use_threads(db, many=True)
        return read_database(db, name, mapping, connection, base, environment)
    folder = base / fill_variables(connection.path, environment, name)
    return read_files(db, name, mapping, folder, aside)
