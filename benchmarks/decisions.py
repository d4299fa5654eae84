"""A night's decisions with many open cases, on a snapshot that a real night has made."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from sqlalchemy import insert
from sqlalchemy.orm import Session

from benchmarks.company import AS_OF
from retention.bootstrap import Application, build_application
from retention.db import schema
from retention.db.models.work.actions import Action
from retention.db.models.work.cases import Case, CaseEvent, PlaybookVersion
from retention.db.session import trying, writing
from retention.domain.cases import CaseEventKind, CaseState
from retention.domain.stages import PlaybookName, Stage
from retention.ladder.decide_night import decide_night
from retention.nights.pull import pull
from retention.nights.score_shards import score_all
from retention.settings import Settings
from retention.snapshots import store as snapshots

ROOT = Path(__file__).parent.parent
SHARE_OPEN = 0.1
# Where open cases stand, and how many days ago they came there. The last of each hundred is due.
_STAGES = ((Stage.REASSESS, 3), (Stage.EDUCATE, 12), (Stage.EDUCATE, 20), (Stage.RENEGOTIATE, 15))
_DUE_EVERY = 50
# On a usual night most cases wait for what they waited for the night before.
_USUAL = {
    Stage.REASSESS: "step_pending_approval",
    Stage.EDUCATE: "observing",
    Stage.RENEGOTIATE: "observing",
}


def prepare(config: Path, state: Path) -> Callable[[], Any]:
    """Score a company once and open cases; return what decides its night, and forgets it again."""
    shop = build_application(
        Settings(
            _env_file=None, config_dir=config, state_dir=state, templates_dir=ROOT / "templates"
        )
    )
    schema.upgrade(shop.engine)
    pulled = pull(shop.policies, shop.folders, AS_OF)
    score_all(shop.policies.costs, shop.folders, pulled)
    with writing(shop.engine) as session:
        _open_cases(session, shop)

    def decide() -> Any:
        with trying(shop.engine) as session:
            return decide_night(session, shop.policies, shop.folders, shop.sender, pulled)

    return decide


def _open_cases(session: Session, shop: Application) -> None:
    book = shop.policies.playbooks[PlaybookName.RESTORE]
    session.execute(
        insert(PlaybookVersion),
        [{"version": book.version, "playbook": book.name, "document": book.document,
          "first_used_on": AS_OF}],
    )  # fmt: skip
    files = snapshots.files(shop.folders.snapshots, AS_OF, snapshots.PEOPLE)
    customers = pq.read_table(files, columns=["customer_id"], partitioning=None).column(0)
    every = round(1 / SHARE_OPEN)
    cases, events, actions = [], [], []
    for number, customer in enumerate(customers.to_pylist()[::every]):
        stage, days = _STAGES[number % len(_STAGES)]
        since = AS_OF - timedelta(days=90 if number % _DUE_EVERY == 0 else days)
        case = f"{number:036d}"
        cases.append({"id": case, "customer_id": customer, "playbook": book.name,
                      "version": book.version, "state": CaseState.OPEN, "stage": stage,
                      "stage_entered_on": since, "opened_on": since,
                      "waiting_for": _USUAL[stage]})  # fmt: skip
        events.append(
            {"case_id": case, "number": 1, "kind": CaseEventKind.OPENED, "happened_on": since,
             "to_stage": stage, "reason": "", "actor": ""}
        )  # fmt: skip
        actions += _actions(case, customer, stage, since)
    session.execute(insert(Case), cases)
    session.execute(insert(CaseEvent), events)
    session.execute(insert(Action), actions)


def _actions(case: str, customer: str, stage: Stage, since: Any) -> list[dict[str, Any]]:
    """Every stage so far was done; the present one is done too, or waits when it is the first."""
    order = [Stage.REASSESS, Stage.EDUCATE, Stage.RENEGOTIATE]
    made = []
    for position, reached in enumerate(order[: order.index(stage) + 1]):
        pending = stage is Stage.REASSESS
        made.append(
            {
                "id": f"{case[-34:]}-{position}", "case_id": case, "customer_id": customer,
                "stage": reached, "step": 0, "purpose": "step",
                "kind": "review" if position == 0 else "letter",
                "form": "reassessment" if position == 0 else "letter",
                "state": "pending_approval" if pending else "done", "owner": "marta",
                "required_roles": [], "proposed_by": "retention", "proposed_on": since,
                "due_on": AS_OF + timedelta(days=9), "done_on": None if pending else since,
                "outcome": None if pending else ("unwilling" if position == 0 else "delivered"),
            }
        )  # fmt: skip
    return made
