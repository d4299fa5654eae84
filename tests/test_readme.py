"""The commands of README and docs, run as they say, in the order they say."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from sqlalchemy import create_engine
from sqlalchemy import text as sql

from retention.sources.config import SourcesConfig
from retention.sources.vocabularies import vocabularies
from retention.yaml_files import parse_policy
from tests.conftest import ROOT
from tests.factories.commands import answer, data_folder, retention, surroundings

pytestmark = pytest.mark.usefixtures("prefect_server")
DOCS = ROOT / "docs"


def blocks(name: str, language: str = "sh") -> list[str]:
    text = (ROOT / name).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


MAKE, ACTIVATE, OPS, TEAMS = blocks("README.md")
OWN, PROPOSED, CHINOOK = blocks("docs/your-own-data.md")
ELSEWHERE = {
    "docs/ops.md": 3, "docs/account-teams.md": 1, "docs/messages.md": 1, "docs/configuration.md": 1,
    "docs/settings.md": 1, "docs/customer-pages.md": 1,
}  # fmt: skip


def run(block: str, cwd: Path) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    variables = surroundings(cwd) | {"PATH": path, "TZ": "Europe/Madrid"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        cwd=cwd, env=variables, capture_output=True, text=True, check=False, timeout=1200,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout after a (smaller) `make demo`, which starts a Prefect server of its own.

    The demo tells its story on the way.
    """
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("config", "examples", "templates"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / ".venv").symlink_to(sys.prefix)
    done = retention("demo", "--size", "150", "--json", cwd=folder, env={"PREFECT_API_URL": ""})
    assert done.returncode == 0, done.stderr
    assert "two years of their invoices" in done.stderr.partition("Making")[0]
    assert "Playing" in done.stderr, "also where nobody watches a bar"
    told = answer(done)["demo"]
    assert told["second_night_changed_nothing"] is True
    made = folder / "demo-company"
    assert told["messages_kept"] == len(list((made / "mail").glob("*.eml"))) > 10
    assert (made / "whale_curve.png").stat().st_size > 10_000
    return folder


@pytest.fixture(scope="module")
def demo(checkout: Path) -> Path:
    return checkout / "demo-company"


def test_the_two_commands_exist() -> None:
    assert MAKE.split() == ["make", "demo", "make", "test"]
    for target in ("demo", "test", "gate", "serve", "bench", "lock", "fmt", "check", "help"):
        subprocess.run(["make", "-n", target], cwd=ROOT, check=True, capture_output=True)


@pytest.mark.gate
@pytest.mark.skipif(
    not data_folder().is_dir(),
    reason="the public data is absent: set RETENTION_DATA to a folder with chinook/",
)
def test_the_chinook_night(checkout: Path) -> None:
    shown = run(CHINOOK, checkout)
    assert "59 customers" in shown
    assert "Revenue to date: 2,328.60" in shown
    assert "6 Helena Holý: not known yet" in shown


@pytest.mark.gate
def test_the_walk_of_ops_and_account_teams(checkout: Path) -> None:
    shown = run(ACTIVATE + OPS, checkout)
    assert "This is a plan: nothing was stored." in shown
    assert "retention doctor" in shown
    shown = run(ACTIVATE + TEAMS, checkout)
    assert "net_profit_12m" in shown


@pytest.mark.gate
def test_your_own_data(demo: Path) -> None:
    shown = run(OWN, demo)
    assert "150 customers" in shown
    assert "customers meet an entry condition that must hold for more nights" in shown
    proposed = run(PROPOSED, demo)
    assert "file: 'invoices'" in proposed or "file: 'invoices.parquet'" in proposed


SAID: dict[str, Callable[[str], bool]] = {
    "docs/ops.md": lambda shown: (
        "every score is the same" in shown and "de los clientes aporta el" in shown
    ),
    "docs/account-teams.md": lambda shown: "diana" in shown,
    "docs/messages.md": lambda shown: "termination_notice" in shown,
}


@pytest.mark.gate
@pytest.mark.parametrize("name", ELSEWHERE)
def test_the_commands_of_a_page(name: str, demo: Path) -> None:
    found = blocks(name)
    assert len(found) == ELSEWHERE[name]
    shown = "".join(run(block, demo) for block in found)
    if name in SAID:
        assert SAID[name](shown), shown


def test_the_mapping_example_is_valid() -> None:
    mapping, meanings = blocks("docs/your-own-data.md", "yaml")
    whole = parse_policy(f"{mapping}\n{meanings}", SourcesConfig, "your-own-data.md")
    assert whole.merges("customers") == {"C-0017": "C-0009"}
    assert vocabularies(whole.own_words())["invoices.status"].meaning("WO") == "written_off"
    assert parse_policy(mapping, SourcesConfig, "your-own-data.md").tables
    assert yaml.safe_load(mapping)


def test_every_page_is_reached_from_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for page in DOCS.glob("*.md"):
        assert f"(docs/{page.name})" in text, page.name
    for page in [ROOT / "README.md", *DOCS.glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_settings_page_names_every_setting() -> None:
    from retention.settings import Settings

    text = (DOCS / "settings.md").read_text(encoding="utf-8")
    quiet = {"mail_timeout_seconds", "mail_reply_seconds", "mail_ca_file"}
    shortened = {"mail_port", "mail_user", "mail_password"}
    for name in set(Settings.model_fields) - quiet - shortened:
        assert f"RETENTION_{name.upper()}" in text, name


def test_the_layout_names_every_room() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for folder in sorted((ROOT / "retention").iterdir()):
        if folder.is_dir() and folder.name not in ("__pycache__", "shipped"):
            assert f"  {folder.name}/ " in text, folder.name


@pytest.fixture(scope="module")
def whole_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo as it is shipped, up to the day of the README's picture."""
    folder = tmp_path_factory.mktemp("whole")
    done = retention("demo", "--until", "2026-10-31", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "demo-company"


@pytest.mark.gate
def test_the_picture_and_its_figures_are_those_that_the_demo_draws(whole_demo: Path) -> None:
    page = (whole_demo / "report.en.html").read_text(encoding="utf-8")
    found = re.search(
        r"!\[(.*?)\]\(docs/whale_curve.png\)", (ROOT / "README.md").read_text("utf-8")
    )
    assert found is not None
    assert found[1] in page
    drawn = (whole_demo / "whale_curve.png").read_bytes()
    assert drawn == (DOCS / "whale_curve.png").read_bytes()


@pytest.mark.gate
def test_the_shipped_caps_hold_no_night_s_proposals_to_renegotiate(whole_demo: Path) -> None:
    """What is adverse is held there, as its caps say; a usual wave of renegotiations is not."""
    database = create_engine(f"sqlite:///{whole_demo / 'state' / 'retention.db'}")
    with database.connect() as connection:
        held = set(connection.scalars(sql("SELECT DISTINCT effect FROM batch")))
        entered = connection.scalar(sql("SELECT count(*) FROM action WHERE stage = 'renegotiate'"))
    database.dispose()
    assert entered > 50
    assert "renegotiate" not in held
    assert {"migrate", "terminate"} & held
