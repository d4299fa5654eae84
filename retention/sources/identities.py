"""Ids that were merged into others, and rows that name nobody we know."""

from collections.abc import Mapping

import duckdb
import pyarrow as pa

from retention.domain.findings import Finding
from retention.sources.canonical import CANONICAL
from retention.sources.rows import one_row, run

# What each column of ids refers to: the table, and its key.
REFERENCES: dict[tuple[str, str], tuple[str, str]] = {
    **{
        (table.name, "customer_id"): ("customers", "customer_id")
        for table in CANONICAL.values()
        if table.name != "customers"
    },
    ("customers", "parent_id"): ("customers", "customer_id"),
    ("customers", "referred_by"): ("customers", "customer_id"),
    ("payments", "invoice_id"): ("invoices", "invoice_id"),
    ("invoices", "contract_id"): ("contracts", "contract_id"),
}
_EXAMPLES = 3
_EXPORTED_DAYS = 90
# Ids that differ by this only are probably one: case, blanks, unseen letters, zeros, '.0'.
_LOOSE = (
    r"regexp_replace(regexp_replace(regexp_replace(lower({0}), '[.]0+$', ''), "
    r"'[^\p{{L}}\p{{N}}]', '', 'g'), '(^|[a-z])0+', '\1', 'g')"
)


def apply_merges(
    db: duckdb.DuckDBPyConnection,
    mapped: Mapping[str, tuple[str, ...]],
    merged: Mapping[str, Mapping[str, str]],
) -> list[Finding]:
    """Let merged ids name what they have become; a customer that was merged away is left out."""
    findings = []
    for target, ids in merged.items():
        if not ids or target not in mapped:
            continue
        rows = {"old_id": pa.array(list(ids)), "new_id": pa.array(list(ids.values()))}
        db.register("given_merges", pa.table(rows))
        run(db, f"CREATE OR REPLACE TEMP TABLE merged_{target} AS SELECT * FROM given_merges")
        db.unregister("given_merges")
        key = CANONICAL[target].key or ""
        for (table, column), (refers_to, _) in REFERENCES.items():
            if refers_to == target and column in mapped.get(table, ()):
                findings += _merge(db, table, column, target)
        findings += _merge_away(db, target, key)
    return findings


def _merge(db: duckdb.DuckDBPyConnection, table: str, column: str, target: str) -> list[Finding]:
    count, rows = one_row(
        db,
        f'SELECT count(*) FILTER (WHERE "{column}" IN (SELECT old_id FROM merged_{target})), '
        f'count(*) FROM "{table}"',
    )
    if not count:
        return []
    new = f'coalesce(m.new_id, t."{column}") AS "{column}"'
    cover(
        db,
        table,
        f"SELECT t.* REPLACE ({new}) FROM {{below}} AS t "
        f'LEFT JOIN merged_{target} AS m ON m.old_id = t."{column}"',
    )
    return [Finding(table, column, "merged", count, rows)]


def _merge_away(db: duckdb.DuckDBPyConnection, table: str, key: str) -> list[Finding]:
    """Leave out a row whose id has become another row's; else let it have the new id."""
    count, rows = one_row(
        db,
        f'SELECT count(*) FILTER (WHERE "{key}" IN (SELECT old_id FROM merged_{table})), '
        f'count(*) FROM "{table}"',
    )
    if not count:
        return []
    cover(
        db,
        table,
        f'SELECT t.* REPLACE (coalesce(m.new_id, t."{key}") AS "{key}") FROM {{below}} AS t '
        f'LEFT JOIN merged_{table} AS m ON m.old_id = t."{key}" '
        f'WHERE m.new_id IS NULL OR m.new_id NOT IN (SELECT "{key}" FROM {{below}}) '
        f'QUALIFY row_number() OVER (PARTITION BY coalesce(m.new_id, t."{key}") '
        f'ORDER BY t."{key}") = 1',
    )
    return [Finding(table, key, "merged", count, rows)]


