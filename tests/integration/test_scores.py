"""Scores: sums that are exact, a customer checked by hand, and honesty about what is not known."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from retention.domain.errors import ConfigError, SourceError
from retention.domain.scores import SCORE_COLUMNS, TOTALS, parts_of
from retention.nights.pull import pull
from retention.nights.score_shards import score_all, summarise
from retention.policies.load import Policies, load_policies
from retention.scoring.costs import load_costs
from retention.snapshots import store as snapshots
from retention.snapshots.store import table_of
from tests.conftest import NIGHT, ROOT, make_folders, write_sources

AS_OF = date(2026, 5, 31)


def policies_of(config: Path) -> Policies:
    return load_policies(config, ROOT / "templates")


def scored(config: Path, state: Path, as_of: date = NIGHT) -> pd.DataFrame:
    folders = make_folders(state)
    policies = policies_of(config)
    score_all(policies.costs, folders, pull(policies, folders, as_of))
    frame: pd.DataFrame = table_of(state, as_of, snapshots.SCORES).to_pandas()
    return frame.set_index("customer_id", drop=False)


def write(folder: Path, **tables: str) -> None:
    folder.mkdir(exist_ok=True)
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")


def test_every_total_is_exactly_the_sum_of_its_parts(config_dir: Path, tmp_path: Path) -> None:
    frame = scored(config_dir, tmp_path / "snapshots")
    for total in TOTALS:
        known = frame[frame[total].notna()]
        assert len(known) > 200
        for _, row in known.iterrows():
            assert sum(row[part] for part in parts_of(total)) == row[total]


def test_the_band_holds_the_likely_profit(config_dir: Path, tmp_path: Path) -> None:
    frame = scored(config_dir, tmp_path / "snapshots")
    assert (frame["net_profit_12m_low"] <= frame["net_profit_12m"]).all()
    assert (frame["net_profit_12m"] <= frame["net_profit_12m_high"]).all()


HAND = {
    "customers": "customer_id,name,created_on\nA,Ana,2020-01-01\nB,Bo,2026-04-01\n",
    "invoices": (
        "invoice_id,customer_id,issued_on,due_on,amount,direct_cost,status\n"
        "1,A,2025-06-15,2025-07-15,100.00,40.00,open\n"
        "2,A,2026-01-10,2026-02-09,100.00,40.00,open\n"
        "3,A,2026-05-20,2026-06-19,100.00,40.00,open\n"
        "4,A,2026-03-01,2026-03-31,999.00,1.00,void\n"
        "5,A,2025-05-31,2025-06-30,70.00,9.00,paid\n"
        "6,A,2026-05-01,2026-05-31,-20.00,0.00,open\n"
        "7,B,2026-05-01,2026-05-31,50.00,10.00,open\n"
    ),
    "payments": (
        "customer_id,paid_on,amount,invoice_id,failed\n"
        "A,2025-07-25,60.00,1,false\nA,2025-08-04,40.00,1,false\nA,2026-06-01,100.00,2,false\n"
        "A,2026-05-30,100.00,2,true\n"
    ),
    "tickets": (
        "ticket_id,customer_id,opened_at,handling_minutes,channel,own_fault,complaint,closed_at\n"
        "t1,A,2026-05-10 09:00:00,10,phone,false,true,2026-06-02 09:00:00\n"
        "t2,A,2026-05-10 09:00:00,99,phone,true,false,\n"
        "t3,A,2026-06-01 09:00:00,99,phone,false,false,\n"
    ),
}  # fmt: skip


@pytest.fixture
def by_hand(config_dir: Path, tmp_path: Path) -> pd.DataFrame:
    write(tmp_path / "data", **HAND)
    write_sources(config_dir, tmp_path / "data")
    return scored(config_dir, tmp_path / "snapshots", AS_OF)


def test_a_customer_checked_by_hand(by_hand: pd.DataFrame) -> None:
    ana = by_hand.loc["A"]
    # Invoices 1, 2, 3 and the credit note 6; 4 is void, 5 is older than twelve months.
    assert ana["revenue_12m"] == Decimal("280.00")
    assert ana["revenue_to_date"] == Decimal("350.00")
    assert ana["profit_direct_cost"] == Decimal("-120.00")
    # Ticket t1: ten minutes at 0.65; t2 is our own fault, t3 comes later.
    assert ana["profit_service"] == Decimal("-6.50")
    assert ana["tickets_12m"] == 1
    assert ana["own_fault_tickets_12m"] == 1
    # Invoice 1 was settled on 4 August, 20 days late; 2 is 111 days late and was not paid by then;
    # 5 fell due within the year and is paid. 6 is a credit note: it reduces what is owed by 20.
    assert ana["due_invoices_12m"] == 3
    assert ana["late_invoices_12m"] == 2
    assert ana["days_beyond_terms"] == pytest.approx((20 * 100 + 111 * 100) / 270)
    assert ana["overdue_amount"] == Decimal("80.00")
    assert ana["open_amount"] == Decimal("180.00")
    assert ana["bad_debt_12m"] == Decimal("80.00")
    assert ana["overdue_days_max"] == 111
    assert ana["failed_payments_12m"] == 1
    assert ana["profit_credit_loss"] == Decimal("-72.00")
    # Dunning: the first step for invoice 1 (20 days late), all three for 2. Capital at 8 % a
    # year: 1 for 40 days until 60.00 came and 50 until the rest, 2 for 141 days (a fifth of it for
    # 111, until the credit note), 3 for 11, 5 for 30 (it says paid, so it was paid when due):
    # 21,100 days times one unit of money, month by month.
    assert ana["profit_collection"] == -(3 + Decimal("19.50") + Decimal("4.62"))
    assert ana["net_profit_12m"] == Decimal("54.38")
    assert bool(ana["open_complaint"])


HEAD = "invoice_id,customer_id,issued_on,due_on,amount,direct_cost,status\n"
PAID = "customer_id,paid_on,amount,invoice_id,failed\n"


@pytest.mark.parametrize(
    ("invoices", "payments", "late", "overdue"),
    [
        # A credit note takes away what it credits.
        ("1,A,2026-01-10,2026-02-09,100,1,open\n2,A,2026-02-01,,-100,0,open\n", "", 0, "0.00"),
        # One payment for two invoices that names the first of them.
        ("1,A,2026-01-10,2026-02-09,100,1,open\n2,A,2026-02-10,2026-03-12,100,1,open\n",
         "A,2026-02-01,200,1,false\n", 0, "0.00"),
        # Paid on time, and once more by mistake months later.
        ("1,A,2026-01-10,2026-02-09,100,1,open\n",
         "A,2026-02-01,100,1,false\nA,2026-05-01,100,1,false\n", 0, "0.00"),
        # A payment that names an invoice nobody knows, or none.
        ("1,A,2026-01-10,2026-02-09,100,1,open\n", "A,2026-02-01,100,0001,false\n", 0, "0.00"),
        ("1,A,2026-01-10,2026-02-09,100,1,open\n", "A,2026-02-01,100,,false\n", 0, "0.00"),
        # Marked as paid, though two cents short.
        ("1,A,2026-01-10,2026-02-09,100,1,PAID\n", "A,2026-02-01,99.98,1,false\n", 0, "0.00"),
        # In dispute: neither late nor overdue.
        ("1,A,2026-01-10,2026-02-09,100,1, Disputed\n", "", 0, "0.00"),
        # Half paid.
        ("1,A,2026-01-10,2026-02-09,100,1,open\n", "A,2026-02-01,60,1,false\n", 1, "40.00"),
    ],
)  # fmt: skip
def test_what_is_late_and_what_is_overdue(
    config_dir: Path, tmp_path: Path, invoices: str, payments: str, late: int, overdue: str
) -> None:
    # Another customer's payments: one that names nothing is nothing unusual among them.
    of_b = "9,B,2026-04-10,2026-05-10,100,1,open\n"
    tables = {"customers": HAND["customers"], "invoices": HEAD + invoices + of_b}
    tables["payments"] = PAID + payments + "B,2026-05-01,1,9,false\n" * 40
    write(tmp_path / "data", **tables)
    write_sources(config_dir, tmp_path / "data")
    ana = scored(config_dir, tmp_path / "snapshots", AS_OF).loc["A"]
    assert ana["late_invoices_12m"] == late
    assert ana["overdue_amount"] == Decimal(overdue)


def test_a_young_customer_is_observed_first(by_hand: pd.DataFrame) -> None:
    assert by_hand.loc["B", "fit"] == "no_data"
    assert "observation_window" in str(by_hand.loc["B", "reason_codes"])


def test_without_costs_nobody_is_called_poor(config_dir: Path, tmp_path: Path) -> None:
    write(
        tmp_path / "data",
        customers=HAND["customers"],
        invoices="invoice_id,customer_id,issued_on,amount\n1,A,2026-05-01,5\n",
    )
    write_sources(config_dir, tmp_path / "data")
    frame = scored(config_dir, tmp_path / "snapshots", AS_OF)
    assert set(frame["fit"]) == {"no_data"}
    assert frame["net_profit_12m"].isna().all()
    assert frame["payment_index"].isna().all()
    assert frame["service_index"].isna().all()
    assert frame["dissatisfaction_index"].isna().all()


def test_churn_is_no_data_until_a_model_has_proved_skill(config_dir: Path, tmp_path: Path) -> None:
    scored(config_dir, tmp_path / "snapshots")
    assert "churn_probability" in summarise(tmp_path / "snapshots", NIGHT).no_data


def test_every_column_of_the_catalogue_is_in_the_snapshot(config_dir: Path, tmp_path: Path) -> None:
    frame = scored(config_dir, tmp_path / "snapshots")
    assert list(frame.columns) == [column.name for column in SCORE_COLUMNS]


def test_the_snapshot_of_scores_holds_no_names_or_addresses(
    config_dir: Path, tmp_path: Path
) -> None:
    scored(config_dir, tmp_path / "snapshots")
    for name in ("scores-0000.parquet", "features-0000.parquet", "activities-0000.parquet"):
        content = (snapshots.folder(tmp_path / "snapshots", NIGHT) / name).read_bytes()
        assert b"customers.example" not in content


def test_a_currency_without_a_rate_is_an_error(config_dir: Path, tmp_path: Path) -> None:
    write(
        tmp_path / "data",
        customers=HAND["customers"],
        invoices="invoice_id,customer_id,issued_on,amount,currency\n1,A,2026-05-01,5,GBP\n",
    )
    write_sources(config_dir, tmp_path / "data")
    with pytest.raises(SourceError, match="1 amounts in GBP have no rate to EUR on 2026-05-01"):
        scored(config_dir, tmp_path / "snapshots", AS_OF)
    assert not list((tmp_path / "snapshots").glob("*"))


def test_an_activity_without_a_rate_is_an_error(config_dir: Path, tmp_path: Path) -> None:
    costs = config_dir / "costs.yaml"
    costs.write_text(costs.read_text("utf-8").replace("ticket_minute.chat", "ticket_minute.chats"))
    with pytest.raises(ConfigError, match=r"'ticket_minute.chat' has no rate \(did you mean"):
        scored(config_dir, tmp_path / "snapshots")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("low: 0.50", "low: 5.50", "line 7: activities.ticket_minute.phone: low, likely and high"),
        ("currency: EUR", "currency: euro", "line 4: currency: String should match"),
        ("capital:", "capitol:", "is required and missing"),
        ("likely: 0.65, high", "likely: abc, high", "should be a valid number"),
        ("credit_loss: {", "capital: {", "line 30: 'capital' is given twice"),
    ],
)
def test_a_broken_costs_file_is_named_with_its_line(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    text = (ROOT / "config" / "costs.yaml").read_text("utf-8")
    assert old in text
    path = tmp_path / "costs.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        load_costs(path)
