"""Apply the rules: fit, archetype, signs, reason codes and hints."""

import pyarrow as pa

from retention.scoring.rules import ARCHETYPES, HINTS, REASONS, SIGNS, VERDICTS
from retention.scratch import scratch


def add_fit(scores: pa.Table) -> pa.Table:
    """Return `scores` with what the rules say, one row per customer in the same order."""
    fit = "CASE " + " ".join(f"WHEN {sql} THEN '{name}'" for name, sql in VERDICTS.items()) + " END"
    archetype = " ".join(f"WHEN {sql} THEN '{name}'" for name, sql in ARCHETYPES.items())
    signs = ", ".join(f"coalesce({sql}, false) AS {name}" for name, sql in SIGNS.items())
    with scratch() as db:
        db.execute("SET preserve_insertion_order = true")
        db.register("scores", scores)
        return db.sql(
            f"SELECT *, {fit} AS fit, CASE {archetype} END AS archetype, {signs}, "
            f"{_codes(REASONS)} AS reason_codes, {_codes(HINTS)} AS root_cause_hints FROM scores"
        ).to_arrow_table()


def _codes(rules: dict[str, str]) -> str:
    """Return SQL for the names of all rules that hold, joined by semicolons; NULL when none."""
    each = ", ".join(f"CASE WHEN {sql} THEN '{name}' END" for name, sql in rules.items())
    return f"nullif(concat_ws(';', {each}), '')"
