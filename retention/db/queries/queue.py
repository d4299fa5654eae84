"""The queue as the console shows it: which actions a view holds, how many, and in what order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, String, and_, cast, false, func, or_, select, true
from sqlalchemy.orm import Session, selectinload

from retention.db.models.work.actions import Action, Approval, Rendering
from retention.db.models.work.messages import Message
from retention.domain.actions import SENT_KINDS, ActionKind, ActionState, Purpose
from retention.domain.messages import CLAIMABLE_STATES
from retention.domain.stages import Stage

Condition = ColumnElement[bool]
_STATES = (ActionState.PENDING_APPROVAL, ActionState.APPROVED)
_FEW = 5000
_LEAST = datetime(1, 1, 1)  # noqa: DTZ001 - only ever compared inside the database


@dataclass(frozen=True, slots=True)
class Capacity:
    """A role in which somebody may decide; on whose accounts, None for everybody's."""

    role: str
    owner: str | None


@dataclass(frozen=True, slots=True)
class Scope:
    """Who looks, and what they may see and decide.

    `sees` are the owners whose actions they see, None for everybody's; `works_for` those whose
    calls and reviews they may do; an approval given after `counts_since` still counts.
    """

    person_id: str
    today: date
    counts_since: datetime
    sees: frozenset[str] | None
    works_for: frozenset[str]
    capacities: tuple[Capacity, ...]


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list is narrowed to; `customers` are those that a search has found."""

    stage: Stage | None = None
    owner: str | None = None
    kind: ActionKind | None = None
    customers: tuple[str, ...] | None = None


ALL = Filters()


def views(scope: Scope, valuable: Sequence[str]) -> dict[str, Condition]:
    """Return the condition of each view, by name."""
    return {name: made() for name, made in _views(scope, valuable).items()}


def view(
    name: str, scope: Scope, valuable: Sequence[str], *, by_customer: bool = False
) -> Condition:
    """Return the condition of one view. Raises KeyError for a name that is none.

    `by_customer` is for a list of some customers: SQLite would otherwise look through all of a
    state for them.
    """
    return _views(scope, valuable, by_index=not by_customer)[name]()


def _views(
    scope: Scope, valuable: Sequence[str], *, by_index: bool = True
) -> dict[str, Callable[[], Condition]]:
    """Say how each condition is made: a page needs one of them, and some are long.

    Each but `all` is about one state, so that an index gives its rows in the order of a list.
    """
    awake = or_(Action.snoozed_until.is_(None), Action.snoozed_until <= scope.today)
    seen = _seen(scope, by_index=by_index)
    state = Action.state if by_index else func.coalesce(Action.state, "")
    pending = and_(state == ActionState.PENDING_APPROVAL, seen)
    # Of one kind there are few: their index is the one to use, not that of all of an owner's.
    few = and_(state == ActionState.PENDING_APPROVAL, _seen(scope, by_index=False))

    def mine() -> Condition:
        return and_(pending, awake, _waits_for(scope))

    return {
        "mine": mine,
        "due": lambda: and_(mine(), Action.due_on <= scope.today),
        "answered": lambda: and_(few, Action.purpose == Purpose.REPLY),
        "approved": lambda: and_(
            seen,
            state == ActionState.APPROVED,
            Action.kind.in_(sorted(SENT_KINDS)),
            select(Message.id)
            .where(Message.action_id == Action.id, Message.state.in_(sorted(CLAIMABLE_STATES)))
            .exists(),
        ),
        "terminations": lambda: and_(pending, Action.stage == Stage.TERMINATE),
        "value": lambda: and_(pending, Action.customer_id.in_(valuable) if valuable else false()),
        "to_post": lambda: and_(
            state == ActionState.APPROVED,
            Action.kind == ActionKind.LETTER,
            Action.owner.in_(sorted(scope.works_for)),
        ),
        "calls": lambda: and_(few, awake, Action.kind == ActionKind.CALL),
        "snoozed": lambda: and_(pending, Action.snoozed_until > scope.today),
        "all": lambda: and_(seen, state.in_(_STATES)),
    }


def _seen(scope: Scope, *, by_index: bool = True) -> Condition:
    if scope.sees is None:
        return true()
    owner = Action.owner if by_index else func.coalesce(Action.owner, "")
    return owner.in_(sorted(scope.sees))


def _waits_for(scope: Scope) -> Condition:
    """What this person can do something about now: log it, or approve it in some role."""
    by_hand = and_(
        Action.owner.in_(sorted(scope.works_for)),
        Action.kind.in_([ActionKind.CALL, ActionKind.REVIEW]),
    )
    asked = and_(
        Action.kind.in_([*sorted(SENT_KINDS), ActionKind.LETTER]),
        or_(*(_asks(capacity) for capacity in scope.capacities), false()),
        Action.proposed_by != scope.person_id,
        ~("," + func.coalesce(Action.edited_by, "") + ",").contains(f",{scope.person_id},"),
        ~_has_approved(scope),
    )
    return or_(by_hand, asked)


def _asks(capacity: Capacity) -> Condition:
    slots = cast(Action.required_roles, String)
    # Not LIKE: PostgreSQL guesses that it finds next to nobody, and then sorts the whole queue.
    named = func.replace(slots, capacity.role, "") != slots
    if capacity.role == "director":
        named = or_(named, Action.escalated_on.is_not(None))
    return named if capacity.owner is None else and_(named, Action.owner == capacity.owner)


def _has_approved(scope: Scope) -> Condition:
    """Their approval counts until the message is edited, or for as long as the guards say."""
    edited = (
        select(func.coalesce(Rendering.edited_at, _LEAST))
        .where(Rendering.action_id == Approval.action_id)
        .scalar_subquery()
    )
    return (
        select(Approval.id)
        .where(
            Approval.action_id == Action.id,
            Approval.person_id == scope.person_id,
            Approval.approved,
            Approval.withdrawn_at.is_(None),
            Approval.decided_at > scope.counts_since,
            Approval.decided_at > edited,
        )
        .exists()
    )


def count(session: Session, conditions: dict[str, Condition]) -> dict[str, int]:
    """Return how many actions each view holds; what is over is not looked at."""
    open_ = Action.state.in_(_STATES)
    columns = [func.count().filter(condition).label(name) for name, condition in conditions.items()]
    row = session.execute(select(*columns).select_from(Action).where(open_)).mappings().one()
    return {str(name): int(value) for name, value in row.items()}


def _narrowed(condition: Condition, filters: Filters) -> Condition:
    wanted = [condition]
    if filters.stage is not None:
        wanted.append(Action.stage == filters.stage)
    if filters.owner is not None:
        wanted.append(Action.owner == filters.owner)
    if filters.kind is not None:
        wanted.append(Action.kind == filters.kind)
    if filters.customers is not None:
        wanted.append(Action.customer_id.in_(filters.customers))
    return and_(*wanted)


def list_ids(
    session: Session, condition: Condition, filters: Filters, limit: int, offset: int = 0
) -> Sequence[str]:
    """Return the ids of what a view holds, most urgent first: who has written waits for nobody.

    Each state is asked for by itself: so an index gives its rows in this order, and no more of them
    than are wanted.
    """
    asked = select(Action.due_on, Action.id, Action.purpose).where(_narrowed(condition, filters))
    queries = [asked]  # of customers that were searched for: few, by the index of customers
    if filters.customers is None:
        replies = _replies(session)
        queries = [
            asked.where(Action.state == state, purpose)
            .order_by(Action.due_on, Action.id)
            .limit(offset + limit)
            for state in _STATES
            for purpose in (*replies[state], Action.purpose != Purpose.REPLY)
        ]
    found: list[tuple[bool, date, str]] = []
    for query in queries:
        rows = session.execute(query)
        found += [(purpose is not Purpose.REPLY, on, action_id) for on, action_id, purpose in rows]
    return [action_id for _, _, action_id in sorted(found)[offset : offset + limit]]


def _replies(session: Session) -> dict[ActionState, list[Condition]]:
    """Return, for each state, a condition for those that answer a customer; none without any.

    Named one by one they are looked up; SQLite would rather look through all of an owner's.
    """
    answers = Action.purpose == Purpose.REPLY
    wanted = select(Action.state, Action.id).where(Action.state.in_(_STATES), answers)
    rows = session.execute(wanted.limit(_FEW + 1)).all()
    if len(rows) > _FEW:
        return {state: [answers] for state in _STATES}
    ids = {state: [row.id for row in rows if row.state is state] for state in _STATES}
    return {state: [Action.id.in_(some)] if some else [] for state, some in ids.items()}


def of_customers(
    session: Session, condition: Condition, filters: Filters, customers: Sequence[str] | None
) -> list[tuple[str, str]]:
    """Return the ids and customers of what a view holds, of some customers or of all.

    Most urgent first; sorted here, or SQLite would go through the whole queue in that order.
    """
    query = select(Action.due_on, Action.id, Action.customer_id).where(
        _narrowed(condition, filters)
    )
    if customers is not None:
        query = query.where(Action.customer_id.in_(customers))
    rows = sorted((on, action_id, who) for on, action_id, who in session.execute(query))
    return [(action_id, who) for _, action_id, who in rows]


def how_many(session: Session, condition: Condition, filters: Filters) -> int:
    """Return how many a narrowed view holds."""
    query = select(func.count()).select_from(Action).where(_narrowed(condition, filters))
    return session.scalar(query) or 0


def of_ids(session: Session, ids: Sequence[str]) -> list[Action]:
    """Return actions as a list needs them, in the order of their ids."""
    found = session.scalars(
        select(Action).where(Action.id.in_(ids)).options(selectinload(Action.approvals))
    )
    by_id = {action.id: action for action in found}
    return [by_id[action_id] for action_id in ids if action_id in by_id]
