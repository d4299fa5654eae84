"""What the shipped playbooks ask of a customer's scores, condition by condition."""

from typing import Any

import pytest

from retention.domain.playbook import ENTRY, LEAVE, UNLESS, WHEN
from retention.domain.scores import BY_NAME
from retention.domain.stages import PlaybookName
from retention.playbooks.conditions import evaluate
from retention.playbooks.loading import load_playbooks
from tests.conftest import ROOT

PLAYBOOKS = load_playbooks(ROOT / "config" / "playbooks")
COSTLY: dict[str, Any] = {
    "fit": "poor",
    "net_profit_12m": -400,
    "net_profit_12m_high": -300,
    "active_contracts": 1,
    "strategic": False,
    "recovering": False,
    "run_rate_low": -500,
    "run_rate_prior": -400,
    "overdue_amount": 0,
    "contacts_per_month_change": 0.1,
    "prepaid": False,
}
GOOD: dict[str, Any] = {
    "fit": "good",
    "active_contracts": 1,
    "worth_retaining": False,
    "usage_change": 0.0,
    "days_since_use": 3,
    "days_since_downgrade": None,
    "days_since_anniversary": 200,
    "top_topic": "billing",
}


def holds(playbook: str, what: str, place: str, row: dict[str, Any]) -> bool | None:
    """Ask a shipped condition of one customer; what is not said is not known."""
    shipped = PLAYBOOKS[PlaybookName(playbook)].conditions()
    [condition] = [text for kind, where, text in shipped if (kind, where) == (what, place)]
    assert row.keys() <= BY_NAME.keys()
    columns = ", ".join(f"{_literal(value)} AS {name}" for name, value in row.items())
    found = evaluate(
        f"(SELECT 'C1' AS customer_id, {columns})", {"asked": condition},
        where_true=[], customers=["C1"],
    )  # fmt: skip
    [answer] = found["asked"].to_pylist()
    return bool(answer) if answer is not None else None


def _literal(value: object) -> str:
    return "NULL" if value is None else f"'{value}'" if isinstance(value, str) else str(value)


@pytest.mark.parametrize(
    ("changed", "enters"),
    [
        ({}, True),
        ({"fit": "fixable"}, False),
        ({"net_profit_12m_high": 1}, False),  # the band reaches over zero
        ({"net_profit_12m_high": None}, None),
        ({"active_contracts": 0}, False),
        ({"active_contracts": None}, True),  # a company that exports no contracts
        ({"strategic": True}, False),
        ({"strategic": None}, None),
        ({"recovering": True}, False),
        ({"recovering": None}, None),
    ],
)
def test_who_enters_restore(changed: dict[str, Any], enters: bool | None) -> None:
    assert holds("restore", ENTRY, "", COSTLY | changed) is enters


@pytest.mark.parametrize(
    ("changed", "leaves"),
    [
        ({}, False),
        ({"net_profit_12m": 10}, True),
        ({"net_profit_12m": 10, "overdue_amount": 5}, False),
        ({"net_profit_12m": 10, "overdue_amount": None}, True),
        ({"run_rate_low": 1}, False),  # one good quarter is no year
        ({"run_rate_low": 1, "run_rate_prior": 1}, True),
        ({"run_rate_low": 1, "run_rate_prior": 1, "overdue_amount": 5}, False),
        ({"net_profit_12m": None, "run_rate_low": None}, None),
    ],
)
def test_who_leaves_restore(changed: dict[str, Any], leaves: bool | None) -> None:
    assert holds("restore", LEAVE, "", COSTLY | changed) is leaves


@pytest.mark.parametrize(
    ("stage", "changed", "stays"),
    [
        ("educate", {}, False),
        ("educate", {"contacts_per_month_change": -0.3}, True),
        ("educate", {"contacts_per_month_change": -0.25}, False),
        ("educate", {"recovering": True}, True),
        ("renegotiate", {}, False),
        ("renegotiate", {"net_profit_12m_high": 0}, True),
        ("renegotiate", {"recovering": True}, True),
        ("migrate", {}, False),
        ("migrate", {"prepaid": True}, True),
        ("migrate", {"net_profit_12m_high": 0}, True),
        ("migrate", {"recovering": True}, True),
    ],
)
def test_who_is_pushed_no_further_in_restore(
    stage: str, changed: dict[str, Any], stays: bool
) -> None:
    assert holds("restore", UNLESS, stage, COSTLY | changed) is stays


@pytest.mark.parametrize(
    ("changed", "enters"),
    [
        ({}, False),
        ({"worth_retaining": True}, True),
        ({"usage_change": -0.45}, True),
        ({"days_since_use": 44}, False),
        ({"days_since_use": 45}, True),
        ({"days_since_use": 121}, False),  # gone for so long is gone
        ({"days_since_downgrade": 30}, True),
        ({"days_since_anniversary": 14, "usage_change": -0.25}, True),
        ({"days_since_anniversary": 14}, False),
        ({"worth_retaining": True, "fit": "poor"}, False),
        ({"worth_retaining": True, "active_contracts": 0}, False),
    ],
)
def test_who_enters_retain(changed: dict[str, Any], enters: bool) -> None:
    found = holds("retain", ENTRY, "", GOOD | changed)
    assert (found is True) is enters


@pytest.mark.parametrize("stage", ["listen", "educate", "reward"])
def test_who_uses_more_again_is_left_alone_in_retain(stage: str) -> None:
    assert holds("retain", UNLESS, stage, GOOD | {"usage_change": 0.01}) is True
    assert holds("retain", UNLESS, stage, GOOD) is False
    assert holds("retain", LEAVE, "", GOOD | {"usage_change": 0.26}) is True
    assert holds("retain", LEAVE, "", GOOD | {"usage_change": 0.25}) is False


def test_training_is_offered_to_who_asks_how_things_are_done() -> None:
    assert holds("restore", WHEN, "educate:1", COSTLY | {"top_topic": "how_to"}) is True
    assert holds("restore", WHEN, "educate:1", COSTLY | {"top_topic": "billing"}) is False
    assert holds("restore", WHEN, "educate:1", COSTLY | {"top_topic": None}) is None


def test_every_shipped_condition_is_asked_here() -> None:
    asked = {("restore", ENTRY, ""), ("restore", LEAVE, ""), ("restore", WHEN, "educate:1"),
             ("retain", ENTRY, ""), ("retain", LEAVE, "")}  # fmt: skip
    asked |= {("restore", UNLESS, stage) for stage in ("educate", "renegotiate", "migrate")}
    asked |= {("retain", UNLESS, stage) for stage in ("listen", "educate", "reward")}
    shipped = {(str(name), what, place) for name, book in PLAYBOOKS.items()
               for what, place, _ in book.conditions()}  # fmt: skip
    assert shipped == asked
