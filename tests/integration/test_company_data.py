"""What a company's data says, and what must not be read into it."""

import shutil
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from retention.domain.errors import ConfigError, SourceError
from retention.domain.findings import WORDS
from retention.domain.gates import Guards
from retention.domain.sending import SOMEWHERE
from retention.reports.words import load_words
from retention.sources.canonical import CANONICAL
from retention.sources.config import SourcesConfig
from retention.sources.currencies import Rates, convert_currencies
from retention.sources.extract import extract_features
from retention.sources.gate import check_gates, notice, profile_of
from retention.sources.identities import REFERENCES
from retention.sources.tables import Company, open_company
from retention.yaml_files import parse_policy
from tests.conftest import NIGHT, ROOT, copy_config
from tests.factories.commands import answer, retention

AS_OF = date(2026, 10, 31)
HERE = "connections:\n  here: {kind: files, path: .}\n"
WHO = "customer_id,name,created_on\n"
BILL = "invoice_id,customer_id,issued_on,due_on,amount\n"
PAID = "customer_id,paid_on,amount,invoice_id\n"
JANUARY = "2026-01-05,2026-02-04"
JUNE = "2026-06-01,2026-07-01"


def people(*ids: str) -> str:
    return WHO + "".join(f"{i},Somebody,2024-01-01\n" for i in ids)


def read_strictly(folder: Path, **tables: str) -> Company:
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text, "utf-8")
    return open_company(
        parse_policy(HERE, SourcesConfig, "sources.yaml"), folder, {}, "Europe/Madrid"
    )


def read(folder: Path, more: str = "", encoding: str = "utf-8", **tables: str) -> Company:
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text, encoding=encoding)
    config = parse_policy(HERE + more, SourcesConfig, "sources.yaml")
    company = open_company(config, folder, {}, "Europe/Madrid", without_broken=True)
    notice(company)
    return company


def trips(company: Company) -> dict[str, str]:
    profiles = {name: profile_of(company, name, AS_OF) for name in company.mapped}
    found = check_gates(company, profiles, [], Guards(), AS_OF)
    return {trip.table: f"{trip.found} | {trip.seen}" for trip in found}


def features(company: Company, rates: Rates | None = None) -> pd.DataFrame:
    convert_currencies(company, "EUR", rates or {}, AS_OF)
    frame: pd.DataFrame = extract_features(company, AS_OF).wide.to_pandas()
    return frame.set_index("customer_id")


def noticed(company: Company) -> dict[str, int]:
    return {finding.key: finding.count for finding in company.findings}


def owes(frame: pd.DataFrame) -> dict[str, tuple[int, int, int]]:
    """What each customer owes, what of it is overdue, and for how many days."""
    names = ["open_amount", "overdue_amount", "overdue_days_max"]
    rows = frame[names].fillna(-1).astype(int).itertuples()
    return {str(row[0]): (row[1], row[2], row[3]) for row in rows}


# Money


def ledger(folder: Path, invoices: str, payments: str, more: str = "") -> pd.DataFrame:
    """The features of customer A; another one pays, so that something is known of payments."""
    other = f"Z1,Z,{JANUARY},5\n"
    return features(
        read(folder, more, customers=people("A", "Z"), invoices=BILL + invoices + other,
             payments=PAID + payments + "Z,2026-01-20,5,Z1\n")
    ).loc[["A"]]  # fmt: skip


NOTHING, ALL = (0, 0, 0), (10_000, 10_000, 122)


@pytest.mark.parametrize(
    ("invoices", "payments", "owed", "late"),
    [
        # Too much was paid and sent back without a name; the second invoice is open.
        (f"1,A,{JANUARY},100\n2,A,{JUNE},50\n", "A,2026-02-01,150,1\nA,2026-02-10,-50,\n",
         (5_000, 5_000, 122), 0.5),
        # A credit note that was paid out credits nothing else.
        (f"1,A,{JANUARY},100\n2,A,2026-03-01,2026-03-01,-100\n3,A,{JUNE},100\n",
         "A,2026-02-01,100,1\nA,2026-03-05,-100,2\n", ALL, 0.5),
        # One that was not does.
        (f"1,A,{JANUARY},100\n2,A,2026-03-01,2026-03-01,-100\n3,A,{JUNE},100\n",
         "A,2026-02-01,100,1\n", NOTHING, 0.0),
        # Paid in advance without a name, and sent back in part before the invoice came.
        (f"1,A,{JUNE},100\n", "A,2026-05-01,150,\nA,2026-05-10,-50,\n", NOTHING, 0.0),
        (f"1,A,{JUNE},100\n", "A,2026-05-01,100,\nA,2026-05-10,-40,\n", (4_000, 4_000, 122), 1.0),
        # Paid in time and given back months later: owed since then, by the books, and never late.
        (f"1,A,{JANUARY},100\n", "A,2026-02-01,100,1\nA,2026-07-01,-100,1\n",
         (10_000, 10_000, 122), 0.0),
        (f"1,A,{JANUARY},100\n", "A,2026-02-01,100,\nA,2026-07-01,-100,\n",
         (10_000, 10_000, 122), 0.0),
        # The same with a credit note for it: nothing is owed, and nothing was late.
        (f"1,A,{JANUARY},100\n2,A,2026-06-30,2026-06-30,-100\n",
         "A,2026-02-01,100,1\nA,2026-07-01,-100,1\n", NOTHING, 0.0),
        # A fraction of a cent, and a cent short; two cents of a tenth are not settled by a share.
        (f"1,A,{JANUARY},100.004\n", "A,2026-02-01,100.00,1\n", NOTHING, 0.0),
        (f"1,A,{JANUARY},100\n", "A,2026-02-01,99.99,1\n", NOTHING, 0.0),
        (f"1,A,{JANUARY},100\n", "A,2026-02-01,99.00,1\nA,2026-02-02,0.97,1\n", NOTHING, 0.0),
        (f"1,A,{JANUARY},100\n", "A,2026-02-01,99.97,\n", NOTHING, 0.0),
        (f"1,A,{JUNE},100\n", "A,2026-06-20,99.90,1\n", (10, 10, 122), 1.0),
    ],
)  # fmt: skip
def test_what_a_customer_owes(
    tmp_path: Path, invoices: str, payments: str, owed: tuple[int, int, int], late: float
) -> None:
    found = ledger(tmp_path, invoices, payments)
    assert owes(found) == {"A": owed}
    assert found.loc["A", "late_share_12m"] == late


