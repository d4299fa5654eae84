"""Where a table's raw rows came from, and why they could not be read."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retention.domain.errors import SourceError


@dataclass(frozen=True, slots=True)
class Origin:
    """Where raw rows came from, for error messages; `csv` is set for a single CSV file.

    `kept` are rows that were parsed from text, or are few: they are kept as a table, so that
    whoever looks at them does not read them again.
    """

    label: str
    csv: Path | None = None
    delimiter: str = ","
    kept: bool = False


def unreadable(origin: Origin, error: Exception) -> SourceError:
    """Return a SourceError; the first line of what the reader said may quote a customer."""
    said = first_line(error)
    kind = type(error).__name__.removesuffix("Exception").removesuffix("Error")
    reason = why_csv_fails(origin) or kind or "unknown"
    return SourceError(
        origin.label, f"it cannot be read ({reason})", "Mend the file or the query.", seen=said
    )


def first_line(error: Exception) -> str:
    """Return the first line of what an error says."""
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


def why_csv_fails(origin: Origin) -> str | None:
    """Return where and why a CSV file cannot be read, in words; None when that is not found out."""
    if origin.csv is None:
        return None
    try:
        return _odd_line(origin)
    except UnicodeDecodeError:
        line = _undecodable_line(origin)
        remedy = "say 'encoding: cp1252' or another under the table"
        return f"line {line} is not written in UTF-8; {remedy}"
    except csv.Error as error:
        return f"it is no CSV: {error}"


def _odd_line(origin: Origin) -> str | None:
    path: Any = origin.csv
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file, delimiter=origin.delimiter, strict=True)
        header = next(reader, [])
        begins = reader.line_num + 1
        for row in reader:
            if row and len(row) != len(header):
                return (
                    f"line {begins} has {len(row)} values and the header names {len(header)} "
                    f"columns; a value with a '{origin.delimiter}' in it must stand in quotes"
                )
            begins = reader.line_num + 1
    return None


def _undecodable_line(origin: Origin) -> int:
    path: Any = origin.csv
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return number
    return 0
