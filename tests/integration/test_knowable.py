"""Only what was knowable counts, however the night is divided; and it can be replayed."""

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from retention.audit.replay_scores import replay
from retention.domain.errors import NotFoundError, RetentionError
from retention.nights.pull import pull
from retention.nights.score_shards import score_all
from retention.policies.load import load_policies
from retention.snapshots import store as snapshots
from retention.snapshots.store import table_of
from tests.conftest import NIGHT, ROOT, make_folders, write_sources

EARLIER = date(2026, 2, 28)


def night(config: Path, state: Path, as_of: date = EARLIER, **more: Any) -> pa.Table:
    policies, folders = load_policies(config, ROOT / "templates"), make_folders(state, **more)
    pulled = pull(policies, folders, as_of)
    score_all(policies.costs, folders, pulled)
    return table_of(state, as_of, snapshots.SCORES).sort_by("customer_id")


HAPPENED = {
    "invoices": "issued_on", "payments": "paid_on", "tickets": "opened_at", "usage": "used_on",
    "surveys": "answered_on", "cost_events": "occurred_on",
}  # fmt: skip


def test_the_future_moves_nothing(config_dir: Path, company_data: Path, tmp_path: Path) -> None:
    before = night(config_dir, tmp_path / "a" / "snapshots")
    changed = shutil.copytree(company_data, tmp_path / "changed")
    for name, column in HAPPENED.items():
        for file in (changed / name).glob("*.parquet"):
            pq.write_table(shift_the_future(pq.read_table(file), column), file)
    write_sources(config_dir, changed)
    assert night(config_dir, tmp_path / "b" / "snapshots").equals(before)


def shift_the_future(rows: pa.Table, column: str) -> pa.Table:
    """Drop half of what happens after the night, and blow the other half up."""
    days = rows[column].cast(pa.date32())
    later = pc.greater(days, pa.scalar(EARLIER))
    past, future = rows.filter(pc.invert(later)), rows.filter(later)
    future = future.slice(future.num_rows // 2)
    for name in ("amount", "handling_minutes", "quantity"):
        if name in future.column_names:
            position = future.column_names.index(name)
            kind = future.schema.field(name).type
            blown = pc.multiply(future[name].cast("float64"), 7.0).cast(kind, safe=False)
            future = future.set_column(position, name, blown)
    return pa.concat_tables([past, future])


def test_a_night_on_old_data_equals_a_night_on_data_that_ends_there(
    config_dir: Path, company_data: Path, tmp_path: Path
) -> None:
    """What came later (a payment, a ticket's end) must not be seen from an earlier night."""
    before = night(config_dir, tmp_path / "a" / "snapshots")
    cut = shutil.copytree(company_data, tmp_path / "cut")
    for name, column in HAPPENED.items():
        for file in (cut / name).glob("*.parquet"):
            rows = pq.read_table(file)
            known = pc.less_equal(rows[column].cast(pa.date32()), pa.scalar(EARLIER))
            pq.write_table(rows.filter(known), file)
    write_sources(config_dir, cut)
    assert night(config_dir, tmp_path / "b" / "snapshots").equals(before)


@pytest.mark.parametrize("size", [pytest.param(10, marks=pytest.mark.gate), 150])
def test_shards_change_nothing(config_dir: Path, tmp_path: Path, size: int) -> None:
    whole = night(config_dir, tmp_path / "a" / "snapshots", NIGHT)
    parts = night(config_dir, tmp_path / "b" / "snapshots", NIGHT, shard_customers=size,
                  parallel_shards=2)  # fmt: skip
    assert snapshots.read_manifest(tmp_path / "b" / "snapshots", NIGHT)["shards"] == -(-300 // size)
    assert parts.equals(whole)
    assert not list((tmp_path / "b" / "staging").glob("*/*.parquet"))


def test_the_company_s_rows_are_forgotten_after_the_night(config_dir: Path, tmp_path: Path) -> None:
    night(config_dir, tmp_path / "snapshots", NIGHT)
    assert not list((tmp_path / "staging").rglob("*.parquet"))


def test_a_replay_gives_the_same_scores_to_the_last_bit(config_dir: Path, tmp_path: Path) -> None:
    night(config_dir, tmp_path / "snapshots", NIGHT, shard_customers=100)
    folders = make_folders(tmp_path / "snapshots")
    found = replay(folders, NIGHT)
    assert (found.customers, found.different) == (300, ())
    # The costs of today do not matter: the snapshot has its own.
    costs = config_dir / "costs.yaml"
    costs.write_text(costs.read_text("utf-8").replace("likely: 0.65", "likely: 0.75"))
    assert replay(folders, NIGHT).different == ()


def test_a_replay_notices_a_score_that_was_changed(config_dir: Path, tmp_path: Path) -> None:
    night(config_dir, tmp_path / "snapshots", NIGHT)
    file = snapshots.shard_file(tmp_path / "snapshots", NIGHT, snapshots.SCORES, 0)
    scores = pq.read_table(file, partitioning=None)
    position = scores.column_names.index("payment_index")
    other = pc.add(scores["payment_index"], 1)
    pq.write_table(scores.set_column(position, "payment_index", other), file)
    assert replay(make_folders(tmp_path / "snapshots"), NIGHT).different == ("payment_index",)


def test_a_night_that_never_ran_cannot_be_replayed(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="snapshot of 2026-05-31: does not exist"):
        replay(make_folders(tmp_path / "snapshots"), NIGHT)


def test_a_snapshot_of_another_schema_is_refused_by_name(config_dir: Path, tmp_path: Path) -> None:
    root = tmp_path / "snapshots"
    night(config_dir, root, NIGHT)
    manifest = snapshots.read_document(root, NIGHT, "manifest.json")
    snapshots.write_document(root, NIGHT, "manifest.json", {**manifest, "schema": "1"})
    with pytest.raises(RetentionError, match="has schema 1, this version reads 4"):
        replay(make_folders(root), NIGHT)