def test_the_tolerance_is_the_companys(tmp_path: Path) -> None:
    more = "tolerance: {amount: 2, share: 0}\n"
    found = ledger(tmp_path, f"1,A,{JUNE},100\n", "A,2026-06-20,98,1\n", more)
    assert owes(found) == {"A": NOTHING}


@pytest.mark.parametrize(("paid", "owed"), [("98", NOTHING), ("97.99", (201, 201, 122))])
def test_the_tolerance_may_be_a_share_of_the_invoice(
    tmp_path: Path, paid: str, owed: tuple[int, int, int]
) -> None:
    more = "tolerance: {amount: 0, share: 0.02}\n"
    found = ledger(tmp_path, f"1,A,{JUNE},100\n", f"A,2026-06-20,{paid},1\n", more)
    assert owes(found) == {"A": owed}


def test_capital_is_tied_up_until_the_day_the_money_came(tmp_path: Path) -> None:
    """A large part without a name counts from its day, though a rest is open to this day."""
    invoices = f"1,A,{JUNE},1000\n"
    company = read(
        tmp_path, customers=people("A"), invoices=BILL + invoices,
        payments=PAID + "A,2026-07-01,900,\n",
    )  # fmt: skip
    bills = extract_features(company, AS_OF).bills.to_pandas()
    # 1,000 for the 30 days of June, then 100 for the 122 days until the end of October.
    assert bills["capital"].sum() == (1000 * 30 + 100 * 122) * 100


GBP = {"GBP": [(date(2024, 1, 1), 1.10), (date(2026, 1, 1), 1.19), (date(2026, 2, 1), 1.16)]}


def test_a_rate_that_changes_is_nobodys_debt(tmp_path: Path) -> None:
    """Invoices are settled in their own currency: by name, without one, by credit, by a surplus."""
    customers = "customer_id,name,currency\n" + "".join(f"{i},x,GBP\n" for i in "APQRS")
    invoices = BILL.strip() + ",currency\n" + "".join(f"{row},GBP\n" for row in (
        f"A1,A,{JANUARY},1000", f"P1,P,{JANUARY},1000", f"Q1,Q,{JANUARY},1000",
        "Q2,Q,2026-03-01,2026-03-01,-1000", "R1,R,2025-12-05,2026-01-04,1000",
        "R2,R,2026-02-05,2026-03-04,1000", f"S1,S,{JANUARY},1000",
    ))  # fmt: skip
    payments = (
        PAID + "A,2026-02-03,1000,A1\nP,2026-02-03,1000,\nR,2026-02-03,2000,R1\nS,2026-02-03,400,\n"
    )
    company = read(tmp_path, customers=customers, invoices=invoices, payments=payments)
    found = features(company, GBP)
    assert owes(found) == {**dict.fromkeys("APQR", NOTHING), "S": (71_400, 71_400, 269)}
    assert found.loc["R", "revenue_12m"] == 110_000 + 116_000


def test_who_is_billed_in_two_currencies_pays_in_both(tmp_path: Path) -> None:
    customers = "customer_id,name,currency\nA,x,GBP\n"
    invoices = BILL.strip() + f",currency\n1,A,{JANUARY},1000,GBP\n2,A,{JUNE},100,EUR\n"
    payments = PAID + "A,2026-02-03,1000,1\nA,2026-06-20,100,2\n"
    company = read(tmp_path, customers=customers, invoices=invoices, payments=payments)
    assert owes(features(company, GBP)) == {"A": NOTHING}


def test_open_items_without_payments_give_ageing(tmp_path: Path) -> None:
    """A common export: invoices with what is still open of each, and no payments at all."""
    invoices = (
        BILL.strip() + f",open_amount\n1,A,{JANUARY},100,0\n2,A,{JUNE},100,30\n3,B,{JUNE},9,\n"
    )
    found = features(read(tmp_path, customers=people("A", "B"), invoices=invoices))
    assert owes(found)["A"] == (3_000, 3_000, 122)
    assert found.loc["A", "overdue_over_90"] == 3_000
    assert found.loc["A", "late_share_12m"] == 0.5


# Words


