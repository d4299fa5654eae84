"""Which playbooks depend on which tables: bad ticket data must not stop one that uses none."""

from retention.domain.playbook import Playbook
from retention.domain.stages import GUARDED_STAGES, PlaybookName
from retention.ladder.condition_values import conditions_of
from retention.scoring.lineage import columns_of, tables_behind

# What holds up the guarded stages: complaints, disputes, the vulnerable flag, arrears.
_GUARDS = frozenset({"customers", "tickets", "invoices"})


def tables_of(playbook: Playbook) -> frozenset[str]:
    """Return the canonical tables that a playbook's conditions and guards rest on."""
    columns = {name for sql in conditions_of(playbook).values() for name in columns_of(sql)}
    tables = frozenset({"customers"}).union(*(tables_behind(name) for name in columns))
    guarded = any(rule.stage in GUARDED_STAGES for rule in playbook.stages)
    return tables | _GUARDS if guarded else tables


def held_playbooks(playbooks: dict[PlaybookName, Playbook], tripped: set[str]) -> set[PlaybookName]:
    """Return the playbooks that wait while these tables are not to be trusted."""
    return {name for name, book in playbooks.items() if tables_of(book) & tripped}
