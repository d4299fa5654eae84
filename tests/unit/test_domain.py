"""Small rules: transitions, approvals, notices, offers, dates, messages."""

from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.domain.actions import ACTION_MOVES, ActionState
from retention.domain.approving import (
    Given,
    StandIn,
    approvers_needed,
    is_approved,
    role_for_approval,
)
from retention.domain.cases import CASE_MOVES, CaseState
from retention.domain.clauses import ContractTerms, parse_clause
from retention.domain.dates import WEEKDAYS, Calendar, Period, months_before
from retention.domain.errors import MoveNotAllowedError, NotAllowedError, NoticeError
from retention.domain.messages import (
    MAX_REFUSALS,
    MESSAGE_MOVES,
    AttemptStage,
    MessageState,
    SendPolicy,
    Verdict,
    state_after_failure,
    verdict_of,
)
from retention.domain.notices import (
    NoticePlan,
    NoticeRule,
    NoticeRules,
    NoticeSubject,
    Proof,
    plan_notice,
)
from retention.domain.offers import make_offer
from retention.domain.people import Person, Role, Team
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
    ("stage", "code", "policy", "before", "state"),
    [
        (AttemptStage.CONNECTED, 421, SendPolicy.AT_MOST_ONCE, 0, MessageState.RETRY_WAIT),
        (AttemptStage.CONNECTED, 535, SendPolicy.AT_MOST_ONCE, 0, MessageState.QUEUED),
        (AttemptStage.MAIL, 451, SendPolicy.AT_MOST_ONCE, 0, MessageState.RETRY_WAIT),
        (AttemptStage.MAIL, 550, SendPolicy.AT_MOST_ONCE, 0, MessageState.QUEUED),
        (AttemptStage.RCPT, 550, SendPolicy.AT_MOST_ONCE, 0, MessageState.FAILED),
        (AttemptStage.DATA, None, SendPolicy.AT_MOST_ONCE, 20, MessageState.RETRY_WAIT),
        (AttemptStage.DOT, None, SendPolicy.AT_MOST_ONCE, 0, MessageState.UNKNOWN),
        (AttemptStage.DOT, None, SendPolicy.AT_LEAST_ONCE, 0, MessageState.RETRY_WAIT),
        (AttemptStage.DOT, None, SendPolicy.AT_LEAST_ONCE, 1, MessageState.UNKNOWN),
        (AttemptStage.DOT, 451, SendPolicy.AT_MOST_ONCE, 0, MessageState.RETRY_WAIT),
        (AttemptStage.DOT, 552, SendPolicy.AT_MOST_ONCE, 0, MessageState.FAILED),
        (AttemptStage.DATA, 451, SendPolicy.AT_MOST_ONCE, MAX_REFUSALS - 1, MessageState.FAILED),
    ],
)
def test_what_a_failed_attempt_means(
    stage: AttemptStage, code: int | None, policy: SendPolicy, before: int, state: MessageState
) -> None:
    """`before` counts the attempts before this one that ended in the same way."""
    verdict = verdict_of(stage, code)
    unsure = before + 1 if verdict is Verdict.UNSURE else 0
    refusals = before + 1 if code is not None else 0
    assert state_after_failure(verdict, policy, unsure=unsure, refusals=refusals) is state


def make_person(person_id: str, *roles: Role) -> Person:
    return Person(person_id, person_id.title(), f"{person_id}@example.com", "1", frozenset(roles))


MARTA = make_person("marta", Role.ACCOUNT_MANAGER, Role.DIRECTOR)
DIANA = make_person("diana", Role.DIRECTOR)
MANAGER, DIRECTOR = frozenset({Role.ACCOUNT_MANAGER}), frozenset({Role.DIRECTOR})
BOTH = (MANAGER, DIRECTOR)


def filled(
    person: Person,
    given: list[Given],
    *,
    author: str = "retention",
    owner: str = "marta",
    standing_in: tuple[StandIn, ...] = (),
) -> tuple[Role, str | None]:
    return role_for_approval(
        person, BOTH, given, owner=owner, authors=frozenset({author}),
        standing_in=standing_in, subject="action",
    )  # fmt: skip


def test_one_person_never_fills_two_roles() -> None:
    first, _ = filled(MARTA, [])
    with pytest.raises(NotAllowedError, match="already approved"):
        filled(MARTA, [Given("marta", first)])


def test_nobody_approves_their_own_proposal() -> None:
    with pytest.raises(NotAllowedError, match="has written it"):
        filled(MARTA, [], author="marta")


