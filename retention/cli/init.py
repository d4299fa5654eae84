"""`retention init FOLDER|URL`: a first sources.yaml from what the company's tables are called."""

from pathlib import Path
from typing import Annotated

import typer

from retention.terminal import AsJson, emit, make_console


def init(
    where: Annotated[str, typer.Argument(help="A folder of files, or the URL of a database.")],
    out: Annotated[
        Path | None, typer.Option(help="Write it to this file, which must not exist.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Read headers and the first rows, and propose a sources.yaml. Nothing else is stored."""
    from retention.domain.errors import ConfigError
    from retention.sources.config import USUAL_GONE
    from retention.sources.headers import look_at_database, look_at_folder, recognise
    from retention.sources.proposal import guess, written
    from retention.sources.vocabularies import vocabularies

    is_database = "://" in where
    looked = look_at_database(where) if is_database else look_at_folder(Path(where).resolve())
    rows = {found.name: first for found, first in looked}
    known = vocabularies({"customers.status": {"gone": USUAL_GONE}})
    guesses, others = guess([found for found, _ in looked])
    guesses = [recognise(one, rows[one.found.name], known) for one in guesses]
    text = written(
        _connection(where, is_database=is_database),
        guesses,
        others,
        known,
        "table" if is_database else "file",
    )
    if out is not None:
        if out.exists():
            raise ConfigError(str(out), "is there already", "Name another file, or move it away.")
        out.write_text(text, "utf-8")
    if as_json:
        emit({"sources": text, "recognised": [one.table.name for one in guesses]})
    else:
        make_console().print(text, markup=False, highlight=False, soft_wrap=True)


def _connection(where: str, *, is_database: bool) -> str:
    if not is_database:
        folder = str(Path(where).resolve()).replace("'", "''")
        return f"connections:\n  company: {{kind: files, path: '{folder}'}}"
    kind, _, rest = where.partition("://")
    kind = kind.partition("+")[0]
    if kind == "sqlite":
        return f"connections:\n  company: {{kind: sqlite, url: '{rest.removeprefix('/')}'}}"
    return (
        "# The password stays out of this file: export the whole URL as RETENTION_SOURCE_URL.\n"
        f'connections:\n  company: {{kind: {kind}, url: "${{RETENTION_SOURCE_URL}}"}}'
    )
