"""Churn: skill on public data, no skill as an answer, and only what was knowable."""

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from retention.demo.simulation import history, new_simulation, next_month
from retention.demo.writers import ParquetWriter
from retention.domain.errors import SourceError
from retention.learning import train as learning
from retention.learning.backtest import backtest
from retention.learning.invoices import learn_invoices
from retention.learning.leaks import leave_out, suspects
from retention.learning.measures import Campaign
from retention.learning.past import looking_back
from retention.learning.table import Columns, Labelled, read_labelled
from retention.nights.pull import open_sources, pull
from retention.nights.score_shards import score_all
from retention.policies.load import Policies, load_policies
from retention.scoring import model_store as model_files
from retention.scoring.additive import AdditiveModel, Term
from retention.scoring.model_store import models_in_use
from retention.scoring.risks import add_churn, shrunken_share
from retention.snapshots import store as snapshots
from retention.snapshots.folders import Folders
from retention.snapshots.store import table_of
from retention.sources.extract import extract_features, extract_invoices
from tests.conftest import ROOT, copy_config, make_folders
from tests.factories.commands import answer, data_folder, retention

pytestmark = pytest.mark.usefixtures("prefect_server")

TELCO = data_folder() / "telco" / "WA_Fn-UseC_-Telco-Customer-Churn.csv"
needs_telco = pytest.mark.skipif(not TELCO.exists(), reason=f"the public data is not at {TELCO}")


def telco() -> Labelled:
    data = read_labelled(TELCO, Columns("Churn", "customerID", benefit="MonthlyCharges"))
    data.features, data.left_out = leave_out(data.features, data.label, None)
    return data


@needs_telco
def test_telco_has_skill_and_is_calibrated() -> None:
    found, model = backtest(telco(), {}, Campaign())
    assert model is not None
    assert found.accepted
    assert found.auc is not None
    assert found.brier is not None
    assert found.auc >= 0.845
    assert found.brier <= 0.136
    assert found.baseline_auc == pytest.approx(0.845, abs=0.005)
    assert found.maximum_profit is not None
    assert found.maximum_profit["profit"] > max(found.maximum_profit["everybody"], 0)
    for row in found.calibration:
        assert row["seen"] == pytest.approx(row["predicted"], abs=0.05)


@needs_telco
@pytest.mark.gate
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_shuffled_labels_are_refused_as_no_skill(seed: int) -> None:
    data = telco()
    data.label = np.random.default_rng(seed).permutation(data.label)
    found, model = backtest(data, {}, Campaign())
    assert model is None
    assert not found.accepted
    assert "no skill" in found.reason


@needs_telco
@pytest.mark.gate
def test_fit_on_the_command_line_keeps_what_has_skill(tmp_path: Path) -> None:
    env = {"RETENTION_STATE_DIR": str(tmp_path / "state")}
    options = ["--data", str(TELCO), "--label", "Churn", "--id", "customerID", "--json"]
    done = retention("churn", "fit", *options, cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    found = answer(done)["churn"]
    assert found["accepted"]
    kept = list((tmp_path / "state" / "models").glob("*/*.json"))
    document = json.loads(kept[0].read_text("utf-8"))
    assert document["data_hash"]
    assert document["versions"]["interpret-core"]
    assert document["model"]["terms"]
    assert b"7590-VHVEG" not in kept[0].read_bytes()


def write_table(path: Path, rows: int = 400, **columns: list[Any]) -> Path:
    rng = np.random.default_rng(4)
    left = rng.random(rows) < 0.3
    table = {
        "id": [f"{n:03d}" for n in range(rows)],
        "visits": rng.poisson(np.where(left, 2, 6)),
        "left": np.where(left, "Yes", "No"),
        **columns,
    }
    pd.DataFrame(table).to_csv(path, index=False)
    return path


def test_leaks_are_named_and_left_out(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    left = rng.random(400) < 0.3
    path = write_table(
        tmp_path / "t.csv",
        refund=[5.0 if gone else 0.0 for gone in left],
        closed_on=["2026-07-01" if gone else "" for gone in left],
        since=["2020-01-01" if n % 3 else "2023-05-05" for n in range(400)],
        reference=[f"R{n}" for n in range(400)],
        constant=["x"] * 400,
    )
    data = read_labelled(path, Columns("left", "id"))
    features, reasons = leave_out(data.features, data.label, date(2026, 6, 1))
    assert sorted(features.columns) == ["since", "visits"]
    assert features["since"].dropna().iloc[0] in (1123, 2343)
    assert "AUC 1.000" in reasons["refund"]
    assert "dates after the cut" in reasons["closed_on"]
    assert "identifier" in reasons["reference"]
    assert reasons["constant"] == "one value only"


def test_exact_duplicates_are_counted_and_kept_once(tmp_path: Path) -> None:
    path = write_table(tmp_path / "t.csv")
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, lines[1], lines[2], lines[2]]) + "\n")
    data = read_labelled(path, Columns("left", "id"))
    assert data.duplicate_rows == 3
    assert len(data.label) == 400


