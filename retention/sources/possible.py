"""What values can be: rules on a table's own columns. What breaks one is taken as empty.

Each rule takes away what cannot be, and never a protection with it: a complaint that was closed
before it was opened is open, a contract that ended before it began is running.
"""

from collections.abc import Collection
from dataclasses import dataclass

from retention.sources.config import USUAL_SCALES, TableMapping
from retention.sources.vocabularies import Words

_LONGEST_NOTICE = 3660
# A day without a time is all of that day.
_CLOSED_FIRST = (
    "closed_at < opened_at AND (CAST(closed_at AS DATE) < CAST(opened_at AS DATE) "
    "OR closed_at <> date_trunc('day', closed_at))"
)
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
        ("closed_at", _CLOSED_FIRST, ("opened_at",)),
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


@dataclass(frozen=True, slots=True)
class Scales:
    """What answers may be, as a company's mapping says; `words` are those of `surveys.kind`."""

    mapping: TableMapping
    words: Words

    def off(self, table: str, columns: Collection[str]) -> dict[str, str]:
        """Return, by column of answers, SQL for the answers that its scale does not have."""
        if table == "tickets" and "csat" in columns:
            return {"csat": self._outside("csat", "csat")}
        if table == "surveys" and {"kind", "score"} <= set(columns):
            rules = " OR ".join(
                f"({self._asks(question)} AND {self._outside('score', question)})"
                for question in USUAL_SCALES
            )
            return {"score": f"({rules})"}
        return {}

    def said(self, column: str) -> str:
        """Return, in words, what an answer may be; a survey's column holds those to both."""
        scales = {question: self.mapping.scale(question) for question in USUAL_SCALES}
        said = {q: f"an answer from {least:g} to {most:g}" for q, (least, most) in scales.items()}
        return said["csat"] if column == "csat" else " (csat) or ".join(said.values()) + " (nps)"

    def usual(self, table: str, column: str) -> str:
        """Return SQL for a column, answers brought to the usual scale."""
        if table == "tickets" and column == "csat":
            return self._rescaled("csat", "csat")
        if table == "surveys" and column == "score" and self.mapping.scales:
            cases = " ".join(
                f"WHEN {self._asks(q)} THEN {self._rescaled('score', q)}" for q in USUAL_SCALES
            )
            return f'CASE {cases} ELSE "score" END'
        return f'"{column}"'

    def _asks(self, question: str) -> str:
        """Return SQL for the surveys that ask it, in whatever word."""
        return self.words.is_meant("kind", question)

    def _outside(self, column: str, question: str) -> str:
        least, most = self.mapping.scale(question)
        return f"{column} NOT BETWEEN {least:g} AND {most:g}"

    def _rescaled(self, column: str, question: str) -> str:
        least, most = self.mapping.scale(question)
        low, high = USUAL_SCALES[question]
        if (least, most) == (low, high):
            return f'"{column}"'
        moved = f"{low:g} + ({column} - {least:g}) * {high - low:g} / {most - least:g}"
        return f"CAST({moved} AS DECIMAL(18,5))"
