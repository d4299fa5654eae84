"""Write a whole demo company at once, without playing it."""

from collections import Counter
from datetime import date

from retention.demo.simulation import history, new_simulation
from retention.demo.writers import make_writer


def write_company(size: int, seed: int, until: date, target: str, kind: str) -> dict[str, int]:
    """Write two years of history, up to the month before `until`; return rows per table."""
    writer = make_writer(target, kind)
    rows: Counter[str] = Counter()
    for part, tables in history(new_simulation(seed, size, until)):
        writer.write(part, tables)
        rows.update({name: table.num_rows for name, table in tables.items()})
    writer.close()
    return dict(rows)