@pytest.mark.parametrize(
    ("status", "overdue", "disputed"),
    [
        ("open", True, False), ("", True, False), ("Posted", True, False),
        ("pendiente", True, False),
        ("void", False, False), ("VOIDED", False, False), ("cancelled", False, False),
        ("draft", False, False), ("deleted", False, False), ("credited", False, False),
        ("written off", False, False), ("uncollectible", False, False), ("refunded", False, False),
        ("paid", False, False), ("settled", False, False), ("Pagada", False, False),
        ("disputed", False, True), ("In Dispute", False, True), ("en disputa", False, True),
    ],
)  # fmt: skip
def test_a_status_means_what_other_systems_mean_by_it(
    tmp_path: Path, status: str, *, overdue: bool, disputed: bool
) -> None:
    invoices = BILL.strip() + f",status\n1,A,{JANUARY},100,{status}\n2,Z,{JANUARY},5,paid\n"
    payments = PAID + "Z,2026-01-20,5,2\n"
    company = read(tmp_path, customers=people("A", "Z"), invoices=invoices, payments=payments)
    assert trips(company) == {}
    found = features(company).loc["A"]
    assert (found["overdue_amount"] > 0, found["disputed_amount"] > 0) == (overdue, disputed)


def test_a_status_that_nobody_has_explained_is_named_and_makes_no_debt(tmp_path: Path) -> None:
    invoices = BILL.strip() + f",status\n1,A,{JANUARY},100,in dsipute\n2,A,{JUNE},5,paid\n"
    tables = {
        "customers": people("A"),
        "invoices": invoices,
        "payments": PAID + "A,2026-06-20,5,2\n",
    }
    company = read(tmp_path, **tables)
    assert trips(company)["invoices"].startswith(
        "1 of 2 rows carry a word that nobody has explained (column 'status') | 'in dsipute' (1; "
        "is it disputed?)"
    )
    found = features(company).loc["A"]
    assert (found["overdue_amount"], found["late_share_12m"]) == (0, 0.0)
    explained = read(tmp_path, "words: {invoices.status: {disputed: [in dsipute]}}\n", **tables)
    assert trips(explained) == {}
    assert features(explained).loc["A", "disputed_amount"] == 10_000


def test_a_word_for_a_column_or_a_meaning_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"words: 'invoices.amount' is no closed column"):
        read(tmp_path, "words: {invoices.amount: {open: [x]}}\n", customers=people("A"))
    with pytest.raises(ConfigError, match=r"'broken' is no meaning of invoices.status"):
        read(tmp_path, "words: {invoices.status: {broken: [x]}}\n", customers=people("A"))


TICKET = "ticket_id,customer_id,opened_at,closed_at,handling_minutes,complaint,csat,topic,channel\n"


def test_words_are_compared_without_case_and_blanks(tmp_path: Path) -> None:
    contracts = (
        "contract_id,customer_id,started_on,billing\n"
        "1,A,2024-01-01,Pre-Paid\n2,B,2024-01-01,arrears\n"
    )
    tickets = TICKET + "".join(
        f"{n},A,2026-10-0{n},2026-10-0{n},5,false,,{topic},{channel}\n"
        for n, (topic, channel) in enumerate(
            [
                ("How_To", "Phone"),
                ("how to", "teléfono"),
                ("HOWTO", "Live Chat"),
                ("sim card", "fax"),
            ],
            1,
        )
    )
    customers = (
        "customer_id,name,kind,country,timezone,status\n"
        "A,x,Empresa,España,europe/madrid,Activo\nB,y,Person,ESP,Mars,Baja\n"
        "C,z,Person,Freedonia,,\nD,z,Person,,,\n"
    )
    company = read(tmp_path, customers=customers, contracts=contracts, tickets=tickets)
    assert noticed(company) == {
        "tickets.channel:unknown_word": 1,
        "tickets.topic:unknown_word": 1,
        "customers.timezone:unknown_word": 1,
        "customers.country:unknown_word": 1,
    }
    assert trips(company) == {}, "nothing adverse rests on them"
    empty = profile_of(company, "customers", AS_OF)["empty"]
    assert empty["country"] == 0.5, "a flood of strange countries trips the gate as empty ones do"
    made = extract_features(company, AS_OF)
    found = made.wide.to_pandas().set_index("customer_id")
    assert list(found["prepaid"][:2]) == [True, False]
    assert (found.loc["A", "top_topic"], found.loc["A", "top_topic_share"]) == ("how_to", 1.0)
    assert list(found["kind"][:2]) == ["b2b", "b2c"]
    there = ["ES", "ES", SOMEWHERE, None]
    assert [*found["country"][:3], None] == there, "who lives somewhere does not live where we do"
    assert made.people.column("country").to_pylist() == there
    assert list(found["status"][:2]) == ["active", "gone"]
    assert made.people.column("timezone").to_pylist() == ["Europe/Madrid", None, None, None]


def test_a_region_is_what_calendars_know_or_is_named(tmp_path: Path) -> None:
    regions = {
        "A": "ES,CATALUÑA", "B": "ES,Cataluna", "C": "ES,es-md", "D": "España,Castilla y Leon",
        "E": "ES,Katalonien", "F": "GB,England", "G": "MX,CDMX", "H": ",Cataluña", "I": "DE,",
        "J": "ES,Barcelona",
    }  # fmt: skip
    customers = "customer_id,name,country,region\n" + "".join(
        f"{customer},x,{place}\n" for customer, place in regions.items()
    )
    company = read(tmp_path, customers=customers)
    found = extract_features(company, AS_OF).wide.to_pandas().set_index("customer_id")["region"]
    assert dict(found.dropna().items()) == {
        "A": "CT", "B": "CT", "C": "MD", "D": "CL", "F": "ENG", "G": "CDMX", "H": "CATALUÑA",
    }  # fmt: skip
    assert noticed(company) == {"customers.region:unknown_word": 2}
    (told,) = [one.seen for one in company.findings if one.column == "region"]
    assert "'Katalonien' in ES (1" in told
    assert trips(company) == {}, "nothing adverse rests on it"


