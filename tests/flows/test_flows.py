"""The flows, run by Prefect itself: in a harness, and deployed on a real server with a worker."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect import Flow

from retention import bootstrap as workshop
from retention.audit import verify as audit
from retention.bootstrap import Application
from retention.db.session import reading
from retention.domain.errors import GateTrippedError
from retention.environment import environment
from retention.nights.pull import pull
from retention.nights.score_shards import score_all
from retention.policies.load import load_policies
from retention.snapshots import store as snapshots
from retention.snapshots.store import table_of
from tests.conftest import NIGHT, ROOT, make_settings, use_application, write_sources
from tests.factories.databases import migrated_sqlite
from tests.factories.nights import print_of

DEPLOYMENTS = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]


@pytest.fixture
def lite(
    config_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Application]:
    url = migrated_sqlite(tmp_path / "state.db")
    made = workshop.build_application(make_settings(config_dir, tmp_path / "state", url))
    use_application(monkeypatch, made)
    yield made
    made.engine.dispose()


def artifacts() -> dict[str, Any]:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        found = client.request("POST", "/artifacts/filter", json={"sort": "CREATED_DESC"}).json()
    latest: dict[str, Any] = {}
    for artifact in found:
        latest.setdefault(artifact["key"], artifact["data"])
    return latest


def test_the_nightly_flow_completes_and_leaves_artifacts_without_personal_data(
    prefect_server: None, lite: Application
) -> None:
    from flows.nightly import nightly
    from flows.parameters import NightlyParameters

    summary = nightly(NightlyParameters(as_of=NIGHT, late="allow"))
    assert summary["pull"]["customers"] == 300
    left = artifacts()
    assert f"# Night of {NIGHT}" in left["nightly-summary"]
    assert {"what": "fit", "which": "good", "count": summary["scores"]["fit"]["good"]} in (
        json.loads(left["nightly-counts"])
    )
    for content in left.values():
        assert "customers.example" not in content
        assert "C0000" not in content
    before = print_of(lite)
    assert nightly(NightlyParameters(as_of=NIGHT, late="allow")) == summary
    assert print_of(lite) == before


def test_the_night_keeps_the_audits_head_where_the_settings_say(
    prefect_server: None, lite: Application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.nightly import nightly
    from flows.parameters import NightlyParameters

    heads = tmp_path / "elsewhere" / "heads.txt"
    settings = lite.settings.model_copy(update={"audit_heads": heads})
    use_application(monkeypatch, replace(lite, settings=settings))
    nightly(NightlyParameters(as_of=NIGHT, late="allow"))
    kept = [audit.Head.parse(line, "heads") for line in heads.read_text("utf-8").splitlines()]
    with reading(lite.engine) as session:
        assert len(kept) == 1
        assert audit.verify(session, kept).findings == ()
        assert audit.last_export(session) is not None


def test_a_tripped_gate_fails_the_flow(
    prefect_server: None, lite: Application, config_dir: Path, tmp_path: Path
) -> None:
    from flows.nightly import nightly
    from flows.parameters import NightlyParameters

    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "customers.csv").write_text("customer_id,name\n", encoding="utf-8")
    write_sources(config_dir, tmp_path / "empty")
    policies = load_policies(config_dir, ROOT / "templates")
    object.__setattr__(lite, "policies", policies)
    with pytest.raises(GateTrippedError, match="has no rows tonight"):
        nightly(NightlyParameters(as_of=NIGHT, late="allow"))


def test_the_delivery_flow_completes_with_nothing_to_do(
    prefect_server: None, lite: Application
) -> None:
    from flows.deliver import deliver

    assert deliver().total == 0
    assert artifacts()["delivery-summary"].startswith("0 messages: none.")


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda d: str(d["name"]))
def test_every_entrypoint_is_a_flow_and_accepts_its_parameters(deployment: dict[str, Any]) -> None:
    module, _, name = deployment["entrypoint"].rpartition(".")
    flow = getattr(import_module(module), name)
    assert isinstance(flow, Flow)
    flow.validate_parameters(deployment.get("parameters", {}))


def test_parameters_have_titles_for_the_form() -> None:
    from flows.nightly import nightly

    definitions = nightly.parameters.definitions["NightlyParameters"]["properties"]
    assert {field["title"] for field in definitions.values()} == {
        "Business date",
        "Take over a killed run",
        "A date that is late",
        "Digest of a plan",
    }


@pytest.mark.gate
def test_the_weekly_flows_learn_and_report(prefect_server: None, lite: Application) -> None:
    from flows.learn import learn
    from flows.nightly import nightly
    from flows.parameters import NightlyParameters, WeeklyParameters
    from flows.report import report

    learnt = learn(WeeklyParameters(as_of=NIGHT))
    assert set(learnt) == {"churn", "late_payment", "dispute"}
    kept = {path.parent.name for path in lite.folders.models.glob("*/*.json")}
    assert kept == {"churn", "late_payment", "dispute", "entry_retain"}
    nightly(NightlyParameters(as_of=NIGHT, late="allow"))
    name = report(WeeklyParameters(as_of=NIGHT))
    pages = sorted((lite.settings.state_dir / "reports").iterdir())
    assert [page.name for page in pages] == [f"report-{NIGHT}.en.html", f"report-{NIGHT}.es.html"]
    assert pages[0].name == name
    assert all("<svg" in page.read_text("utf-8") for page in pages)
    found = artifacts()
    assert "The best" in found["report-summary"]
    assert "late_payment" in found["models"]
    assert "customers.example" not in str(found)


@pytest.mark.gate
def test_shards_run_on_a_dask_cluster_and_give_the_same_scores(
    lite: Application, tmp_path: Path
) -> None:
    """The night runs as a process that is told where the cluster is; workers share the folder."""
    from distributed import LocalCluster

    state = tmp_path / "dask"
    there = environment() | {
        "RETENTION_STATE_DIR": str(state),
        "RETENTION_CONFIG_DIR": str(lite.settings.config_dir),
        "RETENTION_SHARD_CUSTOMERS": "60",
        "RETENTION_MAIL_SECURITY": "plain",
        "PREFECT_HOME": str(tmp_path / "prefect"),
    }
    command = [sys.executable, "-m", "retention", "run", "--allow-late"]
    with LocalCluster(  # type: ignore[no-untyped-call]
        n_workers=2, threads_per_worker=1, dashboard_address=None, env=there
    ) as cluster:
        done = subprocess.run(
            [*command, "--as-of", NIGHT.isoformat(), "--json"],
            env=there | {"RETENTION_DASK_ADDRESS": cluster.scheduler_address},
            cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["night"]["pull"]["shards"] == 5
    pulled = pull(lite.policies, lite.folders, NIGHT)
    score_all(lite.policies.costs, lite.folders, pulled)
    alone, shared = (
        table_of(root, NIGHT, snapshots.SCORES).sort_by("customer_id")
        for root in (lite.folders.snapshots, state / "snapshots")
    )
    assert shared.equals(alone)
