"""Damage that a table as a whole does not show: a demo company of 2,000, hurt in a dozen ways."""

import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from retention.demo.data import write_company
from retention.domain.summaries import as_json
from retention.nights.pull import inspect, pull
from retention.policies.load import Policies, load_policies
from retention.snapshots.folders import Folders
from tests.conftest import NIGHT, ROOT, SEED, copy_config, make_folders
from tests.factories import shared

BEFORE = NIGHT - timedelta(days=1)
FIFTEEN = "hash(customer_id) % 100 < 15"
FORTY = "hash(customer_id) % 100 < 40"
_ROLLED = (
    "SELECT * REPLACE (lead(customer_id, 17, customer_id) OVER (ORDER BY {}, invoice_id) "
    "AS customer_id) FROM old"
)
_FORGOTTEN = (
    "SELECT * REPLACE (CASE WHEN status = 'disputed' THEN 'open' ELSE status END AS status) "
    "FROM old"
)
_DOUBLED = (
    "SELECT * REPLACE (direct_cost * (1 + CAST(hash(customer_id) % 5 < 2 AS INTEGER)) "
    "AS direct_cost) FROM old"
)
HURT: dict[str, tuple[str, str, str]] = {
    "payments of 15 % of the customers gone": (
        "payments", f"SELECT * FROM old WHERE NOT ({FIFTEEN})", "have none now"),
    "payments of 40 % gone for nine months": (
        "payments", f"SELECT * FROM old WHERE NOT ({FORTY} AND paid_on > DATE '2025-08-31')",
        "have "),
    "every payment failed": ("payments", "SELECT * REPLACE (true AS failed) FROM old", "'failed'"),
    "direct cost twice": (
        "invoices", "SELECT * REPLACE (direct_cost * 2 AS direct_cost) FROM old", "'direct_cost'"),
    "direct_cost twice for two fifths of the customers": (
        "invoices",
        _DOUBLED,
        "'direct_cost' of the same months has risen by more than half at"),
    "payments at seven tenths": (
        "payments", "SELECT * REPLACE (CAST(amount * 0.7 AS DECIMAL(12, 2)) AS amount) FROM old",
        "'amount'"),
    "invoices at seven tenths": (
        "invoices", "SELECT * REPLACE (CAST(amount * 0.7 AS DECIMAL(12, 2)) AS amount) FROM old",
        "'amount'"),
    "ids rolled by seventeen rows": (
        "payments",
        _ROLLED.format("paid_on"), "have less than half"),
    "invoices' ids rolled by seventeen rows": (
        "invoices",
        _ROLLED.format("issued_on"), "have less than half"),
    "due dates two months early": (
        "invoices", "SELECT * REPLACE (due_on - 60 AS due_on) FROM old", "due_on"),
    "disputes forgotten": (
        "invoices",
        _FORGOTTEN, "lost the mark 'disputed'"),
    "complaints forgotten": (
        "tickets", "SELECT * REPLACE (false AS complaint) FROM old", "lost the mark 'complaint'"),
    "minutes twice": (
        "tickets", "SELECT * REPLACE (handling_minutes * 2 AS handling_minutes) FROM old",
        "'handling_minutes'"),
}  # fmt: skip


@pytest.fixture(scope="module")
def company() -> Path:
    def make(folder: Path) -> None:
        write_company(2000, SEED, NIGHT.replace(month=6, day=1), str(folder), "parquet")

    return shared.once("company of 2000", make)


Before = tuple[Policies, Folders, dict[str, Any]]


@pytest.fixture(scope="module")
def night_before(company: Path, tmp_path_factory: pytest.TempPathFactory) -> Before:
    home = tmp_path_factory.mktemp("night-before")
    policies = load_policies(copy_config(home / "config", company), ROOT / "templates")
    folders = make_folders(home / "snapshots")
    return policies, folders, as_json(pull(policies, folders, BEFORE))


def look(night_before: Before, data: Path, tmp_path: Path, day: date = NIGHT) -> dict[str, str]:
    _, folders, pulled = night_before
    policies = load_policies(copy_config(tmp_path / "config", data), ROOT / "templates")
    return {t.table: t.found for t in inspect(policies, folders, day, [pulled]).trips}


def test_an_ordinary_night_trips_nothing(
    night_before: Before, company: Path, tmp_path: Path
) -> None:
    assert look(night_before, company, tmp_path) == {}


@pytest.mark.parametrize("damage", HURT)
def test_what_is_wrong_with_many_customers_is_seen(
    night_before: Before, company: Path, tmp_path: Path, damage: str
) -> None:
    table, sql, said = HURT[damage]
    hurt = tmp_path / "data"
    shutil.copytree(company, hurt, ignore=shutil.ignore_patterns(table))
    (hurt / table).mkdir()
    with duckdb.connect() as db:
        db.execute(f"CREATE VIEW old AS SELECT * FROM read_parquet('{company}/{table}/*.parquet')")
        db.execute(f"COPY ({sql}) TO '{hurt}/{table}/all.parquet' (FORMAT parquet)")
    found = look(night_before, hurt, tmp_path)
    assert set(found) == {table}, found
    assert said in found[table]
