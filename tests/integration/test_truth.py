"""The demo company at 20,000 customers: what is true about them is found again."""

import numpy as np
import pandas as pd
import pytest

from retention.demo.simulation import history, new_simulation, truth
from retention.demo.truth import TrueProfit
from retention.demo.writers import ParquetWriter
from retention.nights.pull import pull
from retention.nights.score_shards import score_all
from retention.policies.load import load_policies
from retention.snapshots import store as snapshots
from retention.snapshots.store import table_of
from tests.conftest import NIGHT, ROOT, copy_config, make_folders

SIZE = 20_000


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Scores of every customer beside the truth."""
    folder = tmp_path_factory.mktemp("truth")
    simulation = new_simulation(5, SIZE, NIGHT.replace(month=6, day=1))
    writer, true = ParquetWriter(folder / "data"), TrueProfit(5, SIZE, NIGHT)
    for part, tables in true.watch(history(simulation)):
        writer.write(part, tables)
    config = copy_config(folder / "config", folder / "data")
    policies = load_policies(config, ROOT / "templates")
    folders = make_folders(folder / "snapshots", shard_customers=7_000)
    score_all(policies.costs, folders, pull(policies, folders, NIGHT))
    frame: pd.DataFrame = table_of(folders.snapshots, NIGHT, snapshots.SCORES).to_pandas()
    frame = frame.set_index("customer_id").sort_index()
    archetypes = truth(simulation).to_pandas().set_index("customer_id")["archetype"]
    frame["truth"] = archetypes
    frame["true_profit"] = true.profit
    return frame


@pytest.mark.gate
@pytest.mark.parametrize(
    "archetype",
    ["non_payer", "chronically_dissatisfied", "unaware", "time_drain", "drifted", "underpriced"],
)
def test_each_archetype_is_recovered(known: pd.DataFrame, archetype: str) -> None:
    there, found = known["truth"] == archetype, known["archetype"] == archetype
    assert there.sum() > 400
    assert (there & found).sum() / there.sum() >= 0.9
    assert (there & found).sum() / found.sum() >= 0.9


@pytest.mark.gate
def test_those_who_began_to_fade_two_months_ago_show_it(known: pd.DataFrame) -> None:
    there = known["truth"] == "leaving"
    found = (known["usage_change"] <= -0.2) & (known["fit"] == "good")
    assert (there & found).sum() / there.sum() >= 0.9


@pytest.mark.gate
def test_the_true_profit_lies_in_the_reported_band(known: pd.DataFrame) -> None:
    low, high = (known[f"net_profit_12m_{end}"].astype(float) for end in ("low", "high"))
    inside = (known["true_profit"] >= low) & (known["true_profit"] <= high)
    assert inside.mean() >= 0.95
    # A band that holds everything would say nothing.
    width = (high - low) / known["revenue_12m"].astype(float).clip(lower=1)
    assert width.median() < 0.1


@pytest.mark.gate
def test_the_true_profit_is_not_what_the_scores_were_made_from(known: pd.DataFrame) -> None:
    likely = known["net_profit_12m"].astype(float)
    assert (np.abs(known["true_profit"] - likely) > 0.01).mean() > 0.9


@pytest.mark.gate
def test_shards_hold_every_customer_once(known: pd.DataFrame) -> None:
    assert len(known) == SIZE
    assert known.index.is_unique
