"""What a step offers or announces to one customer tonight."""

from datetime import date
from typing import Any

from retention.domain.clauses import parse_terms
from retention.domain.errors import NoticeError
from retention.domain.notices import NoticePlan, NoticeSubject, plan_notice
from retention.domain.offers import make_offer
from retention.domain.playbook import Playbook, Step
from retention.messages.terms import Terms
from retention.policies.load import Policies

NO_OFFER, NO_NOTICE = "offer_not_computable", "notice_not_computable"


def terms_of(
    playbook: Playbook, step: Step, row: dict[str, Any], policies: Policies, as_of: date
) -> Terms | str:
    """Return the terms of a step, or the reason why the data does not allow to say them."""
    offer, instalments = None, policies.conversations.instalments
    if step.offer is not None:
        terms = playbook.offers[step.offer]
        offer = make_offer(terms, row["monthly_fee"], row["net_profit_12m"], as_of)
        if offer is None:
            return NO_OFFER
    if not step.notice:
        return Terms(offer, instalments=instalments)
    try:
        notice = _notice(step, row, policies, as_of)
        return Terms(offer, notice, instalments=instalments)
    except NoticeError:
        return NO_NOTICE


def _notice(step: Step, row: dict[str, Any], policies: Policies, as_of: date) -> NoticePlan:
    try:
        contracts = parse_terms(row["notice_terms"])
    except ValueError as error:
        raise NoticeError("a contract", str(error), "Correct the company's data.") from error
    subject = NoticeSubject(row["kind"], row["country"], contracts)
    latest_send_on = step.due.after(as_of, policies.calendars.of_company(as_of))
    days_of = policies.calendars.of_customer(row["country"], row["region"], latest_send_on)
    return plan_notice(latest_send_on, subject, policies.notices, days_of)
