"""What commands print: one JSON document on standard output, or tables for people.

Errors go to standard error, except with --json, where they are the one document too.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from retention.domain.errors import RetentionError

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
AsOf = Annotated[
    str | None, typer.Option("--as-of", metavar="YYYY-MM-DD", help="The business date.")
]

SCHEMA = 1
_NEVER_CUT = {"id", "customer", "due", "amount", "on", "state", "sent"}


def emit(document: dict[str, Any]) -> None:
    """Print one JSON document with its schema version."""
    json.dump({"schema": SCHEMA, **document}, sys.stdout, ensure_ascii=False, indent=2, default=str)
    sys.stdout.write("\n")


def fail(error: "RetentionError", *, as_json: bool) -> None:
    """Print an error with its place and remedy."""
    if as_json:
        told = {"where": error.where, "found": error.found, "remedy": error.remedy}
        emit({"error": told | ({"seen": error.seen} if error.seen else {})})
        return
    console = make_console(stderr=True)
    console.print(
        f"[bold red]error[/] {_plain(error.where)}: {_plain(error.found)}", soft_wrap=True
    )
    if error.seen:
        console.print(f"      {_plain(error.seen)}", soft_wrap=True)
    console.print(f"      {_plain(error.remedy)}", soft_wrap=True)


def make_console(*, stderr: bool = False) -> "Console":
    """Return a rich console; colours are off in pipes and with NO_COLOR.

    With --json standard output belongs to the one document, so people's text goes to stderr.
    """
    from rich.console import Console

    return Console(stderr=stderr or "--json" in sys.argv, highlight=False)


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    right: Sequence[int] = (),
    most: int | None = None,
) -> None:
    """Print a table; `right` lists the columns that hold numbers.

    A list that ends at its limit, `most`, says so: there may be more.
    """
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for position, name in enumerate(columns):
        justify: Literal["right", "left"] = "right" if position in right else "left"
        table.add_column(name, justify=justify, no_wrap=name in _NEVER_CUT, overflow="fold")
    for row in rows:
        table.add_row(*(_plain("-" if cell is None else str(cell)) for cell in row))
    make_console().print(table)
    if most is not None and table.row_count == most:
        make_console().print(f"Only the first {most:,} are shown; --limit shows more.")


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape("".join(c if c.isprintable() or c == "\n" else "·" for c in text))


def parse_day(text: str | None) -> Any:
    """Return the date an option holds, or None. Raises typer.BadParameter."""
    from datetime import date

    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"'{text}' is no date; write for example 2026-10-31") from None
