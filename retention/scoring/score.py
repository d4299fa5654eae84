"""Score every customer: the one entry point of scoring."""

from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa

from retention.domain.scores import SCORE_COLUMNS, Kind
from retention.scoring.costs import Costs
from retention.scoring.economics import add_economics
from retention.scoring.fit import add_fit
from retention.scoring.indices import add_indices

_MIN_USAGE = 10.0

_TYPES: dict[Kind, pa.DataType] = {
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


def score_customers(wide: pa.Table, activities: pa.Table, costs: Costs, as_of: date) -> pa.Table:
    """Return one row per customer with every column of the score catalogue, money in cents.

    `wide` and `activities` are features as known on `as_of`. Raises ConfigError when a rate is
    missing.
    """
    scores = _frame(wide)
    scores["tenure_days"] = _tenure(scores, as_of)
    scores["contacts_per_month_change"] = _change(
        scores["contacts_per_month"], scores["contacts_per_month_prior"], 0.0
    )
    scores["usage_change"] = _change(scores["usage_90d"], scores["usage_prior_90d"], _MIN_USAGE)
    scores = add_fit(add_indices(add_economics(scores, _frame(activities), costs)))
    columns = [
        pa.array(scores[column.name], type=_TYPES[column.kind], from_pandas=True)
        for column in SCORE_COLUMNS
    ]
    return pa.table(columns, names=[column.name for column in SCORE_COLUMNS])


def _frame(table: pa.Table) -> pd.DataFrame:
    """Return a frame with nullable types: what is not known stays NA."""
    frame: pd.DataFrame = table.to_pandas(types_mapper=_NULLABLE.get)
    return frame


def _tenure(wide: pd.DataFrame, as_of: date) -> pd.Series:
    since = wide["created_on"].fillna(wide["first_invoice_on"])
    days = (pd.Timestamp(as_of) - pd.to_datetime(since)).dt.days
    return days.astype("Int64")


def _change(now: pd.Series, before: pd.Series, at_least: float) -> pd.Series:
    """Return the relative change; NULL when there was too little before to compare with."""
    enough = (before > at_least).fillna(value=False)
    return (now / before.where(enough) - 1).replace([np.inf, -np.inf], pd.NA)
