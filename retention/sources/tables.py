"""Open a company's canonical tables in one DuckDB connection."""

import tempfile
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from retention.domain.errors import SourceError, SourceUnavailableError
from retention.domain.findings import Finding
from retention.scratch import scratch
from retention.sources.canonical import CANONICAL
from retention.sources.check import make_canonical
from retention.sources.config import (
    USUAL_TOLERANCE,
    Files,
    SourcesConfig,
    TableMapping,
    Tolerance,
    fill_variables,
)
from retention.sources.connect import load_raw
from retention.sources.identities import apply_merges
from retention.sources.languages import spoken
from retention.sources.regions import apply_regions
from retention.sources.rows import one_row, run
from retention.sources.threads import use_threads
from retention.sources.vocabularies import Words, apply_words, vocabularies, with_costs

# What features need to know besides the company's rows.
_RULE_TABLES = {
    "caps": "activity VARCHAR, cap DECIMAL(18,5)",
    "conduct": "tag VARCHAR, sign VARCHAR",
    "dunning": "step INTEGER, after_days INTEGER",
    "metrics": "n BIGINT",
    "paid_marks": "n BIGINT",
    "spoken": "country VARCHAR, language VARCHAR",
    "payers": "payer_id VARCHAR, customer_id VARCHAR, since DATE",
    "tolerance": "amount_slack DECIMAL(18,4), share_slack DECIMAL(9,6)",
}
RULE_TABLES = tuple(_RULE_TABLES)


@dataclass(frozen=True, slots=True)
class FeatureRules:
    """Which ticket tag is a sign of what, when collection takes each step, what is settled.

    `costed` are the activities and severities that have a rate: words that are known, too.
    """

    conduct: dict[str, str] = field(default_factory=dict)
    dunning_days: tuple[int, ...] = (1,)
    tolerance: Tolerance = USUAL_TOLERANCE
    costed: tuple[str, ...] = ()


@dataclass(slots=True)
class Company:
    """The canonical tables of one company, open in `db`.

    `mapped` holds the columns that really come from the company, per table that is mapped.
    Every other canonical table exists too, empty, so that features need no special cases. `broken`
    holds the tables that could not be read, with the reason; `left_out` those that are unknown
    tonight though the company has them; `owned` says that payments belong to whose invoice they
    pay; `findings` what was noticed in the rows.
    """

    db: duckdb.DuckDBPyConnection
    mapped: dict[str, tuple[str, ...]]
    mappings: dict[str, TableMapping]

    broken: dict[str, SourceError] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)
    owned: bool = False
    findings: list[Finding] = field(default_factory=list)

    def close(self) -> None:
        """Release its memory and temporary files."""
        self.db.close()


def open_company(
    config: SourcesConfig,
    base: Path,
    environment: dict[str, str],
    timezone: str,
    *,
    rules: FeatureRules | None = None,
    without_broken: bool = False,
    only: Collection[str] | None = None,
    memory: str = "4GB",
    spill: Path | None = None,
) -> Company:
    """Read and check every mapped table. Raises SourceError; nothing is written anywhere.

    Relative paths start at `base`. Moments with an offset are read in `timezone`. `rules` is what
    ops decide about features. With `without_broken` a table that cannot be used is left out and
    noted, unless it is `customers` or its database does not answer. With `only` no other tables
    are read. Rows beyond `memory` go to the folder `spill`.
    """
    rules = replace(rules or FeatureRules(), tolerance=config.tolerance)
    company = new_company(scratch(memory, spill / "spill" if spill else None), {}, timezone)
    use_threads(company.db, many=False)  # until a table proves to be large
    _make_rules(company, rules)
    company.mappings.update(mappings_of(config, base, environment))
    wanted = CANONICAL if only is None else only
    words = vocabularies(with_costs(config.own_words(), rules.costed))
    with tempfile.TemporaryDirectory(prefix="retention-read-") as aside:
        for name in [name for name in CANONICAL if name in company.mappings and name in wanted]:
            try:
                _open_table(company, name, config, base, environment, words, Path(aside))
            except SourceUnavailableError:
                raise
            except SourceError as error:
                if not without_broken or name == "customers":
                    raise
                company.broken[name] = error
                leave_out(company, name)
    make_empty(company, CANONICAL.keys() - company.mapped.keys() - company.left_out)
    merged = {str(kind): config.merges(kind) for kind in config.merged}
    company.findings += apply_merges(company.db, company.mapped, merged)
    return company


