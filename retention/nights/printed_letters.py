"""A letter is in the post once it is printed: what speaks against it counts then."""

from datetime import datetime

from sqlalchemy.orm import Session

from retention.actions.approval import refuse_letter
from retention.actions.under_notice import under_notice
from retention.db.models.work.actions import Action
from retention.domain.dates import date_in
from retention.domain.stages import ADVERSE_STAGES, GUARDED_STAGES
from retention.nights import last_look
from retention.policies.load import Policies
from retention.runs import trust
from retention.snapshots.folders import Folders


def look_before_printing(
    session: Session, action: Action, policies: Policies, folders: Folders, now: datetime
) -> None:
    """Look at what stops a letter, and at today's data where its stage asks for that.

    Raises NotAllowedError with the reason.
    """
    on = date_in(now, folders.timezone)
    refuse_letter(session, action, on)
    if action.stage not in GUARDED_STAGES:
        return
    history = trust.good_pulls(session, "nightly", policies.guards.history)
    letter = last_look.Guarded(
        action.id, action.customer_id, action.proposed_on, None,
        adverse=action.stage in ADVERSE_STAGES, paper=True,
        runs=bool(under_notice(session, [action.id])),
    )  # fmt: skip
    last_look.refuse_letter(policies, folders, letter, history, on)