def test_ids_stay_text_and_one_customer_stays_in_one_fold(tmp_path: Path) -> None:
    path = write_table(tmp_path / "t.csv", id=["007", "7"] * 200)
    data = read_labelled(path, Columns("left", "id"))
    assert set(data.groups) == {"007", "7"}


@pytest.mark.parametrize(
    ("text", "label", "message"),
    [
        ("", "left", "the file is empty"),
        ("id,left\n", "left", "there are no rows"),
        ("id,left\n1,Yes\n2,maybe\n", "left", "the label 'left' holds maybe, yes"),
        ("id,left\n1,Yes\n2,Yes\n", "left", "the label 'left' holds yes"),
        ("id,left\n1,Yes\n2,No\n", "gone", "there is no column 'gone'; found: id, left"),
        ("id,left\n1,Yes\n2,No,3,4\n", "left", "it cannot be read"),
    ],
)
def test_a_table_that_cannot_be_used_is_told_why(
    tmp_path: Path, text: str, label: str, message: str
) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SourceError, match=message):
        read_labelled(path, Columns(label, "id"))


def test_infinite_and_missing_numbers_are_missing(tmp_path: Path) -> None:
    values = ["inf", "-inf", "nan", "", "1e308", "-3", "0", "2", "4", "5"] * 40
    data = read_labelled(write_table(tmp_path / "t.csv", odd=values), Columns("left", "id"))
    assert data.features["odd"].notna().sum() == 240
    found, model = backtest(data, {}, Campaign())
    assert found.accepted
    assert model is not None
    assert np.isfinite(model.predict(data.features)).all()


def test_too_little_is_an_answer(tmp_path: Path) -> None:
    data = read_labelled(write_table(tmp_path / "t.csv", rows=60), Columns("left", "id"))
    found, model = backtest(data, {}, Campaign())
    assert model is None
    assert "too little to learn from" in found.reason


@pytest.mark.gate
def test_a_refused_fit_says_so_with_its_exit_code(tmp_path: Path) -> None:
    path = write_table(tmp_path / "t.csv", visits=[n % 7 for n in range(400)])
    env = {"RETENTION_STATE_DIR": str(tmp_path / "state")}
    done = retention("churn", "fit", "--data", str(path), "--label", "left", "--id", "id",
                     cwd=tmp_path, env=env)  # fmt: skip
    assert done.returncode == 4
    assert "refused: no skill" in done.stdout
    missing = retention("churn", "fit", "--data", str(path), cwd=tmp_path, env=env)
    assert missing.returncode == 2
    assert "needs --label" in missing.stderr


LAST = date(2026, 10, 31)


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> tuple[Policies, Folders]:
    """A demo company of 1,500 that nobody treats: those who fade leave."""
    folder = tmp_path_factory.mktemp("past")
    simulation = new_simulation(9, 1500, date(2026, 6, 1))
    writer = ParquetWriter(folder / "data")
    for part, tables in history(simulation):
        writer.write(part, tables)
    while simulation.through <= LAST:
        for part, tables in next_month(simulation):
            writer.write(part, tables)
    config = copy_config(folder / "config", folder / "data")
    return load_policies(config, ROOT / "templates"), make_folders(folder / "snapshots")


