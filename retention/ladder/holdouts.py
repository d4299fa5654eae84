"""Who is left untreated for comparison: drawn when a customer would enter, and kept for good."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from retention.db.models.exemptions import Holdout
from retention.db.seals import touch
from retention.domain.holdouts import Arm, Groups, draw_arm
from retention.domain.stages import PlaybookName
from retention.policies.guards import HoldoutDoc
from retention.scratch import scratch
from retention.snapshots import store as snapshots

Key = tuple[str, PlaybookName]


def assign(
    session: Session, entrants: Iterable[Key], rules: HoldoutDoc, root: Path, as_of: date
) -> dict[Key, Arm]:
    """Return the arm of everybody who would enter; draw it for those who have none yet.

    A group of tied accounts has one arm: a customer who is tied to somebody with an arm shares it.
    Arms are written down even where nobody is held out, so that a later comparison knows them.
    """
    wanted = set(entrants)
    known = {
        (row.customer_id, row.playbook): row
        for row in session.execute(
            select(Holdout.customer_id, Holdout.playbook, Holdout.group_key, Holdout.arm)
        )
    }
    arms = {key: known[key].arm for key in wanted & known.keys()}
    new = sorted(wanted - known.keys())
    if not new:
        return arms
    groups = Groups(_ties(root, as_of))
    of_group = {(groups.of(row.customer_id), row.playbook): row.arm for row in known.values()}
    rows = []
    for customer, playbook in new:
        group = groups.of(customer)
        share = getattr(rules, playbook.value)
        drawn = draw_arm(group, playbook, rules.salt, share)
        arm = of_group.setdefault((group, playbook), drawn)
        arms[customer, playbook] = arm
        rows.append({"customer_id": customer, "playbook": playbook, "group_key": group,
                     "arm": arm, "assigned_on": as_of})  # fmt: skip
    session.execute(insert(Holdout), rows)
    touch(session, Holdout, ((row["customer_id"], row["playbook"]) for row in rows))
    return arms


def _ties(root: Path, as_of: date) -> list[tuple[str, str]]:
    with scratch() as db:
        scan = snapshots.scan(root, as_of, snapshots.TIES)
        return db.sql(f"SELECT customer_id, other_id FROM {scan} ORDER BY ALL").fetchall()
