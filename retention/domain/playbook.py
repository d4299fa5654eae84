"""A playbook as the rules see it: stages, steps and when to go on."""

from dataclasses import dataclass, field

from retention.domain.actions import ActionKind
from retention.domain.approving import Slot
from retention.domain.cases import CaseState
from retention.domain.dates import Period
from retention.domain.stages import PlaybookName, Stage

ENTRY, LEAVE, UNLESS, WHEN = "entry", "leave", "unless", "when"
AT_ONCE, TEN_DAYS, THIRTY_DAYS, NINETY_DAYS = Period(), Period(10), Period(30), Period(90)


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of a stage.

    `after` counts from the step before it (from the stage's entry for the first one); `before_end`
    counts back from the day on which a running notice takes effect. `due` is how long people have
    to decide. An empty `approval` means that no person is asked. A rejected or expired step is
    proposed anew after `again`. With `when`, a condition on scores, the step is for those customers
    only for whom it is known to be true; an `optional` one for those who have not declined such
    messages. A stage counts without the steps that are not for everybody. Who owes something past
    its due date gets `template_overdue` instead of `template`. A text leaves by its `channel`, for
    those who have agreed to texts.
    """

    action: ActionKind
    template: str | None = None
    template_overdue: str | None = None
    offer: str | None = None
    form: str | None = None
    after: Period = AT_ONCE
    due: Period = TEN_DAYS
    again: Period = THIRTY_DAYS
    approval: tuple[Slot, ...] = ()
    notice: bool = False
    before_end: Period | None = None
    when: str | None = None
    optional: bool = False
    channel: str | None = None

    @property
    def for_everybody(self) -> bool:
        """Whether no customer is spared the step."""
        consented = self.action is not ActionKind.SMS
        return self.when is None and not self.optional and consented

    @property
    def reaches_customer(self) -> bool:
        """Whether a customer notices the step: what makes a stage count."""
        return self.action is not ActionKind.REVIEW


@dataclass(frozen=True, slots=True)
class StageRule:
    """What happens in one stage and what leads out of it.

    `outcomes` maps the answer of a review to a closing outcome or a later stage. `escalate_unless`
    is a condition on scores: the case goes on only when it is known to be false. `stay` is how long
    a case stays at the least; a case whose steps are not finished by `deadline` expires.
    """

    stage: Stage
    steps: tuple[Step, ...]
    outcomes: dict[str, CaseState | Stage] = field(default_factory=dict)
    escalate_after: Period | None = None
    escalate_unless: str | None = None
    requires: frozenset[str] = frozenset()
    stay: Period = AT_ONCE
    deadline: Period | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on score columns that must hold for a number of nights in a row."""

    when: str
    nights: int


@dataclass(frozen=True, slots=True)
class OfferTerms:
    """What a proposal may offer.

    `price` raises the monthly fee until the customer no longer costs money, by at most
    `max_change` (a share); `prepaid` changes the form of payment with a `discount` (a share);
    `service` and `channel` change what `detail` says; `partner` hands the customer over.
    """

    kind: str
    expires: Period
    max_change: float = 0.0
    discount: float = 0.0
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Playbook:
    """One version of a playbook; `version` is the SHA-256 of its document.

    A case that has waited in vain for as long as `patience` goes to its owner, with the reason.
    """

    name: PlaybookName
    version: str
    document: str
    entry: Condition
    leave: Condition
    stages: tuple[StageRule, ...]
    again: Period = NINETY_DAYS
    patience: Period = NINETY_DAYS
    offers: dict[str, OfferTerms] = field(default_factory=dict)

    def conditions(self) -> list[tuple[str, str, str]]:
        """Return every condition on scores: what it decides, at which place, and its text."""
        found = [(ENTRY, "", self.entry.when), (LEAVE, "", self.leave.when)]
        for rule in self.stages:
            if rule.escalate_unless is not None:
                found.append((UNLESS, str(rule.stage), rule.escalate_unless))
            for position, step in enumerate(rule.steps):
                if step.when is not None:
                    found.append((WHEN, f"{rule.stage}:{position}", step.when))
        return found

    def rule(self, stage: Stage) -> StageRule:
        """Return the rule of `stage`. Raises KeyError when this playbook has no such stage."""
        for rule in self.stages:
            if rule.stage is stage:
                return rule
        raise KeyError(stage)

    def next_stage(self, stage: Stage) -> Stage | None:
        """Return the stage after `stage`, or None at the end of the ladder."""
        order = [rule.stage for rule in self.stages]
        position = order.index(stage) + 1
        return order[position] if position < len(order) else None

    def stages_before(self, stage: Stage) -> tuple[Stage, ...]:
        """Return the stages that come before `stage`."""
        order = [rule.stage for rule in self.stages]
        return tuple(order[: order.index(stage)])

    def stages_between(self, stage: Stage, later: Stage) -> tuple[Stage, ...]:
        """Return the stages that a move from `stage` to `later` would skip."""
        order = [rule.stage for rule in self.stages]
        return tuple(order[order.index(stage) + 1 : order.index(later)])
