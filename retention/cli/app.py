"""The `retention` command and its exit codes.

0 done, 1 failed, 2 usage, 3 partly done, 4 refused by a gate or guard, 5 plan stale, 6 locked by
another run.
"""

import sys

import typer

from retention.cli.commands import Lazily
from retention.terminal import fail

app = typer.Typer(
    name="retention",
    cls=Lazily,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def retention() -> None:
    """Deal well with customers who cost more than they bring, and keep the good ones."""


def run() -> None:
    """Run the command line; a known error becomes its message and exit code."""
    try:
        app()
    except Exception as error:
        from retention.cli.errors import as_known

        known = as_known(error)
        if known is None:
            raise
        fail(known, as_json="--json" in sys.argv)
        sys.exit(known.exit_code)
