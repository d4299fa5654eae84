"""Where a night reads and writes."""

import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from retention.domain.errors import NotFoundError
from retention.snapshots import store as snapshots


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders of a night, its limits, and the environment that sources may refer to.

    `staging` holds the company's rows while a night is at work; `shard_customers` is how many
    customers a shard has at most, about, `parallel_shards` how many are at work at once;
    `memory` is DuckDB's limit while the sources are read.
    """

    snapshots: Path
    templates: Path
    timezone: str
    environment: dict[str, str]
    staging: Path
    models: Path
    shard_customers: int = 100_000
    parallel_shards: int = 1
    memory: str = "4GB"

    def newest(self) -> date:
        """Return the date of the newest snapshot. Raises NotFoundError."""
        day = snapshots.newest(self.snapshots)
        if day is None:
            raise NotFoundError("snapshots", "no night has run yet", "Run 'retention run' first.")
        return day


def staged(folders: Folders, as_of: date) -> Path:
    """Return where the company's rows of a night are."""
    return folders.staging / as_of.isoformat()


def clear_staging(folders: Folders, as_of: date) -> None:
    """Remove the company's rows: only features and scores are kept."""
    shutil.rmtree(staged(folders, as_of), ignore_errors=True)
