"""Tables as CSV: safe to open in a spreadsheet, whatever a customer is called."""

import csv
import io
import re
from collections.abc import Iterable, Sequence

from starlette.responses import Response

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\x00", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_NUMBER = re.compile(r"-\d+([.]\d+)?")


def safe(value: object) -> object:
    """Return a value that no spreadsheet takes for a formula: texts that begin like one get a '.

    A negative number is none, and stays a number.
    """
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return value
    if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value


def table_as_csv(name: str, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """Return a table as a file to be kept."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(heads)
    writer.writerows([safe(value) for value in row] for row in rows)
    return Response(
        "\ufeff" + text.getvalue(),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
