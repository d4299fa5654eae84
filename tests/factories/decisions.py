"""A case half way, a playbook, and a night's facts."""

from datetime import date
from typing import Any

from retention.domain.actions import ActionKind, ActionState
from retention.domain.cases import CaseState
from retention.domain.dates import Period
from retention.domain.obstacles import Facts
from retention.domain.people import Role
from retention.domain.playbook import Condition, OfferTerms, Playbook, StageRule, Step
from retention.domain.progress import CaseProgress, StepProgress
from retention.domain.stages import PlaybookName, Stage

ENTERED = date(2026, 3, 2)
TWO = (frozenset({Role.ACCOUNT_MANAGER}), frozenset({Role.DIRECTOR}))


def make_playbook() -> Playbook:
    """The five steps, one e-mail each; a call comes before the notice."""
    email = Step(ActionKind.EMAIL, template="education")
    notice = Step(ActionKind.EMAIL, template="termination_notice", approval=TWO, notice=True)
    offer = Step(
        ActionKind.EMAIL, template="prepaid_migration_offer", offer="prepaid", approval=TWO
    )
    return Playbook(
        name=PlaybookName.RESTORE,
        version="v1",
        document="",
        entry=Condition("fit = 'poor'", 3),
        leave=Condition("net_profit_12m > 0", 2),
        stages=(
            StageRule(
                Stage.REASSESS,
                (Step(ActionKind.REVIEW, form="reassessment"),),
                outcomes={
                    "own_fault": CaseState.CLEARED,
                    "unaware": Stage.EDUCATE,
                    "unable": Stage.RENEGOTIATE,
                },
            ),
            StageRule(Stage.EDUCATE, (email,), escalate_after=Period(30), escalate_unless="x"),
            StageRule(Stage.RENEGOTIATE, (email,), escalate_after=Period(30)),
            StageRule(Stage.MIGRATE, (offer,), escalate_after=Period(30)),
            StageRule(
                Stage.TERMINATE,
                (Step(ActionKind.CALL, form="conversation"), notice),
                requires=frozenset({"conversation", "alternative"}),
            ),
        ),
        offers={"prepaid": OfferTerms("prepaid", Period(30), discount=0.05)},
    )


def make_case(stage: Stage = Stage.EDUCATE, **overrides: Any) -> CaseProgress:
    """A case that has just entered `stage`, with nothing proposed yet."""
    steps = make_playbook().rule(stage).steps
    defaults: dict[str, Any] = {
        "stage": stage,
        "stage_entered_on": ENTERED,
        "steps": tuple(StepProgress() for _ in steps),
        "served": frozenset(make_playbook().stages_before(stage)),
    }
    return CaseProgress(**defaults | overrides)


def make_facts(**overrides: Any) -> Facts:
    """A customer who is surely unprofitable and whom nothing protects."""
    defaults: dict[str, Any] = {"in_data": True, "surely_unprofitable": True, "data_settled": True}
    return Facts(**defaults | overrides)


def done(on: date = ENTERED) -> StepProgress:
    """A step that was done on a date."""
    return StepProgress(ActionState.DONE, on, on)
