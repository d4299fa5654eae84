"""Whatever is wrong with the company's data: none of it gets into Prefect or onto its streams."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from retention import bootstrap
from retention.sources.canonical import CANONICAL
from tests.conftest import NIGHT, copy_config, make_settings, use_application
from tests.factories.shared import once

NAME, ADDRESS = "Quintiliana Zzyzx", "q.zzyzx@planted.example"
PLANTED = (NAME, ADDRESS, "Zzyzx", "planted.example")


def rows_of(table: str, value: str) -> list[list[str]]:
    """A header and two rows with `value` in every column."""
    columns = list(CANONICAL[table].columns)
    return [columns, *([f"{value}" for _ in columns] for _ in range(2))]


def write(path: Path, rows: list[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def in_every_column(folder: Path, table: str) -> str:
    write(folder / f"{table}.csv", rows_of(table, NAME))
    return ""


def as_a_key_twice(folder: Path, table: str) -> str:
    rows = rows_of(table, "")
    for row in rows[1:]:
        row[0] = ADDRESS
        if "customer_id" in rows[0]:
            row[rows[0].index("customer_id")] = ADDRESS
    write(folder / f"{table}.csv", rows)
    return ""


def in_a_torn_file(folder: Path, table: str) -> str:
    text = ",".join(CANONICAL[table].columns) + f'\n"{NAME}\n{ADDRESS},"{NAME}"x,\n\n,,,{NAME}\n'
    (folder / f"{table}.csv").write_text(text, encoding="utf-8")
    return ""


def in_a_cast_of_a_query(folder: Path, table: str) -> str:
    write(folder / f"{table}.csv", rows_of(table, NAME))
    first = next(iter(CANONICAL[table].columns))
    return f'query: "SELECT CAST({first} AS INTEGER) AS {first}, * EXCLUDE {first} FROM source"'


def in_other_bytes(folder: Path, table: str) -> str:
    head = ",".join(CANONICAL[table].columns)
    (folder / f"{table}.csv").write_bytes(f"{head}\n{NAME} Peña,{ADDRESS}\n".encode("latin-1"))
    return ""


WAYS: list[Callable[[Path, str], str]] = [
    in_every_column, as_a_key_twice, in_a_torn_file, in_a_cast_of_a_query, in_other_bytes,
]  # fmt: skip
DAILY = {("customers", "in_every_column"), ("invoices", "as_a_key_twice"),
         ("tickets", "in_a_cast_of_a_query")}  # fmt: skip
CASES = [
    pytest.param(table, way, id=f"{table}-{way.__name__}",
                 marks=[] if (table, way.__name__) in DAILY else [pytest.mark.gate])
    for table in CANONICAL for way in WAYS
]  # fmt: skip


@pytest.fixture
def broken(
    tmp_path: Path, company_data: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., str]:
    """Runs the nightly flow on the company with one table broken in one way."""

    def run(table: str, way: Callable[[Path, str], str]) -> str:
        from flows.nightly import nightly
        from flows.parameters import NightlyParameters

        data = tmp_path / "data"
        data.mkdir()
        for source in company_data.iterdir():
            if source.name != table:
                (data / source.name).symlink_to(source)
        more = way(data, table)
        config = copy_config(tmp_path / "config", data)
        if more:
            there = sorted(path.stem for path in data.iterdir())
            lines = [f"{name}: {{file: {name}}}" for name in there if name != table]
            lines.append(f"{table}: {{file: {table}.csv, {more}}}")
            listed = "\n".join(f"  {line}" for line in lines)
            with (config / "sources.yaml").open("a", encoding="utf-8") as file:
                file.write(f"tables:\n{listed}\n")
        made = bootstrap.build_application(make_settings(config, tmp_path / "state"))
        use_application(monkeypatch, made)
        try:
            nightly(NightlyParameters(as_of=NIGHT, late="allow"))
        except Exception as error:  # noqa: BLE001 - whatever a night may raise is in Prefect by now
            return str(error)
        finally:
            made.engine.dispose()
        return ""

    return run


@pytest.mark.parametrize(("table", "way"), CASES)
def test_nothing_of_a_customer_gets_into_prefect(
    prefect_server: None,
    broken: Callable[..., str],
    capfd: pytest.CaptureFixture[str],
    table: str,
    way: Callable[[Path, str], str],
) -> None:
    raised = broken(table, way)
    said = capfd.readouterr()
    home = once("prefect", lambda _: None)
    kept = b"".join(path.read_bytes() for path in home.glob("prefect.db*"))
    assert len(kept) > 100_000, "this is the database of the server that ran it"
    for word in PLANTED:
        assert word not in raised + said.out + said.err, word
        assert word.encode() not in kept, word
