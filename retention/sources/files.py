"""Read a table's raw rows from CSV, Parquet or plain lines."""

import shutil
from pathlib import Path

import duckdb

from retention.domain.errors import SourceError
from retention.sources.config import TableMapping
from retention.sources.origins import Origin, unreadable
from retention.sources.rows import run
from retention.sources.threads import use_threads

_HEADER_BYTES = 64 * 1024
_FEW_BYTES = 4 * 1024 * 1024


def read_files(
    db: duckdb.DuckDBPyConnection, name: str, mapping: TableMapping, folder: Path, aside: Path
) -> Origin:
    """Create the relation `raw_<name>` from a file, or a folder of files, under `folder`.

    What has to be written anew before it can be read goes to `aside`. Raises SourceError.
    """
    path = folder / (mapping.file or name)
    files, kind = _files_and_format(path, mapping)
    label = f"{name} ({files[0].name if len(files) == 1 else path.name})"
    if kind != "parquet" and mapping.encoding not in (None, "utf-8", "utf-8-sig"):
        files = [_as_utf8(file, mapping.encoding, aside, label) for file in files]
    delimiter = mapping.delimiter or (_delimiter(files[0]) if kind == "csv" else ",")
    single = files[0] if kind == "csv" and len(files) == 1 else None
    few = sum(file.stat().st_size for file in files) <= _FEW_BYTES
    if not few:
        use_threads(db, many=True)
    origin = Origin(label, single, delimiter, kept=kind != "parquet" or few)
    scan = _scan(kind, [str(file) for file in files], delimiter)
    try:
        if mapping.query is None:
            relation = "TABLE" if origin.kept else "VIEW"
            run(db, f'CREATE OR REPLACE TEMP {relation} "raw_{name}" AS SELECT * FROM {scan}')
        else:
            run(db, f"CREATE OR REPLACE TEMP VIEW source AS SELECT * FROM {scan}")
            run(db, f'CREATE OR REPLACE TEMP TABLE "raw_{name}" AS {mapping.query}')
    except duckdb.Error as error:
        raise unreadable(origin, error) from error
    return origin


def _files_and_format(path: Path, mapping: TableMapping) -> tuple[list[Path], str]:
    if path.is_dir():
        files = sorted(path.glob("*.parquet")) or sorted(path.glob("*.csv"))
    else:
        files = [path] if path.is_file() else []
    if not files:
        raise SourceError(str(path), "there is no such file", "Correct the path in sources.yaml.")
    for file in files:
        if file.stat().st_size == 0:
            raise SourceError(file.name, "the file is empty", "Export it again.")
    suffix = {".parquet": "parquet", ".csv": "csv"}.get(files[0].suffix.lower())
    kind = mapping.format or suffix
    if kind is None:
        raise SourceError(path.name, "its format is not known", "Add 'format: csv' or another.")
    return files, kind


def _as_utf8(file: Path, encoding: str, aside: Path, label: str) -> Path:
    """Write a text file anew in UTF-8. Raises SourceError when it is not what it is said to be."""
    written = aside / file.name
    try:
        with (
            file.open(encoding=encoding, newline="") as read,
            written.open("w", encoding="utf-8", newline="") as write,
        ):
            shutil.copyfileobj(read, write)
    except UnicodeError as error:
        raise SourceError(
            label, f"it is not written in {encoding}", "Correct 'encoding' in sources.yaml."
        ) from error
    return written


def _delimiter(file: Path) -> str:
    """Return what separates the columns of a CSV's first line; many offices export semicolons."""
    with file.open("rb") as opened:
        header = opened.readline(_HEADER_BYTES).decode("utf-8", "replace")
    return max(",;\t|", key=header.count)


def _scan(kind: str, files: list[str], delimiter: str) -> str:
    listed = "[" + ", ".join(_quoted(file) for file in files) + "]"
    if kind == "parquet":
        return f"read_parquet({listed}, union_by_name=true)"
    if kind == "lines":
        return (
            f"read_csv({listed}, columns={{'line': 'VARCHAR'}}, header=false, "
            "delim='\x1f', quote='', escape='', auto_detect=false)"
        )
    options = (
        "all_varchar=true, header=true, skip=0, null_padding=false, strict_mode=true, "
        "union_by_name=true"
    )
    quoting = f"delim='{delimiter}', quote='\"', escape='\"'"
    return f"read_csv({listed}, {options}, {quoting})"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
