"""Whether an entry rule picks the right ones: of those whom it would have picked, who left?"""

from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sqlglot
from sqlglot import expressions as exp

from retention.domain.playbook import Playbook
from retention.learning.past import Past
from retention.playbooks.conditions import evaluate
from retention.scoring import model_store
from retention.scoring.risks import is_active

MIN_PICKED, _MIN_LEFT = 30, 10
_Z = 1.96
_FIT = "coalesce(fit, 'no_data')"


@dataclass(frozen=True, slots=True)
class Picked:
    """What came of those whom a rule would have picked, beside the others of the same fit.

    `more` is by how much more often they left, a share: a 95 % interval over customers, None with
    too few to say. `skill` is whether all of it lies above zero; None when it is not known.
    """

    rule: str
    picked: int
    left: int
    others: int
    others_left: int
    more: tuple[float, float] | None
    skill: bool | None


@dataclass(frozen=True, slots=True)
class EntryReceipt:
    """How an entry rule did on the company's own past: as a whole, and each of its signs."""

    playbook: str
    version: str
    trained_from: date | None
    trained_through: date
    whole: Picked
    signs: tuple[Picked, ...]

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        first = self.trained_from.isoformat() if self.trained_from else None
        days = {"trained_from": first, "trained_through": self.trained_through.isoformat()}
        return asdict(self) | days


def backtest_entry(playbook: Playbook, past: Past, as_of: date) -> EntryReceipt:
    """Ask of each past day whom the rule would have picked, and who of them had left 90 days on.

    Only who could leave is counted. A sign is one of the alternatives of the rule, with what the
    rule demands besides; a model takes part in those days on which there was one.
    """
    rule = playbook.entry.when
    rules = {rule: rule, **signs_of(rule)}
    asked = list(rules.values())
    parts = [_of_day(asked, then.scores, _leavers(then.before, then.after)) for then in past]
    rows = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    found = [_judged(named, rows, f"r{n}") for n, named in enumerate(rules)]
    return EntryReceipt(
        playbook=str(playbook.name),
        version=playbook.version,
        trained_from=min((then.day for then in past), default=None),
        trained_through=as_of,
        whole=found[0],
        signs=tuple(found[1:]),
    )


def keep_receipt(root: Path, receipt: EntryReceipt) -> Path:
    """Write the receipt among the models."""
    kind = model_store.entry_kind(receipt.playbook)
    return model_store.save(root, kind, {"kind": kind, **receipt.as_json()})


def signs_of(rule: str) -> dict[str, str]:
    """Return the alternatives of a rule, each with what is demanded besides; none without `OR`."""
    tree = sqlglot.parse_one(rule, dialect="duckdb")
    demands = list(tree.flatten()) if isinstance(tree, exp.And) else [tree]
    bare = [demand.unnest() for demand in demands]
    either = [demand for demand in bare if isinstance(demand, exp.Or)]
    if len(either) != 1:
        return {}
    besides = [demand for demand in bare if demand is not either[0]]
    signs = [sign.unnest() for sign in either[0].flatten()]
    return {sign.sql("duckdb"): exp.and_(*besides, sign).sql("duckdb") for sign in signs}


def _leavers(before: pd.DataFrame, after: pd.DataFrame) -> pd.Series:
    """Return, by customer who could leave, whether they had gone."""
    there = before[is_active(before)].set_index("customer_id")
    later = after.set_index("customer_id")
    known = there.index.intersection(later.index)
    return ~is_active(later.loc[known])


def _of_day(rules: list[str], scores: str, gone: pd.Series) -> pd.DataFrame:
    conditions = {f"r{n}": rule for n, rule in enumerate(rules)}
    fits = ("good", "fixable", "poor", "no_data")
    asked = conditions | {f"fit {fit}": f"{_FIT} = '{fit}'" for fit in fits}
    customers = [str(one) for one in gone.index]
    told = evaluate(scores, asked, where_true=[], customers=customers).to_pandas()
    told["gone"] = told["customer_id"].map(gone).astype("boolean")
    told["fit"] = told[[f"fit {fit}" for fit in fits]].astype(bool).idxmax(axis=1)
    known: pd.DataFrame = told[told["gone"].notna()]
    return known


def _judged(rule: str, rows: pd.DataFrame, name: str) -> Picked:
    if rows.empty:
        return Picked(rule, 0, 0, 0, 0, None, None)
    picked = rows[name].astype("boolean").fillna(value=False).to_numpy(dtype=bool)
    others = ~picked & rows["fit"].isin(rows.loc[picked, "fit"].unique()).to_numpy(dtype=bool)
    gone = rows["gone"].to_numpy(dtype=bool)
    found = Picked(
        rule, int(picked.sum()), int((gone & picked).sum()), int(others.sum()),
        int((gone & others).sum()), None, None,
    )  # fmt: skip
    if min(found.picked, found.others) < MIN_PICKED or found.left + found.others_left < _MIN_LEFT:
        return found
    more = _difference(rows["customer_id"], gone, picked, others)
    return replace(found, more=more, skill=more[0] > 0)


def _difference(
    customers: pd.Series, gone: np.ndarray, picked: np.ndarray, others: np.ndarray
) -> tuple[float, float]:
    """Return the difference of two shares, as a 95 % interval; one customer is one witness."""
    shares = gone[picked].mean(), gone[others].mean()
    pull = np.where(picked, (gone - shares[0]) / picked.sum(), 0.0)
    pull = np.where(others, -(gone - shares[1]) / others.sum(), pull)
    by_customer = pd.Series(pull).groupby(customers.to_numpy()).sum()
    error = float(np.sqrt(np.square(by_customer).sum()))
    middle = float(shares[0] - shares[1])
    return round(middle - _Z * error, 4), round(middle + _Z * error, 4)