# Values that cannot be


def test_a_day_that_stands_for_none_takes_no_protection_away(tmp_path: Path) -> None:
    contracts = (
        "contract_id,customer_id,started_on,ends_on,cancelled_on\n1,A,2024-10-01,,1900-01-01\n"
        "2,B,2024-10-01,1970-01-01,\n3,C,2024-10-01,2024-09-01,\n4,D,2024-10-01,9999-12-31,2024-01-01\n"
    )
    tickets = TICKET + (
        "1,A,2026-10-01 10:00,1900-01-01 00:00,60,true,,,\n"
        "2,B,2026-10-01 10:00,2026-09-30 23:00,60,true,,,\n"
        "3,C,2026-10-01 10:00,2026-10-01,-5,true,,,\n"
        "4,D,2026-10-01 10:00,2026-10-02,60,true,,,\n"
    )
    company = read(tmp_path, customers=people(*"ABCD"), contracts=contracts, tickets=tickets)
    assert noticed(company) == {
        "contracts.ends_on:sentinel": 2,
        "contracts.cancelled_on:sentinel": 1,
        "contracts.ends_on:impossible": 1,
        "contracts.cancelled_on:impossible": 1,
        "tickets.closed_at:sentinel": 1,
        "tickets.closed_at:impossible": 1,
        "tickets.handling_minutes:impossible": 1,
    }
    found = features(company)
    assert list(found["active_contracts"]) == [1, 1, 1, 1]
    assert list(found["open_complaint"]) == [True, True, False, False]


@pytest.mark.parametrize(
    "day", ["1899-12-31", "1900-01-01", "1969-12-31", "1970-01-01", "2099-12-31", "9999-12-31"]
)
def test_every_day_that_systems_write_for_none_is_none(tmp_path: Path, day: str) -> None:
    contracts = f"contract_id,customer_id,started_on,ends_on\n1,A,2024-10-01,{day}\n"
    company = read(tmp_path, customers=people("A"), contracts=contracts)
    assert noticed(company) == {"contracts.ends_on:sentinel": 1}
    assert company.db.execute("SELECT ends_on FROM contracts").fetchall() == [(None,)]


def test_a_due_date_before_its_invoice_makes_nobody_late(tmp_path: Path) -> None:
    invoices = "1,A,2026-06-01,2026-05-01,100\n"
    found = ledger(tmp_path, invoices, "A,2026-10-01,1,\n")
    assert found["overdue_amount"].fillna(0).tolist() == [0]


def test_answers_on_another_scale_are_refused_until_it_is_said(tmp_path: Path) -> None:
    rows = "".join(f"{n},A,2026-09-0{n},,5,false,{20 if n < 7 else 100},,\n" for n in range(1, 9))
    tables = {"customers": people("A"), "tickets": TICKET + rows}
    company = read(tmp_path, **tables)
    said = "column 'csat' is not an answer from 1 to 5; say the scale under 'scales'"
    assert said in trips(company)["tickets"]
    said = (
        "tables:\n  customers: {file: customers.csv}\n"
        "  tickets: {file: tickets.csv, scales: {csat: [0, 100]}}\n"
    )
    found = features(read(tmp_path, said, **tables)).loc["A"]
    assert found["csat_mean_12m"] == pytest.approx(1 + 4 * (6 * 20 + 2 * 100) / 8 / 100)


@pytest.mark.parametrize("word", ["nps", "Net Promoter Score", "recomendación"])
def test_a_survey_s_answers_are_judged_by_what_its_word_means(tmp_path: Path, word: str) -> None:
    rows = "".join(f"A,2026-09-0{n},{word},{n * 10}\n" for n in range(1, 10))
    tables = {"customers": people("A"), "surveys": f"customer_id,answered_on,kind,score\n{rows}"}
    assert "an answer from 0 to 10 (nps)" in trips(read(tmp_path, **tables))["surveys"]
    said = (
        "tables:\n  customers: {file: customers.csv}\n"
        "  surveys: {file: surveys.csv, scales: {nps: [0, 100]}}\n"
    )
    company = read(tmp_path, said, **tables)
    scores = company.db.execute("SELECT kind, score FROM surveys ORDER BY score").fetchall()
    assert [kind for kind, _ in scores] == ["nps"] * 9
    assert [float(score) for _, score in scores] == [float(n) for n in range(1, 10)]


def test_a_ticket_that_was_closed_an_hour_before_it_was_opened_is_open(tmp_path: Path) -> None:
    """A closing day without a time is all of that day."""
    rows = (
        "1,A,2026-09-01T10:00:00,2026-09-01T09:00:00,5,true,,,\n"
        "2,B,2026-09-01T10:00:00,2026-09-01,5,true,,,\n"
        "3,C,2026-09-01T10:00:00,2026-09-01T11:00:00,5,true,,,\n"
    )
    company = read(tmp_path, customers=people("A", "B", "C"), tickets=TICKET + rows)
    assert noticed(company) == {"tickets.closed_at:impossible": 1}
    assert features(company)["open_complaint"].to_dict() == {"A": True, "B": False, "C": False}


