"""Whatever is wrong with the company's data: none of it gets into Prefect or onto its streams."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from retention import bootstrap
from retention.sources.canonical import CANONICAL
from tests.conftest import NIGHT, PostgresDatabases, copy_config, make_settings, use_application
from tests.factories.shared import once

NAME, ADDRESS = "Quintiliana Zzyzx", "q.zzyzx@planted.example"
PLANTED = (NAME, ADDRESS, "Zzyzx", "planted.example")

VALID = {"DATE": "2026-05-01", "TIMESTAMP": "2026-05-01 10:00", "DECIMAL(18,4)": "10"}


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
    """Two whole rows with one key: nothing else is wrong with them."""
    known = CANONICAL[table]
    row = [
        VALID.get(known.columns[name], ADDRESS) if name in known.required else ""
        for name in known.columns
    ]
    write(folder / f"{table}.csv", [list(known.columns), row, row])
    return ""


def in_a_torn_file(folder: Path, table: str) -> str:
    torn = ",".join(CANONICAL[table].columns) + f'\n"{NAME}\n{ADDRESS},"{NAME}"x,\n\n,,,{NAME}\n'
    (folder / f"{table}.csv").write_text(torn, encoding="utf-8")
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
def broken(tmp_path: Path, company_data: Path) -> Callable[..., Path]:
    """Makes a configuration of the company with one table broken in one way."""

    def make(table: str, way: Callable[[Path, str], str]) -> Path:
        data = tmp_path / "data"
        data.mkdir()
        for source in company_data.iterdir():
            if source.name != table:
                (data / source.name).symlink_to(source)
        more = way(data, table)
        config = copy_config(tmp_path / "config", data)
        if more:
            read_all(config, data, table, f"file: {table}.csv, {more}")
        return config

    return make


def read_all(config: Path, data: Path, table: str, how: str) -> None:
    """Say in sources.yaml how one table is read, and that all others are files."""
    there = sorted({path.stem for path in data.iterdir()} - {table})
    lines = [*(f"{name}: {{file: {name}}}" for name in there), f"{table}: {{{how}}}"]
    with (config / "sources.yaml").open("a", encoding="utf-8") as file:
        file.write("tables:\n" + "".join(f"  {line}\n" for line in lines))


def run_night() -> None:
    from flows.nightly import nightly
    from flows.parameters import NightlyParameters

    nightly(NightlyParameters(as_of=NIGHT, late="allow"))


def run_learning() -> None:
    from flows.learn import learn
    from flows.parameters import WeeklyParameters

    learn(WeeklyParameters(as_of=NIGHT))


def raised_by(run: Callable[[], None], config: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a flow on a configuration; return what it raised."""
    made = bootstrap.build_application(make_settings(config, config.parent / "state"))
    use_application(monkeypatch, made)
    try:
        run()
    except Exception as error:  # noqa: BLE001 - whatever a flow may raise is in Prefect by now
        return str(error)
    finally:
        made.engine.dispose()
    return ""


def assert_none_is_kept(raised: str, out: str, err: str) -> None:
    home = once("prefect", lambda _: None)
    kept = b"".join(path.read_bytes() for path in home.glob("prefect.db*"))
    assert len(kept) > 100_000, "this is the database of the server that ran it"
    for word in PLANTED:
        assert word not in raised + out + err, word
        assert word.encode() not in kept, word


@pytest.mark.parametrize(("table", "way"), CASES)
def test_nothing_of_a_customer_gets_into_prefect(
    prefect_server: None,
    broken: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    table: str,
    way: Callable[[Path, str], str],
) -> None:
    raised = raised_by(run_night, broken(table, way), monkeypatch)
    assert_none_is_kept(raised, *capfd.readouterr())
    if (table, way) == ("customers", as_a_key_twice):
        assert "a key customer_id is there twice" in raised


@pytest.mark.gate
@pytest.mark.parametrize("way", [in_every_column, as_a_key_twice, in_other_bytes])
def test_nothing_of_a_customer_gets_into_prefect_when_learning_fails(
    prefect_server: None,
    broken: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    way: Callable[[Path, str], str],
) -> None:
    raised = raised_by(run_learning, broken("customers", way), monkeypatch)
    assert raised, "there is nobody to learn from"
    assert_none_is_kept(raised, *capfd.readouterr())


@pytest.mark.gate
@pytest.mark.parametrize("table", ["customers", "invoices"])
def test_what_a_driver_says_of_a_value_stays_out_of_prefect(
    prefect_server: None,
    postgres: PostgresDatabases,
    broken: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    table: str,
) -> None:
    """PostgreSQL quotes what it cannot cast."""
    url = postgres.make("retention_planted")
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as database:
        database.execute(text("CREATE TABLE planted (who text)"))
        database.execute(text("INSERT INTO planted VALUES (:who)"), {"who": NAME})
    engine.dispose()
    config = broken(table, lambda *_: "")
    sources = config / "sources.yaml"
    there = f"connections:\n  there: {{kind: postgresql, url: '{url}'}}\n"
    sources.write_text(sources.read_text("utf-8").replace("connections:\n", there), "utf-8")
    query = 'connection: there, query: "SELECT CAST(who AS integer) AS n FROM planted"'
    files = "connection: demo, file: "
    read_all(config, tmp_path / "data", table, query)
    sources.write_text(sources.read_text("utf-8").replace("{file: ", f"{{{files}"), "utf-8")
    raised = raised_by(run_night, config, monkeypatch)
    assert "it cannot be read (InvalidInput)" in raised
    assert_none_is_kept(raised, *capfd.readouterr())