@pytest.mark.gate
def test_who_leaves_is_learnt_from_the_sources_own_past(past: tuple[Policies, Folders]) -> None:
    policies, folders = past
    with looking_back(policies, folders, LAST, from_sources=True) as then:
        learnt, data_hash = learning.learn_churn(policies, folders, LAST, then)
        again, same = learning.learn_churn(policies, folders, LAST, then)
    assert learnt.backtest.accepted, learnt.backtest.reason
    assert learnt.backtest.auc is not None
    assert learnt.backtest.auc > 0.8
    assert learnt.backtest.profit_by_value is not None
    assert learnt.backtest.profit_by_value["profit"] > 0
    # A column of our own that tells nearly everything is no leak: it never looks ahead.
    assert "usage_change" in learnt.backtest.columns
    assert (again, same) == (learnt, data_hash)


@pytest.mark.gate
def test_nights_use_the_newest_accepted_model_that_knew_nothing_later(
    past: tuple[Policies, Folders],
) -> None:
    policies, folders = past
    cut = LAST - timedelta(days=1)
    with looking_back(policies, folders, cut, from_sources=True) as then:
        learnt, data_hash = learning.learn_churn(policies, folders, cut, then)
    kept = learning.keep(folders.models, learnt, data_hash)
    assert kept.file is not None
    refused = replace(learnt, backtest=replace(learnt.backtest, accepted=False), model=None,
                      trained_through=LAST)  # fmt: skip
    learning.keep(folders.models, refused, data_hash)
    assert models_in_use(folders.models, LAST)["churn"] == kept.file.stem
    assert "churn" not in models_in_use(folders.models, cut - timedelta(days=1))
    score_all(policies.costs, folders, pull(policies, folders, LAST))
    scores = table_of(folders.snapshots, LAST, snapshots.SCORES).to_pandas()
    known = scores[scores["churn_probability"].notna()]
    assert len(known) > 1100
    assert (known["active_contracts"] > 0).all()
    assert known["churn_probability"].between(0, 1).all()
    worth = known["churn_probability"] >= known["churn_threshold"]
    assert (known["worth_retaining"].astype(bool) == worth).all()
    # A threshold of one's own: the more a customer brings, the lower the risk that is acted on.
    known = known.astype({"net_profit_12m": float}).sort_values("net_profit_12m")
    poor, rich = known.head(50), known.tail(50)
    assert rich["churn_threshold"].mean() < 0.2 < poor["churn_threshold"].mean()
    assert (known.loc[known["net_profit_12m"] < 0, "churn_threshold"] == 1.0).all()


@pytest.mark.gate
def test_the_demo_teaches_who_pays_very_late(past: tuple[Policies, Folders]) -> None:
    policies, folders = past
    learnt, _ = learn_invoices(policies, folders, LAST)["late_payment"]
    assert learnt.backtest.accepted
    assert learnt.backtest.auc is not None
    assert learnt.backtest.auc > 0.75
    assert learnt.model is not None
    assert "late_before" in learnt.model.columns
    assert learnt.backtest.maximum_profit is None


def test_a_model_file_holds_no_code(tmp_path: Path) -> None:
    path = model_files.save(
        tmp_path, "churn", {"accepted": True, "trained_through": "2026-01-01", "model": None}
    )
    assert json.loads(path.read_text("utf-8"))["accepted"] is True
    assert not list(tmp_path.rglob("*.pkl"))


def test_of_two_models_of_one_day_the_later_one_is_used(tmp_path: Path) -> None:
    for number in range(12):
        document = {"accepted": True, "trained_through": "2026-01-01", "model": None, "n": number}
        model_files.save(tmp_path, "churn", document)
    found = model_files.newest_accepted(tmp_path, "churn", LAST)
    assert found is not None
    assert found[1]["n"] == 11


