"""What a step reports when it is done: numbers and codes, never personal data."""

from dataclasses import asdict, dataclass, field, fields
from datetime import date
from typing import Any


@dataclass(frozen=True, slots=True)
class PullSummary:
    """What was read: rows and mapped columns per canonical table, and what was noticed.

    `tables` and `expected` are the figures and columns that the gates of later nights compare with:
    of a table that is not to be trusted those of its last good night, however long ago that was.
    `tripped` are the tables that count as missing tonight, `held_playbooks` those that wait for
    them, `accepted` the changes that a person has accepted. `findings` counts what was noticed in
    rows, by column and kind; `noticed` says it, `examples` shows it to who makes a plan.
    """

    as_of: date
    rows: dict[str, int]
    columns: dict[str, list[str]]
    customers: int
    with_email: int
    not_mapped: tuple[str, ...] = ()
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    expected: dict[str, list[str]] = field(default_factory=dict)
    tripped: dict[str, str] = field(default_factory=dict)
    held_playbooks: tuple[str, ...] = ()
    accepted: dict[str, str] = field(default_factory=dict)
    shards: int = 1
    findings: dict[str, list[int]] = field(default_factory=dict)
    noticed: tuple[str, ...] = ()
    examples: tuple[str, ...] = field(default=(), metadata={"kept": False})


@dataclass(frozen=True, slots=True)
class ScoreSummary:
    """How the scored customers are distributed. Money is in cents."""

    customers: int
    fit: dict[str, int]
    archetype: dict[str, int]
    tier: dict[str, int]
    no_data: tuple[str, ...]
    revenue_to_date_cents: int | None
    net_profit_12m_cents: int | None


@dataclass(frozen=True, slots=True)
class NightSummary:
    """What one night changed, or would change.

    `newly` are the customers who newly meet a playbook's entry condition, `doubt` why nobody enters
    it tonight though many would.
    """

    as_of: date
    decisions: dict[str, int] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)
    proposed: dict[str, int] = field(default_factory=dict)
    confirming: int = 0
    held_out: int = 0
    superseded: int = 0
    expired: int = 0
    escalated: int = 0
    open_cases: int = 0
    over_cap: dict[str, int] = field(default_factory=dict)
    newly: dict[str, int] = field(default_factory=dict)
    doubt: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeliverySummary:
    """What one delivery round did: messages by their new state; others by what they wait for."""

    states: dict[str, int] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """How many messages were tried."""
        return sum(self.states.values())


@dataclass(frozen=True, slots=True)
class InboxSummary:
    """What came in: messages by kind, how many were known before, how many answer none of ours."""

    kinds: dict[str, int] = field(default_factory=dict)
    known: int = 0
    unmatched: int = 0


@dataclass(frozen=True, slots=True)
class DigestSummary:
    """How many people got a digest, to how many it could not be sent, and what the chat said."""

    sent: int = 0
    failed: int = 0
    nothing_to_say: int = 0
    chat: str = ""


def as_json(summary: Any) -> dict[str, Any]:
    """Return a summary as plain JSON values (dates as ISO text), but for what is not to be kept."""
    kept = {f.name for f in fields(summary) if f.metadata.get("kept", True)}
    return {key: _plain(value) for key, value in asdict(summary).items() if key in kept}


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return list(value)
    return value
