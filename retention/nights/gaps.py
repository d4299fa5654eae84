"""What a company's data lacks, and what nobody can know or do for want of it: for a plan."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from retention.domain.people import Team

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