@pytest.mark.parametrize("column", [None, "2025-09-23", "text"])
def test_a_column_that_is_gone_or_changed_makes_the_risk_unknown(column: str | None) -> None:
    model = AdditiveModel(0.0, (Term("x_age", (1.0,), None, (0.0, -1.0, 1.0, 0.0)),))
    scores = pd.DataFrame({"active_contracts": [1], "usage_90d": [1.0], "revenue_90d": [1]})
    if column is not None:
        scores["x_age"] = column
    found = add_churn(scores, model)["churn_probability"]
    assert found.isna().all() or found.between(0, 1).all()
    assert column is not None or found.isna().all()


def test_how_late_payment_is_taught_looks_neither_ahead_nor_away(tmp_path: Path) -> None:
    """Prepaid invoices know nothing before they are issued; late ones are not forgotten."""
    config = copy_config(tmp_path / "config", tmp_path)
    (tmp_path / "customers.csv").write_text("customer_id,name\nA,Ana\nB,Bo\n")
    bills = [f"p{n},A,{LAST - timedelta(days=100 * n)},{LAST - timedelta(days=100 * n - 30)},100"
             for n in (1, 2, 3)]  # fmt: skip
    bills += [
        f"o{n},B,{LAST - timedelta(days=55)},{LAST - timedelta(days=25)},10" for n in range(10)
    ]
    (tmp_path / "invoices.csv").write_text(
        "invoice_id,customer_id,issued_on,due_on,amount\n" + "\n".join(bills) + "\n"
    )
    paid = [f"A,{LAST - timedelta(days=320)},300,"]
    paid += [f"B,{LAST - timedelta(days=30)},10,o{n}" for n in range(5)]
    (tmp_path / "payments.csv").write_text(
        "customer_id,paid_on,amount,invoice_id\n" + "\n".join(paid) + "\n"
    )
    policies = load_policies(config, ROOT / "templates")
    company = open_sources(policies, make_folders(tmp_path / "snapshots"), LAST)
    rows = extract_invoices(company, LAST).to_pandas()
    company.close()
    ana = rows[rows["customer_id"] == "A"].sort_values("issued_on")
    assert ana["known_before"].tolist() == [0, 1, 2]
    assert ana["open_before"].tolist() == [0, 0, 0]
    # Whether Bo's will be very late is not known for any of them yet, paid or not.
    assert rows[rows["customer_id"] == "B"].empty


def paying(strong: bool) -> Labelled:
    """Invoices of customers who pay late each with a chance of their own: the share is best."""
    rng = np.random.default_rng(5)
    own = rng.beta(2.5, 2.5, 400) if strong else np.full(400, 0.3)
    rows = []
    for customer, chance in enumerate(own):
        late = rng.random(30) < chance
        for n in range(5, 30):
            before = int(late[:n].sum())
            season = rng.normal()
            said = late[n] if strong else rng.random() < 1 / (1 + np.exp(3 - 4 * abs(season)))
            rows.append((customer, n, before, season, int(said)))
    frame = pd.DataFrame(
        rows, columns=["customer", "known_before", "late_before", "season", "late"]
    )
    share = float(frame["late"].mean())
    return Labelled(
        features=frame[["known_before", "late_before", "season"]],
        label=frame["late"].to_numpy(),
        groups=frame["customer"].to_numpy(dtype=object),
        rival=shrunken_share(frame["late_before"], frame["known_before"], share),
    )


@pytest.mark.parametrize("strong", [True, False])
def test_a_model_that_is_not_better_than_the_share_is_refused(*, strong: bool) -> None:
    """Where the own share says it all no model earns its place; where more is known, it may."""
    found, model = backtest(paying(strong), {"late_before": 1}, Campaign())
    assert found.better_than_rival is not None
    low, high = found.better_than_rival
    assert found.accepted is (low > 0)
    assert (model is not None) is found.accepted
    if strong:
        assert not found.accepted
        assert "not better than what it would replace" in found.reason
        assert found.maximum_profit is None, "a refused model promises no profit"
    else:
        assert low > 0.1
    assert low <= high


