"""What the rules need to know of a case tonight."""

from collections.abc import Collection
from datetime import date
from typing import Any

from retention.domain.actions import ActionKind
from retention.domain.exclusions import Exclusion, ExclusionKind, in_force
from retention.domain.messages import MessageClass
from retention.domain.obstacles import Facts
from retention.domain.playbook import UNLESS, WHEN, Playbook, Step
from retention.domain.stages import Stage
from retention.ladder.condition_values import Evidence, condition_key
from retention.ladder.open_cases import OpenCase
from retention.messages.mime import comparable


def facts_of(
    open_case: OpenCase,
    playbook: Playbook,
    evidence: Evidence,
    exclusions: tuple[Exclusion, ...],
    *,
    leaving: bool,
    data_settled: bool,
    gone: Collection[str],
    dead: Collection[str] = (),
    texts: Collection[str] = (),
) -> Facts:
    """Return what tonight's data says about the customer of a case.

    `gone` are the words for a customer who has left, `dead` the addresses that are
    written to no more, `texts` who has agreed to texts.
    """
    customer, as_of = open_case.customer_id, evidence.as_of
    hold = in_force(exclusions, ExclusionKind.HOLD, playbook.name, as_of)
    exempt = in_force(exclusions, ExclusionKind.EXEMPTION, playbook.name, as_of)
    held = str(hold.reason) if hold else None
    spared = str(exempt.reason) if exempt else None
    row = evidence.facts.get(customer)
    if row is None:
        return Facts(in_data=False, hold=held, exempt=spared)
    high = row["net_profit_12m_high"]
    return Facts(
        in_data=True,
        ended=row["contract_ended_on"] is not None or row["status"] in gone,
        prepaid=row["prepaid"] is True,
        leave_confirmed=leaving,
        reachable=row["has_email"] is True and comparable(row["email"] or "") not in dead,
        surely_unprofitable=high is not None and high < 0,
        recovering=row["recovering"] is True,
        cancelled=row["leaving_on"] is not None,
        data_settled=data_settled,
        blocks=tuple(_blocks(row)),
        may_improve=_may_improve(customer, playbook, evidence),
        not_for=_not_for(
            customer,
            playbook,
            evidence,
            declines=_declines(row, exclusions, as_of),
            texts=customer in texts,
        ),
        hold=held,
        exempt=spared,
    )


def _blocks(row: dict[str, Any]) -> list[str]:
    blocks = [name for name in ("vulnerable", "open_complaint", "strategic") if row[name]]
    if row["disputed_amount"]:
        blocks.append("disputed_invoice")
    return blocks


def _may_improve(customer: str, playbook: Playbook, evidence: Evidence) -> frozenset[Stage]:
    return frozenset(
        rule.stage
        for rule in playbook.stages
        if rule.escalate_unless is not None
        and evidence.values[condition_key(playbook, UNLESS, rule.stage)].get(customer) is not False
    )


def _declines(row: dict[str, Any], exclusions: tuple[Exclusion, ...], as_of: date) -> bool:
    """Return whether a customer has said no to what can be declined. Nothing said is no no."""
    kind, scope = ExclusionKind.SUPPRESSION, MessageClass.COMMERCIAL
    return row["marketing_consent"] is False or in_force(exclusions, kind, scope, as_of) is not None


def _not_for(
    customer: str, playbook: Playbook, evidence: Evidence, *, declines: bool, texts: bool
) -> frozenset[tuple[Stage, int]]:
    def is_spared(stage: Stage, position: int, step: Step) -> bool:
        if (step.optional and declines) or (step.action is ActionKind.SMS and not texts):
            return True
        key = condition_key(playbook, WHEN, f"{stage}:{position}")
        return step.when is not None and not evidence.values[key].get(customer)

    return frozenset(
        (rule.stage, position)
        for rule in playbook.stages
        for position, step in enumerate(rule.steps)
        if is_spared(rule.stage, position, step)
    )
