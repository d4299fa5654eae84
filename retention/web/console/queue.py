"""The queue: a list on the left, and on the right the item that is open."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from retention.actions import queue_views
from retention.actions.queue_views import PER_PAGE, SORTS
from retention.db.models.work.actions import Action
from retention.db.queries.queue import Filters
from retention.domain.actions import ActionKind, Purpose
from retention.domain.people import Permission
from retention.domain.stages import ADVERSE_STAGES, Stage
from retention.inbox.reply_tasks import answered_at
from retention.ladder import held_batches
from retention.people import saved_views
from retention.people.actor import may
from retention.web.console.counting import COUNTS
from retention.web.visit import Visit
from retention.web.wording import N_

VIEWS: dict[str, str] = {
    "mine": N_("Waiting for me"),
    "due": N_("Due today"),
    "answered": N_("Customers answered"),
    "approved": N_("Approved, not yet sent"),
    "terminations": N_("Terminations"),
    "value": N_("High value"),
    "calls": N_("Calls to make"),
    "to_post": N_("Letters to post"),
    "snoozed": N_("Asleep"),
    "all": N_("Everything open"),
}
MINE = ("mine", "due", "answered", "approved")
_MOST_FOUND = 500


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks of the list; everything else about a list follows from it."""

    view: str
    said: str
    sort: str
    stage: Stage | None
    owner: str
    kind: ActionKind | None
    first: int

    @classmethod
    def of(cls, visit: Visit) -> "Asked":
        """Read it from an address or a form; what is none of ours is left out, never an error."""
        get = {**dict(visit.request.query_params), **_of_form(visit)}.get
        view, sort = get("view", "mine"), get("sort", "due")
        stage, kind = get("stage", ""), get("kind", "")
        start = get("start", "0")
        return cls(
            view if view in VIEWS else "mine",
            get("q", "").strip()[:200],
            sort if sort in SORTS else "due",
            Stage(stage) if stage in set(Stage) else None,
            get("owner", "")[:64],
            ActionKind(kind) if kind in set(ActionKind) else None,
            int(start) // PER_PAGE * PER_PAGE if start.isdecimal() and len(start) < 9 else 0,  # noqa: PLR2004
        )

    def query(self, **changed: object) -> str:
        """Return the part of an address behind `?` that asks for this, but for what is changed."""
        asked: dict[str, object] = {
            "view": self.view, "q": self.said, "sort": self.sort if self.sort != "due" else "",
            "stage": self.stage or "", "owner": self.owner, "kind": self.kind or "",
            "start": self.first or "",
        } | changed  # fmt: skip
        return urlencode({name: value for name, value in asked.items() if value not in ("", None)})


def _of_form(visit: Visit) -> dict[str, str]:
    names = ("view", "q", "sort", "stage", "owner", "kind", "start")
    return {name: visit.typed(name) for name in names if visit.typed(name)}


def show_queue(visit: Visit) -> Response:
    """Show a view; nothing is open yet."""
    return visit.page("queue.html", **around(visit, None), item=None)


def around(visit: Visit, open_id: str | None) -> dict[str, Any]:
    """Return what stands around an item: the views with their counts, and the list."""
    asked = Asked.of(visit)
    scope = queue_views.scope_of(visit.session, visit.actor)
    found: tuple[str, ...] | None = None
    hits: Sequence[str] = ()
    if asked.said:
        hits = visit.find(asked.said, _MOST_FOUND, scope.sees)
        found = tuple(dict.fromkeys([*hits, asked.said]))
    counts = COUNTS.of(visit.session, visit.shop.engine, scope, visit.people, visit.now)
    filters = Filters(asked.stage, asked.owner or None, asked.kind, found)
    wanted = queue_views.Asked(asked.view, filters, asked.sort, asked.first)
    page = queue_views.page(visit.session, scope, visit.people, wanted, counts[asked.view])
    ids = list(page.ids)
    at = ids.index(open_id) if open_id in ids else None
    after = _neighbour(ids, at, 1)
    return {
        "asked": asked,
        "views": VIEWS,
        "mine": MINE,
        "counts": counts,
        "held_back": held_batches.count_held(visit.session),
        "saved": saved_views.list_for(visit.session, visit.person.person_id),
        "rows": _rows(visit, page.actions, page.people),
        "total": page.total,
        "first": page.first,
        "per_page": PER_PAGE,
        "left_out": _MOST_FOUND if len(hits) == _MOST_FOUND else None,
        "position": None if at is None else page.first + at + 1,
        "next_id": after,
        "previous_id": _neighbour(ids, at, -1),
        "team": visit.shop.policies.team.people,
        "stages": list(Stage),
        "kinds": list(ActionKind),
        "done_for": _name_of(visit, visit.asked("was")),
    }


def _name_of(visit: Visit, action_id: str) -> str:
    """Return whose item was just decided, for what is said of it above the next one."""
    action = visit.session.get(Action, action_id[:36]) if action_id else None
    if action is None or not may(visit.session, visit.actor, Permission.SEE, action.owner):
        return ""
    known = visit.people.rows({action.customer_id}).get(action.customer_id, {})
    return str(known.get("name") or action.customer_id)


def _rows(visit: Visit, actions: Sequence[Action], people: Any) -> list[dict[str, Any]]:
    replies = [action.id for action in actions if action.purpose is Purpose.REPLY]
    wrote = answered_at(visit.session, replies) if replies else {}
    return [row_of(visit, action, people) | {"at": wrote.get(action.id)} for action in actions]


def _neighbour(ids: list[str], at: int | None, step: int) -> str | None:
    if at is None:
        return ids[0] if ids and step > 0 else None
    return ids[at + step] if 0 <= at + step < len(ids) else None


def row_of(visit: Visit, action: Action, people: Any) -> dict[str, Any]:
    """Return what a line of the list shows of an action."""
    known = people.get(action.customer_id, {})
    return {
        "id": action.id,
        "customer_id": action.customer_id,
        "name": known.get("name") or action.customer_id,
        "stage": action.stage,
        "adverse": action.stage in ADVERSE_STAGES,
        "what": action.template if action.kind in ("email", "letter", "sms") else action.form,
        "kind": action.kind,
        "profit": known.get("net_profit_12m"),
        "due_on": action.due_on,
        "late": action.due_on < visit.actor.on,
        "today": action.due_on == visit.actor.on,
        "state": action.state,
        "owner": action.owner,
        "signed": sum(1 for a in action.approvals if a.approved and a.withdrawn_at is None),
        "slots": len(action.required_roles),
    }
