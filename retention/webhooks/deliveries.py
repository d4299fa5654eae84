"""The only writer of deliveries: which receiver is told of which event, and with what result.

At least once: an attempt whose answer is lost is made again, with the same id.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, func, insert, select, update
from sqlalchemy.orm import Session

from retention.db.models.customer_pages import WebhookDelivery, WebhookEvent
from retention.db.recording import Entry, record
from retention.domain.errors import NotFoundError
from retention.domain.people import Permission, Person, require
from retention.domain.webhooks import GONE, Receiver, next_wait
from retention.webhooks.posting import Said

WAITING, DELIVERED, GIVEN_UP = "waiting", "delivered", "given_up"
_LEASE = timedelta(minutes=5)
_NEWS = timedelta(days=7)
_MANY = 500


@dataclass(frozen=True, slots=True)
class Telling:
    """One event to be told to one receiver now."""

    event_id: str
    receiver: Receiver
    attempt: int
    body: bytes


def claim(
    session: Session, receivers: Sequence[Receiver], now: datetime, limit: int
) -> list[Telling]:
    """Take what is to be told now; another process leaves it alone for some minutes."""
    by_name = {receiver.name: receiver for receiver in receivers}
    for receiver in receivers:
        _spread(session, receiver, now)
    rows = session.execute(
        select(WebhookDelivery, WebhookEvent)
        .join(WebhookEvent, WebhookEvent.id == WebhookDelivery.event_id)
        .where(
            WebhookDelivery.state == WAITING,
            WebhookDelivery.next_at <= now,
            WebhookDelivery.receiver.in_(sorted(by_name)),
        )
        .order_by(WebhookDelivery.next_at, WebhookDelivery.event_id)
        .limit(limit)
        .with_for_update(of=WebhookDelivery, skip_locked=True)
    ).all()
    found = []
    for delivery, event in rows:
        delivery.attempts += 1
        delivery.next_at = now + _LEASE
        receiver = by_name[delivery.receiver]
        found.append(Telling(event.id, receiver, delivery.attempts, body_of(event)))
    return found


def _spread(session: Session, receiver: Receiver, now: datetime) -> None:
    """Give a receiver its part of what has happened lately; a new one does not get the past."""
    known = and_(
        WebhookDelivery.event_id == WebhookEvent.id, WebhookDelivery.receiver == receiver.name
    )
    query = select(WebhookEvent.id).where(
        WebhookEvent.not_before <= now,
        WebhookEvent.not_before > now - _NEWS,
        WebhookEvent.withdrawn_at.is_(None),
        ~select(WebhookDelivery.event_id).where(known).exists(),
    )
    if receiver.kinds:
        query = query.where(WebhookEvent.kind.in_(sorted(receiver.kinds)))
    rows = [
        {"event_id": event_id, "receiver": receiver.name, "state": WAITING, "attempts": 0,
         "next_at": now, "last_code": None, "last_text": None, "delivered_at": None}
        for event_id in session.scalars(query.order_by(WebhookEvent.made_at).limit(_MANY))
    ]  # fmt: skip
    if rows:
        session.execute(insert(WebhookDelivery), rows)


def body_of(event: WebhookEvent) -> bytes:
    """Return an event as it is sent: the same bytes at each attempt."""
    said = {"type": event.kind, "timestamp": event.made_at.isoformat(), "data": event.document}
    return json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def settle(session: Session, telling: Telling, said: Said, now: datetime) -> str:
    """Write down what a receiver said; return the state of the delivery."""
    digest = hashlib.sha256(f"{telling.event_id}:{telling.receiver.name}".encode()).digest()
    wait = next_wait(telling.attempt, digest[0] / 255)
    state = WAITING
    if said.is_taken:
        state = DELIVERED
    elif wait is None or said.code == GONE:
        state = GIVEN_UP
    session.execute(
        update(WebhookDelivery)
        .where(
            WebhookDelivery.event_id == telling.event_id,
            WebhookDelivery.receiver == telling.receiver.name,
            WebhookDelivery.attempts == telling.attempt,
        )
        .values(
            state=state,
            next_at=now + (wait or timedelta()),
            last_code=said.code,
            last_text=said.text[:200],
            delivered_at=now if said.is_taken else None,
        )
    )
    if state is not WAITING:
        document = {"receiver": telling.receiver.name, "attempts": telling.attempt,
                    "code": said.code}  # fmt: skip
        record(session, Entry(now, f"webhook.{state}", f"event {telling.event_id}", document))
    return state


def replay(
    session: Session, event_id: str, receiver: str, person: Person, now: datetime
) -> WebhookDelivery:
    """Tell a receiver once more, whatever it said before. Raises NotFoundError, NotAllowedError."""
    require(person, Permission.RELEASE, subject=f"event {event_id}")
    row = session.get(WebhookDelivery, (event_id, receiver))
    if row is None:
        raise NotFoundError(
            f"event {event_id} for '{receiver}'", "does not exist", "See the list of webhooks."
        )
    session.execute(
        update(WebhookDelivery)
        .where(WebhookDelivery.event_id == event_id, WebhookDelivery.receiver == receiver)
        .values(state=WAITING, attempts=0, next_at=now)
    )
    document = {"receiver": receiver, "by": person.person_id}
    record(session, Entry(now, "webhook.replayed", f"event {event_id}", document))
    return row


def given_up(session: Session, now: datetime) -> list[tuple[str, int]]:
    """Return each receiver that did not take some event of the last days, and how many."""
    rows = session.execute(
        select(WebhookDelivery.receiver, func.count())
        .join(WebhookEvent, WebhookEvent.id == WebhookDelivery.event_id)
        .where(WebhookDelivery.state == GIVEN_UP, WebhookEvent.not_before > now - _NEWS)
        .group_by(WebhookDelivery.receiver)
        .order_by(WebhookDelivery.receiver)
    )
    return [(receiver, count) for receiver, count in rows]


def latest(session: Session, limit: int = 100) -> list[tuple[WebhookEvent, WebhookDelivery | None]]:
    """Return the newest events, each with its deliveries."""
    rows = session.execute(
        select(WebhookEvent, WebhookDelivery)
        .outerjoin(WebhookDelivery, WebhookDelivery.event_id == WebhookEvent.id)
        .order_by(WebhookEvent.made_at.desc(), WebhookEvent.id, WebhookDelivery.receiver)
        .limit(limit)
    )
    return [(event, delivery) for event, delivery in rows]
