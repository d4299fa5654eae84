"""What can go wrong, told so that a person can mend it.

Exit codes follow the command line's contract: 1 failed, 2 usage, 3 partly done,
4 refused by a gate or a guard, 5 plan stale, 6 locked by another run.
"""

from typing import ClassVar


class RetentionError(Exception):
    """A failure with its place, what was found there, and the remedy.

    `where` names a file, row, table or record; `found` says what is wrong with it;
    `remedy` says what to do. None of the three may hold personal data or secrets. What was found
    word for word is `seen`: it is shown to the person at the terminal, and is no part of the text
    that servers and logs keep.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, where: str, found: str, remedy: str, *, seen: str = "") -> None:
        super().__init__(f"{where}: {found}. {remedy}")
        self.where = where
        self.found = found
        self.remedy = remedy
        self.seen = seen


class ConfigError(RetentionError):
    """A policy file (sources, costs, playbooks, team) cannot be used as it is."""


class SourceError(RetentionError):
    """The company's data cannot be read or does not fit the canonical tables."""


class SourceUnavailableError(SourceError):
    """A database of the company does not answer; trying again later may help."""


class TemplateError(RetentionError):
    """A message template is missing, broken, or asks for a value that is not there."""


class NoticeError(RetentionError):
    """It cannot be said when a termination might take effect, so nobody is given notice."""


class GateTrippedError(RetentionError):
    """The data is readable but not to be trusted tonight; nothing was decided."""

    exit_code = 4


class RunRefusedError(RetentionError):
    """A night that must not run: its date lies before one that is already done."""

    exit_code = 4


class PlanStaleError(RetentionError):
    """What the night would do is no longer what the plan says; nothing was stored."""

    exit_code = 5


class RunLockedError(RetentionError):
    """Another process holds this run's lease."""

    exit_code = 6


class AuditBrokenError(RetentionError):
    """The audit's chain does not hold, or what it was compared with cannot be read."""

    exit_code = 4


class NotAllowedError(RetentionError):
    """A person may not do this: wrong role, own proposal, or already decided."""

    exit_code = 4


class NotFoundError(RetentionError):
    """There is no such customer, action or case."""


class MoveNotAllowedError(RetentionError):
    """A state change that its transition table does not list."""

    def __init__(self, subject: str, current: str, target: str) -> None:
        super().__init__(
            where=subject,
            found=f"cannot move from '{current}' to '{target}'",
            remedy="Look at its present state; it may have been settled by somebody else.",
        )
