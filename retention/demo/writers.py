"""Write the demo company where a company would keep it: Parquet, CSV or a SQL database."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from sqlalchemy import Numeric, create_engine

from retention.demo.months import Tables
from retention.demo.truth import TrueProfit


class Writer(ABC):
    """Takes parts of tables. A part that is written again replaces the old one."""

    def write(self, part: str, tables: Tables) -> None:
        """Write every table of one part."""
        for name, table in tables.items():
            self.write_table(name, part, table)

    def close(self) -> None:  # noqa: B027 - files need no closing
        """Release what the writer holds."""

    @abstractmethod
    def write_table(self, name: str, part: str, table: pa.Table) -> None:
        """Write one table of one part."""


class WatchedWriter(Writer):
    """Writes through another writer and lets somebody see what was truly simulated."""

    def __init__(self, writer: Writer, watchers: Iterable[TrueProfit]) -> None:
        self._writer, self._watchers = writer, tuple(watchers)

    def write(self, part: str, tables: Tables) -> None:
        """Show the part to everybody who watches, and write it."""
        for watcher in self._watchers:
            watcher.see(part, tables)
        self._writer.write(part, tables)

    def write_table(self, name: str, part: str, table: pa.Table) -> None:
        """Write one table of one part."""
        self._writer.write_table(name, part, table)


class ParquetWriter(Writer):
    """One folder per table, one Parquet file per part."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write_table(self, name: str, part: str, table: pa.Table) -> None:
        """Write `<folder>/<table>/<part>.parquet`."""
        target = self._folder / name / f"{part}.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, target)


class CsvWriter(Writer):
    """One folder per table, one CSV file per part."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write_table(self, name: str, part: str, table: pa.Table) -> None:
        """Write `<folder>/<table>/<part>.csv`."""
        target = self._folder / name / f"{part}.csv"
        target.parent.mkdir(parents=True, exist_ok=True)
        pa_csv.write_csv(table, target)


class SqlWriter(Writer):
    """One database table per canonical table, through SQLAlchemy."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(url)
        self._begun: set[str] = set()
        self._standing = {"customers", "contacts", "contracts"}

    def write_table(self, name: str, part: str, table: pa.Table) -> None:
        """Append the rows; a table is created anew when it is first written.

        Contracts of one part replace the older ones, so a single chunk is all that it can hold.
        """
        again = name not in self._begun or (name in self._standing and part == "00000000")
        types = {f.name: Numeric(14, 2) for f in table.schema if pa.types.is_decimal(f.type)}
        frame = table.to_pandas(date_as_object=True)
        if self._engine.dialect.name == "sqlite":  # it has no exact decimals to store
            frame, types = frame.astype(dict.fromkeys(types, float)), {}
        frame.to_sql(
            name,
            self._engine,
            if_exists="replace" if again else "append",
            index=False,
            chunksize=10_000,
            dtype=types,
        )
        self._begun.add(name)

    def close(self) -> None:
        """Close the database connections."""
        self._engine.dispose()


def make_writer(target: str, kind: str) -> Writer:
    """Return the writer for `kind` (parquet, csv, sql); `target` is a folder or a URL."""
    if kind == "sql":
        return SqlWriter(target)
    return ParquetWriter(Path(target)) if kind == "parquet" else CsvWriter(Path(target))
