"""A simulated year: the programme must beat the untreated, and must not win where it cannot."""

import shutil
from datetime import date
from pathlib import Path

import pytest

from retention.play.forward import Game, play
from tests.conftest import ROOT
from tests.factories.commands import answer, retention

pytestmark = pytest.mark.usefixtures("prefect_server")

SIZE, SEED, FIRST = 700, 4, date(2025, 11, 1)


@pytest.mark.gate
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_two_years_of_the_ladder_beat_the_untreated_and_end_nobody_who_has_turned(
    tmp_path: Path, seed: int
) -> None:
    game = Game(SIZE, seed, date(2024, 11, 1), nights=728, every=28, holdout=0.35)
    found = play(game, tmp_path, ROOT / "config")["restore"]
    assert found["turned_and_terminated"] == 0
    assert min(found["treated"], found["held_out"]) > 40
    assert found["net_effect"]["low"] > 0
    assert found["by_outcome"]["restored"]["low"] > 0, "not only by ending losses"
    assert found["ended"]["restored"] + found["ended"]["migrated"] > 10
    assert found["hours"] > 0
    assert found["messages_per_customer"] > 1


@pytest.mark.gate
def test_a_year_in_a_company_that_does_not_respond_shows_no_effect(tmp_path: Path) -> None:
    game = Game(SIZE, SEED, FIRST, nights=365, every=28, holdout=0.35, responds=False)
    found = play(game, tmp_path, ROOT / "config")["restore"]
    assert found["effect"]["low"] <= 0 <= found["effect"]["high"]
    assert found["net_effect"]["low"] <= 0


@pytest.mark.gate
def test_two_policies_side_by_side_on_the_command_line(tmp_path: Path) -> None:
    patient = shutil.copytree(ROOT / "config", tmp_path / "patient")
    playbook = patient / "playbooks" / "restore.yaml"
    text = playbook.read_text("utf-8").replace("stay: 30 days", "stay: 300 days")
    playbook.write_text(text, "utf-8")
    done = retention(
        "simulate", "--nights", "90", "--every", "14", "--size", "150",
        "--compare", str(patient), "--json", cwd=tmp_path,
        env={"RETENTION_CONFIG_DIR": str(ROOT / "config")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = answer(done)["simulated"]
    hasty, slow = (result["restore"] for result in found.values())
    assert hasty["treated"] == slow["treated"]
    assert hasty["messages_per_customer"] >= slow["messages_per_customer"]