def test_one_slip_among_many_answers_is_taken_as_none(tmp_path: Path) -> None:
    rows = "".join(f"{n},A,2026-09-01,,5,false,{7 if n == 50 else 4},,\n" for n in range(1, 101))
    company = read(tmp_path, customers=people("A"), tickets=TICKET + rows)
    assert noticed(company) == {"tickets.csat:impossible": 1}
    assert features(company).loc["A", "csat_mean_12m"] == 4.0


@pytest.mark.parametrize("zone", ["Europe/Madrid", "America/New_York", "Asia/Tokyo"])
def test_midnight_in_utc_is_a_plain_day(tmp_path: Path, zone: str) -> None:
    (tmp_path / "customers.csv").write_text(people("A"), "utf-8")
    text = BILL + "1,A,2026-10-31T00:00:00Z,2026-11-30T00:00:00.000+00:00,10\n"
    (tmp_path / "invoices.csv").write_text(text, "utf-8")
    config = parse_policy(HERE, SourcesConfig, "sources.yaml")
    company = open_company(config, tmp_path, {}, zone)
    rows = company.db.execute("SELECT issued_on, due_on FROM invoices").fetchall()
    assert rows == [(date(2026, 10, 31), date(2026, 11, 30))]


# Ids


def test_whole_numbers_with_a_decimal_point_are_the_same_ids(tmp_path: Path) -> None:
    customers = WHO.strip() + ",parent_id\n1,A,2024-01-01,\n2,B,2024-01-01,\n3,C,2024-01-01,1.0\n"
    invoices = BILL + f"1002,1,{JUNE},100\n1003,2,{JUNE},100\n"
    payments = PAID + "1,2026-06-20,100,1002.0\n3,2026-06-20,100,1003.0\n3,2026-06-21,7,\n"
    company = read(tmp_path, customers=customers, invoices=invoices, payments=payments)
    assert noticed(company) == {
        "customers.parent_id:float_id": 1,
        "payments.invoice_id:float_id": 2,
    }
    assert owes(features(company))["2"] == NOTHING


def test_ids_that_arrive_as_floats_are_the_integers_they_hold_or_refused(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    for ids, good in (([1.0, 2.0], True), ([1.0, 2.5], False), ([1.0, float(2**60)], False)):
        folder = tmp_path / str(ids[1])
        folder.mkdir()
        pq.write_table(
            pa.table({"customer_id": ids, "name": ["a", "b"]}), folder / "customers.parquet"
        )
        if good:
            assert list(features(read(folder)).index) == ["1", "2"]
        else:
            with pytest.raises(
                SourceError, match="row 2: column 'customer_id' is not a valid whole"
            ):
                read(folder)


STRANGE = ["c-001", "C001", "C-001.0", "\u200bC-001", "C-1"]


@pytest.mark.parametrize("strange", STRANGE)
def test_rows_that_name_nobody_are_counted_and_named(tmp_path: Path, strange: str) -> None:
    invoices = BILL + f"1,{strange},{JANUARY},10000\n2,C-002,{JANUARY},10000\n"
    company = read(tmp_path, customers=people("C-001", "C-002"), invoices=invoices)
    found = trips(company)["invoices"]
    assert found.startswith("1 of 2 rows name nothing that is in customers (column 'customer_id')")
    assert strange in found
    assert "1 would match but for case, blanks, unseen letters, zeros or '.0'" in found


VALUE_OF = {"VARCHAR": "x", "DATE": "2026-09-01", "TIMESTAMP": "2026-09-01 10:00"}


# A payment may name an invoice from before those that are exported, so these go back a while.
LONG_AGO = {"invoices": {"issued_on": "2026-01-05"}, "contracts": {}}


def table_of(name: str, ids: list[dict[str, str]]) -> str:
    """A CSV with the required columns of a table, and the given ids."""
    table = CANONICAL[name]
    columns = list(dict.fromkeys([*table.required, *ids[0]]))
    rows = [
        [
            row.get(c) or (f"k{n}" if c == table.key else VALUE_OF.get(table.columns[c], "1"))
            for c in columns
        ]
        for n, row in enumerate(ids)
    ]
    return "\n".join(",".join(row) for row in [columns, *rows]) + "\n"


@pytest.mark.parametrize(("table", "column"), REFERENCES)
def test_every_reference_that_names_nobody_is_counted_and_named(
    tmp_path: Path, table: str, column: str
) -> None:
    """Half of a table's rows name nothing that is there: nothing may be concluded from it."""
    target, key = REFERENCES[table, column]
    files = {"customers": people("A", "B")}
    if target != "customers":
        files[target] = table_of(target, [{key: "1", "customer_id": "A"} | LONG_AGO[target]])
    good, strange = ("A", "nobody") if target == "customers" else ("1", "nobody")
    who = {} if column == "customer_id" else {"customer_id": "A"}
    if table == "customers":
        rows = [{"customer_id": i, column: to} for i, to in (("A", good), ("B", strange))]
    else:
        rows = [{**who, column: to} for to in (good, strange)]
    files[table] = table_of(table, rows)
    company = read(tmp_path, **files)
    assert noticed(company) == {f"{table}.{column}:unmatched": 1}
    said = f"1 of 2 rows name nothing that is in {target} (column '{column}')"
    assert trips(company)[table].startswith(said)
    assert "for example 'nobody'" in trips(company)[table]


@pytest.mark.parametrize(
    ("usual", "strange", "holds"),
    [
        (0.0, 6, True),  # nobody was strange in the last nights: one in twenty is the most
        (0.1, 25, False),  # one in ten always is: up to three times as many pass
        (0.1, 35, True),
        (0.4, 55, True),  # however usual it is: from half of a table nothing is concluded
    ],
)
def test_how_many_strange_rows_are_too_many_is_learnt(
    tmp_path: Path, usual: float, strange: int, *, holds: bool
) -> None:
    rows = "".join(f"{n},{'nobody' if n < strange else 'A'},{JANUARY},10\n" for n in range(100))
    company = read(tmp_path, customers=people("A"), invoices=BILL + rows)
    night = {
        "as_of": "2026-10-30",
        "tables": {},
        "expected": {},
        "findings": {"invoices.customer_id:unmatched": [int(usual * 100), 100]},
    }
    profiles = {name: profile_of(company, name, AS_OF) for name in company.mapped}
    found = check_gates(company, profiles, [night] * 3, Guards(), AS_OF)
    assert [trip.table for trip in found] == (["invoices"] if holds else [])


def test_a_few_strange_rows_are_counted_and_hold_nothing(tmp_path: Path) -> None:
    rows = "".join(f"{n},A,{JANUARY},10\n" for n in range(99))
    company = read(
        tmp_path, customers=people("A"), invoices=BILL + rows + f"x,nobody,{JANUARY},1\n"
    )
    assert noticed(company) == {"invoices.customer_id:unmatched": 1}
    assert trips(company) == {}


def test_who_paid_under_an_id_that_was_merged_owes_nothing(tmp_path: Path) -> None:
    more = "merged: {customers: {old: older, older: A}, invoices: {'9': '1'}}\n"
    tables = {
        "customers": people("A", "old") + "B,x,2024-01-01\n",
        "invoices": BILL + f"1,A,{JUNE},100\n2,old,{JUNE},50\n",
        "payments": PAID + "old,2026-06-20,50,\nB,2026-06-20,100,9\n",
    }
    company = read(tmp_path, more, **tables)
    assert noticed(company) == {
        "invoices.customer_id:merged": 1,
        "payments.customer_id:merged": 1,
        "payments.invoice_id:merged": 1,
        "customers.customer_id:merged": 1,
    }
    found = features(company)
    assert list(found.index) == ["A", "B"]
    assert owes(found)["A"] == NOTHING
    assert found.loc["A", "revenue_12m"] == 15_000


def test_ids_that_are_merged_in_a_circle_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="merged customers: 'a' is merged in a circle"):
        read(tmp_path, "merged: {customers: {a: b, b: a}}\n", customers=people("A"))


