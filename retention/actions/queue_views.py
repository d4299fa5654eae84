"""What somebody's queue holds: the views, their counts, and a page of one of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy.orm import Session

from retention.db.models import Action
from retention.db.queries import queue
from retention.db.queries.queue import Capacity, Filters, Listed, Scope
from retention.domain.people import ON_OWN_ACCOUNTS, Permission, Person, Role
from retention.people.actor import Actor, standing_in
from retention.snapshots.directory import Directory

PER_PAGE = 40
SORTS = ("due", "value", "customer")
_SOMEBODY_ELSE = "\x00somebody else"


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list: `ids` are the whole list's in their order, `actions` this page's."""

    ids: Sequence[str]
    actions: Sequence[Action]
    total: int
    first: int = 0
    people: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


def scope_of(session: Session, actor: Actor) -> Scope:
    """Return what a person may see and decide, also in the place of others."""
    hats = [actor.person, *(other.principal for other in standing_in(session, actor))]
    sees: frozenset[str] | None = frozenset(hat.person_id for hat in hats)
    if any(hat.may(Permission.SEE, _SOMEBODY_ELSE) for hat in hats):
        sees = None
    works_for = {hat.person_id for hat in hats if hat.may(Permission.REVIEW, hat.person_id)}
    valid = timedelta(hours=actor.policies.approvals.valid_hours)
    return Scope(
        actor.person.person_id,
        actor.on,
        actor.now - valid,
        sees,
        frozenset(works_for),
        tuple(dict.fromkeys(c for hat in hats for c in _capacities(hat))),
    )


def _capacities(person: Person) -> list[Capacity]:
    own = person.person_id
    return [
        Capacity(role, own if role in ON_OWN_ACCOUNTS and not _everywhere(person, role) else None)
        for role in sorted(person.roles)
    ]


def _everywhere(person: Person, role: Role) -> bool:
    return person.all_accounts and role is not Role.ACCOUNT_MANAGER


def counts(session: Session, scope: Scope, people: Directory) -> dict[str, int]:
    """Return how many actions each view holds."""
    return queue.count(session, queue.views(scope, people.valuable))


def listed(
    session: Session, scope: Scope, people: Directory, view: str, filters: Filters, sort: str
) -> Listed:
    """Return a view's ids, in the order that is asked for."""
    condition = queue.views(scope, people.valuable)[view]
    found = queue.list_ids(session, condition, filters, None)
    if sort not in ("value", "customer"):
        return found
    order = (
        people.by_profit(found.customers) if sort == "value" else people.by_name(found.customers)
    )
    return Listed([found.ids[at] for at in order], [found.customers[at] for at in order])


def page(
    session: Session,
    scope: Scope,
    people: Directory,
    view: str,
    filters: Filters,
    sort: str,
    first: int,
) -> Page:
    """Return the part of a list that begins at `first`. By due date only that part is read."""
    condition = queue.views(scope, people.valuable)[view]
    if sort == "due":
        found = queue.list_ids(session, condition, filters, PER_PAGE, first)
        total = queue.how_many(session, condition, filters)
        ids = found.ids
    else:
        found = listed(session, scope, people, view, filters, sort)
        total, ids = len(found.ids), found.ids[first : first + PER_PAGE]
    actions = queue.of_ids(session, ids)
    return Page(ids, actions, total, first, people.rows({a.customer_id for a in actions}))
