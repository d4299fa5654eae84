"""Caps, canaries, holdouts and intervals: the rules around the ladder, at their very edges."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.domain.canary import CanaryRule, MailingProgress, may_leave
from retention.domain.holdouts import Arm, Groups, draw_arm
from retention.domain.limits import ADVERSE_EFFECTS, Cap, Limits, judge
from retention.domain.people import MAY, Permission, Person, Role
from retention.scoring.intervals import (
    UNKNOWN,
    difference_of_means,
    difference_of_shares,
    wilson,
)

NOW = datetime(2026, 6, 1, 7, tzinfo=UTC)
LIMITS = Limits({"migrate": Cap(0.005, 50, 3), "educate": Cap(0.1, 5000, 3)})


@pytest.mark.parametrize(
    ("active", "allowed"),
    [(0, 0), (2, 2), (3, 3), (599, 3), (800, 4), (9_999, 49), (10_000, 50), (1_000_000, 50)],
)
def test_a_cap_is_the_lower_of_share_and_count(active: int, allowed: int) -> None:
    assert Cap(0.005, 50, 3).of(active) == allowed


def test_at_the_cap_everything_happens_and_one_more_holds_all() -> None:
    assert judge(["migrate"] * 4, 800, LIMITS) == {}
    over = judge(["migrate"] * 5 + ["terminate"] + ["educate"], 800, LIMITS)
    assert over.keys() == {"migrate", "terminate"}
    assert (over["migrate"].wanted, over["migrate"].allowed) == (5, 4)


@pytest.mark.parametrize("effect", ["educate", "open", "renegotiate"])
def test_whatever_is_too_much_holds_all_that_is_adverse(effect: str) -> None:
    limits = Limits(LIMITS.caps | {"open": Cap(0.1, 5000, 3), "renegotiate": Cap(0.1, 5000, 3)})
    found = judge([effect] * 81 + ["migrate", "terminated"], 800, limits)
    assert found.keys() == {effect, "migrate", "terminated"}
    assert found["migrate"].allowed == 0
    assert judge([effect] * 80 + ["migrate"], 800, limits) == {}


@given(st.lists(st.sampled_from(["migrate", "educate", "terminate"])), st.integers(0, 5000))
def test_what_is_not_held_is_within_its_cap(effects: list[str], active: int) -> None:
    over = judge(effects, active, LIMITS)
    for effect, cap in LIMITS.caps.items():
        assert effect in over or effects.count(effect) <= cap.of(active)
    if over:
        assert over.keys() >= ADVERSE_EFFECTS & set(effects)


RULE = CanaryRule(above=20, first=5, wait=timedelta(minutes=30))


@pytest.mark.parametrize(
    ("progress", "allowed"),
    [
        (MailingProgress(20, 0, 0, 0, None), 20),
        (MailingProgress(21, 0, 0, 0, None), 5),
        (MailingProgress(21, 3, 0, 1, NOW), 1),
        (MailingProgress(21, 5, 0, 0, NOW - timedelta(minutes=29)), 0),
        (MailingProgress(21, 5, 0, 0, NOW - timedelta(minutes=30)), 16),
        (MailingProgress(21, 4, 0, 1, NOW - timedelta(hours=9)), 0),
        (MailingProgress(21, 4, 1, 0, NOW - timedelta(hours=9)), None),
        (MailingProgress(21, 8, 1, 0, NOW), 12),
    ],
)
def test_canaries_go_first(progress: MailingProgress, allowed: int | None) -> None:
    assert may_leave(progress, RULE, NOW) == allowed


@given(st.text(), st.floats(0, 0.5))
def test_an_arm_is_drawn_once_and_for_all(group: str, share: float) -> None:
    assert draw_arm(group, "restore", "salt", share) is draw_arm(group, "restore", "salt", share)
    if draw_arm(group, "restore", "salt", share) is Arm.HOLDOUT:
        assert draw_arm(group, "restore", "salt", 0.5) is Arm.HOLDOUT


def test_about_the_share_is_held_out() -> None:
    arms = [draw_arm(f"C{n}", "restore", "salt", 0.1) for n in range(20_000)]
    interval = wilson(arms.count(Arm.HOLDOUT), len(arms))
    assert interval.low is not None
    assert interval.high is not None
    assert interval.low <= 0.1 <= interval.high


@given(st.lists(st.tuples(st.sampled_from("ABCDEFGH"), st.sampled_from("ABCDEFGH"))))
def test_tied_accounts_are_one_group_named_by_the_first(ties: list[tuple[str, str]]) -> None:
    groups = Groups(ties)
    for one, other in ties:
        assert groups.of(one) == groups.of(other)
        assert groups.of(one) <= min(one, other)
        assert groups.of(groups.of(one)) == groups.of(one)


def test_a_long_chain_of_ties_is_one_group() -> None:
    names = [f"{n:06d}" for n in range(20_000)]
    groups = Groups(zip(names[1:], names[:-1], strict=True))
    assert {groups.of(name) for name in names} == {"000000"}


def test_wilson_is_what_the_books_say() -> None:
    interval = wilson(10, 100)
    assert interval.low == pytest.approx(0.0552, abs=1e-4)
    assert interval.high == pytest.approx(0.1744, abs=1e-4)
    assert wilson(0, 0) is UNKNOWN
    assert wilson(0, 10).low == 0.0
    with pytest.raises(ValueError, match="11 successes of 10 trials"):
        wilson(11, 10)


def test_a_difference_of_shares_is_what_newcombe_says() -> None:
    found = difference_of_shares((56, 70), (48, 80))
    assert found.value == pytest.approx(0.2)
    assert found.low == pytest.approx(0.0524, abs=1e-3)
    assert found.high == pytest.approx(0.3339, abs=1e-3)
    assert difference_of_shares((0, 0), (1, 2)) is UNKNOWN


def test_an_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    hits = 0
    for seed in range(200):
        one, other = rng.normal(1.0, 2.0, 40), rng.normal(0.0, 1.0, 60)
        found = difference_of_means(one, other, seed)
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= 1.0 <= found.high
    assert hits >= 180


def test_a_single_customer_says_nothing() -> None:
    assert difference_of_means(np.array([1.0]), np.array([1.0, 2.0]), 1) is UNKNOWN
    assert not UNKNOWN.is_above_zero
    assert not UNKNOWN.holds_zero


def test_who_runs_the_nights_approves_nothing_and_who_audits_changes_nothing() -> None:
    assert MAY[Role.AUDITOR] == MAY[Role.VIEWER] == {Permission.SEE}
    assert Permission.APPROVE not in MAY[Role.OPS]
    assert Permission.START not in MAY[Role.ACCOUNT_MANAGER]
    for role in Role:
        assert Permission.SEE in MAY[role]


def test_account_roles_count_on_own_accounts_only() -> None:
    roles = frozenset({Role.REVIEWER, Role.APPROVER, Role.ACCOUNT_MANAGER})
    own = Person("ann", "Ann", "a@example.com", "1", roles)
    everywhere = Person("ann", "Ann", "a@example.com", "1", roles, all_accounts=True)
    assert own.roles_for("bob") == frozenset()
    assert own.may(Permission.APPROVE, "ann")
    assert everywhere.roles_for("bob") == {Role.REVIEWER, Role.APPROVER}
    assert not own.may(Permission.APPROVE, "bob")