# Contracts


TERMS = "contract_id,customer_id,started_on,ends_on,notice_terms,cancelled_on\n"


@pytest.mark.parametrize(
    ("contract", "billed", "running"),
    [
        ("2024-10-01,2025-09-30,3 months before renewal,", (), 1),
        ("2024-10-01,2025-09-30,3 months before renewal,2025-08-01", (), 0),
        ("2024-10-01,2025-09-30,,", (), 0),
        ("2024-10-01,2025-09-30,,", ("2026-10-01",), 1),
        ("2024-10-01,2025-09-30,,", ("2026-08-01", "2026-09-01", "2026-10-01"), 1),
        ("2024-10-01,2025-09-30,,", ("2026-04-01", "2026-05-01", "2026-06-01"), 0),
        ("2024-10-01,2025-09-30,,", ("2025-01-01", "2025-02-01"), 0),
    ],
)
def test_a_contract_renews_when_its_clause_or_its_billing_says_so(
    tmp_path: Path, contract: str, billed: tuple[str, ...], running: int
) -> None:
    head = BILL.strip() + ",contract_id\n"
    rows = "".join(f"{n},A,{day},{day},100,K\n" for n, day in enumerate(billed))
    invoices = head + rows + f"z,A,{JANUARY},1,\n"
    company = read(
        tmp_path, customers=people("A"), contracts=f"{TERMS}K,A,{contract}\n", invoices=invoices
    )
    found = features(company).loc["A"]
    assert found["active_contracts"] == running
    assert pd.isna(found["contract_ended_on"]) == bool(running)


# Files


@pytest.mark.parametrize(
    ("options", "encoding", "text"),
    [
        ("encoding: cp1252", "cp1252", "customer_id,name\n1,Peña\n"),
        ("encoding: utf-16", "utf-16", "customer_id,name\n1,Peña\n"),
        ("delimiter: '#'", "utf-8", "customer_id#name\n1#Peña\n"),
    ],
)
def test_how_a_file_is_written_can_be_said(
    tmp_path: Path, options: str, encoding: str, text: str
) -> None:
    more = f"tables:\n  customers: {{file: customers.csv, {options}}}\n"
    company = read(tmp_path, more, encoding, customers=text)
    assert company.db.execute("SELECT name FROM customers").fetchall() == [("Peña",)]


def test_a_wrong_encoding_is_named(tmp_path: Path) -> None:
    more = "tables:\n  customers: {file: customers.csv, encoding: utf-16}\n"
    with pytest.raises(SourceError, match="it is not written in utf-16"):
        read(tmp_path, more, customers="customer_id,name\n1,Ana\n")
    with pytest.raises(ConfigError, match="'klingon' is no encoding"):
        read(tmp_path, more.replace("utf-16", "klingon"), customers="customer_id,name\n1,Ana\n")


