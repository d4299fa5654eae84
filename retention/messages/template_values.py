"""The values that templates are filled with: plain text, numbers and dates, nothing else."""

import re
from datetime import date, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Any

from retention.domain.notices import NoticePlan
from retention.domain.offers import Proposal, starts_on
from retention.domain.people import Person
from retention.domain.stages import Stage
from retention.messages.rendering import Plain
from retention.messages.template_filters import Bill
from retention.messages.terms import Terms

_FELL = -0.3
_CENT = Decimal("0.01")
_PHONE = re.compile(r"[+\d ()/.-]+")
Values = dict[str, dict[str, Plain] | Plain]


def values_of(
    row: dict[str, Any], manager: Person, company: str, terms: Terms, as_of: date
) -> Values:
    """Return what the template of a step may say about one customer; `row` is of `as_of`."""
    values: Values = {
        "company": company,
        "customer": {
            "name": row["name"],
            "number": row["customer_id"],
            "kind": row["kind"],
            "phone": row.get("phone") or "",
            "email": row.get("email") or "",
            "contracts": contracts_of(row),
        },
        "manager": {"name": manager.name, "email": manager.email, "phone": manager.phone},
        "facts": _facts(row, terms.instalments, as_of),
    }
    if terms.offer is not None:
        values["offer"] = _offer(terms.offer)
    if terms.notice is not None:
        values["notice"] = _notice(terms.notice, terms, row)
    if terms.more:
        values.update(terms.more)
    return values


def contracts_of(row: dict[str, Any], most: int = 10) -> str:
    """Return the numbers of a customer's running contracts, as text; empty when not known."""
    numbers = row.get("contract_numbers") or ()
    return ", ".join(numbers[:most]) + (" …" if len(numbers) > most else "")


def bills_of(row: dict[str, Any]) -> tuple[Bill, ...]:
    """Return what a customer's bills past their due date are, the oldest first; ten at most."""
    return tuple(Bill(**bill) for bill in row.get("overdue_bills") or ())


def more_bills(row: dict[str, Any], overdue: Decimal) -> tuple[int, Decimal]:
    """Return how many bills past their due date are not listed, and what those come to."""
    listed = bills_of(row)
    more = max((row.get("overdue_count") or 0) - len(listed), 0)
    return more, max(overdue - sum(bill.amount for bill in listed), Decimal(0))


def _facts(row: dict[str, Any], instalments: int, as_of: date) -> dict[str, Plain]:
    overdue = max(row["overdue_amount"] or Decimal(0), Decimal(0))
    days = row.get("overdue_days_max")
    return {
        "overdue_amount": overdue,
        "overdue_since": as_of - timedelta(days=int(days)) if days is not None else "",
        "bills": bills_of(row),
        "more_bills": more_bills(row, overdue)[0],
        "more_amount": more_bills(row, overdue)[1],
        "instalments": instalments,
        "instalment": (overdue / instalments).quantize(_CENT, ROUND_CEILING),
        "tickets_12m": row["tickets_12m"] or 0,
        "top_topic": row["top_topic"] or "",
        "usage_fell": (row["usage_change"] or 0) <= _FELL,
    }


def _offer(offer: Proposal) -> dict[str, Plain]:
    return {
        "current_fee": offer.current_fee,
        "new_fee": offer.new_fee,
        "expires_on": offer.expires_on,
        "starts_on": starts_on(offer.expires_on),
        "detail": offer.detail or "",
    }


def _notice(plan: NoticePlan, terms: Terms, row: dict[str, Any]) -> dict[str, Plain]:
    """What a notice says: dates, what was tried before, what is left to pay, where to go."""
    said, tried = terms.said, terms.tried
    return {
        "days": plan.notice_days,
        "effective_on": plan.effective_on,
        "contest_by": plan.effective_on - timedelta(days=1),
        "alternative": said.get("alternative", ""),
        "alternative_contact": on_one_line(said.get("alternative_contact", "")),
        "fees": said.get("fee_waived", ""),
        "fee_amount": said.get("fee_amount", ""),
        "open_amount": max(row.get("open_amount") or Decimal(0), Decimal(0)),
        "given_on": terms.first_notice_on or "",
        "talked_on": tried.get(Stage.TERMINATE, ""),
        "informed_on": tried.get(Stage.EDUCATE, ""),
        "proposed_on": tried.get(Stage.RENEGOTIATE, ""),
        "offered_on": tried.get(Stage.MIGRATE, ""),
    }


def on_one_line(contact: str) -> str:
    """Keep a telephone number together; an address may be broken."""
    return contact.replace(" ", "\u00a0") if _PHONE.fullmatch(contact) else contact
