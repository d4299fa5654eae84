"""The dossier of a termination: what was tried and what came of it, and what the end rests on.

It is for who signs, and for who has to answer for it a year later. It decides nothing.
"""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from retention.db.models.work.actions import Action
from retention.db.models.work.cases import Case
from retention.db.queries import cases as case_queries
from retention.domain.actions import ActionState, Purpose
from retention.domain.forms import TALKED
from retention.domain.messages import DELIVERED_STATES
from retention.domain.notices import NoticeRule, NoticeRules
from retention.domain.stages import LADDERS, Stage


@dataclass(frozen=True, slots=True)
class Tried:
    """One thing that was done at a stage: when, what, and what came of it."""

    stage: Stage
    on: date | None
    what: str
    result: str


@dataclass(frozen=True, slots=True)
class Dossier:
    """Everything that a termination rests on.

    `tried` in its order, `never` the stages of the ladder at which nothing was delivered; `talk`
    the answers of the conversation before the notice; `rules` those that hold for this customer.
    """

    case: Case
    action: Action
    tried: list[Tried] = field(default_factory=list)
    never: list[Stage] = field(default_factory=list)
    talk: dict[str, str] = field(default_factory=dict)
    talked_on: date | None = None
    rules: list[NoticeRule] = field(default_factory=list)
    default_days: int = 0
    complete: bool = False


def dossier_of(
    session: Session, action: Action, row: dict[str, Any], notices: NoticeRules
) -> Dossier:
    """Return the dossier of a case; `row` is its customer's newest score row, or empty."""
    case = case_queries.load(session, [action.case_id])[0]
    done = sorted(
        (a for a in case.actions if a.state is ActionState.DONE or _has_left(a)),
        key=lambda a: a.done_on or a.proposed_on,
    )
    ladder = LADDERS[case.playbook]
    before = ladder[: ladder.index(action.stage)]
    tried = {a.stage for a in done if a.purpose is not Purpose.CALLBACK}
    talks = [a for a in done if a.form == "conversation" and a.outcome == TALKED]
    kind, known = row.get("kind"), row.get("country") in notices.countries
    country = row.get("country") if known else None
    return Dossier(
        case,
        action,
        [Tried(a.stage, a.done_on, str(a.template or a.form or a.kind), _result(a)) for a in done],
        [stage for stage in before if stage not in tried],
        dict(talks[-1].answers or {}) if talks else {},
        talks[-1].done_on if talks else None,
        [rule for rule in notices.rules if rule.fits(country, kind)],
        notices.strictest_default(kind),
        known,
    )


def _has_left(action: Action) -> bool:
    return action.message is not None and action.message.state in DELIVERED_STATES


def _result(action: Action) -> str:
    if action.offer is not None:
        return str(action.offer.state)
    if action.outcome:
        return action.outcome
    return str(action.message.state) if action.message is not None else str(action.state)
