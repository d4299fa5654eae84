"""What values can be: rules on a table's own columns. What breaks one is taken as empty.

Each rule takes away what cannot be, and never a protection with it: a complaint that was closed
before it was opened is open, a contract that ended before it began is running.
"""

from collections.abc import Collection

from retention.sources.config import TableMapping

_LONGEST_NOTICE = 3660
_RULES: dict[str, tuple[tuple[str, str, tuple[str, ...]], ...]] = {
    "contracts": (
        ("ends_on", "ends_on < started_on", ("started_on",)),
        ("cancelled_on", "cancelled_on < started_on", ("started_on",)),
        ("monthly_fee", "monthly_fee < 0", ()),
        ("notice_days", f"notice_days NOT BETWEEN 0 AND {_LONGEST_NOTICE}", ()),
    ),
    "invoices": (
        ("due_on", "due_on < issued_on", ("issued_on",)),
        ("disputed_on", "disputed_on < issued_on", ("issued_on",)),
        ("dispute_ended_on", "dispute_ended_on < disputed_on", ("disputed_on",)),
    ),
    "tickets": (
        ("closed_at", "CAST(closed_at AS DATE) < CAST(opened_at AS DATE)", ("opened_at",)),
        ("handling_minutes", "handling_minutes < 0", ()),
    ),
    "usage": (("quantity", "quantity < 0", ()),),
    "cost_events": (("quantity", "quantity < 0", ()),),
}


def impossible(table: str, columns: Collection[str]) -> list[tuple[str, str]]:
    """Return the columns that rules are about, with SQL for the rows that break them."""
    return [
        (column, rule)
        for column, rule, needs in _RULES.get(table, ())
        if column in columns and all(other in columns for other in needs)
    ]


def off_scale(table: str, columns: Collection[str], mapping: TableMapping) -> dict[str, str]:
    """Return, by column of answers, SQL for the answers that its scale does not have."""
    if table == "tickets" and "csat" in columns:
        return {"csat": _outside("csat", mapping, "csat")}
    if table == "surveys" and {"kind", "score"} <= set(columns):
        rules = " OR ".join(
            f"(lower(trim(kind)) = '{question}' AND {_outside('score', mapping, question)})"
            for question in ("csat", "nps")
        )
        return {"score": f"({rules})"}
    return {}


def answers(column: str, mapping: TableMapping) -> str:
    """Return, in words, what an answer may be; a survey's column holds those to both questions."""
    scales = {question: mapping.scale(question) for question in ("csat", "nps")}
    said = {q: f"an answer from {least:g} to {most:g}" for q, (least, most) in scales.items()}
    return said["csat"] if column == "csat" else " (csat) or ".join(said.values()) + " (nps)"


def _outside(column: str, mapping: TableMapping, question: str) -> str:
    least, most = mapping.scale(question)
    return f"{column} NOT BETWEEN {least:g} AND {most:g}"


def rescaled(column: str, mapping: TableMapping, question: str, usual: tuple[float, float]) -> str:
    """Return SQL that brings an answer to the usual scale."""
    least, most = mapping.scale(question)
    if (least, most) == usual:
        return f'"{column}"'
    low, high = usual
    moved = f"{low:g} + ({column} - {least:g}) * {high - low:g} / {most - least:g}"
    return f"CAST({moved} AS DECIMAL(18,5))"
