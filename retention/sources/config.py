"""`sources.yaml`: where each canonical table comes from."""

import codecs
import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from retention.domain.errors import ConfigError
from retention.sources.canonical import CANONICAL
from retention.yaml_files import PolicyModel, read_policy

_VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")


class Files(PolicyModel):
    """A folder of files. `path` is relative to the folder of sources.yaml."""

    kind: Literal["files"]
    path: str


class Database(PolicyModel):
    """A database. `${NAME}` in the URL is filled from the environment, so secrets stay out."""

    kind: Literal["sqlite", "postgresql", "mysql"]
    url: str = Field(description="a path for sqlite; scheme://user:password@host:port/name else")


def _known_encoding(name: str) -> str:
    try:
        return codecs.lookup(name).name
    except LookupError as error:
        raise ValueError(f"'{name}' is no encoding; write for example cp1252") from error


Connection = Annotated[Files | Database, Field(discriminator="kind")]


Scale = tuple[float, float]
USUAL_SCALES: dict[str, Scale] = {"csat": (1, 5), "nps": (0, 10)}


OwnNumber = Annotated[str, StringConstraints(pattern="^[a-z][a-z0-9_]{0,59}$")]


class TableMapping(PolicyModel):
    """How one canonical table is read: from a file, a table or a query.

    `encoding`, `delimiter`, `decimal` and `date_format` (as in strptime) say how text is written;
    `scales` between which least and most the answers to a question lie; `numbers` which of the
    customers' own columns are numbers, for conditions.
    """

    connection: str | None = None
    file: str | None = None
    format: Literal["csv", "parquet", "lines"] | None = None
    table: str | None = None
    query: str | None = None
    columns: dict[str, str] = Field(default_factory=dict, description="canonical: source column")
    ignore: tuple[str, ...] = ()
    allow_empty: bool = False
    max_age_days: int | None = Field(None, ge=0, description="workdays since the newest row")
    encoding: Annotated[str, AfterValidator(_known_encoding)] | None = None
    delimiter: str | None = Field(None, min_length=1, max_length=1)
    decimal: Literal[".", ","] | None = None
    date_format: str | None = Field(None, pattern="%")
    scales: dict[Literal["csat", "nps"], Scale] = Field(default_factory=dict)
    numbers: tuple[OwnNumber, ...] = Field((), description="own columns: x_NAME in conditions")

    def scale(self, question: str) -> Scale:
        """Return the least and the most that an answer can be."""
        given: dict[str, Scale] = dict(self.scales.items())
        return given.get(question, USUAL_SCALES[question])

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if self.file and self.table:
            raise ValueError("give 'file' or 'table', not both")
        if not (self.file or self.table or self.query):
            raise ValueError("give one of 'file', 'table' or 'query'")
        for question, (least, most) in self.scales.items():
            if not least < most:
                raise ValueError(f"the scale of {question} is written [least, most]")
        return self


def _known_tables(tables: dict[str, TableMapping]) -> dict[str, TableMapping]:
    for name, mapping in tables.items():
        if name not in CANONICAL:
            raise ValueError(f"'{name}' is no canonical table; they are: {', '.join(CANONICAL)}")
        if mapping.numbers and not CANONICAL[name].extra_columns:
            raise ValueError(f"only customers have 'numbers' of their own, not {name}")
    if "customers" not in tables:
        raise ValueError("'customers' is required")
    return tables


Word = Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, min_length=1)]
USUAL_GONE = frozenset(
    {"cancelled", "canceled", "closed", "churned", "ended", "inactive", "terminated"}
)


GONE = "gone"


class Tolerance(PolicyModel):
    """An invoice of which no more than this is open is settled, in its own currency.

    `share` is of the invoice's amount; the larger of both counts.
    """

    amount: Decimal = Field(Decimal("0.05"), ge=0, le=100)
    share: Decimal = Field(Decimal("0.0005"), ge=0, le=Decimal("0.1"))


USUAL_TOLERANCE = Tolerance()


class SourcesConfig(PolicyModel):
    """The whole file. With a folder of files named like the tables, `tables` may be left out."""

    connections: dict[str, Connection] = Field(min_length=1)
    tables: Annotated[dict[str, TableMapping], AfterValidator(_known_tables)] | None = None
    gone: frozenset[Word] = Field(USUAL_GONE, description="a customer's status that means: gone")
    words: dict[str, dict[str, tuple[str, ...]]] = Field(
        default_factory=dict, description="table.column: meaning: words of this company"
    )
    merged: dict[Literal["customers", "contracts", "invoices"], dict[str, str]] = Field(
        default_factory=dict, description="what became of an id: old id: new id"
    )
    tolerance: Tolerance = USUAL_TOLERANCE

    @model_validator(mode="after")
    def _merges_end(self) -> Self:
        for kind in self.merged:
            self.merges(kind)
        return self

    @model_validator(mode="after")
    def _connections_exist(self) -> Self:
        for name, mapping in (self.tables or {}).items():
            if mapping.connection is not None and mapping.connection not in self.connections:
                known = ", ".join(self.connections)
                raise ValueError(
                    f"table '{name}' uses connection '{mapping.connection}', known are: {known}"
                )
            if mapping.connection is None and len(self.connections) > 1:
                raise ValueError(f"table '{name}' must name its connection, there are several")
        return self

    def merges(self, kind: str) -> dict[str, str]:
        """Return, by old id, the id that is in use by now. Raises ValueError for a circle."""
        given = self.merged.get(kind, {})  # type: ignore[call-overload]
        found = {}
        for old in given:
            passed, now = {old}, given[old]
            while now in given:
                if now in passed:
                    raise ValueError(f"merged {kind}: '{old}' is merged in a circle")
                passed.add(now)
                now = given[now]
            found[old] = now
        return found

    @property
    def means_gone(self) -> frozenset[str]:
        """Return the statuses of who has left; snapshots of earlier versions hold own words."""
        return self.gone | {GONE}

    def own_words(self) -> dict[str, dict[str, tuple[str, ...]]]:
        """Return the words that the company has explained, those for "gone" among them."""
        status = self.words.get("customers.status", {})
        gone = (*self.gone, *status.get(GONE, ()))
        return {**self.words, "customers.status": {**status, GONE: gone}}

    def own_numbers(self) -> tuple[str, ...]:
        """Return the customers' own columns that are numbers."""
        customers = (self.tables or {}).get("customers")
        return customers.numbers if customers else ()

    def connection_of(self, mapping: TableMapping) -> Connection:
        """Return the connection a table is read from."""
        name = mapping.connection or next(iter(self.connections))
        return self.connections[name]


def load_sources(path: Path) -> SourcesConfig:
    """Read sources.yaml. Raises ConfigError with file and line."""
    return read_policy(path, SourcesConfig)


def fill_variables(text: str, environment: dict[str, str], where: str) -> str:
    """Replace every `${NAME}`. Raises ConfigError when the variable is not set."""

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in environment:
            raise ConfigError(where, f"the variable {name} is not set", f"Export {name}.")
        return environment[name]

    return _VARIABLE.sub(value, text)
