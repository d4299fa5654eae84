"""Measure the night against named bounds, side by side in one run.

    make bench            20,000 customers
    python -m benchmarks --size 200000

Writes docs/benchmarks.md and docs/benchmarks.json. Ratios are what to read: both sides of each
ratio are measured in turn, in the same process, on the same files.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.dataset as ds

from retention.demo.data import write_company
from retention.domain.errors import SourceError
from retention.scoring.costs import load_costs
from retention.scoring.score import score_customers
from retention.sources.config import Files, SourcesConfig
from retention.sources.extract import extract_features
from retention.sources.tables import open_company

ROOT = Path(__file__).parent.parent
AS_OF = date(2026, 5, 31)
ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=20_000)
    size = parser.parse_args().size
    with tempfile.TemporaryDirectory() as folder:
        rows = sum(write_company(size, 7, date(2026, 6, 1), folder, "parquet").values())
        results = [features(Path(folder)), scores(Path(folder)), help_text()]
    write(size, rows, results)


def features(folder: Path) -> dict[str, Any]:
    """All features, against the plainest sums of the same columns in numpy."""
    ours, bound = paired(lambda: read_features(folder), lambda: numpy_sums(folder))
    return row("features of all customers, from Parquet", ours, "the same sums in numpy", bound)


def scores(folder: Path) -> dict[str, Any]:
    """Scoring, against the features it starts from."""
    wide, activities = read_features(folder)
    costs = load_costs(ROOT / "config" / "costs.yaml")
    ours, bound = paired(
        lambda: score_customers(wide, activities, costs, AS_OF), lambda: read_features(folder)
    )
    return row("scores from features", ours, "making those features", bound)


def help_text() -> dict[str, Any]:
    """`retention --help`, against starting Python."""
    ours, bound = paired(
        lambda: run("-m", "retention", "--help"), lambda: run("-c", "pass"), warm=True
    )
    return row("retention --help", ours, "starting Python", bound)


def read_features(folder: Path) -> tuple[Any, Any]:
    config = SourcesConfig(connections={"here": Files(kind="files", path=str(folder))})
    company = open_company(config, Path(), {}, "Europe/Madrid")
    try:
        made = extract_features(company, AS_OF)
    except SourceError as error:
        sys.exit(str(error))
    finally:
        company.close()
    return made.wide, made.activities


SUMS = {
    "invoices": ("amount", "direct_cost"),
    "payments": ("amount",),
    "tickets": ("handling_minutes",),
    "usage": ("quantity",),
    "cost_events": ("quantity",),
}


def numpy_sums(folder: Path) -> dict[str, Any]:
    """Read the columns and add them up per customer: the least that any feature needs."""
    sums = {}
    for table, columns in SUMS.items():
        read = ds.dataset(folder / table).to_table(columns=["customer_id", *columns])
        codes = np.char.lstrip(read["customer_id"].to_numpy().astype("U8"), "C").astype(np.int64)
        for column in columns:
            values = pc.cast(read[column], "float64").to_numpy()
            sums[f"{table}.{column}"] = np.bincount(codes, weights=values)
    return sums


def run(*arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True, cwd=ROOT)  # noqa: S603


def paired(
    ours: Callable[[], Any], bound: Callable[[], Any], *, warm: bool = True
) -> tuple[list[float], list[float]]:
    """Time both in turn, after one round that does not count."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(ROUNDS + warm):
        for side, work in zip(times, (ours, bound), strict=True):
            start = time.perf_counter()
            work()
            if number >= warm:
                side.append(time.perf_counter() - start)
    return times


def row(work: str, ours: list[float], against: str, bound: list[float]) -> dict[str, Any]:
    ratios = [a / b for a, b in zip(ours, bound, strict=True)]
    return {
        "work": work,
        "seconds": round(statistics.median(ours), 3),
        "against": against,
        "bound_seconds": round(statistics.median(bound), 3),
        "ratio": round(statistics.median(ratios), 2),
        "ratio_range": [round(min(ratios), 2), round(max(ratios), 2)],
    }


def write(size: int, rows: int, results: list[dict[str, Any]]) -> None:
    lines = [
        "# How fast",
        "",
        f"Made by `make bench` with {size:,} customers and {rows:,} rows; medians of {ROUNDS}",
        "rounds, both sides in turn. Read the ratios: seconds depend on the machine.",
        "",
        "| work | s | against | s | ratio (range) |",
        "|---|---|---|---|---|",
    ]
    for r in results:
        low, high = r["ratio_range"]
        lines.append(
            f"| {r['work']} | {r['seconds']} | {r['against']} | {r['bound_seconds']} "
            f"| {r['ratio']} ({low} to {high}) |"
        )
    (ROOT / "docs" / "benchmarks.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    document = {"customers": size, "rows": rows, "rounds": ROUNDS, "results": results}
    (ROOT / "docs" / "benchmarks.json").write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