def test_without_ids_equal_rows_are_counted_and_stay(tmp_path: Path) -> None:
    """Two customers can be alike; and they are in one fold, so that neither tells of the other."""
    path = write_table(tmp_path / "t.csv")
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, lines[1], lines[2], lines[2]]) + "\n")
    data = read_labelled(path, Columns("left"))
    assert (data.duplicate_rows, len(data.label), data.duplicates_kept) == (3, 403, True)
    assert data.groups[1] == data.groups[401] == data.groups[402]
    env = {"RETENTION_STATE_DIR": str(tmp_path / "state")}
    done = retention("churn", "backtest", "--data", str(path), "--label", "left", cwd=tmp_path,
                     env=env)  # fmt: skip
    assert "equal rows, all kept" in done.stdout


def test_the_money_of_a_row_is_no_feature_and_steers_whom_to_treat(tmp_path: Path) -> None:
    """Where keeping is worth little, or treating is dear, nobody is treated."""
    rich = [1000 if n % 2 else 1 for n in range(400)]
    path = write_table(tmp_path / "t.csv", worth=rich, price=[5] * 400)
    data = read_labelled(path, Columns("left", "id", cost="price", benefit="worth"))
    assert list(data.features.columns) == ["visits"]
    found, _ = backtest(data, {}, Campaign())
    assert found.profit_by_value is not None
    assert 0 < found.profit_by_value["share_treated"] <= 0.5
    dear = replace(data, cost=np.full(400, 1e4))
    found, _ = backtest(dear, {}, Campaign())
    assert found.profit_by_value is not None
    assert found.profit_by_value["share_treated"] == 0


def test_a_column_that_is_nearly_the_answer_is_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    left = rng.random(400) < 0.3
    noise = rng.random(400)
    path = write_table(
        tmp_path / "t.csv",
        visits=rng.poisson(np.where(left, 4, 5)).tolist(),
        state=np.where(left ^ (noise < 0.06), "closing", "running").tolist(),
        why=[f"reason {n % 3}" if gone and noise[n] < 0.95 else "" for n, gone in enumerate(left)],
    )
    data = read_labelled(path, Columns("left", "id"))
    kept, _ = leave_out(data.features, data.label, None)
    found = suspects(kept, data.label)
    assert set(found) == {"state", "why"}
    assert "was it known before" in found["state"]
    assert "0% of the others: was it written after" in found["why"]


@pytest.fixture(scope="module")
def of_two() -> Labelled:
    """Who leaves depends on two columns together, and on neither alone."""
    rng = np.random.default_rng(11)
    one, other = rng.normal(size=(2, 3000))
    chance = 1 / (1 + np.exp(-3 * one * other))
    return Labelled(
        features=pd.DataFrame({"one": one, "other": other, "none": rng.normal(size=3000)}),
        label=(rng.random(3000) < chance).astype(np.int64),
        groups=np.arange(3000).astype(object),
    )


@pytest.mark.gate
def test_pairs_of_columns_are_taken_where_they_help_and_are_reasons(of_two: Labelled) -> None:
    found, model = backtest(of_two, {}, None)
    assert model is not None
    assert found.better_with_pairs is not None
    assert found.better_with_pairs[0] > 0.1
    assert "one x other" in found.pairs
    added = model.contributions(of_two.features)
    total = added.sum(axis=1).to_numpy() + model.intercept
    assert np.allclose(total, model.logit(of_two.features))
    assert added["one x other"].abs().mean() > 3 * added["none"].abs().mean()
    again = AdditiveModel.from_json(json.loads(json.dumps(model.as_json())))
    assert (again.predict(of_two.features) == model.predict(of_two.features)).all()


def test_pairs_that_do_not_help_are_left_out(tmp_path: Path) -> None:
    path = write_table(tmp_path / "t.csv", rows=2000, n=[1, 2, 3, 4] * 500)
    data = read_labelled(path, Columns("left", "id"))
    found, model = backtest(data, {}, None)
    assert model is not None
    assert (found.pairs, model.pairs, found.calibrated_by) == ((), (), "line")


