"""`sources.yaml`: where each canonical table comes from."""

import re
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


Connection = Annotated[Files | Database, Field(discriminator="kind")]


class TableMapping(PolicyModel):
    """How one canonical table is read: from a file, a table or a query."""

    connection: str | None = None
    file: str | None = None
    format: Literal["csv", "parquet", "lines"] | None = None
    table: str | None = None
    query: str | None = None
    columns: dict[str, str] = Field(default_factory=dict, description="canonical: source column")
    ignore: tuple[str, ...] = ()
    allow_empty: bool = False
    max_age_days: int | None = Field(None, ge=0, description="age of the newest row, at most")

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if self.file and self.table:
            raise ValueError("give 'file' or 'table', not both")
        if not (self.file or self.table or self.query):
            raise ValueError("give one of 'file', 'table' or 'query'")
        return self


def _known_tables(tables: dict[str, TableMapping]) -> dict[str, TableMapping]:
    for name in tables:
        if name not in CANONICAL:
            raise ValueError(f"'{name}' is no canonical table; they are: {', '.join(CANONICAL)}")
    if "customers" not in tables:
        raise ValueError("'customers' is required")
    return tables


Word = Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, min_length=1)]
USUAL_GONE = frozenset(
    {"cancelled", "canceled", "closed", "churned", "ended", "inactive", "terminated"}
)


class SourcesConfig(PolicyModel):
    """The whole file. With a folder of files named like the tables, `tables` may be left out."""

    connections: dict[str, Connection] = Field(min_length=1)
    tables: Annotated[dict[str, TableMapping], AfterValidator(_known_tables)] | None = None
    gone: frozenset[Word] = Field(USUAL_GONE, description="a customer's status that means: gone")

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
