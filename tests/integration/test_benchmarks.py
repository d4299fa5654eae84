"""The benchmarks run: nobody finds out in the year in which they are asked for."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT


@pytest.mark.gate
def test_every_row_of_the_benchmarks_is_measured(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks", "--size", "500", "--large", "1000",
               "--rounds", "1", "--out", str(tmp_path)]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "benchmarks.json").read_text("utf-8"))
    assert len(found["results"]) == 7
    assert all(row["seconds"] >= 0 for row in found["results"])
    assert (tmp_path / "benchmarks.md").read_text("utf-8").count("\n|") > 10


@pytest.mark.gate
@pytest.mark.parametrize(
    ("name", "size", "told"),
    [
        ("console", ("--actions", "400", "--customers", "100", "--asks", "3"), "approve"),
        ("customer_pages", ("--links", "400", "--customers", "100", "--asks", "3"), "confirming"),
        ("delivery", ("--messages", "40", "--rounds", "1"), "times django-post_office's"),
    ],
)
def test_what_people_wait_for_is_measured(name: str, size: tuple[str, ...], told: str) -> None:
    command = [sys.executable, "-m", f"benchmarks.{name}", *size]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert told in done.stdout
