"""The values that templates are filled with: plain text, numbers and dates, nothing else."""

from decimal import Decimal
from typing import Any

from retention.domain.people import Person
from retention.messages.rendering import Plain
from retention.messages.terms import Terms

_FELL = -0.3
Values = dict[str, dict[str, Plain] | Plain]


def values_of(row: dict[str, Any], manager: Person, company: str, terms: Terms) -> Values:
    """Return what the template of a step may say about one customer."""
    values: Values = {
        "company": company,
        "customer": {
            "name": row["name"],
            "kind": row["kind"],
            "phone": row.get("phone") or "",
            "email": row.get("email") or "",
        },
        "manager": {"name": manager.name, "email": manager.email, "phone": manager.phone},
        "facts": {
            "overdue_amount": row["overdue_amount"] or Decimal(0),
            "tickets_12m": row["tickets_12m"] or 0,
            "top_topic": row["top_topic"] or "",
            "usage_fell": (row["usage_change"] or 0) <= _FELL,
        },
    }
    if terms.offer is not None:
        values["offer"] = {
            "current_fee": terms.offer.current_fee,
            "new_fee": terms.offer.new_fee,
            "expires_on": terms.offer.expires_on,
            "detail": terms.offer.detail or "",
        }
    if terms.notice is not None:
        values["notice"] = {
            "days": terms.notice.notice_days,
            "effective_on": terms.notice.effective_on,
            "alternative": terms.alternative,
            "fees": terms.fees,
        }
    if terms.more:
        values.update(terms.more)
    return values
