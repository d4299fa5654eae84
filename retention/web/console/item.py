"""One item: what is proposed, to whom, why, what else could be done, and what people have said."""

from collections.abc import Sequence
from datetime import date
from decimal import ROUND_CEILING, Decimal
from typing import Any

from starlette.responses import Response

from retention.actions import approval, claims, completion, drafts
from retention.actions.background import background_of
from retention.actions.call_script import script_of
from retention.actions.leaving_times import departure
from retention.actions.message_in_other_words import has_language
from retention.actions.needed import slots_of
from retention.actions.views import details
from retention.answers import submissions
from retention.answers.survey_answers import CAUSES
from retention.db.models.work.actions import Action
from retention.db.models.work.cases import Case
from retention.db.queries import actions as action_queries
from retention.db.queries import cases as case_queries
from retention.domain.actions import SENT_KINDS, ActionKind, ActionState
from retention.domain.approving import ReasonCode
from retention.domain.errors import RetentionError, TemplateError
from retention.domain.forms import FORMS
from retention.domain.offers import Answer, OfferState
from retention.domain.people import Permission
from retention.domain.scores import parts_of
from retention.domain.stages import ADVERSE_STAGES, LADDERS
from retention.inbox import reply_tasks
from retention.messages.editing import free_names
from retention.messages.templates import load_template
from retention.people.actor import may, require_sight
from retention.reports.evidence import evidence_of
from retention.reports.explain import freshness_of
from retention.safeguards import preferences
from retention.snapshots.customers import read_rows
from retention.web.console.queue import around
from retention.web.console.words import word_of
from retention.web.visit import Visit

SHOWN = ("phone", "desktop", "dark", "text", "headers")
_MONTHS, _ROWS = 12, 6
_SHOWN_INPUTS = (
    "net_profit_12m",
    "net_profit_12m_low",
    "net_profit_12m_high",
    "ties",
    "tied_profit_12m",
    "churn_probability",
    "worth_retaining",
    "usage_change",
)
"""What the page shows of a receipt; older receipts may lack some of it."""
_TOLD = frozenset(OfferState) - {OfferState.DRAFT, OfferState.APPROVED}


def show_item(visit: Visit) -> Response:
    """Show an item of the queue, with the list beside it. Being shown it starts one's time."""
    action = seen_action(visit)
    if action.rendering is not None and not approval.has_viewed(visit.session, action, visit.actor):
        visit.viewed.append(action)
    return visit.page("queue.html", **around(visit, action.id), item=item_of(visit, action))


def seen_action(visit: Visit) -> Action:
    """Return the action of the address, if this person may see it. Raises NotAllowedError."""
    action = action_queries.get(visit.session, visit.request.path_params["id"])
    require_sight(visit.session, visit.actor, f"action {action.id[:8]}", action.owner)
    if visit.request.method != "POST":
        visit.note_look(action.customer_id)
    return action


def item_of(visit: Visit, action: Action) -> dict[str, Any]:
    """Return everything that the item's page shows."""
    shop, actor = visit.shop, visit.actor
    valid = approval.validity(actor)
    people = _people(visit, action)
    shown = details(action, people, valid, visit.now, shop.settings.timezone)
    case, history = action.case, action_queries.of_case(visit.session, action.case_id)
    survey = _survey(visit, action)
    inputs = dict.fromkeys(_SHOWN_INPUTS) | _inputs(visit, action, shown["receipt"])
    parts = waterfall(inputs)
    return {
        **shown,
        "action": action,
        "case": case,
        "adverse": action.stage in ADVERSE_STAGES,
        "person": people[action.customer_id],
        "ladder": ladder_of(case, history),
        "playbook_word": word_of(visit.words, case.playbook),
        "choices": FORMS[action.form].choices if action.form in FORMS else {},
        "has_mine": action.step is not None
        and action.effective_on is None
        and has_language(shop.sender, action.template, visit.words.language),
        "margin": margin_of(action, inputs),
        "inputs": inputs,
        "waterfall": parts,
        "greatest": float(max((abs(v) for _, v in parts), default=Decimal(1))),
        "conditions": _conditions(shown, action),
        "freshness": freshness_of(visit.session, action.proposed_on),
        "evidence": evidence_of(shop.folders.snapshots, action.customer_id)[:_ROWS]
        if action.form == "reassessment"
        else [],
        "background": background_of(visit.session, action),
        "wants_a_call": preferences.wants_a_call(visit.session, action.customer_id),
        "survey": survey,
        "suggested": CAUSES.get(survey.get("cause", "")),
        "said": reply_tasks.shown_said(visit.session, action.id),
        "departure": _departure(visit, action),
        "slots": slots_of(action),
        "milder": _milder(action),
        "outcomes": _outcomes(visit, action),
        "earlier_offers": [a for a in history if a.offer is not None and a.id != action.id],
        "script": _script(visit, action),
        "free": _free(visit, action),
        "at_work": claims.other(visit.session, action.id, actor.person.person_id, visit.now),
        "drafts": drafts.of(visit.session, action.id, actor.person.person_id),
        "may_answer": may(visit.session, actor, Permission.ANSWER, action.owner),
        "may_review": may(visit.session, actor, Permission.REVIEW, action.owner),
        "own_approval": _own_approval(visit, action),
        "codes": list(ReasonCode),
        "answers_": list(Answer),
        "shown_as": _shown_as(visit, action),
        "can_sleep": action.due_on > actor.on,
        "can_decide": action.state is ActionState.PENDING_APPROVAL,
    }


