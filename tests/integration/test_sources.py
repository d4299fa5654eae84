"""Every kind of source gives the same company, and bad data is named exactly."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from retention.demo.data import write_company
from retention.domain.errors import SourceError, SourceUnavailableError
from retention.domain.gates import Guards
from retention.sources.config import SourcesConfig
from retention.sources.extract import Features, extract_features
from retention.sources.families import declared_columns, feature_sql
from retention.sources.gate import check_gates, profile_of
from retention.sources.tables import Company, open_company
from retention.yaml_files import parse_policy
from tests.conftest import NIGHT, SEED, SIZE, PostgresDatabases
from tests.factories.mariadb import mariadb_server

TABLES = ("customers", "contacts", "contracts", "invoices", "payments", "tickets", "usage",
          "surveys", "cost_events")  # fmt: skip


def config(text: str) -> SourcesConfig:
    return parse_policy(text, SourcesConfig, "sources.yaml")


def of_files(folder: Path, tables: str = "") -> Company:
    text = f'connections:\n  here: {{kind: files, path: "{folder}"}}\n{tables}'
    return open_company(config(text), Path(), {}, "Europe/Madrid")


def of_database(kind: str, url: str) -> Company:
    tables = "".join(f"  {name}: {{table: {name}}}\n" for name in TABLES)
    text = f'connections:\n  there: {{kind: {kind}, url: "{url}"}}\ntables:\n{tables}'
    return open_company(config(text), Path(), {}, "Europe/Madrid")


def features(company: Company) -> Features:
    try:
        return extract_features(company, NIGHT)
    finally:
        company.close()


def assert_same(one: Features, other: Features) -> None:
    for name in ("wide", "people"):
        left, right = getattr(one, name).to_pandas(), getattr(other, name).to_pandas()
        floats = left.select_dtypes("float").columns
        assert left.drop(columns=floats).equals(right.drop(columns=floats))
        assert ((left[floats] - right[floats]).abs().max().fillna(0.0) < 1e-9).all()


@pytest.fixture(scope="module")
def expected(company_data: Path) -> Features:
    return features(of_files(company_data))


def test_csv_gives_the_same_company_as_parquet(tmp_path: Path, expected: Features) -> None:
    write_company(SIZE, SEED, date(2026, 6, 1), str(tmp_path), "csv")
    assert_same(expected, features(of_files(tmp_path)))


def test_sqlite_gives_the_same_company(tmp_path: Path, expected: Features) -> None:
    path = tmp_path / "company.db"
    write_company(SIZE, SEED, date(2026, 6, 1), f"sqlite:///{path}", "sql")
    assert_same(expected, features(of_database("sqlite", str(path))))


def test_postgresql_gives_the_same_company(postgres: PostgresDatabases, expected: Features) -> None:
    url = postgres.make("retention_company")
    write_company(
        SIZE, SEED, date(2026, 6, 1), url.replace("postgresql://", "postgresql+psycopg://"), "sql"
    )
    assert_same(expected, features(of_database("postgresql", url)))


@pytest.fixture(scope="module")
def mariadb() -> Iterator[str]:
    with mariadb_server() as url:
        yield url


@pytest.mark.gate
def test_mariadb_gives_the_same_company(mariadb: str, expected: Features) -> None:
    write_company(
        SIZE, SEED, date(2026, 6, 1), mariadb.replace("mysql://", "mysql+pymysql://"), "sql"
    )
    assert_same(expected, features(of_database("mysql", mariadb)))


@pytest.mark.parametrize("family", ["contracts", "billing", "payments", "tickets", "usage"])
def test_a_features_header_names_exactly_its_columns(family: str, company_data: Path) -> None:
    company = of_files(company_data)
    extract_features(company, NIGHT)
    found = [row[0] for row in company.db.execute(f"DESCRIBE f_{family}").fetchall()]
    company.close()
    assert found == ["customer_id", *declared_columns(family)]
    assert feature_sql(family).startswith("-- ")


def test_what_happens_after_the_date_changes_nothing(company_data: Path, tmp_path: Path) -> None:
    early = date(2025, 11, 30)
    company = of_files(company_data)
    before = extract_features(company, early)
    company.close()
    later = duckdb.connect()
    for name, column in (("invoices", "issued_on"), ("payments", "paid_on"), ("usage", "used_on"),
                         ("tickets", "opened_at"), ("surveys", "answered_on"),
                         ("cost_events", "occurred_on")):  # fmt: skip
        (tmp_path / name).mkdir()
        later.execute(
            f"COPY (SELECT * FROM read_parquet('{company_data}/{name}/*.parquet') "
            f"WHERE CAST({column} AS DATE) <= DATE '{early}') "
            f"TO '{tmp_path}/{name}/a.parquet' (FORMAT parquet)"
        )
    for name in ("customers", "contacts", "contracts"):
        shutil.copytree(company_data / name, tmp_path / name)
    company = of_files(tmp_path)
    assert_same(before, extract_features(company, early))
    company.close()


CUSTOMERS = "customer_id,name,email\n007,Ana Peña,ana@customers.example\n7,Bo,\n"
INVOICES = "invoice_id,customer_id,issued_on,amount\n1,007,2026-05-01,10.00\n"


def small(folder: Path, **files: str) -> Company:
    folder.mkdir(exist_ok=True)
    for name, text in {"customers": CUSTOMERS, "invoices": INVOICES, **files}.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return of_files(folder)


def test_ids_are_text_so_007_and_7_are_two_customers(tmp_path: Path) -> None:
    wide = features(small(tmp_path)).wide
    assert wide.column("customer_id").to_pylist() == ["007", "7"]
    assert wide.column("revenue_to_date").to_pylist() == [1000, 0]


LINES = "invoice_id,customer_id,issued_on,amount\n"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("invoices", LINES + "1,007,2026-05-01,ten\n",
         r"invoices \(invoices.csv\), line 2: column 'amount' is not a valid amount"),
        ("invoices", LINES + "1,007,0001-01-01,5\n",
         "line 2: column 'issued_on' is not a valid date from 1901 to 2098"),
        ("invoices", LINES + "1,007,9999-12-31,5\n", "line 2: column 'issued_on' is not a valid"),
        ("invoices", LINES + "1,007,2026-13-01,5\n", "line 2: column 'issued_on' is not a valid"),
        ("invoices", LINES + "1,007,2026-05-01,5\n1,7,2026-05-01,6\n",
         "line 2 and line 3: a key invoice_id is there twice"),
        ("invoices", LINES + "1,,2026-05-01,5\n", "the required column 'customer_id' is empty"),
        ("invoices", "invoice_id,customer_id,issued_on,amout\n1,7,2026-05-01,5\n",
         "column 'amout' is not known. Did you mean 'amount'?"),
        ("invoices", "invoice_id,customer_id,amount\n1,7,5\n",
         "the required column 'issued_on' is missing; found: invoice_id, customer_id, amount"),
        ("invoices", LINES + "1,007,2026-05-01\n", r"invoices \(invoices.csv\): it cannot be read"),
        ("invoices", "", "invoices.csv: the file is empty"),
        ("customers", 'customer_id,name\n1,"a\nb"\n1,c\n',
         "line 3 and line 4: a key customer_id is there twice"),
        ("tickets", "ticket_id,customer_id,opened_at,handling_minutes\n1,7,2026-05-01 10:00,nan\n",
         "column 'handling_minutes' is not a valid number"),
    ],
)  # fmt: skip
def test_bad_data_is_named_with_its_place(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    with pytest.raises(SourceError, match=message) as caught:
        small(tmp_path, **{name: text})
    assert caught.value.remedy


@pytest.mark.parametrize("amount", [float("nan"), float("inf"), float("-inf"), 1e30])
def test_numbers_that_are_no_amounts_are_named_in_parquet_too(
    tmp_path: Path, amount: float
) -> None:
    import pyarrow.parquet as pq

    (tmp_path / "customers.csv").write_text(CUSTOMERS, encoding="utf-8")
    rows = {"invoice_id": ["1"], "customer_id": ["7"], "issued_on": [date(2026, 5, 1)]}
    pq.write_table(pa.table({**rows, "amount": [amount]}), tmp_path / "invoices.parquet")
    with pytest.raises(SourceError, match="row 1: column 'amount' is not a valid amount"):
        of_files(tmp_path)


def test_a_file_that_is_not_parquet_is_named(tmp_path: Path) -> None:
    (tmp_path / "customers.parquet").write_bytes(b"PAR1 but not really")
    with pytest.raises(SourceError, match=r"customers \(customers.parquet\): it cannot be read"):
        of_files(tmp_path)


def test_a_file_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    (tmp_path / "customers.csv").write_bytes("customer_id,name\n1,Peña\n".encode("latin-1"))
    with pytest.raises(SourceError, match=r"customers \(customers.csv\)"):
        features(of_files(tmp_path))


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"there is no customers.csv or customers.parquet"):
        of_files(tmp_path / "nowhere")


def test_a_missing_database_is_not_created(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="there is no such database"):
        of_database("sqlite", str(tmp_path / "typo.db"))
    assert not (tmp_path / "typo.db").exists()


def test_a_database_that_does_not_answer_can_be_tried_again() -> None:
    with pytest.raises(SourceUnavailableError, match="the database does not answer"):
        of_database("postgresql", "postgresql://nobody@127.0.0.1:1/nothing")


def test_a_very_long_name_and_odd_letters_are_read(tmp_path: Path) -> None:
    name = "Ñ" * 10_000
    people = features(small(tmp_path, customers=f"customer_id,name\n1,{name}\n")).people
    assert people.column("name").to_pylist() == [name]


def tripped(
    company: Company, as_of: date = NIGHT, history: list[dict[str, Any]] | None = None, **more: Any
) -> dict[str, str]:
    """Which tables trip their gate, and why."""
    profiles = {name: profile_of(company, name, as_of) for name in company.mapped}
    trips = check_gates(company, profiles, history or [], Guards(), as_of, **more)
    return {trip.table: trip.found for trip in trips}


def good_night(company: Company, as_of: date) -> dict[str, Any]:
    """What a good night leaves for the next ones to compare with."""
    tables = {name: profile_of(company, name, as_of) for name in company.mapped}
    columns = {name: list(mapped) for name, mapped in company.mapped.items()}
    return {"as_of": as_of.isoformat(), "tables": tables, "expected": columns}


def test_an_empty_table_trips_its_gate(tmp_path: Path) -> None:
    company = small(tmp_path, tickets="ticket_id,customer_id,opened_at\n")
    assert tripped(company) == {"tickets": "has no rows tonight"}


def test_a_stale_table_trips_its_gate(tmp_path: Path) -> None:
    small(tmp_path).close()
    tables = ("tables:\n  customers: {file: customers.csv}\n"
              "  invoices: {file: invoices.csv, max_age_days: 20}\n")  # fmt: skip
    company = of_files(tmp_path, tables)
    assert tripped(company, date(2026, 5, 30)) == {}
    assert (
        "its newest row is of 2026-05-01, 21 workdays"
        in tripped(company, date(2026, 6, 1))["invoices"]
    )


def test_the_same_data_again_trips_a_table_that_should_be_fresh(tmp_path: Path) -> None:
    small(tmp_path).close()
    tables = ("tables:\n  customers: {file: customers.csv}\n"
              "  invoices: {file: invoices.csv, max_age_days: 60}\n")  # fmt: skip
    company = of_files(tmp_path, tables)
    history = [good_night(company, NIGHT)]
    assert tripped(company, NIGHT, history) == {}
    found = tripped(company, NIGHT + timedelta(days=1), history)
    assert found == {"invoices": "the same data as in the night of 2026-05-31: nothing is new"}


def test_vanished_customers_trip_the_gate(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    before = tmp_path / "people.parquet"
    pq.write_table(pa.table({"customer_id": ["007", "7", "8", "9", "10"]}), before)
    found = tripped(small(tmp_path / "data"), previous_people=[before])
    assert found == {"customers": "3 of 5 customers of the last night have vanished"}
    pq.write_table(pa.table({"customer_id": ["007", "7", "8"]}), before)
    assert tripped(small(tmp_path / "data"), previous_people=[before]) == {}, "one may leave"


def test_a_table_that_cannot_be_read_trips_and_the_others_go_on(tmp_path: Path) -> None:
    small(tmp_path, tickets="ticket_id,customer_id,opened_at\n1,007,yesterday\n".replace(
        "yesterday", "2026-05-01")).close()  # fmt: skip
    (tmp_path / "tickets.csv").write_text("ticket_id,customer_id,opened_at\n1,007,soon\n")
    files = config(f'connections:\n  here: {{kind: files, path: "{tmp_path}"}}\n')
    company = open_company(files, Path(), {}, "Europe/Madrid", without_broken=True)
    assert "'opened_at' is not a valid moment" in tripped(company)["tickets"]
    assert "invoices" in company.mapped
    assert "tickets" not in company.mapped
    with pytest.raises(SourceError, match="'opened_at' is not a valid moment"):
        open_company(files, Path(), {}, "Europe/Madrid")


def test_a_column_that_is_suddenly_empty_trips_its_gate(tmp_path: Path) -> None:
    head = "ticket_id,customer_id,opened_at,complaint\n"
    full = head + "".join(f"{n},007,2026-05-01,true\n" for n in range(50))
    history = [good_night(small(tmp_path / "a", tickets=full), NIGHT - timedelta(days=1))]
    hollow = small(tmp_path / "b", tickets=full.replace(",true", ","))
    assert tripped(hollow, history=history) == {
        "tickets": "column 'complaint' is empty in 100.0%, usually in 0.0%"
    }


def test_columns_can_be_renamed_and_ignored(tmp_path: Path) -> None:
    (tmp_path / "kunden.csv").write_text("nr,name,x\n1,Ana,2\n", encoding="utf-8")
    (tmp_path / "rechnungen.csv").write_text("id,nr,am,netto,x\n9,1,2026-05-01,5,6\n", "utf-8")
    tables = ("tables:\n  customers: {file: kunden.csv, columns: {customer_id: nr}, ignore: [x]}\n"
              "  invoices: {file: rechnungen.csv, ignore: [x], columns: {invoice_id: id, "
              "customer_id: nr, issued_on: am, amount: netto}}\n")  # fmt: skip
    assert features(of_files(tmp_path, tables)).wide.column("revenue_12m").to_pylist() == [500]


def test_a_renamed_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "kunden.csv").write_text("nr,name\n1,Ana\n", encoding="utf-8")
    tables = "tables:\n  customers: {file: kunden.csv, columns: {customer_id: kunde_nr}}\n"
    with pytest.raises(SourceError, match="column 'kunde_nr' is not there"):
        of_files(tmp_path, tables)


def test_semicolons_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    text = '\ufeffcustomer_id;name\n1;"Peña; e Hijos"\n'
    people = features(small(tmp_path, customers=text)).people
    assert people.column("name").to_pylist() == ["Peña; e Hijos"]


@pytest.mark.parametrize(
    ("opened_at", "counted"),
    [
        ("2026-05-31 23:59:59", 1),
        ("2026-05-31T23:30:00+00:00", 0),
        ("2026-06-01T01:30:00+02:00", 0),
        ("2026-06-01T01:30:00+03:00", 0),
        ("2026-06-01T00:30:00+03:00", 1),
    ],
)
def test_a_moment_with_an_offset_counts_on_the_companys_own_day(
    tmp_path: Path, opened_at: str, counted: int
) -> None:
    tickets = f"ticket_id,customer_id,opened_at\n1,007,{opened_at}\n"
    wide = features(small(tmp_path, tickets=tickets)).wide
    assert wide.column("tickets_12m").to_pylist() == [counted, 0]


def test_sqlite_columns_may_change_their_type_from_row_to_row(tmp_path: Path) -> None:
    path = tmp_path / "mixed.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE customers (customer_id, name)")
        database.execute(
            "CREATE TABLE invoices (invoice_id, customer_id, issued_on, amount, status)"
        )
        database.execute("INSERT INTO customers VALUES ('007', 'Ana'), (7, 'Bo')")
        rows: list[tuple[object, ...]] = [(n, "007", "2026-05-01", 1, None) for n in range(3000)]
        rows.append((3000, 7, "2026-05-01", 10.75, "disputed"))
        database.executemany("INSERT INTO invoices VALUES (?, ?, ?, ?, ?)", rows)
        database.commit()
    tables = "tables:\n  customers: {table: customers}\n  invoices: {table: invoices}\n"
    text = f'connections:\n  there: {{kind: sqlite, url: "{path}"}}\n{tables}'
    wide = features(open_company(config(text), Path(), {}, "Europe/Madrid")).wide
    assert wide.column("revenue_to_date").to_pylist() == [300000, 1075]
    assert wide.column("disputed_amount").to_pylist() == [0, 1075]


@pytest.mark.parametrize("header", ["customer_id,name,e_mail", "customer_id,name,vunerable"])
def test_a_misspelt_customer_column_is_not_taken_for_one_of_the_companys_own(
    tmp_path: Path, header: str
) -> None:
    with pytest.raises(SourceError, match="is not known. Did you mean"):
        small(tmp_path, customers=f"{header}\n1,Ana,x\n")


def test_column_names_may_be_written_in_capitals(tmp_path: Path) -> None:
    wide = features(small(tmp_path, customers="Customer_ID,NAME,Vulnerable\n1,Ana,true\n")).wide
    assert wide.column("vulnerable").to_pylist() == [True]


def test_addresses_that_cannot_be_one_do_not_count(tmp_path: Path) -> None:
    rows = ("1,a,n/a", "2,b,-", "3,c,x@y.example;z@y.example", "4,d,d@y.example")
    text = "\n".join(["customer_id,name,email", *rows]) + "\n"
    wide = features(small(tmp_path, customers=text)).wide
    assert wide.column("has_email").to_pylist() == [False, False, False, True]
