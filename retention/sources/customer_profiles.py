"""What each customer has in each table: kept every night, and compared with the last good one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from retention.domain.people_gates import FEWER, MARKS, MORE, Change
from retention.sources.rows import one_row, run
from retention.sources.tables import Company

# Exports often reach back a year and no further; what has just fallen out of one is not lost.
STRETCH = timedelta(days=330)


@dataclass(frozen=True, slots=True)
class Measured:
    """What is measured of a table: the day of a row, sums by name, and days between two dates."""

    day: str
    sums: Mapping[str, str]
    lags: Mapping[str, str]


MEASURED: Mapping[str, Measured] = {
    "invoices": Measured(
        "issued_on",
        {"amount": "abs(amount)", "direct_cost": "direct_cost"},
        {"due_on": "due_on - issued_on"},
    ),
    "payments": Measured("paid_on", {"amount": "abs(amount)"}, {}),
    "tickets": Measured("CAST(opened_at AS DATE)", {"handling_minutes": "handling_minutes"}, {}),
    "usage": Measured("used_on", {"quantity": "quantity"}, {}),
    "surveys": Measured("answered_on", {}, {}),
    "cost_events": Measured("occurred_on", {"quantity": "quantity"}, {}),
}
_MARKED = {
    "disputed": "status = 'disputed'",
    "paid": "status = 'paid'",
    "failed": "failed",
    "complaint": "complaint",
    "own_fault": "own_fault",
}


def measure_customers(company: Company, table: str, end: date) -> None:
    """Create `now_<table>`: per customer what a table has in the stretch that ends on `end`."""
    run(company.db, f"CREATE OR REPLACE TEMP TABLE now_{table} AS {_measured(table, end)}")


def _measured(table: str, end: date) -> str:
    how = MEASURED[table]
    sums = [f'CAST(sum({sql}) AS DOUBLE) AS "{name}"' for name, sql in how.sums.items()]
    marks = [f'count(*) FILTER (WHERE {_MARKED[m]}) AS "{m}"' for m in MARKS.get(table, ())]
    lags = [f'sum({sql}) AS "{name}_days", count({sql}) AS "{name}_rows"'
            for name, sql in how.lags.items()]  # fmt: skip
    listed = ", ".join(["customer_id", "count(*) AS n", *sums, *marks, *lags])
    begin = end - STRETCH
    return (
        f"SELECT {listed} FROM \"{table}\" WHERE {how.day} > DATE '{begin}' "
        f"AND {how.day} <= DATE '{end}' GROUP BY customer_id"
    )


def keep_profiles(company: Company, as_of: date, target: Path) -> None:
    """Write what each customer has tonight, a file per table, for later nights."""
    target.mkdir(parents=True, exist_ok=True)
    for table in company.mapped:
        if table in MEASURED:
            file = str(target / f"{table}.parquet").replace("'", "''")
            run(
                company.db,
                f"COPY ({_measured(table, as_of)}) TO '{file}' (FORMAT parquet, COMPRESSION zstd)",
            )


def changes(company: Company, before: Sequence[tuple[date, Path]]) -> dict[str, Change]:
    """Compare each table's customers with the newest night of `before` that has kept them."""
    found = {}
    for table in company.mapped:
        if table not in MEASURED:
            continue
        for day, folder in before:
            if (folder / f"{table}.parquet").exists():
                measure_customers(company, table, day)
                found[table] = _compare(company, table, folder / f"{table}.parquet")
                break
    return found


def _compare(company: Company, table: str, file: Path) -> Change:
    how = MEASURED[table]
    columns = set(company.mapped[table])
    sums = [name for name in how.sums if name in columns]
    marks = list(MARKS.get(table, ()))
    scanned = "'" + str(file).replace("'", "''") + "'"
    listed = [
        "count(t.customer_id)",
        "count(t.customer_id) FILTER (WHERE n.customer_id IS NULL)",
        f"count(t.customer_id) FILTER (WHERE coalesce(n.n, 0) < {FEWER} * t.n "
        + "".join(f' OR coalesce(n."{s}", 0) < {FEWER} * t."{s}"' for s in sums)
        + ")",
        "coalesce(sum(n.n), 0)",
    ]
    listed += [f'median(n."{s}" / nullif(t."{s}", 0))' for s in sums]
    listed += [f'count(*) FILTER (WHERE n."{s}" > {MORE} * t."{s}" AND t."{s}" > 0)' for s in sums]
    for mark in marks:
        listed += [
            f'count(*) FILTER (WHERE t."{mark}" > 0)',
            f'count(*) FILTER (WHERE t."{mark}" > 0 AND n."{mark}" > 0)',
            f'coalesce(sum(t."{mark}"), 0)',
            f'coalesce(sum(n."{mark}"), 0)',
        ]
    for name in how.lags:
        listed += [f'sum({side}."{name}_days") / nullif(sum({side}."{name}_rows"), 0)'
                   for side in ("t", "n")]  # fmt: skip
    row = list(
        one_row(
            company.db,
            f"SELECT {', '.join(listed)} FROM read_parquet({scanned}) AS t "
            f"FULL JOIN now_{table} AS n USING (customer_id)",
        )
    )
    known, none, fewer, rows = (int(value) for value in row[:4])
    rest = row[4:]
    ratios = {s: float(v) for s, v in zip(sums, rest, strict=False) if v is not None}
    rest = rest[len(sums) :]
    raised = {s: int(v) for s, v in zip(sums, rest, strict=False)}
    rest = rest[len(sums) :]
    marked = {m: tuple(int(v) for v in rest[4 * i : 4 * i + 4]) for i, m in enumerate(marks)}
    rest = rest[4 * len(marks) :]
    lags = {
        name: (float(rest[2 * i]), float(rest[2 * i + 1]))
        for i, name in enumerate(how.lags)
        if rest[2 * i] is not None and rest[2 * i + 1] is not None
    }
    return Change(known, none, fewer, rows, ratios, marked, lags, raised)  # type: ignore[arg-type]
