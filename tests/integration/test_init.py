"""`retention init` proposes a sources.yaml that can be read, and says what it could not guess."""

from contextlib import nullcontext
from datetime import date
from pathlib import Path

import pytest

from retention.demo.data import write_company
from retention.sources.config import SourcesConfig
from retention.sources.tables import open_company
from retention.yaml_files import parse_policy
from tests.conftest import PostgresDatabases
from tests.factories.commands import answer, retention
from tests.factories.mariadb import mariadb_server

TABLES = ["customers", "contacts", "contracts", "invoices", "payments", "tickets", "usage",
          "surveys", "cost_events"]  # fmt: skip


def proposed(where: str, cwd: Path) -> tuple[str, list[str]]:
    done = retention("init", where, "--json", cwd=cwd, env={})
    assert done.returncode == 0, done.stderr
    found = answer(done)
    return found["sources"], found["recognised"]


def rows_by(text: str, base: Path, url: str = "") -> dict[str, int]:
    company = open_company(
        parse_policy(text, SourcesConfig, "sources.yaml"), base, {"RETENTION_SOURCE_URL": url},
        "Europe/Madrid",
    )  # fmt: skip
    return {name: company.db.execute(f'SELECT count(*) FROM "{name}"').fetchall()[0][0]
            for name in company.mapped}  # fmt: skip


@pytest.mark.gate
@pytest.mark.parametrize("kind", ["csv", "parquet", "sqlite"])
def test_the_demo_company_is_recognised_whole(tmp_path: Path, kind: str) -> None:
    where = str(tmp_path / "data") if kind != "sqlite" else f"sqlite:///{tmp_path}/company.db"
    write_company(40, 3, date(2026, 6, 1), where, "sql" if kind == "sqlite" else kind)
    text, recognised = proposed(where, tmp_path)
    assert recognised == TABLES
    assert "required" not in text
    assert rows_by(text, tmp_path)["customers"] == 40


@pytest.mark.gate
@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_a_companys_own_database_is_recognised_and_its_password_left_out(
    tmp_path: Path, kind: str, postgres: PostgresDatabases
) -> None:
    with mariadb_server() if kind == "mysql" else nullcontext(postgres.make("shop")) as url:
        driver = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}[kind]
        write_company(40, 3, date(2026, 6, 1), url.replace(f"{kind}://", f"{driver}://"), "sql")
        text, recognised = proposed(url, tmp_path)
        assert recognised == TABLES
        assert "required" not in text
        assert url not in text
        assert "secret" not in text
        assert rows_by(text, tmp_path, url)["customers"] == 40


def test_an_export_in_spanish_is_recognised_and_read(tmp_path: Path) -> None:
    data = tmp_path / "datos"
    data.mkdir()
    clients = "Número cliente;Razón social;Correo;País\nC1;Peña S.L.;a@b.example;España\n"
    (data / "Clientes.csv").write_bytes(clients.encode("cp1252"))
    (data / "facturas.csv").write_text(
        "Factura;Cliente;Fecha;Vencimiento;Importe;Estado;Notas\n"
        "1;C1;13/05/2026;12/06/2026;1.234,50;en revisión;x\n"
    )
    (data / "otros.csv").write_text("a,b\n1,2\n")
    text, recognised = proposed(str(data), tmp_path)
    assert recognised == ["customers", "invoices"]
    assert "# Not recognised: otros.csv (a, b)" in text
    assert "# invoices.status: 'en revisión': what does it mean?" in text
    assert "# Nothing looks like: contacts, contracts, payments" in text
    company = open_company(
        parse_policy(text, SourcesConfig, "sources.yaml"), tmp_path, {}, "Europe/Madrid"
    )
    sql = "SELECT name, country, issued_on, amount FROM customers JOIN invoices USING (customer_id)"
    (row,) = company.db.execute(sql).fetchall()
    assert (row[0], row[1], row[2], float(row[3])) == ("Peña S.L.", "ES", date(2026, 5, 13), 1234.5)


def test_headers_as_a_person_types_them_are_recognised(tmp_path: Path) -> None:
    """`Código`, `Nº factura`, `Fecha de alta`; moments with their time."""
    files = {
        "clientes": "Código;Nombre;Fecha de alta\n1;Ana;05/06/2025\n",
        "facturas": "Nº factura;Cliente;Fecha de emisión;Importe total\nF1;1;20/06/2025;1.234,50\n",
        "incidencias": "Nº incidencia;Cliente;Fecha de apertura\nT1;1;22/06/2025 10:15\n",
    }
    for name, text in files.items():
        (tmp_path / f"{name}.csv").write_text(text, "cp1252")
    text, _ = proposed(str(tmp_path), tmp_path)
    config = parse_policy(text, SourcesConfig, "sources.yaml")
    assert config.tables is not None
    assert config.tables["customers"].columns["customer_id"] == "Código"
    assert config.tables["customers"].columns["created_on"] == "Fecha de alta"
    assert config.tables["invoices"].columns["invoice_id"] == "Nº factura"
    assert config.tables["tickets"].columns["ticket_id"] == "Nº incidencia"
    assert config.tables["tickets"].date_format == "%d/%m/%Y %H:%M"
    company = open_company(config, tmp_path, {}, "Europe/Madrid")
    opened = company.db.execute("SELECT CAST(opened_at AS VARCHAR) FROM tickets").fetchall()
    assert opened == [("2025-06-22 10:15:00",)]
    company.close()


def test_dates_that_fit_two_ways_are_said_to(tmp_path: Path) -> None:
    (tmp_path / "customers.csv").write_text("id,name,created\n1,Ana,03/04/2026\n")
    text, _ = proposed(str(tmp_path), tmp_path)
    assert "date_format: '%d/%m/%Y' # or '%m/%d/%Y'" in text


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "customers.csv").write_text("id,name\n1,Ana\n")
    first = retention("init", ".", "--out", "sources.yaml", cwd=tmp_path, env={})
    assert first.returncode == 0, first.stderr
    again = retention("init", ".", "--out", "sources.yaml", cwd=tmp_path, env={})
    assert again.returncode == 1
    assert "is there already" in again.stderr
    nothing = retention("init", "nowhere", cwd=tmp_path, env={})
    assert nothing.returncode == 1
    assert "Traceback" not in nothing.stderr
