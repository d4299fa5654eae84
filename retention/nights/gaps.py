"""What a company's data lacks, and what nobody can know or do for want of it: for a plan."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path

from retention.domain.people import Team
from retention.domain.playbook import Playbook
from retention.scoring.model_store import entry_kind, newest

_COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("invoices", "direct_cost", "profit is unknown for everybody"),
    ("invoices", "due_on", "nobody is late: arrears and payment scores are unknown"),
    ("tickets", "handling_minutes", "what service costs is unknown"),
    ("tickets", "complaint", "no complaint is known, and none protects anybody"),
    ("tickets", "tags", "the signs of conduct are unknown"),
    ("customers", "email", "nobody can be written to"),
    ("customers", "account_manager", "the default account manager looks after everybody"),
    ("customers", "country", "no country's notice rules and holidays are known"),
)
_TABLES: tuple[tuple[str, str], ...] = (
    ("invoices", "profit is unknown for everybody"),
    ("contracts", "no offer can be computed, and no notice reckoned"),
    ("tickets", "service and complaints are unknown"),
)
_SHOWN = 5


def gaps(columns: Mapping[str, Collection[str]], tripped: Collection[str]) -> list[str]:
    """Return, in sentences, which tables and columns are missing, and what that means."""
    said = [
        f"no {table}: {meaning}"
        for table, meaning in _TABLES
        if table not in columns and table not in tripped
    ]
    said += [
        f"no '{column}' in {table}: {meaning}"
        for table, column, meaning in _COLUMNS
        if table in columns and column not in columns[table]
    ]
    invoices = columns.get("invoices", ())
    pays = "payments" in columns or "open_amount" in invoices or "payments" in tripped
    if "invoices" in columns and not pays:
        said.append(
            "no payments, and no 'open_amount' in invoices: "
            "only what is marked as paid is known to be"
        )
    return said


def strangers(managers: Sequence[str | None], team: Team) -> list[str]:
    """Return which account managers of customers are not in the team, with their customers."""
    counts = Counter(name for name in managers if name and name not in team.people)
    said = [
        f"account manager '{name}' of {count:,} customers is not in team.yaml; "
        f"{team.default_account_manager} looks after them"
        for name, count in counts.most_common(_SHOWN)
    ]
    more = len(counts) - _SHOWN
    return [*said, f"{more} more account managers are not in team.yaml"] if more > 0 else said


def blind_rules(models: Path, playbooks: Iterable[Playbook], as_of: date) -> list[str]:
    """Return which entry rules do not pick those who leave, by their newest back-test.

    A rule that was changed since is not judged by what another one did.
    """
    said = []
    for book in playbooks:
        found = newest(models, entry_kind(str(book.name)), as_of)
        if found is None or found["version"] != book.version:
            continue
        whole = found["whole"]
        if whole["skill"] is False:
            low, high = (f"{100 * end:+.0f}" for end in whole["more"])
            said.append(
                f"the entry rule of {book.name} shows no skill on the past: of {whole['picked']:,} "
                f"that it would have picked {whole['left']:,} left within 90 days, of "
                f"{whole['others']:,} others of that fit {whole['others_left']:,} "
                f"({low} to {high} points)"
            )
        elif whole["skill"] is None:
            said.append(
                f"the entry rule of {book.name} cannot be judged on the past: it would have picked "
                f"{whole['picked']:,} customers, and {whole['left']:,} of them left"
            )
    return said
