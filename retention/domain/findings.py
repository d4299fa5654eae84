"""What was noticed in the company's data: counted and named, so that nothing just vanishes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

WORDS: Mapping[str, str] = {
    "unmatched": "name nothing that is in {}",
    "unknown_word": "carry a word that nobody has explained",
    "sentinel": "carry a date that stands for none",
    "impossible": "carry a value that cannot be",
    "midnight": "carry midnight in UTC, read as that plain day",
    "merged": "carry an id that was merged into another",
    "float_id": "carry whole numbers with a decimal point as ids, read without it",
}
_REMEDIES: Mapping[str, str] = {
    "unmatched": "Mend the export's ids, or say under 'merged' in sources.yaml what they became.",
    "unknown_word": "Say what it means under 'words' in sources.yaml.",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in a column that could not be taken as it is: how many rows of how many.

    `seen` shows examples to who looks at a terminal; it may be about a person and is not kept.
    With `trips` the table is not to be trusted.
    """

    table: str
    column: str
    kind: str
    count: int
    of: int
    seen: str = ""
    trips: bool = False
    target: str = ""

    @property
    def share(self) -> float:
        """Return the part of the rows that have it."""
        return self.count / self.of if self.of else 0.0

    @property
    def key(self) -> str:
        """Return what names this finding from night to night."""
        return f"{self.table}.{self.column}:{self.kind}"

    @property
    def said(self) -> str:
        """Return the finding in words, without anybody's data."""
        words = WORDS[self.kind].format(self.target)
        return f"{self.count:,} of {self.of:,} rows {words} (column '{self.column}')"

    @property
    def said_of_table(self) -> str:
        """Return the finding in words, with its table."""
        return f"{self.table}: {self.said}"

    @property
    def remedy(self) -> str:
        """Return what would mend it."""
        return _REMEDIES.get(self.kind, "Correct the data there.")


def counted(findings: Iterable[Finding]) -> dict[str, list[int]]:
    """Return counts by key, to keep: rows that have it, rows that there are."""
    return {finding.key: [finding.count, finding.of] for finding in findings}
