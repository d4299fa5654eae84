"""The customer: everything that is known, what was done and said, and what keeps us away.

Looking at a customer is itself in the audit.
"""

import json
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import joinedload
from starlette.responses import HTMLResponse, Response

from retention.actions import queue_views
from retention.answers import submissions
from retention.audit import erasure
from retention.audit import export as exporting
from retention.audit.looks import LOOKED
from retention.db.models.incoming import Incoming
from retention.db.models.work.actions import Action
from retention.db.models.work.cases import Case
from retention.db.models.work.messages import Message
from retention.db.queries.audit import newest
from retention.domain.actions import ActionState
from retention.domain.cases import CaseState
from retention.domain.errors import NotFoundError
from retention.domain.exclusions import ExclusionKind, ExclusionReason
from retention.domain.people import Permission, refuse
from retention.domain.stages import LADDERS, Stage
from retention.domain.waivers import NEVER_WAIVED
from retention.people.actor import may, require_sight
from retention.reports.evidence import evidence_of
from retention.reports.explain import explain
from retention.reports.sentences import about_no_case
from retention.reports.words import load_words
from retention.safeguards import exclusions, instalments, preferences
from retention.snapshots import store as snapshots
from retention.snapshots.customers import contacts_of, profit_by_night
from retention.web.console.deciding import day_of, one_of
from retention.web.console.item import seen_action, waterfall
from retention.web.console.sentences import changes_of
from retention.web.console.words import reason_of, word_of
from retention.web.visit import Visit, render

_SHOWN, _NIGHTS, _ROWS = 60, 26, 8


def show_customers(visit: Visit) -> Response:
    """Find customers by name, address, telephone, contract or id."""
    said = visit.asked("q").strip()[:200]
    sees = queue_views.scope_of(visit.session, visit.actor).sees
    ids = visit.find(said, None, sees) if said else []
    rows = visit.people.rows(ids[:_SHOWN])
    return visit.page("customers.html", said=said, rows=[rows[i] for i in ids[:_SHOWN]],
                      found=len(ids), most=_SHOWN)  # fmt: skip


def show_customer(visit: Visit) -> Response:
    """Show one customer; the look is recorded."""
    customer_id = visit.request.path_params["id"]
    owner = visit.owner_of(customer_id)
    require_seen(visit, owner, customer_id)
    found = explained(visit, customer_id)
    words = load_words(visit.shop.settings.templates_dir, visit.words.language)
    root = visit.shop.folders.snapshots
    return visit.page(
        "customer.html",
        found=found,
        owner=owner,
        known=visit.people.rows([customer_id]).get(customer_id, {}),
        contacts=contacts_of(root, customer_id),
        waterfall=waterfall(found["scores"]),
        greatest=float(max((abs(v) for _, v in waterfall(found["scores"])), default=1)),
        changes=changes_of(visit.words, found["counterfactuals"]),
        no_case=about_no_case(found, words)[1:],
        months=[(m["month"], m["net_profit"]) for m in reversed(found["months"])],
        nights=nights_of(visit, customer_id),
        timeline=_timeline(visit, customer_id),
        holds=exclusions.list_in_force(visit.session, visit.actor.on, customer_id),
        pages=submissions.of_customer(visit.session, customer_id)[:_SHOWN],
        wants=preferences.of(visit.session, customer_id),
        plans=instalments.running(visit.session, [customer_id]),
        now_at=next((case for case in found["cases"] if case["state"] == CaseState.OPEN), None),
        ladders=LADDERS,
        may={str(p) for p in Permission if may(visit.session, visit.actor, p, owner)},
        may_skip=[stage for stage in Stage if stage not in NEVER_WAIVED],
        partners=visit.shop.policies.partners,
        kinds=list(ExclusionKind),
        reasons=list(ExclusionReason),
        may_export=bool(visit.person.roles & exporting.MAY_EXPORT),
        may_erase=visit.person.may(Permission.ERASE),
        team=visit.shop.policies.team.people,
    )


def show_why(visit: Visit) -> Response:
    """Return what would change a verdict, and its months: a part of the item's page."""
    action = seen_action(visit)
    found = explain(
        visit.session, visit.shop.policies, visit.shop.folders, action.customer_id, None
    )
    html = render(
        visit.shop, "why.html", visit.words,
        changes=changes_of(visit.words, found["counterfactuals"]), customer_id=action.customer_id,
        evidence=evidence_of(visit.shop.folders.snapshots, action.customer_id)[:_ROWS],
        months=[(m["month"], m["net_profit"]) for m in reversed(found["months"])],
    )  # fmt: skip
    return HTMLResponse(html)


def place_hold(visit: Visit) -> Response:
    """Leave a customer alone for a while."""
    customer_id = visit.request.path_params["id"]
    until = visit.typed("until")
    wish = exclusions.Wish(
        customer_id=customer_id,
        kind=one_of(ExclusionKind, visit.typed("kind", "hold")),
        reason=one_of(ExclusionReason, visit.typed("reason", "negotiating")),
        starts_on=visit.actor.on,
        ends_on=day_of(until, "the day") if until else None,
        scope="all",
        note=visit.typed("note"),
    )
    exclusions.place(visit.session, wish, visit.person, visit.now,
                     longest=visit.shop.policies.longest_hold,
                     owner=visit.owner_of(customer_id))  # fmt: skip
    return visit.go(f"/customers/{customer_id}")