@pytest.mark.gate
def test_a_model_that_is_worse_than_the_one_in_use_is_refused(of_two: Labelled) -> None:
    """It is judged on the rows that the one in use had not seen."""
    one, other = (of_two.features[name].to_numpy(dtype=float) for name in ("one", "other"))
    truth = 1 / (1 + np.exp(-3 * one * other))
    best = np.where(np.arange(3000) < 1500, np.nan, truth)
    found, model = backtest(replace(of_two, incumbent=best), {}, None)
    assert model is None
    assert "worse than the model in use" in found.reason
    few = np.where(np.arange(3000) < 2980, np.nan, truth)
    found, _ = backtest(replace(of_two, incumbent=few), {}, None)
    assert found.accepted
    assert found.better_than_incumbent is None, "twenty rows tell nothing"


def test_a_dispute_has_dates_and_one_that_has_ended_is_history(tmp_path: Path) -> None:
    """What was in dispute is not late; on a day before, in and after it is what it was then."""
    (tmp_path / "customers.csv").write_text("customer_id,name\nA,Ana\n")
    (tmp_path / "invoices.csv").write_text(
        "invoice_id,customer_id,issued_on,due_on,amount,status,disputed_on,dispute_ended_on\n"
        "old,A,2026-01-01,2026-01-31,100,paid,2026-02-10,2026-05-01\n"
        "now,A,2026-06-01,2026-07-01,50,open,2026-07-05,\n"
        "odd,A,2026-06-02,2026-07-02,25,disputed,2026-07-09,2026-06-01\n"
    )
    (tmp_path / "payments.csv").write_text(
        "customer_id,paid_on,amount,invoice_id\nA,2026-05-02,100,old\n"
    )
    policies = load_policies(copy_config(tmp_path / "config", tmp_path), ROOT / "templates")
    company = open_sources(policies, make_folders(tmp_path / "snapshots"), LAST)
    seen = {}
    for day in (date(2026, 2, 9), date(2026, 3, 1), date(2026, 5, 3), LAST):
        wide = extract_features(company, day).wide.to_pylist()[0]
        seen[day] = (wide["disputed_amount"], wide["overdue_amount"])
    rows = extract_invoices(company, LAST).to_pandas()
    found = company.findings
    company.close()
    assert seen == {
        date(2026, 2, 9): (0, 10000),
        date(2026, 3, 1): (10000, 0),
        date(2026, 5, 3): (0, 0),
        LAST: (7500, 0),
    }
    assert rows["disputed"].tolist() == [True, True, True]
    assert rows["late"].isna().all()
    assert rows.sort_values("issued_on")["disputed_before"].tolist() == [0, 1, 1]
    assert ("dispute_ended_on", "impossible") in {(f.column, f.kind) for f in found}


@pytest.mark.gate
def test_late_and_disputed_are_two_back_tests(past: tuple[Policies, Folders]) -> None:
    policies, folders = past
    found = {kind: one for kind, (one, _) in learn_invoices(policies, folders, LAST).items()}
    assert set(found) == {"late_payment", "dispute"}
    assert not found["dispute"].backtest.accepted, "so few disputes teach nothing"
    assert found["dispute"].backtest.positives < found["late_payment"].backtest.positives


@pytest.mark.gate
def test_what_is_known_of_a_bill_is_tried_on_the_command_line_and_kept_nowhere(
    past: tuple[Policies, Folders], tmp_path: Path
) -> None:
    policies, _ = past
    env = {"RETENTION_CONFIG_DIR": str(policies.home), "RETENTION_STATE_DIR": str(tmp_path / "s")}
    ask = ("late", "backtest", "--as-of", LAST.isoformat())
    found = answer(retention(*ask, "--json", cwd=tmp_path, env=env))
    assert found["late_payment"]["reason"] == "it has skill"
    assert found["late_payment"]["better_than_rival"][0] > 0, "than the customer's own share"
    assert found["dispute"]["reason"].startswith("too little to learn from: ")
    said = retention(*ask, cwd=tmp_path, env=env).stdout
    assert "paid very late: accepted: it has skill." in said
    assert "disputed: refused: too little to learn from: " in said
    assert not list((tmp_path / "s").rglob("models/*/*.json"))
