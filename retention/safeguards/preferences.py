"""The only writer of preferences: in which language, by which way, and about what we may write.

Topics and pauses are suppressions, as if a colleague had placed them; the rest goes before what the
company's data says.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from retention.db.canonical import plain
from retention.db.models.customer_pages import Preference
from retention.db.models.exemptions import Exclusion
from retention.db.recording import Entry, record
from retention.domain.customer_pages import TOPICS, topic_scope
from retention.domain.exclusions import ALL, ExclusionKind, ExclusionReason
from retention.domain.messages import MessageClass
from retention.safeguards import exclusions
from retention.safeguards.exclusions import Wish
from retention.webhooks import outgoing
from retention.webhooks.outgoing import EventKind

CHANNELS = ("email", "phone")
_KNOWN = "retention_preferences"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a customer wants: topics they take, until when they want nothing, how to reach them."""

    topics: frozenset[str]
    paused_until: date | None
    language: str | None = None
    channel: str | None = None
    texts: bool | None = None
    all_news: bool = True


def of(session: Session, customer_id: str) -> Preference | None:
    """Return a customer's preferences, if they have said any."""
    known: dict[str, Preference] | None = session.info.get(_KNOWN)
    return session.get(Preference, customer_id) if known is None else known.get(customer_id)


def read_all(session: Session) -> None:
    """Read everybody's preferences at once, for a night that asks for thousands of them."""
    session.info[_KNOWN] = {row.customer_id: row for row in session.scalars(select(Preference))}


def wants_a_call(session: Session, customer_id: str) -> bool:
    """Tell whether a customer would rather be called than written to, where that can be."""
    row = of(session, customer_id)
    return row is not None and row.channel == "phone"


def spoken_to(session: Session, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a customer's row with the language that they have chosen."""
    chosen = of(session, row["customer_id"])
    language = chosen.language if chosen and chosen.language else row["language"]
    return {**row, "language": language}


def present(session: Session, customer_id: str, today: date) -> Wanted:
    """Return what a customer wants now."""
    rows = _suppressed(session, customer_id, today)
    off = {row.scope for row in rows}
    pauses = [row.ends_on for row in rows if row.reason is ExclusionReason.PAUSED]
    kept = session.get(Preference, customer_id)
    news = not any(
        row.scope in (MessageClass.COMMERCIAL, ALL) and row.reason is not ExclusionReason.PAUSED
        for row in rows
    )
    return Wanted(
        topics=frozenset(topic for topic in TOPICS if topic_scope(topic) not in off),
        paused_until=max((end for end in pauses if end), default=None),
        language=kept.language if kept else None,
        channel=kept.channel if kept else None,
        texts=kept.texts if kept else None,
        all_news=news,
    )


def change(
    session: Session, customer_id: str, wanted: Wanted, today: date, now: datetime
) -> list[str]:
    """Keep what a customer wants from now on; return what has changed, as codes."""
    before = present(session, customer_id, today)
    changed = _topics(session, customer_id, before, wanted, today, now)
    if wanted.paused_until != before.paused_until:
        _end(session, customer_id, today, now, lambda row: row.reason is ExclusionReason.PAUSED)
        if wanted.paused_until is not None:
            _place(session, customer_id, MessageClass.COMMERCIAL, ExclusionReason.PAUSED, today,
                   wanted.paused_until, now)  # fmt: skip
        changed.append("pause")
    changed += _ways(session, customer_id, before, wanted, now)
    if changed:
        said = {"changed": changed, "wanted": plain(wanted)}
        told = Entry(now, "preference.changed", f"customer {customer_id}", said, customer_id)
        record(session, told)
    return changed


def stop_news(
    session: Session, customer_id: str, today: date, now: datetime, note: str = ""
) -> None:
    """Stop whatever can be declined, at once and for good; the same wish twice is one."""
    _place(session, customer_id, MessageClass.COMMERCIAL, ExclusionReason.UNSUBSCRIBED, today, None,
           now, note)  # fmt: skip


def _topics(
    session: Session, customer_id: str, before: Wanted, wanted: Wanted, today: date, now: datetime
) -> list[str]:
    for topic in sorted(before.topics - wanted.topics):
        _place(session, customer_id, topic_scope(topic), ExclusionReason.UNSUBSCRIBED, today, None,
               now)  # fmt: skip
    again = {topic_scope(topic) for topic in wanted.topics - before.topics}
    changed = sorted(wanted.topics ^ before.topics)
    if wanted.all_news and not before.all_news:
        again.add(MessageClass.COMMERCIAL)
        changed.append("news")
    if again:
        _end(session, customer_id, today, now,
             lambda row: row.scope in again and row.author == exclusions.CUSTOMER)  # fmt: skip
    return changed


def _ways(
    session: Session, customer_id: str, before: Wanted, wanted: Wanted, now: datetime
) -> list[str]:
    names = ("language", "channel", "texts")
    changed = [name for name in names if getattr(before, name) != getattr(wanted, name)]
    if changed:
        row = session.get(Preference, customer_id)
        if row is None:
            row = Preference(customer_id=customer_id)
            session.add(row)
        row.language, row.channel, row.texts = wanted.language, wanted.channel, wanted.texts
        row.changed_at = now
        session.flush()
        session.info.pop(_KNOWN, None)
    return changed


def _place(
    session: Session,
    customer_id: str,
    scope: str,
    reason: ExclusionReason,
    today: date,
    until: date | None,
    now: datetime,
    note: str = "",
) -> None:
    wish = Wish(customer_id, ExclusionKind.SUPPRESSION, reason, today, until, scope, note)
    row = exclusions.place_for_customer(session, wish, now)
    if row.placed_at != now:
        return  # it was so before
    outgoing.tell(session, EventKind.OPTED_OUT, f"exclusion {row.id}", customer_id, now,
                  scope=str(scope), until=until)  # fmt: skip


def _suppressed(session: Session, customer_id: str, today: date) -> list[Exclusion]:
    rows = exclusions.list_in_force(session, today, customer_id)
    return [row for row in rows if row.kind is ExclusionKind.SUPPRESSION]


def _end(session: Session, customer_id: str, today: date, now: datetime, which: Any) -> None:
    for row in filter(which, _suppressed(session, customer_id, today)):
        exclusions.end(session, row, exclusions.CUSTOMER, now)


def take_texts(session: Session, customers: Collection[str] | None = None) -> frozenset[str]:
    """Return who has agreed to texts, of some customers or of all. Nothing said is no yes."""
    query = select(Preference.customer_id).where(Preference.texts.is_(True))
    if customers is not None:
        query = query.where(Preference.customer_id.in_(customers))
    return frozenset(session.scalars(query))


def stop_texts(session: Session, customer_id: str, now: datetime) -> None:
    """Send no more texts: who answers STOP to one has said so."""
    row = session.get(Preference, customer_id)
    ways = (row.language, row.channel, row.texts) if row else ()
    before = Wanted(frozenset(), None, *ways)
    if _ways(session, customer_id, before, replace(before, texts=False), now):
        record(session, Entry(now, "preference.changed", f"customer {customer_id}",
                              {"changed": ["texts"], "texts": False}, customer_id))  # fmt: skip
        outgoing.tell(session, EventKind.OPTED_OUT, f"texts {customer_id}"[:80], customer_id, now,
                      scope="texts")  # fmt: skip