def _inputs(visit: Visit, action: Action, receipt: dict[str, Any] | None) -> dict[str, Any]:
    """Return what was known when the item was written; of a person's, by the night before."""
    if receipt is None:
        newest = case_queries.newest_receipt(visit.session, action.case_id, action.proposed_on)
        receipt = newest.document if newest else {}
    return receipt.get("inputs") or {}


def _people(visit: Visit, action: Action) -> dict[str, dict[str, Any]]:
    unknown = {"customer_id": action.customer_id, "name": action.customer_id, "fit": None,
               "archetype": None, "kind": None, "country": None}  # fmt: skip
    return {action.customer_id: unknown} | visit.people.rows([action.customer_id])


def _shown_as(visit: Visit, action: Action) -> str:
    wanted = visit.asked("as", "pdf" if action.kind is ActionKind.LETTER else "phone")
    return wanted if wanted in (*SHOWN, "pdf", "mine") else "phone"


def ladder_of(case: Case, history: Sequence[Action]) -> list[dict[str, Any]]:
    """Return each stage of a case's playbook: done, now or to come, and what came of it.

    `history` are the actions of the case, oldest first.
    """
    ladder = LADDERS[case.playbook]
    now = ladder.index(case.stage)
    entered: dict[str, date] = {}
    for event in case.events:
        if event.to_stage is not None:
            entered[event.to_stage] = event.happened_on
    found = []
    for at, stage in enumerate(ladder):
        actions = [a for a in history if a.stage is stage]
        offer = next((a.offer for a in reversed(actions) if a.offer is not None), None)
        outcome = next((a.outcome for a in reversed(actions) if a.outcome), None)
        found.append(
            {
                "stage": stage,
                "state": "done" if at < now else "now" if at == now else "later",
                "on": entered.get(stage, case.opened_on if at == 0 else None),
                "done": sum(1 for a in actions if a.state is ActionState.DONE),
                "result": (offer.state if offer and offer.state in _TOLD else None) or outcome,
                "skipped": at < now and stage not in entered and not actions,
            }
        )
    return found


def waterfall(inputs: dict[str, Any]) -> list[tuple[str, Decimal]]:
    """Return the parts of a year's profit that are not nothing, the revenue first."""
    parts = [(name, inputs.get(name)) for name in parts_of("net_profit_12m")]
    return [(name, Decimal(str(v))) for name, v in parts if v is not None and Decimal(str(v))]


def margin_of(action: Action, inputs: dict[str, Any]) -> dict[str, Decimal] | None:
    """Return the year's profit with the offered fee, and the fee from which the customer pays."""
    profit, offer = inputs.get("net_profit_12m"), action.offer
    if profit is None or offer is None or offer.current_fee is None:
        return None
    year = Decimal(str(profit))
    fee = offer.current_fee if offer.new_fee is None else offer.new_fee
    floor = max(offer.current_fee - year / _MONTHS, Decimal(0))
    return {
        "profit": year + _MONTHS * (fee - offer.current_fee),
        "floor": floor.quantize(Decimal("0.01"), ROUND_CEILING),
    }


def _survey(visit: Visit, action: Action) -> dict[str, str]:
    """What they said in the survey, for who talks to them or looks for the cause."""
    if action.kind not in (ActionKind.REVIEW, ActionKind.CALL):
        return {}
    row = submissions.latest_score(visit.session, action.customer_id)
    return dict(row.values or {}) if row is not None else {}


def _conditions(shown: dict[str, Any], action: Action) -> Sequence[dict[str, Any]]:
    conditions = (shown["receipt"] or {}).get("conditions") or []
    wanted = {"entry", "leave", f"unless:{action.stage}"}
    return [condition for condition in conditions if condition["name"] in wanted]


def _departure(visit: Visit, action: Action) -> Any:
    open_states = (ActionState.PENDING_APPROVAL, ActionState.APPROVED)
    if action.kind not in SENT_KINDS or action.state not in open_states:
        return None
    return departure(visit.session, action, visit.actor)


def _milder(action: Action) -> list[str]:
    ladder = LADDERS[action.case.playbook]
    return [str(stage) for stage in reversed(ladder[: ladder.index(action.stage)])]


def _outcomes(visit: Visit, action: Action) -> tuple[str, ...]:
    if action.kind in SENT_KINDS:
        return ()
    try:
        return completion.outcomes_of(visit.session, action, visit.shop.policies)
    except (RetentionError, KeyError):  # its playbook cannot be read any more
        return ()


def _script(visit: Visit, action: Action) -> str | None:
    if action.kind is not ActionKind.CALL or visit.people.as_of is None:
        return None
    rows = read_rows(visit.shop.folders.snapshots, visit.people.as_of, [action.customer_id])
    manager = visit.shop.policies.team.people.get(action.owner)
    if action.customer_id not in rows or manager is None:
        return None
    try:
        return script_of(action, rows[action.customer_id], manager, visit.shop.sender)
    except TemplateError:
        return None


def _free(visit: Visit, action: Action) -> list[str]:
    if action.rendering is None or action.state is not ActionState.PENDING_APPROVAL:
        return []
    templates = visit.shop.settings.templates_dir
    template = load_template(templates, action.template or "", action.rendering.language)
    return free_names(template)


def _own_approval(visit: Visit, action: Action) -> bool:
    who = visit.person.person_id
    states = (ActionState.APPROVED, ActionState.PENDING_APPROVAL)
    tried = action.message is not None and action.message.attempts > 0
    return (
        not tried
        and action.state in states
        and any(
            a.approved and a.withdrawn_at is None and a.person_id == who for a in action.approvals
        )
    )
