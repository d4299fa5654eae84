"""The ladder: what a night may do with a case, at the very boundary."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.domain.actions import ActionState
from retention.domain.cases import CaseState
from retention.domain.dates import WEEKDAYS
from retention.domain.decision_kinds import DecisionKind
from retention.domain.decisions import Decision, decide
from retention.domain.obstacles import Facts
from retention.domain.progress import CaseProgress, Notice, StepProgress
from retention.domain.stages import ADVERSE_STAGES, Stage
from tests.factories.decisions import ENTERED, done, make_case, make_facts, make_playbook

PLAYBOOK = make_playbook()
SERVED = frozenset({Stage.REASSESS, Stage.EDUCATE})


def decided(case: CaseProgress, facts: Facts | None = None, today: date = ENTERED) -> Decision:
    return decide(case, PLAYBOOK, facts or make_facts(), today, WEEKDAYS)


def test_a_new_stage_proposes_its_first_step() -> None:
    assert decided(make_case()) == Decision(DecisionKind.PROPOSE, "step_due", step=0)


def test_a_proposed_step_is_not_proposed_twice() -> None:
    waiting = (StepProgress(ActionState.PENDING_APPROVAL, ENTERED),)
    assert decided(make_case(steps=waiting)).reason == "step_pending_approval"


@pytest.mark.parametrize(("days", "kind"), [(29, DecisionKind.WAIT), (30, DecisionKind.PROPOSE)])
def test_a_rejected_step_comes_again_on_the_day_its_rest_is_over(
    days: int, kind: DecisionKind
) -> None:
    rejected = (StepProgress(ActionState.REJECTED, ENTERED),)
    assert decided(make_case(steps=rejected), today=ENTERED + timedelta(days)).kind is kind


@pytest.mark.parametrize(("days", "stage"), [(29, None), (30, Stage.RENEGOTIATE)])
def test_a_case_goes_on_on_the_day_the_observation_ends(days: int, stage: Stage | None) -> None:
    case = make_case(steps=(done(),), served=SERVED)
    assert decided(case, today=ENTERED + timedelta(days)).stage is stage


def test_unknown_data_never_moves_anybody_on() -> None:
    case = make_case(steps=(done(),))
    facts = make_facts(may_improve=frozenset({Stage.EDUCATE}))
    assert decided(case, facts, ENTERED + timedelta(999)).reason == "improving_or_unknown"


def test_a_customer_who_is_not_in_tonights_data_waits() -> None:
    assert decided(make_case(), make_facts(in_data=False)).reason == "no_data_tonight"


def test_a_confirmed_improvement_closes_the_case_even_inside_the_notice() -> None:
    case = make_case(Stage.TERMINATE, steps=(done(), done()), notice=Notice(ENTERED, ENTERED))
    assert decided(case, make_facts(leave_confirmed=True)).outcome is CaseState.RESTORED


@pytest.mark.parametrize(
    ("days", "outcome"), [(-1, None), (0, CaseState.TERMINATED), (1, CaseState.TERMINATED)]
)
def test_a_notice_takes_effect_on_its_day_and_not_before(
    days: int, outcome: CaseState | None
) -> None:
    effective = ENTERED + timedelta(91)  # a Monday
    case = make_case(Stage.TERMINATE, steps=(done(), done()), notice=Notice(ENTERED, effective))
    assert decided(case, today=effective + timedelta(days)).outcome is outcome


@pytest.mark.parametrize("block", ["vulnerable", "open_complaint", "disputed_invoice"])
def test_what_protects_a_customer_stops_the_clock_for_good(block: str) -> None:
    case = make_case(Stage.TERMINATE, steps=(done(), done()), notice=Notice(ENTERED, ENTERED))
    decision = decided(case, make_facts(blocks=(block,)))
    assert decision.kind is DecisionKind.VOID_NOTICE
    assert decision.reason == f"blocked:{block}"


def test_a_hold_stops_the_clock_and_everything_else() -> None:
    running = make_case(Stage.TERMINATE, steps=(done(), done()), notice=Notice(ENTERED, ENTERED))
    assert decided(running, make_facts(hold="dispute")).kind is DecisionKind.VOID_NOTICE
    waiting = decided(make_case(), make_facts(hold="dispute"))
    assert (waiting.kind, waiting.reason, waiting.withdraw) == \
        (DecisionKind.WAIT, "on_hold:dispute", True)  # fmt: skip


def test_nothing_adverse_starts_before_the_data_has_been_good_for_long_enough() -> None:
    case = make_case(Stage.RENEGOTIATE, steps=(done(),), served=SERVED | {Stage.RENEGOTIATE})
    late = ENTERED + timedelta(60)
    assert decided(case, make_facts(data_settled=False), late).reason == "data_not_settled"
    assert decided(case, make_facts(), late).stage is Stage.MIGRATE


def test_who_has_turned_is_not_pushed_on() -> None:
    """The last 90 days earn, or lose far less: no adverse stage begins."""
    case = make_case(Stage.RENEGOTIATE, steps=(done(),), served=SERVED | {Stage.RENEGOTIATE})
    late = ENTERED + timedelta(60)
    waits = decided(case, make_facts(recovering=True), late)
    assert (waits.kind, waits.reason, waits.stage) == (DecisionKind.WAIT, "recovering", None)
    assert decided(case, make_facts(recovering=False), late).stage is Stage.MIGRATE
    mild = make_case(steps=(done(),), served=SERVED)
    assert decided(mild, make_facts(recovering=True), late).stage is Stage.RENEGOTIATE


def test_who_has_cancelled_is_written_nothing_about_an_end_any_more() -> None:
    late, cancelled = ENTERED + timedelta(60), make_facts(cancelled=True)
    case = make_case(steps=(done(),), served=SERVED)
    waits = decided(case, cancelled, late)
    assert (waits.kind, waits.reason) == (DecisionKind.WAIT, "cancelled_by_customer")
    assert waits.withdraw
    assert decided(make_case(), cancelled).kind is DecisionKind.PROPOSE, "what helps goes on"
    assert decided(case, make_facts(ended=True), late).outcome is CaseState.SELF_CHURNED


def test_a_notice_runs_on_when_the_company_cancels_for_the_day_it_names() -> None:
    effective = ENTERED + timedelta(91)
    case = make_case(Stage.TERMINATE, steps=(done(), done()), notice=Notice(ENTERED, effective))
    cancelled = make_facts(cancelled=True)
    assert decided(case, cancelled, ENTERED + timedelta(30)).reason == "notice_running"
    assert decided(case, cancelled, effective).outcome is CaseState.TERMINATED


def test_a_notice_that_runs_is_void_when_its_customer_turns() -> None:
    effective = ENTERED + timedelta(91)
    case = make_case(Stage.TERMINATE, steps=(done(), done()), notice=Notice(ENTERED, effective))
    decision = decided(case, make_facts(recovering=True), ENTERED + timedelta(30))
    assert (decision.kind, decision.reason) == (DecisionKind.VOID_NOTICE, "blocked:recovering")
    assert decision.withdraw


def test_nothing_ends_while_the_profit_may_be_positive() -> None:
    case = make_case(Stage.TERMINATE, steps=(done(), done()), notice=Notice(ENTERED, ENTERED))
    assert decided(case, make_facts(surely_unprofitable=False)).reason == "profit_uncertain"


@pytest.mark.parametrize(
    "facts",
    [
        make_facts(blocks=("open_complaint",)),
        make_facts(surely_unprofitable=False),
        make_facts(recovering=True),
        make_facts(in_data=False),
    ],
)
@pytest.mark.parametrize("stage", sorted(ADVERSE_STAGES))
def test_an_adverse_message_that_waits_is_taken_back(stage: Stage, facts: Facts) -> None:
    steps = (done(), StepProgress(ActionState.APPROVED, ENTERED))
    case = make_case(stage, steps=steps[-len(PLAYBOOK.rule(stage).steps) :])
    decision = decided(case, facts)
    assert decision.kind is DecisionKind.WAIT
    assert decision.withdraw


def test_a_notice_needs_a_logged_conversation() -> None:
    steps = (done(), StepProgress())
    case = make_case(Stage.TERMINATE, steps=steps)
    assert decided(case).reason == "no_conversation_logged"
    talked = make_case(Stage.TERMINATE, steps=steps, conversation_logged=True)
    assert decided(talked).reason == "no_alternative_named"
    told = make_case(Stage.TERMINATE, steps=steps, conversation_logged=True, alternative_named=True)
    assert decided(told) == Decision(DecisionKind.PROPOSE, "step_due", step=1)


def test_a_review_that_finds_our_own_fault_clears_the_case() -> None:
    case = make_case(Stage.REASSESS, steps=(done(),), review_outcome="own_fault")
    assert decided(case).outcome is CaseState.CLEARED


def test_a_stage_that_was_skipped_keeps_the_case_out_of_termination() -> None:
    served = frozenset({Stage.REASSESS, Stage.RENEGOTIATE})
    case = make_case(Stage.MIGRATE, steps=(done(),), served=served)
    late = ENTERED + timedelta(365)
    assert decided(case, today=late).reason == "stage_not_served:educate"
    waived = make_case(
        Stage.MIGRATE, steps=(done(),), served=served | {Stage.MIGRATE},
        waived=frozenset({Stage.EDUCATE}),
    )  # fmt: skip
    assert decided(waived, today=late).stage is Stage.TERMINATE


def test_a_review_that_routes_ahead_waits_for_the_second_person() -> None:
    reviewed = {
        "steps": (done(),),
        "review_outcome": "unable",
        "served": frozenset({Stage.REASSESS}),
    }
    assert decided(make_case(Stage.REASSESS, **reviewed)).reason == "waiver_requested"
    granted = make_case(Stage.REASSESS, **reviewed, waived=frozenset({Stage.EDUCATE}))
    assert decided(granted).stage is Stage.RENEGOTIATE
    refused = make_case(Stage.REASSESS, **reviewed, refused=frozenset({Stage.EDUCATE}))
    assert decided(refused).stage is Stage.EDUCATE


def test_an_unknown_message_waits_for_a_person() -> None:
    lost = StepProgress(ActionState.APPROVED, ENTERED, None, "unknown")
    assert decided(make_case(steps=(lost,))).reason == "message_unknown"


def test_a_customer_without_address_is_never_written_to() -> None:
    assert decided(make_case(), make_facts(reachable=False)).reason == "no_usable_address"


progress = st.sampled_from([None, *ActionState])
days = st.integers(-5, 400).map(lambda n: ENTERED + timedelta(n))


@given(
    stage=st.sampled_from([rule.stage for rule in PLAYBOOK.stages]),
    states=st.lists(progress, min_size=2, max_size=2),
    served=st.frozensets(st.sampled_from(list(Stage))),
    outcome=st.sampled_from([None, "own_fault", "unaware", "unable", "nonsense"]),
    talked=st.booleans(),
    waived=st.frozensets(st.sampled_from(list(Stage))),
    notice=st.none() | st.builds(Notice, st.just(ENTERED), days),
    facts=st.builds(
        make_facts,
        in_data=st.booleans(),
        ended=st.booleans(),
        leave_confirmed=st.booleans(),
        may_improve=st.frozensets(st.sampled_from(list(Stage))),
        reachable=st.booleans(),
        data_settled=st.booleans(),
        hold=st.sampled_from([None, "dispute"]),
        surely_unprofitable=st.booleans(),
        cancelled=st.booleans(),
        blocks=st.sampled_from([(), ("vulnerable",), ("open_complaint",)]),
    ),
    today=days,
)
def test_whatever_happens_the_ladder_holds(
    *,
    stage: Stage,
    states: list[ActionState | None],
    served: frozenset[Stage],
    outcome: str | None,
    talked: bool,
    waived: frozenset[Stage],
    notice: Notice | None,
    facts: Facts,
    today: date,
) -> None:
    steps = tuple(
        StepProgress(state, ENTERED, ENTERED if state is ActionState.DONE else None)
        for state in states[: len(PLAYBOOK.rule(stage).steps)]
    )
    case = make_case(
        stage,
        steps=steps,
        served=served,
        review_outcome=outcome,
        conversation_logged=talked,
        waived=waived,
        notice=notice if stage is Stage.TERMINATE else None,
    )
    decision = decide(case, PLAYBOOK, facts, today, WEEKDAYS)
    if decision.stage is not None:
        assert set(PLAYBOOK.stages_before(decision.stage)) <= served | waived
        assert facts.hold is None
    if decision.stage in ADVERSE_STAGES:
        assert facts.surely_unprofitable
        assert facts.data_settled
        assert not facts.blocks
    if decision.stage is not None:
        order = [rule.stage for rule in PLAYBOOK.stages]
        assert order.index(decision.stage) > order.index(stage)
    if decision.outcome is CaseState.TERMINATED:
        assert notice is not None
        assert notice.effective_on <= today
        protected = facts.blocks or facts.hold or not facts.surely_unprofitable
        assert facts.ended or not protected
    if not facts.in_data:
        assert decision.kind is DecisionKind.WAIT
