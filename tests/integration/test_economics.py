"""Money: every awkward kind of invoice, payment and amount has a defined treatment."""

from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from retention.domain.errors import ConfigError, GateTrippedError, SourceError
from retention.domain.playbook import ENTRY
from retention.domain.stages import PlaybookName
from retention.ladder.condition_values import condition_key, gather
from retention.ladder.table_dependence import tables_of
from retention.nights.pull import pull
from retention.nights.score_shards import score_all
from retention.playbooks.conditions import evaluate
from retention.playbooks.counterfactual import smallest_changes
from retention.policies.load import load_policies
from retention.scoring.activity_costs import PARTS
from retention.scoring.profit_split import by_month
from retention.snapshots import store as snapshots
from retention.snapshots.customers import read_rows
from retention.snapshots.store import table_of
from tests.conftest import NIGHT, ROOT, copy_config, make_folders

D = Decimal
CUSTOMERS = "customer_id,name,created_on\nA,Ana,2020-01-01\nB,Bo,2020-01-01\n"
BILL = "invoice_id,customer_id,issued_on,due_on,amount,direct_cost,status\n"
PAID = "customer_id,paid_on,amount,invoice_id,failed\n"
SOMEBODY = PAID + "B,2026-01-01,1,,false\n"


class Shop:
    """A company of a few lines."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "data"
        self.data.mkdir()
        self.config = copy_config(folder / "config", self.data)

    def scores(self, **tables: str) -> pd.DataFrame:
        """Score what the tables say, one row per customer."""
        for name, text in {"customers": CUSTOMERS, **tables}.items():
            (self.data / f"{name}.csv").write_text(text, encoding="utf-8")
        policies, folders = load_policies(self.config, ROOT / "templates"), self.folders
        score_all(policies.costs, folders, pull(policies, folders, NIGHT))
        frame: pd.DataFrame = table_of(folders.snapshots, NIGHT, snapshots.SCORES).to_pandas()
        return frame.set_index("customer_id", drop=False)

    @property
    def folders(self):  # type: ignore[no-untyped-def]  # noqa: ANN201
        """Where it is scored."""
        return make_folders(self.folder / "snapshots")

    def costs(self, old: str, new: str) -> None:
        """Change costs.yaml."""
        path = self.config / "costs.yaml"
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def company(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


RATES = """exchange_rates:
  GBP: [{from: 2025-01-01, rate: 1.10}, {from: 2026-02-01, rate: 1.20}]
  JPY: [{from: 2025-01-01, rate: 0.006}]
