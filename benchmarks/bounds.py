"""What the work is measured against: the same sums written by hand, and reading alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.dataset as ds
from sqlalchemy import create_engine

from benchmarks.company import AS_OF

Array = np.ndarray
_MONTHS = 12
TABLES = ("customers", "invoices", "payments", "tickets")


def numpy_sums(folder: Path) -> dict[str, Any]:
    """Read the columns and add them up: per customer and month, and payments per invoice."""
    made: dict[str, Any] = {}
    size = ds.dataset(folder / "customers").count_rows()
    bills = ds.dataset(folder / "invoices").to_table()
    place = _number(bills["customer_id"])
    cell = place * _MONTHS + _month(bills["issued_on"])
    for name in ("amount", "direct_cost"):
        made[name] = np.bincount(cell, _floats(bills[name]), size * _MONTHS)
    invoice = _number(bills["invoice_id"])
    paid = ds.dataset(folder / "payments").to_table()
    settled = np.bincount(_number(paid["invoice_id"]), _floats(paid["amount"]), len(invoice))
    days = paid["paid_on"].cast("int32").to_numpy()
    last = np.zeros(len(invoice), dtype=np.int64)
    np.maximum.at(last, _number(paid["invoice_id"]), days)
    late = last[invoice] - bills["due_on"].cast("int32").to_numpy()
    still = _floats(bills["amount"]) - settled[invoice]
    made["open"] = np.bincount(place, np.maximum(still, 0), size)
    made["late"] = np.bincount(place, late > 0, size)
    made["days_late"] = np.bincount(place, np.maximum(late, 0) * _floats(bills["amount"]), size)
    calls = ds.dataset(folder / "tickets").to_table()
    called = _number(calls["customer_id"])
    minutes = _floats(calls["handling_minutes"])
    phone = pc.equal(calls["channel"], "phone").to_numpy()
    cell = called * _MONTHS + _month(calls["opened_at"])
    made["phone"] = np.bincount(cell, minutes * phone, size * _MONTHS)
    made["email"] = np.bincount(cell, minutes * ~phone, size * _MONTHS)
    made["tickets"] = np.bincount(called, minlength=size)
    return made


def _number(ids: Any) -> Array:
    number: Array = pc.cast(pc.utf8_slice_codeunits(ids, 1), "int64").to_numpy()
    return number


def _floats(values: Any) -> Array:
    floats: Array = pc.cast(values, "float64").to_numpy()
    return floats


def _month(days: Any) -> Array:
    back = np.datetime64(AS_OF) - days.to_numpy().astype("datetime64[D]")
    month: Array = np.clip(back.astype(np.int64) // 31, 0, _MONTHS - 1)
    return month


def read_over_adbc(url: str) -> int:
    """Read every row of the four tables as Arrow, and do nothing with it."""
    from adbc_driver_postgresql import dbapi

    rows = 0
    with dbapi.connect(url) as connection, connection.cursor() as cursor:
        for name in TABLES:
            cursor.execute(f"SELECT * FROM {name}")
            rows += cursor.fetch_arrow_table().num_rows
    return rows


def pandas_script(url: str) -> pd.DataFrame:
    """The features by hand: read with pandas and SQLAlchemy, group, join. Nothing is checked."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.connect() as connection:
        tables = {name: pd.read_sql(f"SELECT * FROM {name}", connection) for name in TABLES}
    engine.dispose()
    bills, paid, calls = (tables[name] for name in ("invoices", "payments", "tickets"))
    for frame, columns in ((bills, ("amount", "direct_cost")), (paid, ("amount",))):
        for name in columns:
            frame[name] = frame[name].astype(float)
    settled = paid.groupby("invoice_id").agg(paid=("amount", "sum"), on=("paid_on", "max"))
    bills = bills.join(settled, on="invoice_id")
    bills["open"] = (bills["amount"] - bills["paid"].fillna(0)).clip(lower=0)
    ended = pd.to_datetime(bills["on"]).fillna(pd.Timestamp(AS_OF))
    late = (ended - pd.to_datetime(bills["due_on"])).dt.days.clip(lower=0)
    bills["weight"] = late * bills["amount"]
    bills["late"] = late > 0
    billing = bills.groupby("customer_id").agg(
        revenue=("amount", "sum"), cost=("direct_cost", "sum"), open=("open", "sum"),
        late=("late", "sum"), weight=("weight", "sum"), invoices=("invoice_id", "count"),
    )  # fmt: skip
    service = calls.groupby("customer_id").agg(
        minutes=("handling_minutes", "sum"), tickets=("ticket_id", "count")
    )
    by_channel = calls.pivot_table(
        index="customer_id", columns="channel", values="handling_minutes", aggfunc="sum"
    )
    customers = tables["customers"].set_index("customer_id")
    return customers.join([billing, service, by_channel.add_prefix("minutes_")])
