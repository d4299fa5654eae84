"""The pages that customers open from a message: what each is for, and for how long it works."""

import re
from datetime import timedelta
from enum import StrEnum


class PagePurpose(StrEnum):
    """What a link lets its reader do. A link has one purpose, and no other page takes it."""

    OFFER = "offer"
    NOTICE = "notice"
    DEBT = "debt"
    SURVEY = "survey"
    CALL = "call"
    PREFERENCES = "preferences"


LASTS: dict[PagePurpose, timedelta] = {
    PagePurpose.OFFER: timedelta(days=400),
    PagePurpose.NOTICE: timedelta(days=400),
    PagePurpose.DEBT: timedelta(days=120),
    PagePurpose.SURVEY: timedelta(days=60),
    PagePurpose.CALL: timedelta(days=60),
    PagePurpose.PREFERENCES: timedelta(days=400),
}
"""How long a link may be opened. Until when an offer can be answered, the offer itself says."""


class Said(StrEnum):
    """What a customer may say on a page."""

    ACCEPT = "accept"
    COUNTER = "counter"
    DECLINE = "decline"
    ASK = "ask"
    CONTEST = "contest"
    MORE_TIME = "more_time"
    HARDSHIP = "hardship"
    PLAN = "plan"
    PAID = "paid"
    WRONG = "wrong"
    SCORE = "score"
    CALL = "call"
    PREFER = "prefer"


PROTECTS = frozenset({Said.CONTEST, Said.HARDSHIP, Said.WRONG, Said.MORE_TIME, Said.ASK, Said.PAID})
"""What never makes its author's position worse: it counts at once, however it came."""


class Doubt(StrEnum):
    """Why an answer may not be a person's: it waits until somebody has asked them."""

    AT_ONCE = "right_after_delivery"
    TOO_FAST = "faster_than_reading"
    MANY = "many_links_at_once"


TOPICS = ("guides", "surveys", "offers")
"""What a customer may switch off. What concerns their contract is none of it."""


_TOKEN = re.compile(r"\b[a-z2-7]{52}\b", re.IGNORECASE)


def without_tokens(text: str) -> str:
    """Return a text in which no customer's link works: who quotes us quotes links too."""
    return _TOKEN.sub("...", text)


def topic_scope(topic: str) -> str:
    """Return the scope of a suppression of one topic."""
    return f"topic:{topic}"
