"""Messages that answer a customer by day: a receipt, a partner who could take over."""

from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from retention.actions import lifecycle as actions
from retention.actions.proposing import Work, propose
from retention.db.models.work.actions import Action
from retention.db.queries import actions as action_queries
from retention.domain.actions import (
    OPEN_ACTION_STATES,
    ActionKind,
    ActionState,
    Purpose,
)
from retention.domain.cases import CaseState
from retention.domain.errors import RetentionError, TemplateError
from retention.domain.handovers import Partner
from retention.domain.offers import Answer
from retention.domain.playbook import Step
from retention.messages.rendering import Plain
from retention.messages.sender import Sender
from retention.messages.terms import Terms
from retention.people.actor import Author
from retention.policies.load import Policies
from retention.snapshots.customers import read_rows
from retention.snapshots.folders import Folders

RECEIPT = "receipt"


def propose_handover(
    session: Session,
    case_id: str,
    partner: Partner,
    author: Author,
    policies: Policies,
    sender: Sender,
    folders: Folders,
) -> Action | None:
    """Write the message that offers a partner; who approves it stands in partners.yaml."""
    example = session.scalars(select(Action).where(Action.case_id == case_id).limit(1)).one()
    more: dict[str, dict[str, Plain]] = {
        "partner": {"name": partner.name, "email": partner.email, "phone": partner.phone}
    }
    step = Step(ActionKind.EMAIL, template="partner_handover", approval=policies.handover_approval)
    return _write(session, example, author, policies, sender, folders, Purpose.HANDOVER, step,
                  Terms(more=more))  # fmt: skip


def confirm(
    session: Session,
    action: Action,
    author: Author,
    policies: Policies,
    sender: Sender,
    folders: Folders,
    terms: Terms,
    template: str = RECEIPT,
) -> Action | None:
    """Confirm to a customer, in writing, what was said about an action.

    None when there is no address to write to, or no row of tonight. What was said stands, whatever
    keeps its receipt from being written.
    """
    about = _about(action, terms)
    step = Step(ActionKind.EMAIL, template=template)
    try:
        with session.begin_nested():
            _give_up_older(session, about)
            made = _write(
                session, action, author, policies, sender, folders, Purpose.RECEIPT, step, terms
            )
            if made is not None:
                made.mailing = about
            return made
    except RetentionError as error:
        author.tell(session, "receipt.not_written", action, why=type(error).__name__)
        return None


def _about(action: Action, terms: Terms) -> str:
    """What a receipt is about: a later one about the same replaces it, while it has not left."""
    if terms.appointment is not None:
        return f"receipt:{terms.appointment.call_id}:call"
    said = str(terms.more.get("receipt", {}).get("said", ""))
    return f"receipt:{action.id}:{'offer' if said in set(Answer) - {Answer.ASK} else said}"


def _give_up_older(session: Session, about: str) -> None:
    older = session.scalars(
        select(Action.id).where(
            Action.mailing == about,
            Action.purpose == Purpose.RECEIPT,
            Action.state.in_(sorted(OPEN_ACTION_STATES)),
        )
    ).all()
    actions.give_up(session, actions.load(session, older), ActionState.SUPERSEDED)


def _write(
    session: Session,
    action: Action,
    author: Author,
    policies: Policies,
    sender: Sender,
    folders: Folders,
    purpose: Purpose,
    step: Step,
    terms: Terms,
) -> Action | None:
    case = action_queries.case_of(session, action)
    found = read_rows(folders.snapshots, folders.newest(), [action.customer_id])
    row = found.get(action.customer_id)
    goes_on = case.state is CaseState.OPEN or purpose is Purpose.RECEIPT
    if row is None or not goes_on:
        return None
    work = Work(
        row=row,
        manager=policies.team.account_manager_of(action.owner),
        sender=sender,
        days_of=policies.calendars.of_company(author.on),
        as_of=author.on,
        author=author.name,
        at=author.now,
    )
    number = 1 + _count_today(session, case.id, purpose, author.on)
    try:
        return propose(session, case, purpose, step, terms, work, number)
    except TemplateError:
        return None  # there is no address to write to; what was said is on record all the same


def _count_today(session: Session, case_id: str, purpose: Purpose, on: date) -> int:
    query = select(func.count()).where(
        Action.case_id == case_id, Action.purpose == purpose, Action.proposed_on == on
    )
    return session.scalar(query) or 0
