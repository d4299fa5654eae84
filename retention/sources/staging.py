"""Divide a company into shards of customers: Parquet files that live for one night.

A shard holds every row of its customers, so that it can be measured alone, by another process or
another machine that sees the same folder.
"""

import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import duckdb

from retention.scratch import scratch
from retention.sources.canonical import CANONICAL
from retention.sources.rows import run
from retention.sources.tables import (
    RULE_TABLES,
    Company,
    drop_table,
    make_empty,
    new_company,
    use_file,
)

# Joined by a hash, which is faster than by text; two ids of one hash are told apart afterwards.
_OWNED = (
    "SELECT p.* REPLACE (CASE WHEN i.invoice_id = p.invoice_id THEN i.customer_id "
    "ELSE p.customer_id END AS customer_id, p.customer_id AS payer_id, "
    "CASE WHEN i.invoice_id = p.invoice_id THEN i.key END AS invoice_key) "
    "FROM payments AS p LEFT JOIN "
    "(SELECT invoice_id, customer_id, hash(invoice_id) AS key FROM invoices) AS i "
    "ON i.key = hash(p.invoice_id)"
)


def rows_of(company: Company, name: str) -> str:
    """Return SQL for a table's rows; a payment belongs to whose invoice it pays."""
    return _OWNED if name == "payments" and not company.owned else f'SELECT * FROM "{name}"'


def own_payments(company: Company) -> None:
    """Let payments belong to whose invoice they pay, unless they do already."""
    if company.owned:
        return
    run(company.db, f"CREATE OR REPLACE TEMP TABLE owned_payments AS {_OWNED}")
    drop_table(company, "payments")
    run(company.db, "CREATE TEMP VIEW payments AS SELECT * FROM owned_payments")
    company.owned = True


def stage(company: Company, folder: Path, shards: int) -> None:
    """Write every mapped table, divided into `shards`, anew."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in company.mapped:
        rows = rows_of(company, name)
        _copy(
            company.db,
            f"SELECT *, CAST(hash(customer_id) % {shards} AS INTEGER) AS shard FROM ({rows})",
            folder / name,
            ", PARTITION_BY (shard)",
        )
    for name in RULE_TABLES:
        _copy(company.db, f"SELECT * FROM {name}", folder / f"{name}.parquet", "")


def find_payers(company: Company, folder: Path) -> None:
    """Fill `payers` with who pays whose invoices, from the staged payments."""
    if "payments" in company.mapped and any((folder / "payments").rglob("*.parquet")):
        files = str(folder / "payments" / "*" / "*.parquet").replace("'", "''")
        run(
            company.db,
            "INSERT INTO payers SELECT DISTINCT payer_id, customer_id, min(paid_on) "
            f"FROM read_parquet('{files}', hive_partitioning=false) "
            "WHERE payer_id <> customer_id GROUP BY ALL",
        )


def open_shard(
    folder: Path,
    shard: int,
    mapped: Mapping[str, Sequence[str]],
    left_out: Collection[str],
    timezone: str,
) -> Company:
    """Open one shard of a staged company; `mapped` and `left_out` as the company had them."""
    columns_of = {name: tuple(columns) for name, columns in mapped.items()}
    company = new_company(scratch(), columns_of, timezone)
    company.left_out.update(left_out)
    company.owned = True
    empty = set(CANONICAL)
    for name in mapped:
        found = sorted((folder / name / f"shard={shard}").glob("*.parquet"))
        if found:
            columns = ", ".join(f'"{column}"' for column in _columns(company, name))
            use_file(company, name, found, columns)
            empty.remove(name)
    make_empty(company, empty)
    for name in RULE_TABLES:
        use_file(company, name, [folder / f"{name}.parquet"], "*")
    return company


def _columns(company: Company, name: str) -> list[str]:
    extra = [c for c in company.mapped[name] if c not in CANONICAL[name].columns]
    return [*CANONICAL[name].columns, *CANONICAL[name].made, *extra]


def _copy(db: duckdb.DuckDBPyConnection, sql: str, target: Path, options: str) -> None:
    escaped = str(target).replace("'", "''")
    run(db, f"COPY ({sql}) TO '{escaped}' (FORMAT parquet, COMPRESSION lz4_raw{options})")
