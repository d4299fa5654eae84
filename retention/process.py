"""How a process of ours behaves: its files, its memory, its last words."""

import gc
import os
import sys


def collect_less_often() -> None:
    """Look for unreachable cycles a hundred times less often than Python does.

    A night and a console make many objects that stay, or go by their count: looking through them
    took a twelfth of the demo's time.
    """
    gc.set_threshold(70_000, 50, 100)


def keep_private() -> None:
    """Let what this process writes from now on be read by its owner only: 0600, in 0700."""
    os.umask(0o077)


def leave_quietly() -> None:
    """DuckDB's binding lists objects that are alive when Python ends; nobody can act on it."""
    sys.stderr.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def leave_at_once() -> None:
    """Let Python end without looking through everything for cycles: the process gives it all back.

    That search took a sixth of a short command. What has a reference count of its own, or was
    registered for the end, is still closed.
    """
    gc.freeze()