def test_decimal_commas_and_dates_as_people_write_them(tmp_path: Path) -> None:
    more = (
        "tables:\n  customers: {file: customers.csv}\n"
        "  invoices: {file: invoices.csv, decimal: ',', date_format: '%d/%m/%Y'}\n"
    )
    invoices = (
        "invoice_id;customer_id;issued_on;due_on;amount\n1;A;05/06/2026;04/07/2026;1.234,50\n"
    )
    found = features(read(tmp_path, more, customers=people("A"), invoices=invoices)).loc["A"]
    assert found["revenue_12m"] == 123_450
    assert str(found["first_invoice_on"])[:10] == "2026-06-05"


@pytest.mark.parametrize(
    ("mark", "written", "cents"),
    [
        (",", "1.234,50", 123_450), (",", "1234,5", 123_450), (",", "270", 27_000),
        (",", "-1.234.567,00", -123_456_700), (",", "270.00", None), (",", "1.23,50", None),
        (",", "1,234.50", None), (".", "1,234.50", 123_450), (".", "270,00", None),
    ],
)  # fmt: skip
def test_a_number_is_never_taken_for_a_hundred_times_as_much(
    tmp_path: Path, mark: str, written: str, cents: int | None
) -> None:
    """A point in a table of decimal commas is a thousands mark, or a mistake."""
    more = (
        "tables:\n  customers: {file: customers.csv}\n"
        f"  invoices: {{file: invoices.csv, delimiter: ';', decimal: '{mark}'}}\n"
    )
    invoices = f"invoice_id;customer_id;issued_on;amount\n1;A;2026-06-05;{written}\n"
    company = read(tmp_path, more, customers=people("A"), invoices=invoices)
    if cents is None:
        error = company.broken["invoices"]
        assert "line 2: column 'amount' is not a valid amount" in str(error)
        assert written in (error.seen or "")
    else:
        assert features(company).loc["A"]["revenue_12m"] == cents


def test_who_has_said_no_language_is_written_to_in_that_of_their_country(tmp_path: Path) -> None:
    rows = "customer_id,name,country,language\nA,a,ES,\nB,b,MX,en\nC,c,GB,\nD,d,,\nE,e,XX,\n"
    company = read(tmp_path, customers=rows)
    found = features(company)["language"].fillna("")
    assert found.to_dict() == {"A": "es", "B": "en", "C": "en", "D": "", "E": ""}


def test_every_mistake_of_a_table_is_named_in_one_go(tmp_path: Path) -> None:
    invoices = (
        BILL + f"1,A,{JANUARY},ten\n,A,{JANUARY},1\n3,A,yesterday,2026-02-04,2\n4,A,{JANUARY},x\n"
    )
    with pytest.raises(SourceError) as caught:
        read_strictly(tmp_path, customers=people("A"), invoices=invoices)
    said = str(caught.value)
    for part in (
        "line 2: column 'amount' is not a valid amount",
        "(also line 5)",
        "line 3: the required column 'invoice_id' is empty",
        "line 4: column 'issued_on' is not a valid date from 1901 to 2098",
    ):
        assert part in said
    assert "amount 'ten'" in caught.value.seen
    broken = read(tmp_path, customers=people("A"), invoices=invoices)
    assert set(broken.broken) == {"invoices"}, "a broken row stops its table, not the night"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("customer_id,name\nC1,Acme, Inc\n", "line 2 has 3 values and the header names 2 columns"),
        (
            b"customer_id,name\nC1,Pe\xf1a\n",
            "line 2 is not written in UTF-8; say 'encoding: cp1252'",
        ),
    ],
)
def test_why_a_file_cannot_be_read_is_said_in_words(tmp_path: Path, text: Any, said: str) -> None:
    (tmp_path / "customers.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SourceError, match=said):
        read(tmp_path)


def test_the_shipped_words_do_not_contradict_each_other() -> None:
    from retention.sources.vocabularies import plain, shipped

    for column, vocabulary in shipped().items():
        seen: Mapping[str, str] = {}
        for meaning, words in vocabulary.meanings.items():
            for word in words:
                assert dict(seen).get(plain(word), meaning) == meaning, f"{column}: {word}"
                seen = {**seen, plain(word): meaning}


def test_doctor_names_what_is_noticed_with_examples_and_what_is_missing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "customers.csv").write_text(people("A"))
    rows = "".join(f"{n},A,{JANUARY},10\n" for n in range(99))
    (data / "invoices.csv").write_text(BILL + rows + f"x,a,{JANUARY},1\n")
    env = {
        "RETENTION_CONFIG_DIR": str(copy_config(tmp_path / "config", data)),
        "RETENTION_STATE_DIR": str(tmp_path / "state"),
    }
    checks = answer(retention("doctor", "--json", cwd=tmp_path, env=env))["checks"]
    (sources,) = [check for check in checks if check["part"] == "sources"]
    assert sources["verdict"] == "WARN"
    assert "1 of 100 rows name nothing that is in customers" in sources["detail"]
    assert "for example 'a'; 1 would match but for case" in sources["detail"]
    assert "no 'direct_cost' in invoices: profit is unknown for everybody" in sources["detail"]


