"""Who enters a playbook tonight: confirmed, not resting, not excluded, not held out."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from retention.db.queries import cases as case_queries
from retention.domain.exclusions import Exclusion, ExclusionKind, in_force
from retention.domain.holdouts import Arm
from retention.domain.playbook import ENTRY, Playbook
from retention.domain.stages import PlaybookName
from retention.ladder import holdouts
from retention.ladder.condition_values import Evidence, condition_key
from retention.ladder.confirmations import Key, count_nights
from retention.ladder.newcomers import look_at_newcomers
from retention.policies.load import Policies
from retention.snapshots.folders import Folders

_APART = (ExclusionKind.HOLD, ExclusionKind.EXEMPTION)


@dataclass(slots=True)
class Entrants:
    """Who would enter, by customer; how many are still being confirmed, or held out.

    `newly` meet a condition tonight that they did not meet before; where they are too many, nobody
    enters, and `doubt` says so.
    """

    playbooks: dict[str, Playbook] = field(default_factory=dict)
    confirming: int = 0
    held_out: int = 0
    newly: dict[str, int] = field(default_factory=dict)
    doubt: dict[str, str] = field(default_factory=dict)


def find_entrants(
    session: Session,
    policies: Policies,
    folders: Folders,
    evidence: Evidence,
    with_case: Collection[str],
    exclusions: Mapping[str, tuple[Exclusion, ...]],
    paused: Collection[PlaybookName],
    active: int,
) -> Entrants:
    """Return who enters tonight, of `active` customers.

    `restore` goes before `retain`, and a holdout enters neither.
    """
    meeting = _meeting(session, policies, evidence, with_case, exclusions, paused)
    newly, doubt = look_at_newcomers(session, policies.limits, meeting, evidence.as_of, active)
    nights = count_nights(
        session,
        ENTRY,
        [key for key in meeting if key[1] not in doubt],
        evidence.as_of,
        gap_days=policies.limits.gap_days,
        paused={*paused, *doubt},
    )
    ready: list[Key] = []
    taken: set[str] = set()
    for name in PlaybookName:
        book = policies.playbooks.get(name)
        for customer, playbook in sorted(nights):
            if book is None or playbook is not name or customer in taken:
                continue
            if nights[customer, playbook] >= book.entry.nights:
                ready.append((customer, name))
                taken.add(customer)
    arms = holdouts.assign(session, ready, policies.holdout, folders.snapshots, evidence.as_of)
    treated = {key[0]: key[1] for key in ready if arms[key] is Arm.TREATED}
    return Entrants(
        playbooks={c: policies.playbooks[treated[c]] for c in sorted(treated)},
        confirming=len({customer for customer, _ in nights} - taken),
        held_out=len(ready) - len(treated),
        newly=newly,
        doubt={str(name): found for name, found in doubt.items()},
    )


def _meeting(
    session: Session,
    policies: Policies,
    evidence: Evidence,
    with_case: Collection[str],
    exclusions: Mapping[str, tuple[Exclusion, ...]],
    paused: Collection[PlaybookName],
) -> list[Key]:
    closed_on = case_queries.last_closed_on(session)
    busy, holding = set(with_case), []
    for name, book in policies.playbooks.items():
        if name in paused:
            continue
        for customer in evidence.true_for(condition_key(book, ENTRY)):
            last = closed_on.get((customer, name))
            resting = last is not None and evidence.as_of < book.again.after(last)
            if customer in busy or resting or _is_apart(exclusions, customer, name, evidence):
                continue
            holding.append((customer, name))
    return holding


def _is_apart(
    exclusions: Mapping[str, tuple[Exclusion, ...]],
    customer: str,
    playbook: PlaybookName,
    evidence: Evidence,
) -> bool:
    theirs = exclusions.get(customer, ())
    return any(in_force(theirs, kind, playbook, evidence.as_of) for kind in _APART)
