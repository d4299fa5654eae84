"""The company's gateways for other ways than e-mail: texts, and whatever takes a short text."""

from dataclasses import dataclass

MARK = "channel:"
"""What stands before a channel's name where an e-mail has its return path."""

MOST_LETTERS = 459
"""Of a text: three parts of a message in letters that every telephone knows."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """Where the texts of a channel are handed over; `secrets` sign, the first one first."""

    name: str
    url: str
    secrets: tuple[str, ...]


def channel_of(return_path: str) -> str | None:
    """Return the channel that a message leaves by; None for an e-mail."""
    return return_path.removeprefix(MARK) if return_path.startswith(MARK) else None
