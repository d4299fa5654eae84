"""The condition language: a SQL expression over score columns, in DuckDB's dialect.

Conditions are parsed when a playbook is loaded, so a misspelt column or a function that is not
listed here is an error with its line, not a surprise at night. Three truth values count: what is
not known is neither true nor false.
"""

import atexit
import difflib
import re
from functools import cache

import duckdb
import pyarrow as pa
import sqlglot
from sqlglot import expressions as exp
from sqlglot.errors import ParseError, TokenError

from retention.domain.scores import BY_NAME, OWN_PREFIX, ScoreColumn, column_named
from retention.scratch import scratch

_ALLOWED: tuple[type[exp.Expression], ...] = (
    exp.Column,
    exp.Identifier,
    exp.Literal,
    exp.Boolean,
    exp.Null,
    exp.Paren,
    exp.Tuple,
    exp.And,
    exp.Or,
    exp.Not,
    exp.EQ,
    exp.NEQ,
    exp.GT,
    exp.GTE,
    exp.LT,
    exp.LTE,
    exp.Is,
    exp.In,
    exp.Between,
    exp.Add,
    exp.Sub,
    exp.Mul,
    exp.Div,
    exp.Neg,
    exp.Coalesce,
    exp.Abs,
    exp.Least,
    exp.Greatest,
)
_CONNECTIVES = (exp.And, exp.Or, exp.Not, exp.Paren)
_PREDICATES = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Is, exp.In, exp.Between)
MAX_LENGTH, MAX_DEPTH = 2000, 20
_TYPES: dict[str, str] = {
    "flag": "BOOLEAN",
    "count": "BIGINT",
    "money": "DECIMAL(18,2)",
    "ratio": "DOUBLE",
    "points": "BIGINT",
    "date": "DATE",
    "text": "VARCHAR",
}
_NOT = re.compile(r"\bNOT\b|[-~!]", re.IGNORECASE)


def check_condition(text: str) -> str:
    """Return `text` as canonical SQL. Raises ValueError saying what is wrong with it."""
    if len(text) > MAX_LENGTH:
        raise ValueError(f"the condition is longer than {MAX_LENGTH} characters")
    _refuse_deep(text)
    try:
        tree = sqlglot.parse_one(text, dialect="duckdb")
    except (ParseError, TokenError, RecursionError) as error:
        first = str(error).splitlines()[0]
        raise ValueError(f"this is not a condition: {first}") from error
    for node in tree.walk():
        if not isinstance(node, _ALLOWED):
            used = node.sql("duckdb")
            raise ValueError(f"'{used}' may not be used in a condition")  # noqa: TRY004 - input
        if isinstance(node, exp.Column):
            _refuse_unknown(node)
    _require_truth_value(tree)
    return tree.sql("duckdb")


def _refuse_deep(text: str) -> None:
    depth = deepest = 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        deepest = max(deepest, depth)
    if deepest > MAX_DEPTH or len(_NOT.findall(text)) > MAX_DEPTH:
        raise ValueError(f"the condition is nested deeper than {MAX_DEPTH} levels")


def _refuse_unknown(column: exp.Column) -> None:
    if column.table:
        raise ValueError(f"'{column.sql('duckdb')}': write column names without a table")
    if column_named(column.name) is None:
        close = difflib.get_close_matches(column.name, BY_NAME, n=1)
        hint = f"; did you mean '{close[0]}'?" if close else ""
        raise ValueError(f"there is no score '{column.name}'{hint}")


def _require_truth_value(node: exp.Expr) -> None:
    """Comparisons joined by AND, OR, NOT; a bare column must be a flag."""
    if isinstance(node, (*_PREDICATES, exp.Boolean)):
        return
    if isinstance(node, _CONNECTIVES):
        for child in (node.this, node.args.get("expression")):
            if child is not None:
                _require_truth_value(child)
        return
    if isinstance(node, exp.Column) and _column(node).kind == "flag":
        return
    raise ValueError(f"'{node.sql('duckdb')}' is neither true nor false; compare it with something")


def _column(node: exp.Column) -> ScoreColumn:
    found = column_named(node.name)
    if found is None:
        raise ValueError(f"there is no score '{node.name}'")
    return found


def own_numbers(condition: str) -> set[str]:
    """Return the numbers of the company's own that a condition names, with their prefix."""
    if OWN_PREFIX not in condition:
        return set()
    names = {c.name for c in sqlglot.parse_one(condition, dialect="duckdb").find_all(exp.Column)}
    return {name for name in names if name.startswith(OWN_PREFIX)}


def evaluate(
    scores: str, conditions: dict[str, str], *, where_true: list[str], customers: list[str]
) -> pa.Table:
    """Evaluate named conditions for all customers at once; `scores` is SQL that reads their scores.

    Returns customer_id and one nullable boolean column per condition, sorted by customer_id, for
    `customers` and for whoever one of the conditions named in `where_true` holds. A column that
    these scores do not have (of an earlier version, or a number that the company has no more) is
    not known.
    """
    columns = ", ".join(f'CAST(({sql}) AS BOOLEAN) AS "{name}"' for name, sql in conditions.items())
    holds = " OR ".join(f'coalesce("{name}", false)' for name in where_true) or "false"
    with scratch() as db:
        db.register("wanted", pa.table({"customer_id": pa.array(customers, pa.string())}))
        return db.sql(
            f"SELECT * FROM (SELECT customer_id, {columns} FROM {_filled(db, scores, conditions)}) "
            f"WHERE {holds} OR customer_id IN (SELECT customer_id FROM wanted) "
            f"ORDER BY customer_id"
        ).to_arrow_table()


def _filled(db: duckdb.DuckDBPyConnection, scores: str, conditions: dict[str, str]) -> str:
    there = {row[0] for row in db.execute(f"DESCRIBE SELECT * FROM {scores}").fetchall()}
    own = set().union(*(own_numbers(sql) for sql in conditions.values()))
    missing = [name for name in (*BY_NAME, *sorted(own)) if name not in there]
    empty = "".join(f", {_unknown(column)}" for n in missing if (column := column_named(n)))
    return f"(SELECT *{empty} FROM {scores})" if empty else scores


def _unknown(column: ScoreColumn) -> str:
    return f'CAST(NULL AS {_TYPES[column.kind]}) AS "{column.name}"'


def probe(condition: str) -> None:
    """Run a condition on an empty frame. Raises ValueError when its types do not fit."""
    own = [column for name in own_numbers(condition) if (column := column_named(name))]
    known = (*BY_NAME.values(), *own)
    columns = ", ".join(_unknown(column) for column in known)
    try:
        _laboratory().execute(
            f"SELECT CAST(({condition}) AS BOOLEAN) FROM (SELECT {columns})"
        ).fetchall()
    except duckdb.Error as error:
        raise ValueError(str(error).splitlines()[0]) from error


@cache
def _laboratory() -> duckdb.DuckDBPyConnection:
    """Opening a database costs far more than asking it; one thread, so that forks are safe."""
    return duckdb.connect(":memory:", config={"threads": 1})


atexit.register(_laboratory.cache_clear)
