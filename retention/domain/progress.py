"""How far a case has come, as the rules see it."""

from dataclasses import dataclass
from datetime import date

from retention.domain.actions import ActionState
from retention.domain.stages import Stage


@dataclass(frozen=True, slots=True)
class StepProgress:
    """The latest action of one step: `None` everywhere when there was none yet.

    `undelivered` is set while its message has an open fate: `unknown` until a person settles it.
    `due_on` is the last day on which its message might leave.
    """

    state: ActionState | None = None
    proposed_on: date | None = None
    done_on: date | None = None
    undelivered: str | None = None
    due_on: date | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """A termination notice that was evidently given and that nothing has voided."""

    given_on: date
    effective_on: date


@dataclass(frozen=True, slots=True)
class CaseProgress:
    """How far a case has come, as the database remembers it.

    `served` are the stages whose messages were delivered and whose conversations were logged;
    `waived` and `refused` those for which a waiver was granted or refused. `migrated` is set when
    the receiver has confirmed, `prepaid_agreed` when the customer has accepted to prepay.
    `offer_open` is set while an answer is to be worked on, `reply_open` while nobody has dealt with
    what the customer wrote.
    """

    stage: Stage
    stage_entered_on: date
    steps: tuple[StepProgress, ...]
    served: frozenset[Stage] = frozenset()
    waived: frozenset[Stage] = frozenset()
    refused: frozenset[Stage] = frozenset()
    review_outcome: str | None = None
    conversation_logged: bool = False
    alternative_named: bool = False
    offer_open: bool = False
    prepaid_agreed: bool = False
    migrated: bool = False
    notice: Notice | None = None
    reply_open: bool = False
