"""Score customers: what a shard measures alone, and what needs a comparison with the others."""

from collections.abc import Collection
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from retention.domain.errors import SourceError
from retention.domain.scores import OWN_PREFIX, SCORE_COLUMNS, Kind
from retention.scoring.additive import AdditiveModel
from retention.scoring.costs import Costs
from retention.scoring.economics import add_economics
from retention.scoring.fit import add_fit
from retention.scoring.indices import add_indices
from retention.scoring.profit_split import by_contract
from retention.scoring.reference import Reference
from retention.scoring.risks import add_churn, add_invoice_risks
from retention.scoring.value import add_value

_MIN_USAGE = 10.0
_CENTS_IN_100 = 100 * 100

TYPES: dict[Kind, pa.DataType] = {
    Kind.TEXT: pa.string(),
    Kind.FLAG: pa.bool_(),
    Kind.COUNT: pa.int64(),
    Kind.MONEY: pa.int64(),
    Kind.RATIO: pa.float64(),
    Kind.POINTS: pa.int64(),
    Kind.DATE: pa.date32(),
}

_NULLABLE = {
    pa.int64(): pd.Int64Dtype(),
    pa.int32(): pd.Int64Dtype(),
    pa.float64(): pd.Float64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
    pa.string(): pd.StringDtype(),
    pa.date32(): pd.ArrowDtype(pa.date32()),
}


@dataclass(frozen=True, slots=True)
class Models:
    """The accepted models; None where no model has proved skill."""

    churn: AdditiveModel | None = None
    late_payment: AdditiveModel | None = None
    dispute: AdditiveModel | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """A shard's own figures: one row per customer, and the profit by contract."""

    customers: pa.Table
    contracts: pa.Table


def measure_customers(
    wide: pa.Table,
    activities: pa.Table,
    bills: pa.Table,
    contracts: pa.Table,
    costs: Costs,
    mapped: Collection[str],
) -> Measured:
    """Return the features of `wide` with economics and trends. Raises ConfigError.

    `mapped` names the canonical tables that there were.
    """
    frame = to_frame(wide)
    frame["contacts_per_month_change"] = _change(
        frame["contacts_per_month"], frame["contacts_per_month_prior"], 0.0
    )
    frame["usage_change"] = _change(frame["usage_90d"], frame["usage_prior_90d"], _MIN_USAGE)
    frame["minutes_change"] = _change(frame["minutes_90d"], frame["minutes_prior_90d"], 0.0)
    frame["revenue_change"] = _change(frame["revenue_90d"], frame["revenue_prior_90d"], 0.0)
    frame["late_share_change"] = frame["late_share_90d"] - frame["late_share_prior_90d"]
    frame["csat_change"] = frame["csat_90d"] - frame["csat_prior_90d"]
    revenue = frame["revenue_12m"].astype("Float64")
    per_cent = frame["ticket_minutes_12m"] / revenue.where(revenue > 0)
    frame["minutes_per_100"] = per_cent * _CENTS_IN_100
    frame = add_economics(frame, activities, bills, costs, mapped)
    return Measured(to_table(frame), by_contract(frame, contracts))


def score_customers(
    measured: pa.Table, tied: pa.Table, costs: Costs, reference: Reference, models: Models
) -> pa.Table:
    """Return one row per customer with every column of the score catalogue, money in cents."""
    frame = _with_ties(to_frame(measured), to_frame(tied))
    frame = add_indices(frame, reference)
    frame = add_invoice_risks(frame, models.late_payment, models.dispute, reference)
    frame = add_value(add_churn(frame, models.churn), costs, reference)
    judged = add_fit(to_table(frame))
    missing = sorted({column.name for column in SCORE_COLUMNS} - set(judged.column_names))
    if missing:
        raise SourceError(
            "features", f"lack {', '.join(missing)}: an earlier version has made them",
            "Score that night with the version that made it, or run a new one.",
        )  # fmt: skip
    columns = {c.name: judged.column(c.name).cast(TYPES[c.kind]) for c in SCORE_COLUMNS}
    return pa.table(columns | _own_numbers(measured))


def _own_numbers(measured: pa.Table) -> dict[str, pa.ChunkedArray]:
    """What is a number among the customers' own columns: conditions may name it."""
    return {
        name: measured.column(name).cast(pa.float64())
        for name in measured.column_names
        if name.startswith(OWN_PREFIX) and pa.types.is_floating(measured.schema.field(name).type)
    }


def to_frame(table: pa.Table) -> pd.DataFrame:
    """Return a frame with nullable types: what is not known stays NA."""
    frame: pd.DataFrame = table.to_pandas(types_mapper=_NULLABLE.get)
    return frame


def to_table(frame: pd.DataFrame) -> pa.Table:
    """Return an Arrow table; columns of the catalogue get its types."""
    known = {column.name: TYPES[column.kind] for column in SCORE_COLUMNS}
    return pa.table(
        {
            name: pa.array(frame[name], type=known.get(name), from_pandas=True)
            for name in frame.columns
        }
    )


def _with_ties(frame: pd.DataFrame, tied: pd.DataFrame) -> pd.DataFrame:
    per_customer = tied.set_index("customer_id")
    for name in ("ties", "tied_profit_12m"):
        frame[name] = frame["customer_id"].map(per_customer[name]).astype("Int64").fillna(0)
    return frame


def _change(now: pd.Series, before: pd.Series, at_least: float) -> pd.Series:
    """Return the relative change; NULL when there was too little before to compare with."""
    enough = (before > at_least).fillna(value=False)
    return now.astype("Float64") / before.astype("Float64").where(enough) - 1
