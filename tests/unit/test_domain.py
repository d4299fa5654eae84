"""Small rules: transitions, approvals, notices, offers, dates, messages."""

from datetime import date
from decimal import Decimal
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.domain.actions import ACTION_MOVES, ActionState
from retention.domain.cases import CASE_MOVES, CaseState
from retention.domain.dates import Period, add_workdays, months_before
from retention.domain.errors import MoveNotAllowedError, NotAllowedError
from retention.domain.messages import (
    MAX_ATTEMPTS,
    MESSAGE_MOVES,
    AttemptStage,
    MessageState,
    SendPolicy,
    state_after_failure,
)
from retention.domain.notices import notice_days, plan_notice
from retention.domain.offers import make_offer
from retention.domain.people import Given, Person, Role, approvers_needed, role_for_approval
from retention.domain.playbook import OfferTerms
from retention.domain.runs import RUN_MOVES, RunState
from retention.domain.stages import Stage
from retention.domain.transitions import require_move

TODAY = date(2026, 5, 31)


@pytest.mark.parametrize(
    ("moves", "states"),
    [
        (ACTION_MOVES, ActionState),
        (CASE_MOVES, CaseState),
        (MESSAGE_MOVES, MessageState),
        (RUN_MOVES, RunState),
    ],
)
def test_every_state_has_its_row_in_the_table(
    moves: dict[StrEnum, frozenset[StrEnum]], states: type[StrEnum]
) -> None:
    assert set(moves) == set(states)


def test_a_closed_case_never_moves_again() -> None:
    with pytest.raises(MoveNotAllowedError, match="cannot move from 'restored' to 'terminated'"):
        require_move(CASE_MOVES, CaseState.RESTORED, CaseState.TERMINATED, subject="case 1")


def test_a_sent_message_is_never_sent_again() -> None:
    assert MessageState.SENDING not in MESSAGE_MOVES[MessageState.SENT]
    assert MessageState.RETRY_WAIT not in MESSAGE_MOVES[MessageState.UNKNOWN]


@pytest.mark.parametrize(
    ("stage", "code", "policy", "attempt", "state"),
    [
        (AttemptStage.MAIL, 451, SendPolicy.AT_MOST_ONCE, 1, MessageState.RETRY_WAIT),
        (AttemptStage.MAIL, 550, SendPolicy.AT_MOST_ONCE, 1, MessageState.RETRY_WAIT),
        (AttemptStage.RCPT, 550, SendPolicy.AT_MOST_ONCE, 1, MessageState.FAILED),
        (AttemptStage.DATA, None, SendPolicy.AT_MOST_ONCE, 1, MessageState.RETRY_WAIT),
        (AttemptStage.DOT, None, SendPolicy.AT_MOST_ONCE, 1, MessageState.UNKNOWN),
        (AttemptStage.DOT, None, SendPolicy.AT_LEAST_ONCE, 1, MessageState.RETRY_WAIT),
        (AttemptStage.DOT, None, SendPolicy.AT_LEAST_ONCE, 2, MessageState.UNKNOWN),
        (AttemptStage.DOT, 451, SendPolicy.AT_MOST_ONCE, 1, MessageState.RETRY_WAIT),
        (AttemptStage.DOT, 552, SendPolicy.AT_MOST_ONCE, 1, MessageState.FAILED),
        (AttemptStage.DATA, 451, SendPolicy.AT_MOST_ONCE, MAX_ATTEMPTS, MessageState.FAILED),
    ],
)
def test_what_a_failed_attempt_means(
    stage: AttemptStage, code: int | None, policy: SendPolicy, attempt: int, state: MessageState
) -> None:
    assert state_after_failure(stage, code, policy, attempt) is state


def make_person(person_id: str, *roles: Role) -> Person:
    return Person(person_id, person_id.title(), f"{person_id}@example.com", "1", frozenset(roles))


MARTA = make_person("marta", Role.ACCOUNT_MANAGER, Role.DIRECTOR)
DIANA = make_person("diana", Role.DIRECTOR)
BOTH = (Role.ACCOUNT_MANAGER, Role.DIRECTOR)


def test_one_person_never_fills_two_roles() -> None:
    first = role_for_approval(MARTA, BOTH, [], proposer="retention", subject="action")
    with pytest.raises(NotAllowedError, match="already approved"):
        role_for_approval(
            MARTA, BOTH, [Given("marta", first)], proposer="retention", subject="action"
        )


def test_nobody_approves_their_own_proposal() -> None:
    with pytest.raises(NotAllowedError, match="proposed it"):
        role_for_approval(MARTA, BOTH, [], proposer="marta", subject="action")


def test_a_role_that_is_filled_is_not_asked_for_again() -> None:
    given_now = [Given("diana", Role.DIRECTOR)]
    with pytest.raises(NotAllowedError, match="waits for: account_manager"):
        role_for_approval(
            make_person("dora", Role.DIRECTOR), BOTH, given_now, proposer="x", subject="a"
        )


def test_adverse_stages_need_two_people_whatever_the_playbook_says() -> None:
    assert approvers_needed(Stage.TERMINATE, ()) == 2
    assert approvers_needed(Stage.EDUCATE, ()) == 0


@pytest.mark.parametrize(
    ("contract", "kind", "days"),
    [(None, "b2c", 30), (None, "b2b", 90), (120, "b2b", 120), (10, "b2c", 30), (None, None, 90)],
)
def test_the_longest_notice_applies(contract: int | None, kind: str | None, days: int) -> None:
    assert notice_days(contract, kind, {"b2b": 90, "b2c": 30}) == days


@given(day=st.dates(date(2020, 1, 1), date(2090, 1, 1)), days=st.integers(1, 365))
def test_a_notice_is_never_shorter_and_never_ends_before_a_weekend(day: date, days: int) -> None:
    plan = plan_notice(day, days)
    assert (plan.effective_on - plan.latest_send_on).days >= days
    assert plan.effective_on.weekday() <= 3


def test_a_price_offer_covers_the_loss_but_never_rises_above_the_limit() -> None:
    terms = OfferTerms("price", Period(30), max_change=0.30)
    small = make_offer(terms, Decimal("100.00"), Decimal("-120.01"), TODAY)
    large = make_offer(terms, Decimal("100.00"), Decimal("-9999.00"), TODAY)
    assert small is not None
    assert small.new_fee == Decimal("110.01")
    assert large is not None
    assert large.new_fee == Decimal("130.00")


def test_no_offer_is_made_up_without_a_fee_or_a_loss() -> None:
    terms = OfferTerms("price", Period(30), max_change=0.30)
    assert make_offer(terms, None, Decimal(-10), TODAY) is None
    assert make_offer(terms, Decimal(10), None, TODAY) is None
    assert make_offer(terms, Decimal(10), Decimal(5), TODAY) is None


@pytest.mark.parametrize(
    ("day", "months", "before"),
    [
        (date(2026, 3, 31), 1, date(2026, 2, 28)),
        (date(2024, 2, 29), 12, date(2023, 2, 28)),
        (date(2026, 1, 15), 13, date(2024, 12, 15)),
    ],
)
def test_months_before(day: date, months: int, before: date) -> None:
    assert months_before(day, months) == before


def test_workdays_jump_over_weekends() -> None:
    friday = date(2026, 5, 29)
    assert add_workdays(friday, 1) == date(2026, 6, 1)
    assert Period(5, workdays=True).after(friday) == date(2026, 6, 5)
