"""Local accounts of the console: one per person of `team.yaml`, made when it is first needed."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from retention.db.canonical import sha256
from retention.db.models.console import Account, SignInAttempt
from retention.db.recording import Entry, record
from retention.domain.errors import NotAllowedError
from retention.domain.people import Person, Team
from retention.people import passwords

_WINDOW = timedelta(minutes=15)
_FROM_HERE, _BY_ADDRESS, _BY_PERSON = 5, 30, 40
SCHEMES = ("system", "light", "dark")


class WrongError(NotAllowedError):
    """A sign-in that failed; it never says whether there is such a person."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who tries to sign in: from which address, and whether this browser was theirs before."""

    address: str
    known: bool = False


def of(session: Session, person_id: str) -> Account:
    """Return a person's account; the first time it is made, without a password."""
    found = session.get(Account, person_id)
    if found is None:
        found = Account(person_id=person_id, password_hash=None, password_set_at=None,
                        language=None, scheme="system", keys=False)  # fmt: skip
        session.add(found)
        session.flush()
    return found


def sign_in(
    session: Session, team: Team, who: str, password: str, visitor: Visitor, now: datetime
) -> Person | None:
    """Return who has signed in with a password; None for a wrong one, which is counted.

    Raises WrongError when there were too many wrong ones: from this address, or for this person
    from browsers that were never theirs. A browser of their own is not locked out by others.
    """
    person = _named(team, who)
    key = _key(person.person_id if person else who)
    # A browser that was theirs before is counted by itself: neighbours do not lock it out.
    address = _key(f"{visitor.address} {key}" if visitor.known else visitor.address)
    _refuse_too_many(session, key, address, visitor, now)
    account = session.get(Account, person.person_id) if person else None
    kept = account.password_hash if account else None
    if not passwords.is_right(kept, password) or person is None or account is None:
        session.add(SignInAttempt(who=key, address=address, at=now))
        tell(session, now, "account.refused", person.person_id if person else "nobody")
        return None
    if kept is not None and passwords.is_outdated(kept):
        account.password_hash = passwords.make_hash(password)
    session.execute(
        delete(SignInAttempt).where(SignInAttempt.who == key, SignInAttempt.address == address)
    )
    return person


def require_own(
    session: Session, person: Person, password: str, visitor: Visitor, now: datetime
) -> bool:
    """Return whether a password is the person's present one; wrong ones are counted as well.

    Without one nothing is asked. Raises WrongError when there were too many wrong ones.
    """
    account = of(session, person.person_id)
    if account.password_hash is None:
        return True
    key, address = _key(person.person_id), _key(f"{visitor.address} own {person.person_id}")
    _refuse_too_many(session, key, address, visitor, now)
    if passwords.is_right(account.password_hash, password):
        return True
    session.add(SignInAttempt(who=key, address=address, at=now))
    return False


def _refuse_too_many(
    session: Session, key: str, address: str, visitor: Visitor, now: datetime
) -> None:
    since = now - _WINDOW
    session.execute(delete(SignInAttempt).where(SignInAttempt.at < since))

    def count(*where: object) -> int:
        query = select(func.count()).select_from(SignInAttempt).where(*where)  # type: ignore[arg-type]
        return session.scalar(query) or 0

    here = count(SignInAttempt.who == key, SignInAttempt.address == address)
    if (
        here >= _FROM_HERE
        or count(SignInAttempt.address == address) >= _BY_ADDRESS
        or (not visitor.known and count(SignInAttempt.who == key) >= _BY_PERSON)
    ):
        raise WrongError("signing in", "was tried too often", "Try again in a quarter of an hour.")


def _named(team: Team, who: str) -> Person | None:
    """Return the person with this id or address."""
    said = who.strip().casefold()
    return next((p for p in team.people.values()
                 if said in (p.person_id.casefold(), p.email.casefold())), None)  # fmt: skip


def _key(said: str) -> str:
    return sha256(said.strip().casefold())


def set_password(session: Session, person: Person, password: str, now: datetime) -> Account:
    """Give a person's account a new password. Raises NotAllowedError for a poor one."""
    passwords.require_good(person, password)
    account = of(session, person.person_id)
    account.password_hash, account.password_set_at = passwords.make_hash(password), now
    tell(session, now, "account.password_set", person.person_id)
    return account


def prefer(
    session: Session, person_id: str, *, language: str | None, scheme: str, keys: bool
) -> Account:
    """Write down how a person likes the console. Raises NotAllowedError for an unknown scheme."""
    if scheme not in SCHEMES:
        raise NotAllowedError("the colours", f"'{scheme}' is none", f"Use {', '.join(SCHEMES)}.")
    account = of(session, person_id)
    account.language, account.scheme, account.keys = language, scheme, keys
    return account


def tell(session: Session, now: datetime, kind: str, person_id: str, **said: object) -> None:
    """Record something about an account in the audit."""
    record(session, Entry(now, kind, f"account {person_id}", {"by": person_id, **said}))