"""


def test_currencies_are_converted_at_the_rate_of_the_day(company: Shop) -> None:
    company.costs("exchange_rates: {}\n", RATES)
    ana = company.scores(
        customers=CUSTOMERS.replace("created_on", "created_on,currency").replace(
            "2020-01-01", "2020-01-01,gbp"),
        invoices="invoice_id,customer_id,issued_on,due_on,amount,direct_cost,currency\n"
        "1,A,2026-01-31,2026-02-10,100.00,40.00,GBP\n"
        "2,A,2026-02-01,2026-03-01,100.00,40.00,\n"
        "3,A,2026-02-02,2026-03-01,100.00,40.00,EUR\n"
        "4,A,2026-02-03,2026-03-01,10000,4000,jpy\n",
        payments=PAID + "A,2026-04-01,100.00,1,false\nA,2026-04-01,100.00,2,false\n"
        "A,2026-04-01,60.00,3,false\nA,2026-04-01,50.00,,false\n",
    ).loc["A"]  # fmt: skip
    # 110 + 120 (the customer's own currency) + 100 + 60.
    assert ana["revenue_12m"] == D("390.00")
    assert ana["direct_cost_12m"] == D("156.00")
    # A payment takes the rate of its invoice: 1 and 2 are settled to the cent, the rate has moved.
    # 3 lacks 40, 4 is open; the loose 50 are pounds (60 euros) and pay the oldest first.
    assert ana["open_amount"] == D("40.00")


@pytest.mark.parametrize(
    ("currency", "issued_on", "message"),
    [
        ("USD", "2026-05-01", "1 amounts in USD have no rate to EUR on 2026-05-01"),
        ("GBP", "2024-12-31", "1 amounts in GBP have no rate to EUR on 2024-12-31"),
    ],
)
def test_a_missing_rate_is_an_error_and_never_one(
    company: Shop, currency: str, issued_on: str, message: str
) -> None:
    company.costs("exchange_rates: {}\n", RATES)
    with pytest.raises(SourceError, match=message):
        company.scores(
            invoices="invoice_id,customer_id,issued_on,amount,currency\n"
            f"1,A,{issued_on},5,{currency}\n"
        )
    assert not list((company.folder / "snapshots").glob("*"))


def test_a_payment_without_an_invoice_settles_the_oldest_first(company: Shop) -> None:
    ana = company.scores(
        invoices=BILL
        + "2,A,2026-02-01,2026-03-03,100,1,open\n1,A,2026-01-01,2026-01-31,100,1,open\n"
        "3,A,2026-03-01,2026-03-31,100,1,open\n",
        payments=PAID + "A,2026-01-20,100,,false\nA,2026-03-20,60,,false\n",
    ).loc["A"]
    # The first is paid in time; of the second 40 are open, and all of the third.
    assert ana["overdue_amount"] == D("140.00")
    assert ana["late_invoices_12m"] == 2
    assert ana["overdue_61_90"] == D("140.00") - D("0")
    assert ana["overdue_days_max"] == 89


def test_the_last_quarter_is_told_apart_from_the_year(company: Shop) -> None:
    """100 a month are billed; what they cost fell three months ago to what is given here."""
    costs = {"A": "50", "B": "120", "C": "130"}
    rows, months = "", [(2025, m) for m in range(6, 13)] + [(2026, m) for m in range(1, 6)]
    for customer, fell_to in costs.items():
        for number, (year, month) in enumerate(months):
            cost = fell_to if number >= len(months) - 3 else "150"
            rows += f"{customer}{number},{customer},{year}-{month:02}-15,,100,{cost},open\n"
    rows += "D,D,2026-01-15,,1200,1500,open\n"  # once a year
    found = company.scores(
        customers="customer_id,name\nA,Ana\nB,Bo\nC,Cy\nD,Dan\n", invoices=BILL + rows
    )
    assert list(found["net_profit_12m"]) == [D("-300.00"), D("-510.00"), D("-540.00"), D("-300.00")]
    assert list(found["run_rate"]) == [D("600.00"), D("-240.00"), D("-360.00"), D("-300.00")]
    assert list(found["run_rate_prior"]) == [D("-600.00")] * 3 + [D("-300.00")]
    assert list(found["run_rate_low"]) == list(found["run_rate_high"]) == list(found["run_rate"])
    # Who earns by now, or loses less than half as much as the year says; not who loses two thirds.
    assert list(found["recovering"]) == [True, True, False, False]


def test_a_prepaid_customer_owes_nothing(company: Shop) -> None:
    ana = company.scores(
        invoices=BILL + "1,A,2026-02-01,2026-02-01,100,40,open\n",
        payments=PAID + "A,2026-01-15,100,1,false\n",
    ).loc["A"]
    assert (ana["open_amount"], ana["late_invoices_12m"]) == (D("0.00"), 0)
    assert ana["profit_collection"] == D("0.00")


def test_a_credit_note_takes_back_what_it_credits(company: Shop) -> None:
    ana = company.scores(
        invoices=BILL + "1,A,2026-02-01,2026-03-01,100,40,open\n2,A,2026-02-10,,-100,-40,open\n",
        payments=SOMEBODY,
    ).loc["A"]
    assert (ana["revenue_12m"], ana["profit_direct_cost"]) == (D("0.00"), D("0.00"))
    assert ana["open_amount"] == D("0.00")


def test_void_and_disputed_invoices(company: Shop) -> None:
    ana = company.scores(
        invoices=BILL
        + "1,A,2026-02-01,2026-03-01,100,40,VOID\n2,A,2026-02-01,2026-03-01,70,20,Disputed\n",
        payments=SOMEBODY,
    ).loc["A"]
    # A void invoice never was; a disputed one is revenue until it is settled, but neither late nor
    # overdue, and nothing is collected for it.
    assert ana["revenue_12m"] == D("70.00")
    assert (ana["disputed_amount"], ana["overdue_amount"]) == (D("70.00"), D("0.00"))
    assert ana["profit_credit_loss"] == D("0.00")


def test_rows_of_the_future_do_not_count_yet(company: Shop) -> None:
    ana = company.scores(
        invoices=BILL
        + "1,A,2026-05-01,2026-05-31,100,40,open\n2,A,2026-06-01,2026-07-01,900,1,open\n",
        payments=PAID + "A,2026-06-02,100,1,false\nB,2026-01-01,1,,false\n",
    ).loc["A"]
    assert (ana["revenue_12m"], ana["open_amount"]) == (D("100.00"), D("100.00"))
    assert ana["overdue_amount"] == D("0.00")


def test_a_payment_by_somebody_else_settles_the_invoice_it_names(company: Shop) -> None:
    scores = company.scores(
        invoices=BILL + "1,A,2026-02-01,2026-03-01,100,40,open\n",
        payments=PAID + "B,2026-02-20,100,1,false\n",
    )
    assert scores.loc["A", "open_amount"] == D("0.00")
    assert scores.loc["A", "ties"] == 1
    assert scores.loc["B", "ties"] == 1


TICKETS = "ticket_id,customer_id,opened_at,handling_minutes,channel,severity,own_fault\n"


def test_minutes_cost_by_channel_and_severity_and_ours_are_left_out(company: Shop) -> None:
    ana = company.scores(
        invoices=BILL + "1,A,2026-02-01,2026-03-01,100,40,paid\n",
        tickets=TICKETS
        + "1,A,2026-05-01,10,phone,normal,false\n2,A,2026-05-01,10,phone,High,false\n"
        "3,A,2026-05-01,10,email,,false\n4,A,2026-05-01,100,phone,urgent,true\n"
        "5,A,2026-05-01,-50,phone,normal,false\n6,A,2026-05-01,,phone,normal,false\n",
    ).loc["A"]
    # 6.50 + 6.50 * 1.25 + 5.00, half a cent to the even one; a negative or missing time is no time.
    assert ana["profit_service"] == D("-19.62")
    assert ana["own_fault_cost_12m"] == D("97.50")
    assert ana["ticket_minutes_12m"] == 30.0


def test_a_severity_that_nobody_knows_makes_no_minute_dearer(company: Shop) -> None:
    """It is unknown, never the worst: the minutes cost what they cost without one."""
    tickets = TICKETS + "1,A,2026-05-01,10,phone,hihg,false\n"
    assert company.scores(tickets=tickets).loc["A", "profit_service"] == D("-6.50")


def test_one_extreme_is_cut_off_and_said_so(company: Shop) -> None:
    rows = "".join(f"{n},B,2026-03-01,{10 + n % 5},phone,normal,false\n" for n in range(2000))
    scores = company.scores(
        invoices=BILL + "1,A,2026-02-01,2026-03-01,100,40,paid\n",
        tickets=TICKETS + rows + "x,A,2026-05-01,6000,phone,normal,false\n",
    )
    ana = scores.loc["A"]
    assert ana["profit_service"] == D("-9.10")  # fourteen minutes, as long as any other
    assert ana["winsorised_12m"] == D("3890.90")
    assert "extremes_left_out" in ana["reason_codes"]
    assert "data_error" in ana["root_cause_hints"]
    assert scores.loc["B", "winsorised_12m"] == D("0.00")


def test_dunning_counts_each_step_that_was_taken(company: Shop) -> None:
    company.costs(
        "capital: {low: 0.05, likely: 0.08, high: 0.11}", "capital: {low: 0, likely: 0, high: 0}"
    )
    ana = company.scores(
        invoices=BILL
        + "1,A,2026-01-01,2026-01-31,100,1,open\n2,A,2026-03-01,2026-03-31,100,1,open\n",
        payments=PAID + "A,2026-03-02,100,1,false\n",
    ).loc["A"]
    # Invoice 1, paid after 30 days: two steps. Invoice 2, open for 61 days: three.
    assert ana["profit_collection"] == D("-27.00")


def test_months_and_contracts_add_up_to_the_year(company: Shop) -> None:
    scores = company.scores(
        customers=CUSTOMERS,
        contracts="contract_id,customer_id,plan,monthly_fee,started_on,ends_on\n"
        "K1,A,basic,30,2024-01-01,\nK2,A,premium,70,2024-01-01,\nK0,A,old,5,2020-01-01,2021-01-01\n",
        invoices="invoice_id,customer_id,issued_on,due_on,amount,direct_cost,contract_id\n"
        "1,A,2025-08-01,2025-08-31,100,30,K1\n2,A,2026-02-01,2026-03-01,50,20,\n"
        "3,A,2026-04-30,2026-05-30,-10,0,K2\n",
        tickets=TICKETS + "1,A,2025-09-10,33,phone,normal,false\n2,A,2026-05-31,7,chat,low,false\n",
    )
    ana = scores.loc["A"]
    contracts = table_of(company.folders.snapshots, NIGHT, snapshots.CONTRACTS).to_pandas()
    assert contracts["contract_id"].tolist() == ["K1", "K2"]
    for column in ("net_profit_12m", "net_profit_12m_low", "net_profit_12m_high"):
        assert D(int(contracts[column].sum())) / 100 == ana[column]
    # Of the 50 that name no contract, 70 % are the premium contract's.
    assert contracts["revenue"].tolist() == [11500, 2500]
    costs = load_policies(company.config, ROOT / "templates").costs
    facts = [
        pq.read_table(
            snapshots.shard_file(company.folders.snapshots, NIGHT, what, 0), partitioning=None
        )
        for what in (snapshots.ACTIVITIES, snapshots.BILLS)
    ]
    known = [part for part in PARTS if ana[part] is not None]
    months = by_month(0, facts[0], facts[1], costs, known)
    assert [m["month"] for m in months] == sorted({m["month"] for m in months})
    for ours, yearly in (
        ("net_profit", "net_profit_12m"),
        ("net_profit_low", "net_profit_12m_low"),
    ):
        assert D(sum(m[ours] for m in months)) / 100 == ana[yearly]


def test_a_year_of_fractions_is_rounded_once(company: Shop) -> None:
    """Twelve months of a third of a cent more than a whole one are four cents, not none."""
    bills = "".join(
        f"{n},A,{2025 + (n + 5) // 13}-{(n + 5) % 13 + (n + 5) // 13:02d}-15,,10.0034,3.3333,open\n"
        for n in range(1, 13)
    )
    ana = company.scores(invoices=BILL + bills).loc["A"]
    assert ana["invoices_12m"] == 12
    assert ana["revenue_12m"] == D("120.04")
    assert -ana["profit_direct_cost"] == ana["direct_cost_12m"] == D("40.00")


OWN = (
    'connections: {here: {kind: files, path: "%s"}}\n'
    "tables:\n"
    "  customers: {file: customers.csv, decimal: ',', columns: {credit_limit: Límite},"
    " numbers: [credit_limit]}\n"
    "  invoices: {file: invoices.csv}\n"
    "  payments: {file: payments.csv}\n"
)


def of_ones_own(
    company: Shop, limits: tuple[str, str], named: str = "credit_limit"
) -> pd.DataFrame:
    text = (OWN % company.data).replace("[credit_limit]", f"[{named}]")
    (company.config / "sources.yaml").write_text(text, encoding="utf-8")
    people = "customer_id;name;created_on;Límite\n"
    rows = (f"{n};N;2020-01-01;{limit}\n" for n, limit in zip("AB", limits, strict=True))
    return company.scores(
        customers=people + "".join(rows),
        invoices=BILL + "1,B,2026-01-01,,10,5,open\n",
        payments=SOMEBODY,
    )


def test_a_number_of_ones_own_may_stand_in_a_condition(company: Shop) -> None:
    scores = of_ones_own(company, ("12.500,50", ""))
    assert scores["x_credit_limit"]["A"] == 12500.5
    assert pd.isna(scores["x_credit_limit"]["B"])
    book = company.config / "playbooks" / "restore.yaml"
    text = book.read_text("utf-8")
    entry = text[text.index("entry:") : text.index("leave:")]
    book.write_text(
        text.replace(entry, "entry: {when: x_credit_limit > 10000, nights: 1}\n\n"), "utf-8"
    )
    policies = load_policies(company.config, ROOT / "templates")
    restore = policies.playbooks[PlaybookName.RESTORE]
    evidence = gather(company.folders.snapshots, NIGHT, [restore], ["A", "B"])
    assert evidence.true_for(condition_key(restore, ENTRY)) == ["A"], "B's is not known"
    assert tables_of(restore) >= {"customers"}
    row = read_rows(company.folders.snapshots, NIGHT, ["A"])["A"]
    (change,) = smallest_changes(restore.entry.when, row)
    assert (change.column, change.now, change.value) == ("x_credit_limit", 12500.5, 10000.0)
    # A case keeps its playbook when the company has the column no more: then it is not known.
    (company.config / "sources.yaml").write_text(
        (OWN % company.data).replace(", numbers: [credit_limit]", ""), "utf-8"
    )
    with pytest.raises(ConfigError, match="no number 'x_credit_limit' of your own"):
        load_policies(company.config, ROOT / "templates")


def test_a_number_of_ones_own_that_is_none_stops_the_table(company: Shop) -> None:
    with pytest.raises(SourceError, match="credit_limit.*is not a valid number"):
        of_ones_own(company, ("12,5", "plenty"))
    with pytest.raises(SourceError, match="'credit_line' of 'numbers' is not there.*credit_limit"):
        of_ones_own(company, ("12,5", ""), named="credit_line")


def test_a_condition_over_a_number_that_a_night_lacks_is_not_known(company: Shop) -> None:
    company.scores(invoices=BILL + "1,B,2026-01-01,,10,5,open\n", payments=SOMEBODY)
    sql = snapshots.scan(company.folders.snapshots, NIGHT, snapshots.SCORES)
    found = evaluate(sql, {"c": "x_gone > 1"}, where_true=["c"], customers=["A"])
    assert found.to_pylist() == [{"customer_id": "A", "c": None}]


def test_tiers_follow_the_rank_by_profit(company: Shop) -> None:
    people = "customer_id,name,created_on\n" + "".join(
        f"{n:03d},N,2020-01-01\n" for n in range(100)
    )
    bills = BILL + "".join(
        f"{n},{n:03d},2026-02-01,2026-03-01,{100 + n},{90 if n else 500},paid\n" for n in range(100)
    )
    scores = company.scores(customers=people, invoices=bills)
    assert scores["tier"].value_counts().to_dict() == {
        "iron": 79,
        "gold": 15,
        "platinum": 5,
        "lead": 1,
    }
    assert scores.loc["099", "tier"] == "platinum"
    assert scores.loc["000", "tier"] == "lead"
    assert scores["profit_share"].sum() == pytest.approx(1.0)


def test_ties_bring_the_profit_of_others_into_view(company: Shop) -> None:
    people = ("customer_id,name,created_on,parent_id,referred_by\nA,Ana,2020-01-01,,\n"
              "B,Bo,2020-01-01,A,\nC,Cy,2020-01-01,,A\nD,Di,2020-01-01,,\n")  # fmt: skip
    scores = company.scores(
        customers=people,
        contacts="customer_id,email\nC,office@x.example\nD,Office@x.example\n",
        invoices=BILL
        + "1,B,2026-02-01,2026-03-01,100,40,paid\n2,C,2026-02-01,2026-03-01,10,4,paid\n",
    )
    assert scores["ties"].to_dict() == {"A": 2, "B": 1, "C": 2, "D": 1}
    tied = scores.loc[["B", "C"], "net_profit_12m"].sum()
    assert scores["tied_profit_12m"].to_dict()["A"] == tied
    assert scores.loc["A", "strategic_points_ties"] == 20


def test_an_inactive_table_is_unknown_and_not_zero(company: Shop) -> None:
    ana = company.scores(invoices=BILL + "1,A,2026-02-01,2026-03-01,100,40,paid\n").loc["A"]
    assert ana["economics_confidence"] == "partial"
    for column in ("profit_service", "profit_events", "cost_to_serve_12m", "own_fault_cost_12m"):
        assert ana[column] is None
    assert ana["churn_probability"] != ana["churn_probability"]


def test_the_same_row_twice_is_two_payments_and_an_error_where_rows_have_keys(
    company: Shop,
) -> None:
    bills = BILL + "1,A,2026-02-01,2026-03-01,100,40,open\n"
    twice = PAID + "A,2026-02-20,50,1,false\n" * 2
    assert company.scores(invoices=bills, payments=twice).loc["A", "open_amount"] == D("0.00")
    # Invoices have keys: the table trips its gate, and with it everything that depends on it.
    with pytest.raises(GateTrippedError, match="a key invoice_id is there twice"):
        company.scores(invoices=bills + bills.removeprefix(BILL))


def test_money_that_was_charged_back_is_open_again(company: Shop) -> None:
    bills = BILL + "1,A,2026-01-01,2026-01-31,100,40,open\n"
    back = PAID + "A,2026-01-20,100,1,false\nA,2026-02-15,-100,1,false\n"
    ana = company.scores(invoices=bills, payments=back).loc["A"]
    assert (ana["overdue_amount"], ana["late_invoices_12m"]) == (D("100.00"), 0), (
        "paid in time once"
    )
    assert ana["overdue_days_max"] == 105, "since the money went back"
    again = company.scores(invoices=bills, payments=back + "A,2026-03-02,100,1,false\n").loc["A"]
    assert again["overdue_amount"] == D("0.00")
    assert again["days_beyond_terms"] == 30.0


def test_an_invoice_marked_as_paid_takes_loose_money_first(company: Shop) -> None:
    ana = company.scores(
        invoices=BILL
        + "1,A,2025-09-01,2025-10-01,100,1,paid\n2,A,2025-10-01,2025-10-31,100,1,paid\n"
        "3,A,2026-01-22,2026-02-20,150,1,open\n",
        payments=PAID + "A,2025-09-20,100,,false\nA,2025-11-10,100,,false\n",
    ).loc["A"]
    assert ana["overdue_amount"] == D("150.00")
    # The second one was paid ten days late, as the money shows.
    assert ana["late_invoices_12m"] == 2


def test_a_mark_of_today_does_not_settle_what_was_paid_later(company: Shop) -> None:
    ana = company.scores(
        invoices=BILL + "1,A,2026-02-01,2026-03-03,100,40,paid\n",
        payments=PAID + "A,2026-06-10,100,1,false\nB,2026-01-01,1,,false\n",
    ).loc["A"]
    assert ana["overdue_amount"] == D("100.00")


def test_marks_alone_are_a_trace_of_payment_and_open_alone_is_none(company: Shop) -> None:
    bills = BILL + "1,A,2026-01-01,2026-01-31,100,40,open\n"
    assert company.scores(invoices=bills).loc["A", "overdue_amount"] is None
    marked = company.scores(invoices=bills + "2,B,2026-01-01,2026-01-31,9,1,paid\n")
    assert marked.loc["A", "overdue_amount"] == D("100.00")


@pytest.mark.parametrize(
    ("bills", "payments", "days"),
    [
        # Half was paid long before, the rest is open for ten days.
        ("1,A,2026-05-21,2026-06-20,100,1,open\n", "A,2026-02-10,50,1,false\n", 500),
        # Twice the amount, after fifty days.
        ("1,A,2026-02-01,2026-03-01,100,1,open\n", "A,2026-03-23,200,1,false\n", 5000),
        # Nothing is collected for what is in dispute.
        ("1,A,2025-08-04,2025-09-01,100,1,disputed\n", "", 0),
        # Marked as paid before it is due: no more than since its issue.
        ("1,A,2026-05-26,2026-06-25,100,1,paid\n", "", 500),
    ],
)
def test_capital_is_tied_up_for_as_long_as_money_is_out(
    company: Shop, bills: str, payments: str, days: int
) -> None:
    company.scores(invoices=BILL + bills, payments=SOMEBODY + payments)
    file = snapshots.shard_file(company.folders.snapshots, NIGHT, snapshots.BILLS, 0)
    assert sum(pq.read_table(file, partitioning=None)["capital"].to_pylist()) == days * 100


def test_a_use_without_a_quantity_counts_once(company: Shop) -> None:
    ana = company.scores(usage="customer_id,used_on\nA,2026-05-01\nA,2026-05-02\n").loc["A"]
    assert ana["usage_90d"] == 2.0


def test_nobody_is_unreachable_when_no_addresses_are_known(company: Shop) -> None:
    scores = company.scores()
    assert scores["reachable"].isna().all()
    assert not scores["sign_unreachable"].any()
    told = company.scores(
        customers=CUSTOMERS.replace("created_on", "created_on,email").replace("01\n", "01,\n")
    )
    assert told["sign_unreachable"].all()


@pytest.mark.parametrize("table", ["payments", "tickets", "invoices"])
def test_a_table_that_may_be_empty_is_a_table_without_rows(company: Shop, table: str) -> None:
    heads = {"payments": PAID, "tickets": TICKETS, "invoices": BILL}
    bills = BILL + "1,A,2026-02-01,2026-03-01,100,40,paid\n"
    tables = {"invoices": bills, "payments": SOMEBODY, "tickets": TICKETS} | {table: heads[table]}
    sources = company.config / "sources.yaml"
    listed = "".join(
        f"  {n}: {{file: {n}.csv, allow_empty: true}}\n" for n in (*tables, "customers")
    )
    sources.write_text(f"{sources.read_text('utf-8')}\ntables:\n{listed}", "utf-8")
    scores = company.scores(**tables)
    assert list(scores["customer_id"]) == ["A", "B"]
    assert scores.loc["A", "revenue_12m"] == (D(0) if table == "invoices" else D(100))
