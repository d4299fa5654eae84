"""The shape of a playbook file, and its translation into the rules' own words."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from retention.domain.actions import ActionKind
from retention.domain.cases import CaseState
from retention.domain.dates import Period
from retention.domain.people import MINIMUM_APPROVERS_ADVERSE, Role
from retention.domain.playbook import (
    AT_ONCE,
    NINETY_DAYS,
    TEN_DAYS,
    THIRTY_DAYS,
    Condition,
    OfferTerms,
    Playbook,
    StageRule,
    Step,
)
from retention.domain.stages import ADVERSE_STAGES, LADDERS, PlaybookName, Stage
from retention.playbooks.conditions import check_condition, probe
from retention.policy import PolicyModel

# A review alone never ends or moves a contract.
_BY_REVIEW = frozenset({CaseState.CLEARED, CaseState.EXEMPT, CaseState.RESTORED, CaseState.EXPIRED})
_PERIOD = re.compile(r"^(\d{1,4}) (days?|workdays?)$")


def _period(value: object) -> object:
    if isinstance(value, Period):
        return value
    match = _PERIOD.match(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"'{value}' is no period; write for example '14 days' or '5 workdays'")
    return Period(int(match.group(1)), match.group(2).startswith("workday"))


def _checked(text: str) -> str:
    canonical = check_condition(text)
    probe(canonical)
    return canonical


def _roles(value: object) -> object:
    if value == "auto":
        return ()
    return (value,) if isinstance(value, str) else value


PeriodText = Annotated[Period, BeforeValidator(_period)]
ConditionText = Annotated[str, AfterValidator(_checked)]
Roles = Annotated[tuple[Role, ...], BeforeValidator(_roles)]


class ConditionDoc(PolicyModel):
    """A condition and for how many nights in a row it must hold."""

    when: ConditionText
    nights: int = Field(ge=1, le=60)


class EntryDoc(ConditionDoc):
    """When a case opens. After a case has closed no new one opens before `again` is over."""

    again: PeriodText = NINETY_DAYS


class StepDoc(PolicyModel):
    """One step. `approval` is 'auto', a role or a list of roles; there is no default."""

    action: ActionKind
    template: str | None = None
    offer: str | None = None
    form: str | None = None
    after: PeriodText = AT_ONCE
    due: PeriodText = TEN_DAYS
    again: PeriodText = THIRTY_DAYS
    approval: Roles | None = None
    notice: bool = False

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.action is ActionKind.EMAIL:
            if self.template is None:
                raise ValueError("an email needs a 'template'")
            if self.approval is None:
                raise ValueError("an email must say who approves it: 'approval: auto' or roles")
        elif self.template or self.offer or self.notice:
            raise ValueError(f"a {self.action} has no template, offer or notice")
        return self


class EscalateDoc(PolicyModel):
    """When to go on: `after` the last step, and only if `unless` is known to be false."""

    after: PeriodText
    unless: ConditionText | None = None


class StageDoc(PolicyModel):
    """One stage of the ladder."""

    stage: Stage
    steps: tuple[StepDoc, ...] = Field(min_length=1)
    outcomes: dict[str, str] = Field(default_factory=dict)
    escalate: EscalateDoc | None = None
    requires: tuple[Literal["conversation"], ...] = ()

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        for step in self.steps:
            approvers = len(step.approval or ())
            adverse = self.stage in ADVERSE_STAGES and step.action is ActionKind.EMAIL
            if adverse and approvers < MINIMUM_APPROVERS_ADVERSE:
                raise ValueError(f"an email of '{self.stage}' needs two approving roles")
            if step.notice and self.stage is not Stage.TERMINATE:
                raise ValueError("a notice belongs to the stage 'terminate'")
        if self.stage is Stage.TERMINATE and "conversation" not in self.requires:
            raise ValueError("'terminate' needs 'requires: [conversation]'")
        return self


class OfferDoc(PolicyModel):
    """What a proposal may offer."""

    kind: Literal["price", "prepaid"]
    expires: PeriodText
    max_change: float = Field(0.0, ge=0, le=1)
    discount: float = Field(0.0, ge=0, lt=1)


class PlaybookDoc(PolicyModel):
    """A whole playbook file."""

    playbook: PlaybookName
    entry: EntryDoc
    leave: ConditionDoc
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
        return self


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
        leave=Condition(doc.leave.when, doc.leave.nights),
        stages=tuple(_rule(stage, ladder) for stage in doc.stages),
        offers={name: _offer(offer) for name, offer in doc.offers.items()},
    )


def _offer(doc: OfferDoc) -> OfferTerms:
    return OfferTerms(doc.kind, doc.expires, doc.max_change, doc.discount)


def _rule(doc: StageDoc, ladder: tuple[Stage, ...]) -> StageRule:
    return StageRule(
        stage=doc.stage,
        steps=tuple(_step(step) for step in doc.steps),
        outcomes={a: _target(a, t, doc.stage, ladder) for a, t in doc.outcomes.items()},
        escalate_after=doc.escalate.after if doc.escalate else None,
        escalate_unless=doc.escalate.unless if doc.escalate else None,
        requires_conversation="conversation" in doc.requires,
    )


def _step(doc: StepDoc) -> Step:
    fields = {name: getattr(doc, name) for name in StepDoc.model_fields}
    return Step(**fields | {"approval": doc.approval or ()})
