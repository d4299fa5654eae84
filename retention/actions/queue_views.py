"""What somebody's queue holds: the views, their counts, and a page of one of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy.orm import Session

from retention.db.models.work.actions import Action
from retention.db.queries import queue
from retention.db.queries.queue import ALL, Capacity, Filters, Scope
from retention.domain.people import ON_OWN_ACCOUNTS, Permission, Person, Role
from retention.people.actor import Actor, standing_in
from retention.snapshots.directory import Directory

PER_PAGE = 40
SORTS = ("due", "value", "customer")
_AT_ONCE = 500
_SOMEBODY_ELSE = "\x00somebody else"


@dataclass(frozen=True, slots=True)
class Asked:
    """Which part of which list: a view, narrowed, in an order, from its `first` item on."""

    view: str = "mine"
    filters: Filters = ALL
    sort: str = "due"
    first: int = 0


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


def page(
    session: Session,
    scope: Scope,
    people: Directory,
    asked: Asked,
    total: int | None = None,
) -> Page:
    """Return a part of a list; `total` is how many the view holds, if that is known."""
    condition = queue.view(asked.view, scope, people.valuable)
    if total is None or asked.filters != ALL:
        total = queue.how_many(session, condition, asked.filters)
    ids: Sequence[str] = ()
    if total and asked.sort == "due":
        ids = queue.list_ids(session, condition, asked.filters, PER_PAGE, asked.first)
    elif total:
        ids = _in_order(session, scope, asked, people)
    actions = queue.of_ids(session, ids)
    return Page(ids, actions, total, asked.first, people.rows({a.customer_id for a in actions}))


def _in_order(session: Session, scope: Scope, asked: Asked, people: Directory) -> list[str]:
    """Go through the customers in their order until the page is full; who is gone comes last."""
    theirs = queue.view(asked.view, scope, people.valuable, by_customer=True)
    order = people.by_profit if asked.sort == "value" else people.by_name
    found: list[str] = []
    end = asked.first + PER_PAGE
    start, size = 0, PER_PAGE  # a page is most often among the first; else in ever larger steps
    while start < len(order):
        some = order[start : start + size]
        start, size = start + size, min(2 * size, _AT_ONCE)
        place = {customer: at for at, customer in enumerate(some)}
        rows = queue.of_customers(session, theirs, asked.filters, some)
        found += [a for a, _ in sorted(rows, key=lambda row: place[row[1]])]
        if len(found) >= end:
            return found[asked.first : end]
    condition = queue.view(asked.view, scope, people.valuable)
    everything = queue.of_customers(session, condition, asked.filters, None)
    found += [a for a, customer in everything if customer not in people.places]
    return found[asked.first : end]
