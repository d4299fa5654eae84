"""Passwords of the console's local accounts: what they must be like, and how they are kept.

Argon2id with 19 MiB, two passes and one lane: what OWASP's cheat sheet names as the least.
"""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from retention.domain.people import Person, refuse

SHORTEST, LONGEST = 12, 128
_FEWEST_LETTERS = 5
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_NOBODYS = _HASHER.hash("the password of nobody")


def require_good(person: Person, password: str) -> None:
    """Raise NotAllowedError for a password that is too easily guessed. Any character may be in it.

    It may not be the person's own name, id or address, nor a few letters over and over.
    """
    subject = "the password"
    if not SHORTEST <= len(password) <= LONGEST:
        refuse(subject, f"has {len(password)} characters", f"Use {SHORTEST} to {LONGEST}.")
    if len(set(password.casefold())) < _FEWEST_LETTERS:
        refuse(subject, "repeats a few letters", "Use a sentence, or let a program choose it.")
    own = {person.person_id, *person.name.split(), *person.email.split("@")}
    bare = password.casefold()
    for word in own:
        bare = bare.replace(word.casefold(), "") if len(word) > 1 else bare
    if len(bare) < SHORTEST // 2:
        refuse(subject, "is little more than your own name", "Use words that are not yours.")


def make_hash(password: str) -> str:
    """Return what is kept of a password: Argon2id with its salt and its costs."""
    return _HASHER.hash(password)


def is_right(kept: str | None, password: str) -> bool:
    """Return whether a password is the one that was kept; without one it takes as long."""
    try:
        _HASHER.verify(kept or _NOBODYS, password[: LONGEST + 1])
    except (VerificationError, InvalidHashError):
        return False
    return kept is not None


def is_outdated(kept: str) -> bool:
    """Return whether a hash was made with other costs than today's."""
    return _HASHER.check_needs_rehash(kept)