def test_a_role_that_is_filled_is_not_asked_for_again() -> None:
    with pytest.raises(NotAllowedError, match="waits for: account_manager"):
        filled(make_person("dora", Role.DIRECTOR), [Given("diana", Role.DIRECTOR)])


def test_only_the_accounts_own_manager_approves_as_account_manager() -> None:
    james = make_person("james", Role.ACCOUNT_MANAGER)
    with pytest.raises(NotAllowedError, match="cannot approve it"):
        filled(james, [])
    assert filled(james, [], owner="james") == (Role.ACCOUNT_MANAGER, None)


def test_a_deputy_approves_for_the_one_who_is_away_but_once_only() -> None:
    marta = make_person("marta", Role.ACCOUNT_MANAGER)
    james = make_person("james", Role.ACCOUNT_MANAGER)
    away = (StandIn(marta, "james"),)
    assert filled(james, [], standing_in=away) == (Role.ACCOUNT_MANAGER, "marta")
    with pytest.raises(NotAllowedError, match="already approved"):
        filled(james, [Given("james", Role.ACCOUNT_MANAGER)], standing_in=away)


def test_a_deputy_does_not_lend_the_author_a_second_voice() -> None:
    marta = make_person("marta", Role.ACCOUNT_MANAGER)
    james = make_person("james", Role.VIEWER)
    with pytest.raises(NotAllowedError, match="cannot approve it"):
        filled(james, [], author="marta", standing_in=(StandIn(marta, "james"),))


def test_adverse_stages_need_two_people_whatever_the_playbook_says() -> None:
    assert approvers_needed(Stage.TERMINATE, ()) == 2
    assert approvers_needed(Stage.EDUCATE, ()) == 0
    assert not is_approved(Stage.TERMINATE, (), [Given("diana", Role.DIRECTOR)])


def test_one_director_who_is_lent_to_two_deputies_is_one_person() -> None:
    either = (DIRECTOR, DIRECTOR)
    james, olga = make_person("james", Role.VIEWER), make_person("olga", Role.VIEWER)
    first = Given("james", Role.DIRECTOR, "diana")
    for second in (
        Given("olga", Role.DIRECTOR, "diana"),
        Given("diana", Role.DIRECTOR),
        Given("james", Role.DIRECTOR, "marta"),
        Given("diana", Role.DIRECTOR, "marta"),
    ):
        assert not is_approved(Stage.TERMINATE, either, [first, second]), second
        assert not is_approved(Stage.TERMINATE, either, [second, first]), second
    assert is_approved(Stage.TERMINATE, either, [first, Given("marta", Role.DIRECTOR)])
    for person, lent in ((olga, (StandIn(DIANA, "olga"),)), (DIANA, ()), (james, ())):
        with pytest.raises(NotAllowedError, match="approve"):
            role_for_approval(person, either, [first], owner="marta", authors=frozenset(),
                              standing_in=lent, subject="action")  # fmt: skip


def test_who_has_gone_or_lost_the_role_has_no_voice() -> None:
    team = Team({"marta": MARTA, "diana": DIANA}, "marta")
    assert team.still_has("diana", None, Role.DIRECTOR, "marta")
    assert team.still_has("diana", "marta", Role.ACCOUNT_MANAGER, "marta")
    assert not team.still_has("diana", None, Role.FINANCE, "marta")
    assert not team.still_has("james", "diana", Role.DIRECTOR, "marta")
    assert not team.still_has("diana", "james", Role.DIRECTOR, "marta")
    assert not team.still_has("marta", None, Role.ACCOUNT_MANAGER, "james")


def test_a_quorum_needs_that_many_different_people() -> None:
    either = frozenset({Role.DIRECTOR, Role.FINANCE})
    one, two = Given("diana", Role.DIRECTOR), Given("fran", Role.FINANCE)
    assert not is_approved(Stage.RENEGOTIATE, (either, either), [one])
    assert is_approved(Stage.RENEGOTIATE, (either, either), [one, two])
    assert not is_approved(Stage.RENEGOTIATE, (either, either), [one, Given("diana", Role.FINANCE)])


RULES = NoticeRules({"b2b": 90, "b2c": 30}, (), frozenset({"ES"}))
MADRID = Calendar(frozenset({date(2026, 12, 8), date(2026, 12, 25), date(2027, 1, 6)}))


def plan(day: date, subject: NoticeSubject, rules: NoticeRules = RULES) -> NoticePlan:
    return plan_notice(day, subject, rules, MADRID)


