"""The shape of a playbook file, and its translation into the rules' own words."""

from typing import Self

from pydantic import Field, model_validator

from retention.domain.actions import ActionKind
from retention.domain.cases import CaseState
from retention.domain.playbook import NINETY_DAYS, Condition, Playbook, StageRule
from retention.domain.stages import LADDERS, PlaybookName, Stage
from retention.playbooks.fields import ConditionText, PeriodText
from retention.playbooks.steps import OfferDoc, StageDoc
from retention.yaml_files import PolicyModel

# A review alone never ends or moves a contract.
_BY_REVIEW = frozenset({CaseState.CLEARED, CaseState.EXEMPT, CaseState.RESTORED, CaseState.EXPIRED})
# What is our own doing is never held against a customer.
_OURS = ("own_fault", "data_error")


class ConditionDoc(PolicyModel):
    """A condition and for how many nights in a row it must hold."""

    when: ConditionText
    nights: int = Field(ge=1, le=60)


class EntryDoc(ConditionDoc):
    """When a case opens. After a case has closed no new one opens before `again` is over."""

    again: PeriodText = NINETY_DAYS


class PlaybookDoc(PolicyModel):
    """A whole playbook file."""

    playbook: PlaybookName
    entry: EntryDoc
    leave: ConditionDoc
    patience: PeriodText = NINETY_DAYS
    offers: dict[str, OfferDoc] = Field(default_factory=dict)
    stages: tuple[StageDoc, ...]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        ladder = LADDERS[self.playbook]
        if tuple(stage.stage for stage in self.stages) != ladder:
            raise ValueError(f"the stages of '{self.playbook}' are, in order: {', '.join(ladder)}")
        for stage in self.stages:
            for answer, target in stage.outcomes.items():
                _target(answer, target, stage.stage, ladder)
            for step in stage.steps:
                if step.offer is not None and step.offer not in self.offers:
                    raise ValueError(f"the offer '{step.offer}' is not under 'offers'")
        if self.playbook is PlaybookName.RESTORE:
            _clears_our_own_faults(self.stages[0])
        return self


def _clears_our_own_faults(stage: StageDoc) -> None:
    if not any(step.action is ActionKind.REVIEW for step in stage.steps):
        raise ValueError("'reassess' needs a review: a person looks before anything happens")
    for answer in _OURS:
        if stage.outcomes.get(answer) != CaseState.CLEARED:
            raise ValueError(f"'reassess' needs the outcome '{answer}: cleared'")


def _target(answer: str, target: str, stage: Stage, ladder: tuple[Stage, ...]) -> CaseState | Stage:
    if target in _BY_REVIEW:
        return CaseState(target)
    later = ladder[ladder.index(stage) + 1 :]
    if target in later and target != Stage.TERMINATE:
        return Stage(target)
    allowed = ", ".join([*sorted(_BY_REVIEW), *(s for s in later if s is not Stage.TERMINATE)])
    raise ValueError(f"'{answer}: {target}' leads nowhere; allowed are: {allowed}")


def to_playbook(doc: PlaybookDoc, document: str, version: str) -> Playbook:
    """Return the playbook as the rules see it."""
    ladder = LADDERS[doc.playbook]
    return Playbook(
        name=doc.playbook,
        version=version,
        document=document,
        entry=Condition(doc.entry.when, doc.entry.nights),
        again=doc.entry.again,
        patience=doc.patience,
        leave=Condition(doc.leave.when, doc.leave.nights),
        stages=tuple(_rule(stage, ladder) for stage in doc.stages),
        offers={name: offer.to_terms() for name, offer in doc.offers.items()},
    )


def _rule(doc: StageDoc, ladder: tuple[Stage, ...]) -> StageRule:
    return StageRule(
        stage=doc.stage,
        steps=tuple(step.to_step() for step in doc.steps),
        outcomes={a: _target(a, t, doc.stage, ladder) for a, t in doc.outcomes.items()},
        escalate_after=doc.escalate.after if doc.escalate else None,
        escalate_unless=doc.escalate.unless if doc.escalate else None,
        requires=frozenset(doc.requires),
        stay=doc.stay,
        deadline=doc.deadline,
    )
