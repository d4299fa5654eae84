"""Where `retention` starts: how the process behaves is set before anything large is imported."""

import atexit

from retention.process import collect_less_often, keep_private, leave_at_once, leave_quietly


def main() -> None:
    """Run the command line and leave with its exit code."""
    atexit.register(leave_at_once)
    atexit.register(leave_quietly)
    keep_private()
    collect_less_often()
    from retention.cli.app import run

    run()
