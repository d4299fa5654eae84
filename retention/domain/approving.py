"""Who may approve a step, and when enough people have: slots, quorum, two people, no own work.

A slot asks for one person in one of its roles, written `director|finance`. A quorum is the same
slot several times. One person fills one slot at most, also when standing in for somebody.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from retention.domain.people import Person, Role, refuse
from retention.domain.stages import ADVERSE_STAGES, Stage

MINIMUM_APPROVERS_ADVERSE = 2

Slot = frozenset[Role]


class ReasonCode(StrEnum):
    """Why an action was rejected or replaced; what reports count."""

    WRONG_DATA = "wrong_data"
    WRONG_CUSTOMER = "wrong_customer"
    WRONG_TIME = "wrong_time"
    WRONG_TONE = "wrong_tone"
    IN_CONTACT = "in_contact"
    TOO_HARD = "too_hard"
    NO_USE = "no_use"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Given:
    """One approval that still counts. `person_id` is who gave it, for themselves or another."""

    person_id: str
    role: Role
    on_behalf_of: str | None = None

    @property
    def people(self) -> frozenset[str]:
        """Whose word it is: who gave it, and for whom."""
        return frozenset(filter(None, (self.person_id, self.on_behalf_of)))


@dataclass(frozen=True, slots=True)
class StandIn:
    """A person who acts for another between two dates, both included."""

    principal: Person
    deputy_id: str


def parse_slot(text: str) -> Slot:
    """Read `director` or `director|finance`. Raises ValueError for an unknown role."""
    return frozenset(Role(part) for part in text.split("|"))


def slot_text(slot: Slot) -> str:
    """Write a slot the way `parse_slot` reads it."""
    return "|".join(sorted(slot))


def distinct(given: Iterable[Given]) -> list[Given]:
    """Return the approvals of different people: one person counts once, in whoever's place.

    A director who is lent to two deputies is one director.
    """
    counted: list[Given] = []
    for approval in given:
        if not any(approval.people & other.people for other in counted):
            counted.append(approval)
    return counted


def open_slots(required: Sequence[Slot], given: Iterable[Given]) -> list[Slot]:
    """Return the slots that nobody has filled; an approval fills the narrowest that it fits."""
    waiting = sorted(required, key=lambda slot: (len(slot), slot_text(slot)))
    for approval in distinct(given):
        fitting = next((slot for slot in waiting if approval.role in slot), None)
        if fitting is not None:
            waiting.remove(fitting)
    return waiting


def approvers_needed(stage: Stage, required: Sequence[Slot], *, answers: bool = False) -> int:
    """How many different people must approve a step of `stage`.

    What only `answers` a customer, a receipt or a call they asked for, worsens nobody's position.
    """
    adverse = stage in ADVERSE_STAGES and not answers
    return max(len(required), MINIMUM_APPROVERS_ADVERSE if adverse else 0)


def is_approved(
    stage: Stage, required: Sequence[Slot], given: Sequence[Given], *, answers: bool = False
) -> bool:
    """Return whether every slot is filled, and by enough different people."""
    needed = approvers_needed(stage, required, answers=answers)
    return not open_slots(required, given) and len(distinct(given)) >= needed


def role_for_approval(
    person: Person,
    required: Sequence[Slot],
    given: Sequence[Given],
    *,
    owner: str,
    authors: frozenset[str],
    standing_in: Sequence[StandIn] = (),
    subject: str,
) -> tuple[Role, str | None]:
    """Return the role that `person` fills now, and for whom they stand in, if they do.

    `owner` is whose account it is, `authors` who proposed or edited it. Raises NotAllowedError for
    an author (or who stands in for one), for somebody who has approved already, and for somebody
    none of whose roles is still open.
    """
    if person.person_id in authors:
        refuse(subject, f"'{person.person_id}' has written it", "Ask somebody else to approve it.")
    if any(person.person_id in approval.people for approval in given):
        refuse(
            subject,
            f"'{person.person_id}' has already approved it, or somebody for them",
            "A second person must.",
        )
    waiting = open_slots(required, given)
    for slot in waiting:
        fitting = sorted(slot & person.roles_for(owner))
        if fitting:
            return fitting[0], None
    for other in standing_in:
        if other.principal.person_id in authors:
            continue
        if any(other.principal.person_id in approval.people for approval in given):
            continue
        for slot in waiting:
            fitting = sorted(slot & other.principal.roles_for(owner))
            if fitting:
                return fitting[0], other.principal.person_id
    listed = ", ".join(slot_text(slot) for slot in waiting) or "nobody"
    return refuse(subject, f"'{person.person_id}' cannot approve it", f"It waits for: {listed}.")