def _open_table(
    company: Company,
    name: str,
    config: SourcesConfig,
    base: Path,
    environment: dict[str, str],
    words: Mapping[str, Words],
    aside: Path,
) -> None:
    mapping = company.mappings[name]
    connection = config.connection_of(mapping)
    origin = load_raw(company.db, name, mapping, connection, base, environment, aside)
    columns, findings = make_canonical(
        company.db, CANONICAL[name], mapping, origin, words["surveys.kind"]
    )
    findings += apply_words(company.db, name, columns, words)
    if name == "customers":
        findings += apply_regions(company.db, columns)
    company.mapped[name] = columns
    company.findings += findings


def mappings_of(
    config: SourcesConfig, base: Path, environment: dict[str, str]
) -> dict[str, TableMapping]:
    """Return how each table is read: as configured, or by the names of the files that are there."""
    return config.tables or _discover(config, base, environment)


def new_company(
    db: duckdb.DuckDBPyConnection, mapped: dict[str, tuple[str, ...]], timezone: str
) -> Company:
    """Return a company in `db` that has no tables yet."""
    company = Company(db, mapped, {})
    # DuckDB underestimates these joins and would loop over them.
    run(db, "SET asof_loop_join_threshold = 0")
    run(db, f"SET TimeZone = '{timezone}'")
    return company


def _make_rules(company: Company, rules: FeatureRules) -> None:
    for name, columns in _RULE_TABLES.items():
        run(company.db, f"CREATE TEMP TABLE {name} ({columns})")
    signs = [[tag.lower() for tag in rules.conduct], list(rules.conduct.values())]
    run(company.db, "INSERT INTO conduct SELECT unnest(?), unnest(?)", signs)
    run(company.db, "INSERT INTO spoken SELECT unnest(?), unnest(?)", spoken())
    slack = [rules.tolerance.amount, rules.tolerance.share]
    run(company.db, "INSERT INTO tolerance VALUES (?, ?)", slack)
    steps = [list(range(len(rules.dunning_days))), list(rules.dunning_days)]
    run(company.db, "INSERT INTO dunning SELECT unnest(?), unnest(?)", steps)


def leave_out(company: Company, name: str) -> None:
    """Treat a table as if it were not mapped tonight."""
    company.mapped.pop(name, None)
    company.left_out.add(name)
    drop_table(company, name)
    make_empty(company, [name])


def drop_table(company: Company, name: str) -> None:
    """Drop a table, which may be a view."""
    is_table = one_row(
        company.db, f"SELECT 1 FROM duckdb_tables() WHERE table_name = '{name}' LIMIT 1"
    )
    run(company.db, f'DROP {"TABLE" if is_table else "VIEW"} IF EXISTS "{name}"')


def use_file(company: Company, name: str, files: list[Path], columns: str) -> None:
    """Let a table that is not there yet be what Parquet files hold."""
    listed = ", ".join("'" + str(file).replace("'", "''") + "'" for file in files)
    run(
        company.db,
        f'CREATE TEMP VIEW "{name}" AS '
        f"SELECT {columns} FROM read_parquet([{listed}], hive_partitioning=false)",
    )


def make_empty(company: Company, names: Iterable[str]) -> None:
    """Let canonical tables that are not there yet exist, without rows."""
    for name in sorted(names):
        columns = {**CANONICAL[name].columns, **CANONICAL[name].made}
        listed = ", ".join(f'CAST(NULL AS {t}) AS "{c}"' for c, t in columns.items())
        run(company.db, f'CREATE TEMP VIEW "{name}" AS SELECT {listed} WHERE false')


def _discover(
    config: SourcesConfig, base: Path, environment: dict[str, str]
) -> dict[str, TableMapping]:
    connection = next(iter(config.connections.values()))
    if not isinstance(connection, Files):
        raise SourceError("sources.yaml", "'tables' is missing", "Map at least 'customers'.")
    folder = base / fill_variables(connection.path, environment, "connection")
    found = {}
    for name in CANONICAL:
        for candidate in (name, f"{name}.parquet", f"{name}.csv"):
            if (folder / candidate).exists():
                found[name] = TableMapping(file=candidate)
                break
    if "customers" not in found:
        raise SourceError(
            str(folder), "there is no customers.csv or customers.parquet", "Correct 'path'."
        )
    return found
