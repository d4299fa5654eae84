"""Propose a sources.yaml from what tables and columns are called, and say what was not guessed."""

import difflib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from retention.sources.canonical import CANONICAL, CanonicalTable
from retention.sources.vocabularies import Words
from retention.sources.vocabularies import plain as plain_word
from retention.yaml_files import PolicyModel, parse_policy

_CLOSE = 0.86
_SMALL = frozenset({"de", "del", "la", "el", "of", "the"})
_NUMBER = dict.fromkeys(("n", "no", "nr", "nro", "num", "number"), "numero")


class Names(PolicyModel):
    """What other systems call tables and columns."""

    tables: dict[str, tuple[str, ...]]
    columns: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Found:
    """A table that is there: its columns, how it is read, and which words some columns hold.

    `options` are the reading options that were recognised, as they are written in sources.yaml.
    """

    name: str
    columns: tuple[str, ...]
    options: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Guess:
    """A canonical table, what it would be read from, and which of its columns were recognised."""

    table: CanonicalTable
    found: Found
    columns: Mapping[str, str]

    @property
    def missing(self) -> list[str]:
        """Return the required columns that nothing looks like."""
        return [name for name in self.table.required if name not in self.columns]

    @property
    def unknown(self) -> list[str]:
        """Return the columns that nobody has recognised."""
        return [name for name in self.found.columns if name not in self.columns.values()]


def plain(name: str) -> str:
    """Return a name without case, blanks, accents, small words and a file's ending."""
    bare = unicodedata.normalize("NFKD", name.removesuffix(".csv").removesuffix(".parquet"))
    letters = "".join(letter for letter in bare if not unicodedata.combining(letter))
    words = re.split(r"[\W_]+", letters.casefold())
    return plain_word("".join(_NUMBER.get(word, word) for word in words if word not in _SMALL))


@cache
def names() -> Names:
    """Return what tables and columns are called elsewhere."""
    text = (files("retention.sources") / "names.yaml").read_text("utf-8")
    return parse_policy(text, Names, "names.yaml")


def guess(found: Sequence[Found]) -> tuple[list[Guess], list[Found]]:
    """Return what each canonical table would be read from, and the tables that are none."""
    scored = sorted(
        (
            (_score(table, one), table.name, one.name)
            for table in CANONICAL.values()
            for one in found
        ),
        key=lambda item: (-item[0], item[1], item[2]),
    )
    by_name = {one.name: one for one in found}
    taken: dict[str, str] = {}
    for score, table, one in scored:
        if score > 0 and table not in taken and one not in taken.values():
            taken[table] = one
    guesses = [
        Guess(
            CANONICAL[table],
            by_name[taken[table]],
            columns_of(CANONICAL[table], by_name[taken[table]]),
        )
        for table in CANONICAL
        if table in taken
    ]
    return guesses, [one for one in found if one.name not in taken.values()]


def _score(table: CanonicalTable, found: Found) -> float:
    """Return how much a table looks like a canonical one: by its name first, then its columns."""
    called = plain(found.name)
    known = [plain(name) for name in names().tables[table.name]]
    by_name = 2.0 if called in known else max(
        difflib.SequenceMatcher(None, called, name).ratio() for name in known
    )  # fmt: skip
    columns = columns_of(table, found)
    required = sum(name in columns for name in table.required) / len(table.required)
    looks = by_name >= _CLOSE or required == 1.0
    return by_name + required if looks and required > 0 else 0.0


def columns_of(table: CanonicalTable, found: Found) -> dict[str, str]:
    """Return, by canonical column, the column that looks like it; each is used once."""
    free = {plain(name): name for name in reversed(found.columns)}
    matched: dict[str, str] = {}
    for close in (False, True):
        for column in table.columns:
            if column in matched:
                continue
            hit = _match(column, table, free, close=close)
            if hit is not None:
                matched[column] = free.pop(hit)
    return matched


def _match(
    column: str, table: CanonicalTable, free: Mapping[str, str], *, close: bool
) -> str | None:
    known = [plain(name) for name in (column, *names().columns.get(column, ()))]
    if column == table.key:
        known += ["id", "codigo"]
    if not close:
        return next((name for name in known if name in free), None)
    hits = difflib.get_close_matches(plain(column), list(free), n=1, cutoff=_CLOSE)
    return hits[0] if hits else None


def written(
    connection: str,
    guesses: Sequence[Guess],
    others: Sequence[Found],
    known: Mapping[str, Words],
    origin: str,
) -> str:
    """Return the text of a sources.yaml; `origin` is 'file' or 'table'."""
    lines = [
        "# Proposed from names of tables and columns: read it, and correct it.",
        connection,
        "tables:",
    ]
    for one in guesses:
        lines += _table(one, origin)
    for other in others:
        lines.append(f"  # Not recognised: {other.name} ({', '.join(other.columns)})")
    lines += _words(guesses, known)
    missing = [name for name in CANONICAL if name not in {g.table.name for g in guesses}]
    if missing:
        lines.append(f"# Nothing looks like: {', '.join(missing)}.")
    return "\n".join(lines) + "\n"


def _table(one: Guess, origin: str) -> list[str]:
    lines = [f"  {one.table.name}:", f"    {origin}: {_quoted(one.found.name)}"]
    lines += [f"    {name}: {value}" for name, value in one.found.options.items()]
    renamed = {c: raw for c, raw in one.columns.items() if raw.strip().lower() != c}
    if renamed:
        listed = ", ".join(f"{c}: {_quoted(raw)}" for c, raw in renamed.items())
        lines.append(f"    columns: {{{listed}}}")
    if one.unknown and not one.table.extra_columns:
        lines.append(f"    ignore: [{', '.join(_quoted(name) for name in one.unknown)}]")
    lines += [f"    # '{name}' is required, and no column looks like it" for name in one.missing]
    return lines


def _words(guesses: Sequence[Guess], known: Mapping[str, Words]) -> list[str]:
    """Return, to be filled in, the words of closed columns that nobody has explained."""
    lines = []
    for one in guesses:
        for column, words in one.found.words.items():
            vocabulary = known[f"{one.table.name}.{column}"]
            strange = [word for word in words if vocabulary.meaning(word) is None]
            for word in strange:
                likely = vocabulary.likely(word)
                hint = f"is it {likely}?" if likely else "what does it mean?"
                lines.append(f"  # {one.table.name}.{column}: {_quoted(word)}: {hint}")
    return (
        [
            "words: {}",
            "  # Words that nobody has explained; for example",
            "  # words: {invoices.status: {disputed: [in review]}}",
            *lines,
        ]
        if lines
        else []
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
