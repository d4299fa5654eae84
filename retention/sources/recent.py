"""What has happened to a few customers since a night: asked before something adverse leaves."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pyarrow as pa

from retention.sources.canonical import CANONICAL
from retention.sources.check import make_canonical
from retention.sources.config import Database, SourcesConfig, TableMapping
from retention.sources.connect import load_raw
from retention.sources.rows import run
from retention.sources.tables import Company, empty_company, mappings_of

_TYPED = ("postgresql", "mysql")
_PAID = (
    "SELECT customer_id, max(paid_on) FROM payments JOIN wanted USING (customer_id) "
    "WHERE amount > 0 AND NOT coalesce(failed, false) AND paid_on <= ? GROUP BY ALL"
)
_COMPLAINED = (
    "SELECT customer_id, max(CAST(opened_at AS DATE)) FROM tickets "
    "JOIN wanted USING (customer_id) WHERE complaint AND CAST(opened_at AS DATE) <= ? GROUP BY ALL"
)


@dataclass(frozen=True, slots=True)
class Recent:
    """The day of each customer's newest payment, and of the newest complaint."""

    paid_on: dict[str, date] = field(default_factory=dict)
    complained_on: dict[str, date] = field(default_factory=dict)


def look_since(
    config: SourcesConfig,
    base: Path,
    environment: dict[str, str],
    timezone: str,
    between: tuple[date, date],
    customers: Collection[str],
) -> Recent:
    """Return what the company's own data says of `customers` between two days, both included.

    Only the tables of payments and tickets are read; a database is asked for its newest rows only.
    A company that has no such table has nothing to say. Raises SourceError.
    """
    company = empty_company({})
    try:
        run(company.db, f"SET TimeZone = '{timezone}'")
        company.mappings.update(mappings_of(config, base, environment))
        since, until = between
        _load(company, config, base, environment, "payments", "paid_on", since)
        _load(company, config, base, environment, "tickets", "opened_at", since)
        company.db.register("wanted", pa.table({"customer_id": pa.array(sorted(customers))}))
        return Recent(_newest(company, _PAID, until), _newest(company, _COMPLAINED, until))
    finally:
        company.close()


def _load(
    company: Company,
    config: SourcesConfig,
    base: Path,
    environment: dict[str, str],
    name: str,
    column: str,
    since: date,
) -> None:
    mapping = company.mappings.get(name)
    if mapping is None:
        return
    connection = config.connection_of(mapping)
    if isinstance(connection, Database) and connection.kind in _TYPED:
        mapping = _newest_rows(mapping, mapping.columns.get(column, column), since)
    origin = load_raw(company.db, name, mapping, connection, base, environment)
    company.mapped[name] = make_canonical(company.db, CANONICAL[name], mapping, origin)


def _newest_rows(mapping: TableMapping, column: str, since: date) -> TableMapping:
    source = f"({mapping.query})" if mapping.query else mapping.table
    query = f"SELECT * FROM {source} AS recent WHERE {column} >= '{since.isoformat()}'"
    return mapping.model_copy(update={"query": query, "table": None, "allow_empty": True})


def _newest(company: Company, query: str, until: date) -> dict[str, date]:
    return dict(company.db.execute(query, [until]).fetchall())