def cover(db: duckdb.DuckDBPyConnection, table: str, sql: str) -> None:
    """Let a table be what `sql` makes of it; `{below}` in it is what the table was."""
    is_table, tables, views = one_row(
        db,
        f"SELECT (SELECT count(*) FROM duckdb_tables() WHERE table_name = '{table}'), "
        "(SELECT count(*) FROM duckdb_tables() "
        f"WHERE starts_with(table_name, '{table} below ')), "
        "(SELECT count(*) FROM duckdb_views() "
        f"WHERE starts_with(view_name, '{table} below '))",
    )
    layers = tables + views
    below = f'"{table} below {layers}"'
    run(db, f'ALTER {"TABLE" if is_table else "VIEW"} "{table}" RENAME TO {below}')
    run(db, f'CREATE TEMP VIEW "{table}" AS {sql.format(below=below)}')


def find_unmatched(
    db: duckdb.DuckDBPyConnection, mapped: Mapping[str, tuple[str, ...]]
) -> list[Finding]:
    """Return, per table and reference, how many rows name nothing that is there, with examples.

    A payment that names a known invoice belongs to whose invoice that is, whoever paid.
    """
    there = [
        (table, column, target, key, _also(table, column, mapped))
        for (table, column), (target, key) in REFERENCES.items()
        if column in mapped.get(table, ()) and key in mapped.get(target, ())
    ]
    if not there:
        return []
    # All in one statement first: usually there is nothing to look at.
    counts = ", ".join(f"(SELECT count(*) {_strange(*one)})" for one in there)
    found = zip(there, one_row(db, f"SELECT {counts}"), strict=True)
    return [_unmatched(db, *one, count=count) for one, count in found if count]


def _strange(table: str, column: str, target: str, key: str, also: str) -> str:
    """Return SQL from 'FROM' on for the rows whose column names nothing that is there."""
    return (
        f'FROM "{table}" WHERE "{column}" IS NOT NULL '
        f'AND "{column}" NOT IN (SELECT "{key}" FROM "{target}") {also}'
    )


def _also(table: str, column: str, mapped: Mapping[str, tuple[str, ...]]) -> str:
    """A payment may name an invoice from before those that the company exports."""
    if (table, column) == ("payments", "invoice_id"):
        return f"AND paid_on > (SELECT min(issued_on) + {_EXPORTED_DAYS} FROM invoices)"
    named = "invoices" in mapped and "invoice_id" in mapped[table]
    if (table, column) == ("payments", "customer_id") and named:
        return "AND NOT coalesce(invoice_id IN (SELECT invoice_id FROM invoices), false)"
    return ""


def _unmatched(
    db: duckdb.DuckDBPyConnection,
    table: str,
    column: str,
    target: str,
    key: str,
    also: str,
    *,
    count: int,
) -> Finding:
    rows_of = _strange(table, column, target, key, also)
    strange = f'SELECT "{column}" AS id, count(*) AS n {rows_of} GROUP BY ALL'
    run(db, f"CREATE OR REPLACE TEMP TABLE strange_ids AS {strange}")
    rows = one_row(db, f'SELECT count("{column}") FROM "{table}"')[0]
    examples = db.execute(
        f"SELECT id FROM strange_ids ORDER BY n DESC, id LIMIT {_EXAMPLES}"
    ).fetchall()
    close = one_row(
        db,
        f"SELECT coalesce(sum(s.n), 0) FROM strange_ids AS s WHERE {_LOOSE.format('s.id')} IN "
        f'(SELECT {_LOOSE.format("k." + chr(34) + key + chr(34))} FROM "{target}" AS k)',
    )[0]
    seen = "for example " + ", ".join(f"'{str(row[0])[:40]}'" for row in examples)
    if close:
        seen += f"; {close:,} would match but for case, blanks, unseen letters, zeros or '.0'"
    return Finding(table, column, "unmatched", int(count), int(rows), seen, target=target)
