"""What a team's chat is told in the morning: how many wait and what is due. Counts only."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from retention.db.models.work.actions import Action
from retention.db.models.work.messages import Message
from retention.domain.actions import ActionState
from retention.domain.forms import REPLY
from retention.domain.messages import MessageState
from retention.domain.people import Person
from retention.reports.words import Words

_TOMORROW = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for a team: each thing once, however many of its people may do it.

    `due` are the decisions that are due by tomorrow, `answered` the customers' answers among them.
    """

    decisions: int
    due: int
    answered: int
    unknown: int

    @property
    def says_something(self) -> bool:
        """Whether it is worth a line."""
        return bool(self.decisions or self.unknown)


def count_waiting(session: Session, on: date) -> Waiting:
    """Count what waits for anybody on a day."""
    decisions, due, answered = session.execute(
        select(
            func.count(),
            func.count().filter(Action.due_on <= on + _TOMORROW),
            func.count().filter(Action.form == REPLY),
        ).where(Action.state == ActionState.PENDING_APPROVAL)
    ).one()
    unknown = session.scalar(
        select(func.count()).select_from(Message).where(Message.state == MessageState.UNKNOWN)
    )
    return Waiting(decisions, due, answered, unknown or 0)


def language_of(people: Iterable[Person]) -> str:
    """Return the language that most of them read; of two the first in the alphabet."""
    found = Counter(person.language for person in people)
    return min(found, key=lambda language: (-found[language], language))


def chat_message(waiting: Waiting, words: Words, on: date, console: str | None) -> bytes:
    """Return the JSON that incoming webhooks of chats take: one `text`, one line."""
    said = words.say(
        "waiting",
        "chat",
        day=words.day(on),
        decisions=words.number(waiting.decisions),
        due=words.number(waiting.due),
        answered=words.number(waiting.answered),
        unknown=words.number(waiting.unknown),
    )
    where = f" {console}/queue" if console else ""
    return json.dumps({"text": said + where}, ensure_ascii=False).encode()
