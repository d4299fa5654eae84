"""What would have changed it: the smallest single changes of one figure that alter an outcome.

Every comparison in an expression is `left op right`. Moving one column until both sides are equal,
and a little beyond, gives the candidates; the expression itself is then evaluated on each. A column
that is a sum moves through its parts, because only parts can be changed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import sqlglot
from sqlglot import expressions as exp

from retention.domain.scores import BY_NAME, TOTALS, Kind, ScoreColumn, column_named, parts_of
from retention.scratch import scratch

_COMPARISONS = (exp.GT, exp.GTE, exp.LT, exp.LTE, exp.EQ, exp.NEQ)
_STEP = {Kind.COUNT: 1.0, Kind.POINTS: 1.0, Kind.MONEY: 0.01, Kind.RATIO: 0.001}
_PROFIT = "net_profit_12m"
_BAND = {_PROFIT: (f"{_PROFIT}_low", _PROFIT, f"{_PROFIT}_high")}
_TOTAL_OF_BAND = dict.fromkeys(_BAND[_PROFIT], _PROFIT)
_TYPES = {
    Kind.TEXT: pa.string(),
    Kind.FLAG: pa.bool_(),
    Kind.COUNT: pa.float64(),
    Kind.MONEY: pa.float64(),
    Kind.RATIO: pa.float64(),
    Kind.POINTS: pa.float64(),
    Kind.DATE: pa.date32(),
}

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """One figure, what it is, what it would have to be, and the outcome then."""

    column: str
    now: Any
    value: Any
    relative: float | None
    becomes: Any


def smallest_changes(expression: str, scores: Row) -> list[Change]:
    """Return, for each other value of `expression`, the smallest change of one figure to get there.

    `scores` is one customer's row, money in currency. Sums move through their parts; the band of
    the profit moves along. Flags may flip, texts do not. The smallest relative change comes first.
    """
    tree = sqlglot.parse_one(expression, dialect="duckdb")
    columns = sorted({c.name for c in tree.find_all(exp.Column)})
    row = _row(scores, columns)
    candidates = _flags(columns, row)
    for comparison in tree.find_all(*_COMPARISONS):
        candidates += _crossings(comparison, row)
    outcomes = _evaluate([expression], [row, *(altered for *_, altered in candidates)])
    before = outcomes[0][0]
    changes = [
        Change(name, row[name], value, _relative(row[name], value), outcome[0])
        for (name, value, _), outcome in zip(candidates, outcomes[1:], strict=True)
        if outcome[0] != before
    ]
    smallest: dict[Any, Change] = {}
    for change in sorted(changes, key=_size):
        smallest.setdefault(change.becomes, change)
    return list(smallest.values())


def evaluate(expressions: list[str], scores: Row) -> list[Any]:
    """Return the value of each expression on one customer's row, money in currency."""
    trees = (sqlglot.parse_one(sql, dialect="duckdb") for sql in expressions)
    row = _row(scores, {c.name for tree in trees for c in tree.find_all(exp.Column)})
    return list(_evaluate(expressions, [row])[0])


def _row(scores: Row, named: Iterable[str]) -> Row:
    """Every score, and the numbers of the company's own that an expression names."""
    return {name: _plain(scores.get(name)) for name in dict.fromkeys((*BY_NAME, *named))}


def _kind(name: str) -> Kind:
    return _column(name).kind


def _column(name: str) -> ScoreColumn:
    found = column_named(name)
    if found is None:
        raise KeyError(name)
    return found


def _size(change: Change) -> tuple[float, str]:
    return (1.0 if change.relative is None else abs(change.relative)), change.column


def _relative(now: Any, value: Any) -> float | None:
    if isinstance(now, bool) or not now:
        return None
    return float((value - now) / abs(now))


def _flags(columns: list[str], row: Row) -> list[tuple[str, Any, Row]]:
    flags = [c for c in columns if _kind(c) is Kind.FLAG and row[c] is not None]
    return [(name, not row[name], {**row, name: not row[name]}) for name in flags]


def _crossings(comparison: exp.Expr, row: Row) -> list[tuple[str, Any, Row]]:
    """Return candidates around the point at which both sides are equal, for each column."""
    names = {c.name for c in comparison.find_all(exp.Column)}
    numeric = sorted(n for n in names if _kind(n) in _STEP and row[n] is not None)
    if not numeric:
        return []
    left, right = comparison.this.sql("duckdb"), comparison.expression.sql("duckdb")
    if any(_kind(name) not in _STEP for name in names) or comparison.find(exp.Case):
        return []
    moved = [{**row, name: row[name] + 1} for name in numeric]
    gaps = [gap[0] for gap in _evaluate([f"CAST(({left}) - ({right}) AS DOUBLE)"], [row, *moved])]
    found = []
    for name, gap in zip(numeric, gaps[1:], strict=True):
        if gaps[0] is None or gap is None or gap == gaps[0]:
            continue
        needed = -gaps[0] / (gap - gaps[0])
        for beyond in (-1, 0, 1):
            found += _moved(name, needed, beyond, row)
    return found


def _moved(name: str, needed: float, beyond: int, row: Row) -> list[tuple[str, Any, Row]]:
    total = _TOTAL_OF_BAND.get(name, name)
    if total not in TOTALS:
        value = _rounded(name, row[name] + needed, beyond)
        return [(name, value, {**row, name: value})] if _possible(name, value) else []
    found = []
    for part in parts_of(total):
        if row[part] is None:
            continue
        value = _rounded(part, row[part] + needed, beyond)
        if not _possible(part, value):
            continue
        delta = value - row[part]
        band = {n: row[n] + delta for n in _BAND.get(total, (total,)) if row[n] is not None}
        found.append((part, value, {**row, part: value, **band}))
    return found


def _rounded(name: str, value: float, beyond: int) -> float:
    step = _STEP[_kind(name)]
    return round(round(value / step) * step + beyond * step, 6)


def _possible(name: str, value: float) -> bool:
    """A cost cannot become a gain, a count or share cannot be negative, points have a maximum."""
    column = _column(name)
    if name.startswith("profit_") and column.kind is Kind.MONEY:
        return value <= 0
    if column.kind is Kind.POINTS:
        most = float(column.unit.partition("-")[2] or 100)
        return 0 <= value <= most
    signed = name.endswith(("_change", "_z")) or name.startswith(_PROFIT) or "profit" in name
    return signed or value >= 0


def _evaluate(expressions: list[str], rows: list[Row]) -> list[tuple[Any, ...]]:
    table = pa.table(
        {name: pa.array([row[name] for row in rows], _TYPES[_kind(name)]) for name in rows[0]}
    )
    with scratch() as db:
        db.register("candidates", table)
        found: list[tuple[Any, ...]] = db.sql(
            f"SELECT {', '.join(f'({sql})' for sql in expressions)} FROM candidates"
        ).fetchall()
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, bool | str | date) or value is None:
        return value
    return float(value) if isinstance(value, Decimal | int | float) else value
