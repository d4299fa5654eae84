"""An explanation says why there is no case too, with units, and nothing that helps nobody."""

import json
from typing import Any

import pytest
from sqlalchemy import select

from retention.bootstrap import Application
from retention.clock import travel
from retention.db.models.work.cases import Case
from retention.db.session import reading
from retention.domain.scores import BY_NAME, MONEY_FEATURES
from retention.nights.pull import pull
from retention.nights.score_shards import score_all
from retention.reports.explain import explain
from retention.reports.sentences import about_no_case, sentences
from retention.reports.words import load_words
from retention.scoring import model_store
from retention.scoring.additive import AdditiveModel, Pair, Term
from retention.snapshots import store as snapshots
from retention.sources.families import FAMILIES, declared_columns
from tests.conftest import NIGHT
from tests.factories.nights import morning_after

TOGETHER = ("usage_change", "days_since_use")
pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.mark.gate
@pytest.mark.nights(3)
def test_an_explanation_tells_what_helps(shop: Application) -> None:
    explained = some_explained(shop)
    who_has_no_case_is_told_why(shop, explained)
    nothing_is_said_that_helps_nobody(explained)
    every_row_of_evidence_has_its_unit(explained)


def some_explained(shop: Application) -> list[dict[str, Any]]:
    ids = snapshots.table_of(shop.folders.snapshots, NIGHT, snapshots.SCORES)["customer_id"]
    with travel(morning_after(NIGHT)), reading(shop.engine) as session:
        return [
            explain(session, shop.policies, shop.folders, customer, NIGHT)
            for customer in ids.to_pylist()[::15]
        ]


def who_has_no_case_is_told_why(shop: Application, explained: list[dict[str, Any]]) -> None:
    with reading(shop.engine) as session:
        with_case = set(session.scalars(select(Case.customer_id)))
    for found in explained:
        assert bool(found["no_case"]) is (found["customer_id"] not in with_case)
        for reason in found["no_case"]:
            assert reason["why"] != "unmet" or reason["unmet"], reason
        json.dumps(found, default=str)
    unmet = [r for f in explained for r in f["no_case"] if r["playbook"] == "restore"]
    assert any("fit = 'poor'" in part["condition"] for r in unmet for part in r["unmet"])
    for language in ("en", "es"):
        words = load_words(shop.settings.templates_dir, language)
        told = [line for f in explained for line in about_no_case(f, words)]
        assert told
        assert not any("{" in line for line in told)


def nothing_is_said_that_helps_nobody(explained: list[dict[str, Any]]) -> None:
    for found in explained:
        assert not any(c["becomes"] == "no_data" for c in found["counterfactuals"])
        assert not any(c["column"] == "tenure_days" for c in found["counterfactuals"])
        if found["scores"]["net_profit_12m"] is None:
            assert found["months"] == []
        if "unwilling" in found["hints"]:
            assert float(found["scores"]["overdue_amount"]) > 0


def every_row_of_evidence_has_its_unit(explained: list[dict[str, Any]]) -> None:
    units = {(e["kind"], e["unit"]) for found in explained for e in found["evidence"]}
    assert ("late_invoice", "days") in units
    assert ("disputed_invoice", "minutes") not in units
    disputed = [e for f in explained for e in f["evidence"] if e["kind"] == "disputed_invoice"]
    assert all(e["unit"] == "money" and e["quantity"] < 5_000 for e in disputed), "not in cents"


def keep_churn_model(shop: Application) -> None:
    """A model in which use and rest matter together, and little else does."""
    nothing = (0.0, 0.0, 0.0, 0.0)
    use, rest = (Term(name, (-1e6,), None, nothing) for name in TOGETHER)
    pair = Pair(use, rest, (nothing, nothing, (0.0, 0.0, 2.5, 0.0), nothing))
    alone = Term("tenure_days", (400.0,), None, (0.0, 0.1, -0.1, 0.0))
    model_store.save(
        shop.folders.models,
        model_store.CHURN,
        {
            "accepted": True,
            "trained_through": NIGHT.isoformat(),
            "model": AdditiveModel(-2.0, (alone,), (pair,)).as_json(),
        },
    )


@pytest.mark.gate
def test_what_two_columns_do_together_is_a_reason_and_both_risks_of_a_bill_are_said(
    shop: Application,
) -> None:
    keep_churn_model(shop)
    score_all(shop.policies.costs, shop.folders, pull(shop.policies, shop.folders, NIGHT))
    rows = snapshots.table_of(shop.folders.snapshots, NIGHT, snapshots.SCORES).to_pylist()
    known = [
        row["customer_id"]
        for row in rows
        if row["churn_probability"] is not None and row["late_payment_probability"] is not None
    ]
    with reading(shop.engine) as session:
        found = [explain(session, shop.policies, shop.folders, who, NIGHT) for who in known[:20]]
    first = [one["churn_reasons"][0] for one in found]
    both = [r for r in first if [c["column"] for c in r["columns"]] == list(TOGETHER)]
    assert len(both) > 15
    assert {reason["log_odds"] for reason in both} == {2.5}
    for language, late, disputed in (
        ("en", "more than 30 days late", "that it is disputed"),
        ("es", "más de 30 días de retraso", "de que se dispute"),
    ):
        words = load_words(shop.settings.templates_dir, language)
        said = " ".join(line for one in found for line in sentences(one, words))
        assert late in said
        assert disputed in said


def test_every_feature_that_is_money_is_known_to_be() -> None:
    features = {name for family in FAMILIES for name, unit in declared_columns(family).items()
                if unit.startswith("money")}  # fmt: skip
    assert features - set(BY_NAME) == MONEY_FEATURES
