"""Open a company's canonical tables in one DuckDB connection."""

from dataclasses import dataclass
from pathlib import Path

import duckdb

from retention.domain.errors import SourceError
from retention.sources.canonical import CANONICAL
from retention.sources.check import make_canonical
from retention.sources.config import Files, SourcesConfig, TableMapping, fill_variables
from retention.sources.connect import load_raw
from retention.sources.rows import run


@dataclass(slots=True)
class Company:
    """The canonical tables of one company, open in `db`.

    `mapped` holds the columns that really come from the company, per table that is mapped.
    Every other canonical table exists too, empty, so that features need no special cases.
    """

    db: duckdb.DuckDBPyConnection
    mapped: dict[str, tuple[str, ...]]
    mappings: dict[str, TableMapping]

    def close(self) -> None:
        """Release DuckDB's memory and temporary files."""
        self.db.close()


def open_company(
    config: SourcesConfig, base: Path, environment: dict[str, str], timezone: str
) -> Company:
    """Read and check every mapped table. Raises SourceError; nothing is written anywhere.

    Relative paths start at `base`. Moments with an offset are read in `timezone`.
    """
    db = duckdb.connect(":memory:")
    run(db, f"SET TimeZone = '{timezone}'")
    run(db, "SET preserve_insertion_order = true")
    mappings = config.tables or _discover(config, base, environment)
    mapped = {}
    for name, table in CANONICAL.items():
        if name in mappings:
            mapping = mappings[name]
            connection = config.connection_of(mapping)
            origin = load_raw(db, name, mapping, connection, base, environment)
            mapped[name] = make_canonical(db, table, mapping, origin)
        else:
            columns = ", ".join(f'CAST(NULL AS {t}) AS "{c}"' for c, t in table.columns.items())
            run(db, f'CREATE TEMP VIEW "{name}" AS SELECT {columns} WHERE false')
    return Company(db, mapped, mappings)


def _discover(
    config: SourcesConfig, base: Path, environment: dict[str, str]
) -> dict[str, TableMapping]:
    connection = next(iter(config.connections.values()))
    if not isinstance(connection, Files):
        raise SourceError("sources.yaml", "'tables' is missing", "Map at least 'customers'.")
    folder = base / fill_variables(connection.path, environment, "connection")
    found = {}
    for name in CANONICAL:
        for candidate in (name, f"{name}.parquet", f"{name}.csv"):
            if (folder / candidate).exists():
                found[name] = TableMapping(file=candidate)
                break
    if "customers" not in found:
        raise SourceError(
            str(folder), "there is no customers.csv or customers.parquet", "Correct 'path'."
        )
    return found
