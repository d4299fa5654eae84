"""The pure part of a night: what each case would do, and what of it is too much for one night."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from retention.domain.cases import CaseState
from retention.domain.dates import Calendar
from retention.domain.decision_kinds import DecisionKind
from retention.domain.decisions import Decision, decide_chain
from retention.domain.limits import OPEN, TERMINATED, Limits, OverCap, judge
from retention.domain.obstacles import Facts
from retention.domain.playbook import Playbook
from retention.domain.progress import CaseProgress
from retention.ladder.held_batches import Released
from retention.ladder.open_cases import OpenCase

Chain = tuple[Decision, ...]


@dataclass(slots=True)
class Decided:
    """One case tonight: what went in and what came out. Everything a receipt needs.

    `chain` is what is done, `said` what the rules have said; they differ where a cap holds a case
    back. `place` is the country and region whose calendar counts.
    """

    open_case: OpenCase
    playbook: Playbook
    progress: CaseProgress
    facts: Facts
    chain: Chain
    place: tuple[str | None, str | None] = (None, None)
    is_new: bool = False
    said: Chain = ()

    @property
    def effects(self) -> list[str]:
        """What of it the caps count, in the order in which it would happen."""
        effects = [OPEN] if self.is_new else []
        stage = self.progress.stage
        for decision in self.chain:
            effect = _effect(decision, stage)
            stage = decision.stage or stage
            if effect is not None:
                effects.append(effect)
        return effects


def _effect(decision: Decision, stage: str) -> str | None:
    if decision.kind in (DecisionKind.ADVANCE, DecisionKind.PROPOSE):
        return str(decision.stage or stage)
    if decision.outcome is CaseState.TERMINATED and decision.reason != "customer_left":
        return TERMINATED
    return None


def decide_case(
    open_case: OpenCase,
    playbook: Playbook,
    progress: CaseProgress,
    facts: Facts,
    as_of: date,
    days_of: Calendar,
    place: tuple[str | None, str | None],
) -> Decided:
    """Return what tonight means for one case."""
    chain = decide_chain(progress, playbook, facts, as_of, days_of)
    return Decided(open_case, playbook, progress, facts, chain, place, said=chain)


def cap(
    cases: Iterable[Decided], released: Released, active: int, limits: Limits
) -> dict[str, tuple[OverCap, list[str]]]:
    """Hold back what is over a cap, in place; return each held effect with its customers.

    A case goes as far as its first held effect and waits there. What people have released does not
    count. A customer counts once for an effect.
    """
    by_case = [(case, case.open_case.customer_id, case.effects) for case in cases]
    counted = [
        effect
        for _, customer, effects in by_case
        for effect in dict.fromkeys(effects)
        if not released.covers(effect, customer)
    ]
    over = judge(counted, active, limits)
    held: dict[str, tuple[OverCap, list[str]]] = {}
    for case, customer, effects in by_case:
        stops_at = next(
            (e for e in effects if e in over and not released.covers(e, customer)), None
        )
        if stops_at is not None:
            held.setdefault(stops_at, (over[stops_at], []))[1].append(customer)
            case.chain = _stopped(case, stops_at)
    return held


def _stopped(case: Decided, effect: str) -> Chain:
    kept: list[Decision] = []
    stage = case.progress.stage
    for decision in case.chain:
        if effect == OPEN or _effect(decision, stage) == effect:
            break
        kept.append(decision)
        stage = decision.stage or stage
    wait = Decision(DecisionKind.WAIT, f"over_cap:{effect}")
    return (*kept, wait)
