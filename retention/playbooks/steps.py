"""The shape of a stage and its steps in a playbook file."""

from typing import Literal, Self

from pydantic import Field, model_validator

from retention.domain.actions import ActionKind
from retention.domain.approving import MINIMUM_APPROVERS_ADVERSE
from retention.domain.dates import Period
from retention.domain.offers import OfferKind
from retention.domain.playbook import AT_ONCE, TEN_DAYS, THIRTY_DAYS, OfferTerms, Step
from retention.domain.stages import ADVERSE_STAGES, Stage
from retention.playbooks.fields import ConditionText, PeriodText, Slots
from retention.yaml_files import PolicyModel

_WRITTEN = (ActionKind.EMAIL, ActionKind.LETTER, ActionKind.SMS)
SMS = "sms"
_FORMS = {
    ActionKind.REVIEW: ("reassessment", "final_settlement"),
    ActionKind.CALL: ("conversation", "check_in", "reward", "call"),
}


class StepDoc(PolicyModel):
    """One step. `approval` is auto, a role, roles or a quorum; there is no default.

    Who owes something past its due date gets `template_overdue` instead: one message, one subject.
    """

    action: ActionKind
    template: str | None = None
    template_overdue: str | None = None
    offer: str | None = None
    form: str | None = None
    after: PeriodText = AT_ONCE
    before_end: PeriodText | None = None
    due: PeriodText = TEN_DAYS
    again: PeriodText = THIRTY_DAYS
    approval: Slots | None = None
    notice: bool = False
    when: ConditionText | None = None
    optional: bool = False
    channel: str | None = Field(None, pattern="^[a-z][a-z0-9_-]*$")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.action in _WRITTEN:
            if self.template is None:
                raise ValueError(f"{self._named} needs a 'template'")
            if self.approval is None:
                raise ValueError(
                    f"{self._named} must say who approves it: 'approval: auto' or roles"
                )
            if self.form is not None:
                raise ValueError(f"{self._named} has no form")
        elif self.template or self.template_overdue or self.offer or self.notice:
            raise ValueError(f"{self._named} has no template, offer or notice")
        elif self.form not in _FORMS[self.action]:
            known = ", ".join(_FORMS[self.action])
            raise ValueError(f"{self._named} needs a 'form', one of: {known}")
        if self.before_end is not None and self.before_end.workdays:
            raise ValueError("'before_end' counts calendar days")
        if (self.channel is not None) and self.action is not ActionKind.SMS:
            raise ValueError("'channel' is for texts: 'action: sms'")
        if self.action is ActionKind.SMS and (self.offer or self.notice or self.template_overdue):
            raise ValueError("a text offers nothing and is no notice: write an e-mail")
        return self

    @property
    def _named(self) -> str:
        return f"{'an' if self.action in (ActionKind.EMAIL, ActionKind.SMS) else 'a'} {self.action}"

    def to_step(self) -> Step:
        """Return the step as the rules see it."""
        fields = {name: getattr(self, name) for name in StepDoc.model_fields}
        if self.action is ActionKind.SMS:
            fields["channel"] = self.channel or SMS
        return Step(**fields | {"approval": self.approval or ()})


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
    requires: tuple[Literal["conversation", "alternative"], ...] = ()
    stay: PeriodText = AT_ONCE
    deadline: PeriodText | None = None

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        if all(step.when is not None or step.optional for step in self.steps):
            raise ValueError(
                "at least one step must be for everybody: leave out its 'when' or 'optional'"
            )
        for step in self.steps:
            approvers = len(step.approval or ())
            adverse = self.stage in ADVERSE_STAGES and step.action in _WRITTEN
            if adverse and approvers < MINIMUM_APPROVERS_ADVERSE:
                raise ValueError(f"an email of '{self.stage}' needs two approving roles")
            if (step.notice or step.before_end is not None) and self.stage is not Stage.TERMINATE:
                raise ValueError("a notice belongs to the stage 'terminate'")
        if self.stage is Stage.TERMINATE:
            self._in_person()
        return self

    def _in_person(self) -> None:
        """Nobody is given notice without having been spoken to and told where else to go."""
        if set(self.requires) != {"conversation", "alternative"}:
            raise ValueError("'terminate' needs 'requires: [conversation, alternative]'")
        notices = [n for n, step in enumerate(self.steps) if step.notice]
        talks = [n for n, step in enumerate(self.steps) if step.form == "conversation"]
        if len(notices) != 1 or not talks or talks[0] > notices[0]:
            raise ValueError("'terminate' needs one conversation, and after it one notice")
        late = [step for n, step in enumerate(self.steps) if n > notices[0]]
        if any(step.before_end is None for step in late):
            raise ValueError("a step after the notice says when: 'before_end: 14 days'")


class OfferDoc(PolicyModel):
    """What a proposal may offer. `detail` says which service level or channel."""

    kind: OfferKind
    expires: PeriodText = Field(default=Period(30))
    max_change: float = Field(0.0, ge=0, le=1)
    discount: float = Field(0.0, ge=0, lt=1)
    detail: str | None = Field(None, min_length=1, max_length=200)

    @model_validator(mode="after")
    def _described(self) -> Self:
        if self.kind in (OfferKind.SERVICE, OfferKind.CHANNEL) and self.detail is None:
            raise ValueError(f"an offer of kind '{self.kind}' needs a 'detail'")
        return self

    def to_terms(self) -> OfferTerms:
        """Return the offer as the rules see it."""
        return OfferTerms(self.kind, self.expires, self.max_change, self.discount, self.detail)
