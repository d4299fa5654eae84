"""An entry rule is tried on the past: do those whom it picks leave more often?"""

from dataclasses import replace
from datetime import date
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from retention.domain.playbook import Playbook
from retention.domain.stages import PlaybookName
from retention.learning.entry_rules import backtest_entry, keep_receipt, signs_of
from retention.learning.past import Then, looking_back
from retention.nights.gaps import blind_rules
from retention.nights.pull import pull
from retention.nights.score_shards import score_all
from retention.playbooks.loading import parse_playbook
from retention.policies.load import load_policies
from retention.reports.gather import make_report
from retention.reports.words import load_words
from tests.conftest import NIGHT, ROOT, copy_config, make_folders

DAYS = (date(2026, 1, 1), date(2026, 4, 1))
AS_OF = date(2026, 6, 30)
RULE = "fit = 'good' AND (usage_change <= -0.4 OR days_since_use > 40)"


def book(rule: str = RULE) -> Playbook:
    text = (ROOT / "config" / "playbooks" / "retain.yaml").read_text("utf-8")
    entry = text[text.index("entry:") : text.index("leave:")]
    return parse_playbook(
        text.replace(entry, f'entry: {{when: "{rule}", nights: 2}}\n\n'), "retain"
    )


def past(folder: Path, usage: float, idle: float, rows: int = 1000) -> list[Then]:
    """Two days on which a share of `usage` of those who use less leave, and of `idle` ones."""
    rng = np.random.default_rng(8)
    found = []
    for day in DAYS:
        falls, rests = rng.random((2, rows)) < 0.2
        good = rng.random(rows) < 0.7
        chance = np.where(falls, usage, np.where(rests, idle, 0.05))
        gone = rng.random(rows) < chance
        ids = [f"C{n:04d}" for n in range(rows)]
        scores = pa.table({
            "customer_id": ids, "fit": np.where(good, "good", "poor"),
            "usage_change": np.where(falls, -0.6, 0.1), "days_since_use": np.where(rests, 60, 3),
        })  # fmt: skip
        path = folder / f"{day}.parquet"
        pq.write_table(scores, path)
        there = pd.DataFrame({"customer_id": ids, "active_contracts": pd.array([1] * rows, "Int64"),
                              "usage_90d": 1.0, "revenue_90d": 1})  # fmt: skip
        later = there.assign(active_contracts=pd.array(np.where(gone, 0, 1), "Int64"))
        found.append(Then(day, there, later, f"read_parquet('{path}')"))
    return found


def test_a_rule_that_picks_leavers_has_skill_and_so_have_its_signs(tmp_path: Path) -> None:
    found = backtest_entry(book(), past(tmp_path, 0.4, 0.05), AS_OF)
    assert found.whole.skill
    assert found.whole.more is not None
    assert 0.1 < found.whole.more[0] < found.whole.more[1] < 0.3
    assert found.whole.picked + found.whole.others < 1500, "only those of the fit that it picks"
    falling, idle = found.signs
    assert (falling.rule, idle.rule) == ("usage_change <= -0.4", "days_since_use > 40")
    assert falling.skill
    assert not idle.skill, "who only rests does not leave"
    assert found.trained_from == DAYS[0]


def test_a_rule_without_skill_says_so_in_plan_and_report(tmp_path: Path) -> None:
    models = tmp_path / "models"
    receipt = backtest_entry(book(), past(tmp_path, 0.05, 0.05), AS_OF)
    assert receipt.whole.skill is False
    keep_receipt(models, receipt)
    (said,) = blind_rules(models, [book()], AS_OF)
    assert said.startswith("the entry rule of retain shows no skill on the past: of ")
    assert blind_rules(models, [book("usage_change < 0")], AS_OF) == [], "another rule by now"
    assert blind_rules(models, [book()], date(2026, 6, 29)) == [], "it was not known yet"
    keep_receipt(models, backtest_entry(book(), past(tmp_path, 0.4, 0.3), AS_OF))
    assert blind_rules(models, [book()], AS_OF) == []


def test_too_few_say_nothing(tmp_path: Path) -> None:
    found = backtest_entry(book(), past(tmp_path, 0.4, 0.4, rows=40), AS_OF)
    assert (found.whole.more, found.whole.skill) == (None, None)
    nobody = backtest_entry(book(), [], AS_OF)
    assert (nobody.whole.picked, nobody.whole.skill) == (0, None)
    keep_receipt(tmp_path / "models", nobody)
    (said,) = blind_rules(tmp_path / "models", [book()], AS_OF)
    assert "cannot be judged on the past" in said


def test_a_rule_over_what_the_past_did_not_know_picks_nobody(tmp_path: Path) -> None:
    """A number of one's own, or a score of a later version, is not known on days before it."""
    for rule in ("x_credit_limit > 5", "dispute_probability > 0.5"):
        found = backtest_entry(book(rule), past(tmp_path, 0.4, 0.4), AS_OF)
        assert (found.whole.picked, found.whole.skill) == (0, None)


def test_signs_are_the_alternatives_with_what_is_demanded_besides() -> None:
    found = signs_of("fit = 'good' AND (a_flag OR (x > 1 AND y < 2))")
    assert found == {
        "a_flag": "fit = 'good' AND a_flag",
        "x > 1 AND y < 2": "fit = 'good' AND (x > 1 AND y < 2)",
    }
    assert signs_of("fit = 'good' AND x > 1") == {}
    assert list(signs_of("x > 1 OR y < 2")) == ["x > 1", "y < 2"]


@pytest.mark.gate
def test_the_shipped_rule_is_tried_on_the_sources_past_and_the_report_shows_it(
    company_data: Path, tmp_path: Path
) -> None:
    """As the weekly flow does it: scored as the nights of then would have, by the same rules."""
    config = copy_config(tmp_path / "config", company_data)
    policies = load_policies(config, ROOT / "templates")
    folders = make_folders(tmp_path / "snapshots")
    retain = policies.playbooks[PlaybookName.RETAIN]
    with looking_back(policies, folders, NIGHT, from_sources=True) as then:
        receipt = backtest_entry(retain, then, NIGHT)
        assert len(then) == 4
    assert receipt.whole.picked > 0
    assert len(receipt.signs) == 5
    assert all(one.picked <= receipt.whole.picked for one in receipt.signs)
    keep_receipt(folders.models, receipt)
    score_all(policies.costs, folders, pull(policies, folders, NIGHT))
    for language in ("en", "es"):
        report = make_report(folders, NIGHT, "Company", language)
        words = load_words(ROOT / "templates", language)
        assert words.say("entry_sign", "report") in report.html
        assert f"{words.meaning('days_since_downgrade')} ≤ 30" in unescape(report.html)
    blind = replace(receipt, whole=replace(receipt.whole, skill=False))
    keep_receipt(folders.models, blind)
    for language, said in (("en", "shows no skill: of those"), ("es", "no acierta: de quienes")):
        assert said in make_report(folders, NIGHT, "Company", language).html