def release_hold(visit: Visit) -> Response:
    """End a hold, exemption or suppression before its time."""
    number = int(visit.request.path_params["number"])
    customer_id = exclusions.customer_of(visit.session, number)
    owner = visit.owner_of(customer_id)
    exclusions.release(visit.session, number, visit.person, visit.now, owner=owner)
    return visit.go(f"/customers/{customer_id}")


def export(visit: Visit) -> Response:
    """Return everything that is kept of a customer, as a file for them."""
    customer_id = visit.request.path_params["id"]
    found = exporting.export(visit.session, visit.shop.folders.snapshots, customer_id,
                             visit.person, visit.typed("reason"), visit.now)  # fmt: skip
    text = json.dumps(found, ensure_ascii=False, indent=1)
    name = "".join(letter if letter.isalnum() else "-" for letter in customer_id)[:60]
    disposition = f'attachment; filename="{name.encode("ascii", "replace").decode()}.json"'
    return Response(text, media_type="application/json",
                    headers={"Content-Disposition": disposition})  # fmt: skip


def erase(visit: Visit) -> Response:
    """Erase a customer's personal data; their id has to be typed."""
    customer_id = visit.request.path_params["id"]
    if visit.typed("confirm") != customer_id:
        refuse("the erasure", "was not confirmed", "Type the customer's id.")
    erasure.erase(visit.session, visit.shop.folders.snapshots, customer_id, visit.person,
                  visit.typed("reason"), visit.now)  # fmt: skip
    return visit.go("/customers")


def explained(visit: Visit, customer_id: str) -> dict[str, Any]:
    """Return the explanation of a customer as of the newest night."""
    return explain(visit.session, visit.shop.policies, visit.shop.folders, customer_id, None)


def nights_of(visit: Visit, customer_id: str) -> list[tuple[str, float]]:
    """Return the year's profit as each of the last nights saw it, oldest first."""
    root = visit.shop.folders.snapshots
    return profit_by_night(root, snapshots.dates(root)[-_NIGHTS:], customer_id)


def require_seen(visit: Visit, owner: str, customer_id: str) -> None:
    """Note the look of who may see a customer. Raises NotFoundError, and NotAllowedError."""
    if customer_id not in visit.people.places:
        raise NotFoundError("this customer", "is not in the newest night", "Search again.")
    require_sight(visit.session, visit.actor, "this customer", owner)
    visit.note_look(customer_id)


def _timeline(visit: Visit, customer_id: str) -> list[dict[str, Any]]:
    """Return what happened, newest first: messages, answers, calls, decisions, holds."""
    events = [
        {"at": e["at"], "what": e["kind"], "by": e["by"], "said": _said(visit, e["document"] or {})}
        for e in newest(visit.session, customer_id, _SHOWN)
        if e["kind"] != LOOKED
    ]
    zone = ZoneInfo(visit.shop.settings.timezone)
    actions = visit.session.scalars(
        select(Action).join(Case).where(Case.customer_id == customer_id)
        .options(joinedload(Action.message), joinedload(Action.rendering))
    )  # fmt: skip
    for action in actions:
        sent = action.message.sent_at if action.message else None
        if sent is not None and action.rendering is not None:
            events.append({"at": sent, "what": "message.sent", "by": "retention",
                           "said": action.rendering.subject, "id": action.id})  # fmt: skip
        elif action.state is ActionState.DONE and action.done_on and action.outcome:
            events.append({"at": datetime.combine(action.done_on, time(12), zone),
                           "what": f"{action.kind}.done", "by": action.owner,
                           "said": _came_of(visit, action),
                           "id": action.id})  # fmt: skip
    came = visit.session.execute(
        select(Incoming.received_at, Incoming.kind, Incoming.subject, Incoming.action_id)
        .outerjoin(Message, Message.id == Incoming.message_id)
        .where(Incoming.customer_id == customer_id)
    )
    events += [{"at": at, "what": f"came.{kind}", "by": customer_id, "said": subject or "",
                "id": action_id} for at, kind, subject, action_id in came]  # fmt: skip
    return sorted(events, key=lambda event: event["at"], reverse=True)[:_SHOWN]


def _came_of(visit: Visit, action: Action) -> str:
    """Return what people have written about a deed: its answers and its note, or its outcome."""
    written = [text for text in (*(action.answers or {}).values(), action.note) if text]
    return " · ".join(written) or word_of(visit.words, action.outcome)


def _said(visit: Visit, document: dict[str, Any]) -> str:
    parts = [word_of(visit.words, document["stage"])] if document.get("stage") else []
    said = [str(document[name]) for name in ("reason", "note", "text") if document.get(name)]
    parts += [reason_of(visit.words, one) for one in said]
    return " · ".join(parts)