@pytest.mark.parametrize(
    ("contract", "kind", "days"),
    [(None, "b2c", 30), (None, "b2b", 90), (120, "b2b", 120), (10, "b2c", 30), (None, None, 90)],
)
def test_the_longest_notice_applies(contract: int | None, kind: str | None, days: int) -> None:
    subject = NoticeSubject(kind, "ES", (ContractTerms(notice_days=contract),))
    assert plan(TODAY, subject).notice_days == days


@given(
    day=st.dates(date(2020, 1, 1), date(2090, 1, 1)),
    days=st.integers(1, 365),
    closed=st.sets(st.dates(date(2026, 1, 1), date(2027, 12, 31)), max_size=40),
)
def test_a_notice_is_never_shorter_and_never_ends_before_people_rest(
    day: date, days: int, closed: set[date]
) -> None:
    rules = NoticeRules({"b2c": days}, (), frozenset({"ES"}))
    made = plan_notice(day, NoticeSubject("b2c", "ES"), rules, Calendar(frozenset(closed)))
    assert (made.effective_on - made.latest_send_on).days >= days
    assert made.effective_on.weekday() <= 3
    assert not {made.effective_on, made.effective_on + timedelta(days=1)} & closed


def rule(name: str, **having: Any) -> NoticeRule:
    fields: dict[str, Any] = {"days": 0, "months": 0, "country": None, "kind": None,
                              "proof": Proof.EMAIL_OK, "source": "x", "confidence": "high",
                              "review_by": TODAY}  # fmt: skip
    return NoticeRule(rule_id=name, **fields | having)


def test_an_unknown_country_gets_the_strictest_rule_and_a_person() -> None:
    rules = NoticeRules(
        {"b2b": 30, "b2c": 30},
        (rule("es", days=60, country="ES"),
         rule("us", days=200, country="US", proof=Proof.RECEIPT)),
        frozenset({"ES", "US"}),
    )  # fmt: skip
    known = plan(TODAY, NoticeSubject("b2c", "ES"), rules)
    assert (known.notice_days, known.because, known.unsure) == (60, "es", "")
    for country in ("ZZ", None):
        unknown = plan(TODAY, NoticeSubject("b2c", country), rules)
        assert unknown.notice_days == 200
        assert unknown.proof is Proof.RECEIPT
        assert unknown.unsure == "unknown_country"


@pytest.mark.parametrize(
    ("clause", "notified", "ends"),
    [
        ("60 days", "2026-01-31", "2026-04-01"),
        ("1 month", "2026-01-31", "2026-02-28"),
        ("2 months to month end", "2026-01-15", "2026-03-31"),
        ("2 weeks to the month end", "2026-02-20", "2026-03-31"),
        ("6 weeks to quarter end", "2026-02-17", "2026-03-31"),
        ("6 weeks to quarter end", "2026-02-18", "2026-06-30"),
        ("1 year to year end", "2027-02-28", "2028-12-31"),
        ("3 months before renewal", "2026-06-30", "2026-09-30"),
        ("3 months before renewal", "2026-07-01", "2027-09-30"),
    ],
)
def test_a_clause_says_when_a_contract_may_end(clause: str, notified: str, ends: str) -> None:
    terms = ContractTerms(clause, None, date(2024, 10, 1), date(2025, 9, 30))
    assert terms.earliest_end(date.fromisoformat(notified)) == date.fromisoformat(ends)


def test_a_fixed_term_without_a_clause_runs_to_its_end() -> None:
    assert ContractTerms(ends_on=date(2027, 5, 1)).earliest_end(TODAY) == date(2027, 5, 1)
    assert ContractTerms(notice_days=30, ends_on=date(2027, 5, 1)).earliest_end(TODAY) \
        == TODAY + timedelta(days=30)  # fmt: skip


@pytest.mark.parametrize(
    "clause", ["soon", "two months", "60 days to month end before", "", "-5 days"]
)
def test_a_clause_that_nobody_can_read_stops_the_notice(clause: str) -> None:
    with pytest.raises(ValueError, match="no notice clause"):
        parse_clause(clause)
    if clause:
        with pytest.raises(NoticeError, match="notice clause"):
            plan(TODAY, NoticeSubject("b2c", "ES", (ContractTerms(clause),)))


def test_a_renewal_clause_needs_a_date() -> None:
    with pytest.raises(NoticeError, match="when it renews"):
        plan(TODAY, NoticeSubject("b2c", "ES", (ContractTerms("3 months before renewal"),)))


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
    assert WEEKDAYS.add_workdays(friday, 1) == date(2026, 6, 1)
    assert Period(5, workdays=True).after(friday) == date(2026, 6, 5)
