"""The README's commands, run as it says, in the order it says."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from retention.sources.config import SourcesConfig
from retention.yaml_files import parse_policy
from tests.conftest import ROOT
from tests.factories.commands import data_folder, retention, surroundings

pytestmark = pytest.mark.usefixtures("prefect_server")
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


MAKE, ACTIVATE, CHINOOK, OPS, STEER, TEAMS, OWN = blocks("sh")


def run(block: str, cwd: Path, home: Path) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    variables = surroundings(home) | {"PATH": path}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        cwd=cwd, env=variables, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout after a (smaller) `make demo`, which starts a Prefect server of its own."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("config", "examples", "templates"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / ".venv").symlink_to(sys.prefix)
    done = retention("demo", "--size", "200", cwd=folder, env={"PREFECT_API_URL": ""})
    assert done.returncode == 0, done.stderr
    return folder


def test_the_two_commands_exist() -> None:
    assert MAKE.split() == ["make", "demo", "make", "test"]
    for target in ("demo", "test", "serve", "bench", "lock", "fmt", "check", "help"):
        subprocess.run(["make", "-n", target], cwd=ROOT, check=True, capture_output=True)


@pytest.mark.skipif(
    not data_folder().is_dir(),
    reason="the public data is absent: set RETENTION_DATA to a folder with chinook/",
)
def test_the_chinook_night(home: Path) -> None:
    shown = run(ACTIVATE + CHINOOK, home, home)
    assert "59 customers" in shown
    assert "Revenue to date: 2,328.60" in shown
    assert "6 Helena Holý: not known yet" in shown


def test_the_first_five_minutes_of_ops(home: Path) -> None:
    shown = run(OPS, home, home)
    assert "This is a plan: nothing was stored." in shown
    assert "Night of 2026-11-01" in shown


def test_what_steers_rather_than_runs(home: Path) -> None:
    shown = run(STEER, home / "demo-company", home)
    assert "de los clientes gana el" in shown
    assert "Gates of 2026-11-02" in shown
    assert "200 customers of 2026-10-31: every score is the same." in shown


def test_the_first_five_minutes_of_account_teams(home: Path) -> None:
    shown = run(TEAMS, home / "demo-company", home)
    assert "is rejected" in shown
    assert "The message" in shown


def test_your_own_data(home: Path) -> None:
    shown = run(OWN, home / "demo-company", home)
    assert "Night of 2026-10-31: 200 customers" in shown
    assert "customers meet an entry condition that must hold for more nights" in shown


def test_the_mapping_example_is_valid() -> None:
    (mapping,) = blocks("yaml")
    assert parse_policy(mapping, SourcesConfig, "README.md").tables
    assert yaml.safe_load(mapping)


def test_the_picture_is_there() -> None:
    assert (ROOT / "docs" / "whale_curve.png").stat().st_size > 10_000


def test_the_layout_names_every_room() -> None:
    for folder in sorted((ROOT / "retention").iterdir()):
        if folder.is_dir() and folder.name != "__pycache__":
            assert f"  {folder.name}/ " in TEXT, folder.name