def test_a_plan_names_what_is_noticed_and_what_is_missing(tmp_path: Path) -> None:
    """On paper, before the first night: with examples, though a night's summary has none."""
    data = tmp_path / "data"
    data.mkdir()
    customers = people("A").replace("\n", ",account_manager\n", 1).replace("-01\n", "-01,zoe\n")
    (data / "customers.csv").write_text(customers)
    rows = "".join(f"{n},A,{JANUARY},10\n" for n in range(99))
    (data / "invoices.csv").write_text(BILL + rows + f"x,a,{JANUARY},1\n")
    env = {
        "RETENTION_CONFIG_DIR": str(copy_config(tmp_path / "config", data)),
        "RETENTION_STATE_DIR": str(tmp_path / "state"),
    }
    ask = ("plan", "--as-of", AS_OF.isoformat())
    planned = answer(retention(*ask, "--json", cwd=tmp_path, env=env))["plan"]
    (example,) = planned["examples"]
    assert example.startswith("invoices.customer_id: for example 'a'; 1 would match but for case,")
    gaps = " | ".join(planned["gaps"])
    for said in (
        "no 'direct_cost' in invoices: profit is unknown for everybody",
        "no contracts: no offer can be computed",
        "zoe",
    ):
        assert said in gaps, gaps
    printed = " ".join(retention(*ask, cwd=tmp_path, env=env).stdout.split())
    assert "1 of 100 rows name nothing that is in customers" in printed
    assert "invoices.customer_id: for example 'a'" in printed
    assert "Gap: no 'direct_cost' in invoices" in printed


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_report_has_words_for_all_that_is_noticed(language: str) -> None:
    words = load_words(ROOT / "templates", language)
    for kind in WORDS:
        told = {"table": "t", "column": "c", "target": "u", "count": 1, "of": 2}
        assert "1" in words.say(f"noticed_{kind}", "report", **told)


def test_a_credit_note_of_unknown_status_credits(tmp_path: Path) -> None:
    """What is not known never makes anybody owe more."""
    head = BILL.strip() + ",status\n"
    invoices = f"{head}1,A,{JUNE},100,open\n2,A,2026-06-20,2026-06-20,-100,odd\n"
    payments = PAID + "A,2026-06-21,1,\n"
    company = read(tmp_path, customers=people("A"), invoices=invoices, payments=payments)
    assert owes(features(company))["A"] == NOTHING


def test_the_bills_that_are_listed_come_to_what_is_overdue(
    company_data: Path, tmp_path: Path
) -> None:
    """Who is asked for money is told for which bills; to the cent, and the oldest first."""
    folder = shutil.copytree(company_data, tmp_path / "here")
    config = parse_policy(HERE, SourcesConfig, "sources.yaml")
    company = open_company(config, folder, {}, "Europe/Madrid")
    convert_currencies(company, "EUR", {}, NIGHT)
    made = extract_features(company, NIGHT)
    overdue = {row["customer_id"]: row["overdue_amount"] or 0 for row in made.wide.to_pylist()}
    known = {row["customer_id"]: row for row in made.people.to_pylist()}
    owing = {who for who, amount in overdue.items() if amount}
    assert len(owing) > 20
    assert {who for who, row in known.items() if row["overdue_bills"]} == owing
    for who in owing:
        bills = known[who]["overdue_bills"]
        days = [bill["due_on"] for bill in bills]
        assert days == sorted(days)
        assert max(days) < NIGHT
        if known[who]["overdue_count"] == len(bills):
            assert sum(bill["amount"] for bill in bills) * 100 == overdue[who]
        else:
            assert (len(bills), known[who]["overdue_count"] > 10) == (10, True)
    assert all(row["contract_numbers"] != [] for row in known.values())
    running = {row["customer_id"]: row["active_contracts"] or 0 for row in made.wide.to_pylist()}
    assert running == {who: len(row["contract_numbers"] or ()) for who, row in known.items()}


def test_who_has_cancelled_for_a_day_to_come_is_leaving(tmp_path: Path) -> None:
    """Unless one of their contracts runs on, or another one begins later."""
    head = "contract_id,customer_id,started_on,cancelled_on\n"
    rows = (
        ("A1,A", "2024-01-01", "2026-12-15"), ("A2,A", "2024-01-01", "2026-12-31"),
        ("B1,B", "2024-01-01", "2026-12-31"), ("B2,B", "2024-01-01", ""),
        ("C1,C", "2024-01-01", "2026-12-31"), ("C2,C", "2027-01-01", ""),
        ("D1,D", "2024-01-01", "2026-10-01"), ("E1,E", "2024-01-01", ""),
    )  # fmt: skip
    contracts = head + "".join(",".join(row) + "\n" for row in rows)
    company = read(tmp_path, customers=people(*"ABCDEF"), contracts=contracts)
    made = extract_features(company, AS_OF)
    leaving = {row["customer_id"]: row["leaving_on"] for row in made.people.to_pylist()}
    assert leaving == {**dict.fromkeys("BCDEF"), "A": date(2026, 12, 31)}
    running = {row["customer_id"]: row["active_contracts"] for row in made.wide.to_pylist()}
    assert running == {"A": 2, "B": 2, "C": 1, "D": 0, "E": 1, "F": 0}


def test_contacts_are_kept_with_the_names(tmp_path: Path) -> None:
    """Who is known at a customer, by role; whose table names nobody has none."""
    company = read(
        tmp_path,
        customers=people("A", "B"),
        contacts="customer_id,name,role,email,phone\n"
        "A,Luis Gil,technical,luis@a.example,\nA,Eva Sanz,billing,,+34 910 555 010\nX,No,one,,\n",
    )
    known = extract_features(company, AS_OF).people.to_pylist()
    found = {row["customer_id"]: row["contacts"] for row in known}
    assert found["B"] is None
    assert found["A"] == [
        {"name": "Eva Sanz", "role": "billing", "email": None, "phone": "+34 910 555 010"},
        {"name": "Luis Gil", "role": "technical", "email": "luis@a.example", "phone": None},
    ]
