"""Answers to our own survey, beside those that the company's data holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from retention.sources.canonical import CANONICAL
from retention.sources.rows import run
from retention.sources.tables import Company, drop_table

_TABLE = "surveys"
_GIVEN = ("customer_id", "answered_on", "kind", "score", "comment")


@dataclass(frozen=True, slots=True)
class OwnAnswer:
    """What a customer has answered on our page: from 0 to 10, would they recommend us."""

    customer_id: str
    answered_on: date
    score: int
    comment: str = ""


def add_answers(company: Company, answers: Sequence[OwnAnswer]) -> None:
    """Add answers to the company's own surveys, after its gates: they are no rows of its data.

    While a gate keeps that table out nothing is added: what is not known stays so.
    """
    if not answers or _TABLE in company.left_out:
        return
    columns = CANONICAL[_TABLE].columns
    company.db.register(
        "own_answers",
        pa.table(
            {
                "customer_id": pa.array([a.customer_id for a in answers], pa.string()),
                "answered_on": pa.array([a.answered_on for a in answers], pa.date32()),
                "kind": pa.array(["nps"] * len(answers), pa.string()),
                "score": pa.array([a.score for a in answers], pa.int64()),
                "comment": pa.array([a.comment for a in answers], pa.string()),
            }
        ),
    )
    given = ", ".join(f'CAST("{name}" AS {columns[name]}) AS "{name}"' for name in _GIVEN)
    run(
        company.db,
        f"CREATE TEMP TABLE with_own AS SELECT * FROM {_TABLE} "
        f"UNION ALL BY NAME SELECT {given} FROM own_answers",
    )
    drop_table(company, _TABLE)
    run(company.db, f'ALTER TABLE with_own RENAME TO "{_TABLE}"')
    company.db.unregister("own_answers")
    company.mapped[_TABLE] = tuple(dict.fromkeys((*company.mapped.get(_TABLE, ()), *_GIVEN)))
