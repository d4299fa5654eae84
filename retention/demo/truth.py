"""What the demo company's customers truly brought: known to the simulator, hidden from the scores.

True unit costs vary from entry to entry around what costs.yaml believes to be likely, so that a
reported band can miss. These are assumptions, as in `archetypes`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention.demo.months import Tables
from retention.demo.population import Array
from retention.domain.dates import months_before

_PER_MINUTE = {"phone": 0.65, "email": 0.50, "chat": 0.40}
_PER_EVENT = {"delivery": 3.60, "return": 9.00}
_HIGH_SEVERITY = 1.25
_DUNNING = ((1, 3.00), (30, 4.50), (60, 12.00))
_CAPITAL, _LOSS = (0.06, 0.10), (0.90, 0.07)
_NOISE = 0.2
_BAD_AFTER = 60


@dataclass(slots=True)
class TrueProfit:
    """Adds up each customer's true net profit of the 12 months up to `as_of`, in currency."""

    seed: int
    size: int
    as_of: date
    profit: Array = field(init=False)

    def __post_init__(self) -> None:
        self.profit = np.zeros(self.size)

    def see(self, part: str, tables: Tables) -> None:
        """Add up what one simulated part truly brought."""
        if "invoices" in tables:
            self._add(part, tables)

    def watch(self, parts: Iterator[tuple[str, Tables]]) -> Iterator[tuple[str, Tables]]:
        """Pass the simulated parts on, and add up what they truly brought."""
        for part, tables in parts:
            self.see(part, tables)
            yield part, tables

    def _add(self, part: str, tables: Tables) -> None:
        rng = np.random.default_rng([self.seed, 7, *part.encode()])
        self._add_bills(rng, tables["invoices"], tables["payments"])
        tickets = tables["tickets"]
        theirs = ~tickets["own_fault"].to_numpy()
        rate = _of(tickets["channel"], _PER_MINUTE)
        rate *= np.where(tickets["severity"].to_numpy() == "high", _HIGH_SEVERITY, 1.0)
        cost = tickets["handling_minutes"].to_numpy() * rate * _noise(rng, len(rate)) * theirs
        self._charge(tickets, self._in_year(tickets["opened_at"]), cost)
        events = tables["cost_events"]
        cost = events["quantity"].to_numpy() * _of(events["driver"], _PER_EVENT)
        self._charge(events, self._in_year(events["occurred_on"]), cost * _noise(rng, len(cost)))

    def _add_bills(self, rng: np.random.Generator, bills: pa.Table, payments: pa.Table) -> None:
        amount, cost = (bills[c].cast("float64").to_numpy() for c in ("amount", "direct_cost"))
        issued, due = (bills[c].to_numpy().astype("datetime64[D]") for c in ("issued_on", "due_on"))
        paid = self._paid_on(bills, payments)
        now, start = np.datetime64(self.as_of), np.datetime64(months_before(self.as_of, 12))
        self._charge(bills, (issued > start) & (issued <= now), cost - amount)
        until = np.minimum(paid, now)
        days = (until - np.maximum(issued, start)).astype(np.int64).clip(min=0)
        rate = rng.uniform(*_CAPITAL, len(amount)) / 365
        self._charge(bills, issued <= now, amount * days * rate)
        agreed = bills["status"].to_numpy() != "disputed"
        for after, price in _DUNNING:
            step = due + np.timedelta64(after, "D")
            taken = agreed & (step > start) & (step <= now) & (paid >= step)
            self._charge(bills, taken, price * _noise(rng, len(amount)))
        bad = agreed & (paid > now) & (due > start) & (due < now - np.timedelta64(_BAD_AFTER, "D"))
        self._charge(bills, bad, amount * np.clip(rng.normal(*_LOSS, len(amount)), 0.5, 1.0))

    def _paid_on(self, bills: pa.Table, payments: pa.Table) -> np.ndarray:
        """Return the day each invoice was paid; far in the future when never."""
        good = payments.filter(pc.invert(payments["failed"]))
        days = dict(zip(good["invoice_id"].to_pylist(), good["paid_on"].to_pylist(), strict=True))
        never = date(9999, 1, 1)
        listed = [days.get(number, never) for number in bills["invoice_id"].to_pylist()]
        return np.array(listed, dtype="datetime64[D]")

    def _in_year(self, days: pa.ChunkedArray) -> np.ndarray:
        happened = days.to_numpy().astype("datetime64[D]")
        start = np.datetime64(months_before(self.as_of, 12))
        within: np.ndarray = (happened > start) & (happened <= np.datetime64(self.as_of))
        return within

    def _charge(self, table: pa.Table, chosen: np.ndarray, cost: Array) -> None:
        numbers = np.array([int(i[1:]) for i in table["customer_id"].to_pylist()], dtype=np.int64)
        spent = np.bincount(numbers[chosen], np.broadcast_to(cost, len(chosen))[chosen], self.size)
        self.profit -= spent


def _of(names: pa.ChunkedArray, prices: dict[str, float]) -> Array:
    return np.array([prices[name] for name in names.to_pylist()])


def _noise(rng: np.random.Generator, count: int) -> Array:
    """Return factors with mean one."""
    return rng.lognormal(-(_NOISE**2) / 2, _NOISE, count)
