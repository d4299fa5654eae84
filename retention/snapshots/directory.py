"""Everybody of the newest night, kept at hand: for lists, for their order, and for finding people.

A process that shows pages asks for names many times a second; the night's files are read once, and
again when there is a newer night or somebody was erased.
"""

import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention.scratch import scratch
from retention.snapshots import store as snapshots

_VALUABLE = ("platinum", "gold")
_MOST_VALUABLE = 2000
_SQL = """
SELECT s.customer_id, p.name, p.email, p.phone, p.account_manager, s.country, s.kind, s.fit,
       s.archetype, s.tier, s.net_profit_12m, CAST(s.net_profit_12m AS DOUBLE) AS profit,
       lower(strip_accents(concat_ws(' ', s.customer_id, p.name, p.email,
             regexp_replace(coalesce(p.phone, ''), '[^0-9]', '', 'g'), c.contracts))) AS words
FROM {scores} AS s
JOIN {people} AS p USING (customer_id)
LEFT JOIN (SELECT customer_id, string_agg(contract_id, ' ') AS contracts
           FROM {contracts} GROUP BY customer_id) AS c USING (customer_id)
ORDER BY s.customer_id
"""


@dataclass(frozen=True)
class Directory:
    """The customers of one night. `table` has a row for each, in the order of their ids."""

    as_of: date | None
    table: pa.Table
    places: dict[str, int] = field(repr=False)

    def rows(self, customers: Collection[str]) -> dict[str, dict[str, Any]]:
        """Return name, address, telephone, manager, fit and profit of some customers, by id."""
        places = [self.places[c] for c in customers if c in self.places]
        wanted = pa.array(places, pa.int64())
        found = self.table.select(self.table.column_names[:-2]).take(wanted).to_pylist()
        return {row["customer_id"]: row for row in found}

    def search(
        self, said: str, limit: int | None, managers: Collection[str | None] | None = None
    ) -> list[str]:
        """Return ids of customers in whom every word is found: id, name, address, phone, contract.

        At most `limit`, None for all. Accents and capitals do not matter; a word of a telephone
        number is its digits. With `managers` only their customers are looked at: nothing tells
        whether there are others.
        """
        words = [_folded(word) for word in said.split()][:8]
        if not words:
            return []
        hits = None
        if managers is not None:
            hits = pc.is_in(self.table["account_manager"], pa.array(list(managers), pa.string()))
        for word in words:
            found = pc.match_substring(self.table["words"], word)
            hits = found if hits is None else pc.and_(hits, found)
        places = pc.indices_nonzero(hits).slice(0, limit)
        return list(self.table["customer_id"].take(places).to_pylist())

    @cached_property
    def managers(self) -> list[str | None]:
        """The account managers that the data names; None for whoever has none."""
        return list(self.table["account_manager"].unique().to_pylist())

    @cached_property
    def by_profit(self) -> list[str]:
        """The ids of all, the greatest loss first; whose profit is not known comes last."""
        profits = self.table["profit"].to_numpy(zero_copy_only=False)
        order = pa.array(np.argsort(profits, kind="stable"))
        return list(self.table["customer_id"].take(order).to_pylist())

    @cached_property
    def by_name(self) -> list[str]:
        """The ids of all, by name: capitals and accents do not matter."""
        names = [_folded(name or "") for name in self.table["name"].to_pylist()]
        order = pa.array(sorted(range(len(names)), key=names.__getitem__), pa.int64())
        return list(self.table["customer_id"].take(order).to_pylist())

    @cached_property
    def valuable(self) -> list[str]:
        """The ids of those whom the company can least afford to lose: the upper two tiers."""
        upper = pc.is_in(self.table["tier"], pa.array(_VALUABLE))
        some = self.table.filter(upper).sort_by([("profit", "descending")])
        return list(some["customer_id"].slice(0, _MOST_VALUABLE).to_pylist())


def directory(root: Path) -> Directory:
    """Return the directory of the newest night; an empty one before the first."""
    night = snapshots.newest(root)
    if night is None:
        return Directory(None, _NOBODY, {})
    files = snapshots.files(root, night, snapshots.PEOPLE)
    changed = max((path.stat().st_mtime_ns for path in files), default=0)
    return _load(root, night, changed)


_NOBODY = pa.table(
    {name: pa.array([], pa.string()) for name in
     ("customer_id", "name", "email", "phone", "account_manager", "country", "kind", "fit",
      "archetype", "tier", "net_profit_12m", "profit", "words")}
)  # fmt: skip


@lru_cache(maxsize=2)
def _load(root: Path, as_of: date, changed_at: int) -> Directory:  # noqa: ARG001 - part of the key
    wanted = {
        name: snapshots.scan(root, as_of, what)
        for name, what in (
            ("scores", snapshots.SCORES),
            ("people", snapshots.PEOPLE),
            ("contracts", snapshots.CONTRACTS),
        )
    }
    with scratch() as db:
        table = db.sql(_SQL.format(**wanted)).to_arrow_table().combine_chunks()
    places = {customer: at for at, customer in enumerate(table["customer_id"].to_pylist())}
    return Directory(as_of, table, places)


def _folded(text: str) -> str:
    """Return a text without capitals and accents; of what looks like a number, its digits."""
    bare = "".join(
        letter for letter in unicodedata.normalize("NFKD", text.casefold())
        if not unicodedata.combining(letter)
    )  # fmt: skip
    digits = bare.strip("+()-.")
    return digits.replace("-", "").replace(".", "") if digits[:1].isdigit() else bare
