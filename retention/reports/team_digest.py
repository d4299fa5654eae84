"""The morning's digest: what waits for whom, in numbers. No customer is named in it."""

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from retention.actions.approval import editors_of
from retention.actions.needed import slots_of, still_needed
from retention.db.models.work.actions import Action
from retention.db.models.work.messages import Message
from retention.delivery import circuit_breaker as health
from retention.domain.actions import ActionState
from retention.domain.dates import date_in
from retention.domain.forms import REPLY
from retention.domain.messages import MessageState
from retention.domain.people import Permission, Person
from retention.messages.rendering import Plain
from retention.messages.sender import Sender
from retention.messages.team_mail import compose_for
from retention.people.actor import Actor, standing_in
from retention.policies.load import Policies

_SOON, _WEEKEND, _MONDAY = timedelta(days=1), timedelta(days=3), 0
_SETTLED = timedelta(days=2)
"""A night expires what was due before its date, and runs on the day after it."""


@dataclass(frozen=True, slots=True)
class Digest:
    """What waits for one person."""

    person: str
    open: int = 0
    due_today: int = 0
    replies: int = 0
    escalated: int = 0
    expired: int = 0
    unknown: int = 0
    stands_in_for: str = ""
    mail_stopped: int = 0

    @property
    def says_something(self) -> bool:
        """Whether it is worth a message."""
        return bool(self.open or self.replies or self.unknown or self.mail_stopped)


def make_digests(session: Session, policies: Policies, now: datetime, zone: str) -> list[Digest]:
    """Return the digest of every member of the team, also of those for whom nothing waits.

    `zone` is the company's.
    """
    on = date_in(now, zone)
    waiting = session.scalars(
        select(Action)
        .where(Action.state == ActionState.PENDING_APPROVAL)
        .options(joinedload(Action.case), joinedload(Action.rendering), joinedload(Action.offer),
                 selectinload(Action.approvals))
        .order_by(Action.id)
    ).all()  # fmt: skip
    valid = timedelta(hours=policies.approvals.valid_hours)
    asked = [(action, _slots_left(action, now, valid)) for action in waiting]
    expired = Counter(
        session.scalars(
            select(Action.owner).where(
                Action.state == ActionState.EXPIRED,
                Action.due_on > on - _SETTLED - (_WEEKEND if on.weekday() == _MONDAY else _SOON),
                Action.due_on <= on - _SETTLED,
            )
        )
    )
    unknown = session.scalar(
        select(func.count()).select_from(Message).where(Message.state == MessageState.UNKNOWN)
    )
    stopped = int(health.why_stopped(session) is not None)
    return [
        _of(session, policies, person, asked, expired[person.person_id], unknown or 0, stopped,
            now, zone)
        for person in policies.team.people.values()
    ]  # fmt: skip


def _slots_left(action: Action, now: datetime, valid: timedelta) -> set[str]:
    return set(still_needed(action, now, valid)) if slots_of(action) else set()


def _of(
    session: Session,
    policies: Policies,
    person: Person,
    asked: list[tuple[Action, set[str]]],
    expired: int,
    unknown: int,
    stopped: int,
    now: datetime,
    zone: str,
) -> Digest:
    settles, on = person.may(Permission.SETTLE), date_in(now, zone)
    acts_for = standing_in(session, Actor(policies, person, now, on, zone))
    selves = [person, *(other.principal for other in acts_for)]
    mine = [
        action
        for action, slots in asked
        if any(_is_asked(one, action, slots) for one in selves)
        and person.person_id not in editors_of(action) | {action.proposed_by}
    ]
    return Digest(
        person=person.person_id,
        open=len(mine),
        due_today=sum(action.due_on <= on + _SOON for action in mine),
        replies=sum(action.form == REPLY for action in mine),
        escalated=sum(action.escalated_on is not None for action in mine),
        expired=expired,
        unknown=unknown if settles else 0,
        stands_in_for=", ".join(other.principal.name for other in acts_for),
        mail_stopped=stopped if settles else 0,
    )


def _is_asked(person: Person, action: Action, slots: set[str]) -> bool:
    """Whether a decision waits for this person: an own task, or a role that is still open."""
    if action.rendering is None:
        return action.owner == person.person_id
    roles = {str(role) for role in person.roles_for(action.owner)}
    return any(roles & set(slot.split("|")) for slot in slots)


def compose_digest(
    digest: Digest, person: Person, sender: Sender, now: datetime, on: date
) -> bytes:
    """Return the message of a digest, byte for byte. Raises TemplateError."""
    values: dict[str, dict[str, Plain] | Plain] = {"digest": asdict(digest)}
    return compose_for(person, "digest", values, sender, now, f"digest-{on}-{person.person_id}")
