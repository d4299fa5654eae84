"""The canonical tables every source is mapped to, and the types their columns are read as."""

from dataclasses import dataclass, field

TEXT, DAY, MOMENT, AMOUNT = "VARCHAR", "DATE", "TIMESTAMP", "DECIMAL(18,4)"
INTEGER, FLAG = "BIGINT", "BOOLEAN"
# Not DOUBLE: a sum of exact numbers is the same in whatever order threads add them up.
NUMBER = "DECIMAL(18,5)"
RATE = "DECIMAL(18,8)"


OWN_NUMBER = "DOUBLE"
"""A number of the company's own, which is no column that everybody has."""


@dataclass(frozen=True, slots=True)
class CanonicalTable:
    """One table: its columns with their DuckDB types, the required ones and the key.

    `made` are columns that no source has: they are worked out here.
    """

    name: str
    columns: dict[str, str]
    required: tuple[str, ...]
    key: str | None = None
    extra_columns: bool = False
    made: dict[str, str] = field(default_factory=dict)


CANONICAL: dict[str, CanonicalTable] = {
    table.name: table
    for table in (
        CanonicalTable(
            "customers",
            {
                "customer_id": TEXT,
                "name": TEXT,
                "email": TEXT,
                "phone": TEXT,
                "address": TEXT,
                "language": TEXT,
                "country": TEXT,
                "region": TEXT,
                "timezone": TEXT,
                "kind": TEXT,
                "account_manager": TEXT,
                "parent_id": TEXT,
                "referred_by": TEXT,
                "strategic": FLAG,
                "vulnerable": FLAG,
                "marketing_consent": FLAG,
                "status": TEXT,
                "created_on": DAY,
                "acquired_through": TEXT,
                "currency": TEXT,
            },
            required=("customer_id", "name"),
            key="customer_id",
            extra_columns=True,
        ),
        CanonicalTable(
            "contacts",
            {
                "customer_id": TEXT,
                "email": TEXT,
                "phone": TEXT,
                "name": TEXT,
                "role": TEXT,
                "language": TEXT,
            },
            required=("customer_id",),
        ),
        CanonicalTable(
            "contracts",
            {
                "contract_id": TEXT,
                "customer_id": TEXT,
                "started_on": DAY,
                "ends_on": DAY,
                "plan": TEXT,
                "monthly_fee": AMOUNT,
                "notice_days": INTEGER,
                "notice_terms": TEXT,
                "billing": TEXT,
                "cancelled_on": DAY,
                "cancel_reason": TEXT,
            },
            required=("contract_id", "customer_id"),
            key="contract_id",
        ),
        CanonicalTable(
            "invoices",
            {
                "invoice_id": TEXT,
                "customer_id": TEXT,
                "issued_on": DAY,
                "amount": AMOUNT,
                "due_on": DAY,
                "direct_cost": AMOUNT,
                "currency": TEXT,
                "status": TEXT,
                "contract_id": TEXT,
                "open_amount": AMOUNT,
                "disputed_on": DAY,
                "dispute_ended_on": DAY,
            },
            made={"own_amount": AMOUNT, "rate": RATE},
            required=("invoice_id", "customer_id", "issued_on", "amount"),
            key="invoice_id",
        ),
        CanonicalTable(
            "payments",
            {
                "customer_id": TEXT,
                "paid_on": DAY,
                "amount": AMOUNT,
                "invoice_id": TEXT,
                "method": TEXT,
                "failed": FLAG,
            },
            made={"payer_id": TEXT, "invoice_key": "UBIGINT"},
            required=("customer_id", "paid_on", "amount"),
        ),
        CanonicalTable(
            "tickets",
            {
                "ticket_id": TEXT,
                "customer_id": TEXT,
                "opened_at": MOMENT,
                "closed_at": MOMENT,
                "handling_minutes": NUMBER,
                "channel": TEXT,
                "topic": TEXT,
                "severity": TEXT,
                "csat": NUMBER,
                "escalated": FLAG,
                "complaint": FLAG,
                "own_fault": FLAG,
                "tags": TEXT,
            },
            required=("ticket_id", "customer_id", "opened_at"),
            key="ticket_id",
        ),
        CanonicalTable(
            "usage",
            {"customer_id": TEXT, "used_on": DAY, "metric": TEXT, "quantity": NUMBER},
            required=("customer_id", "used_on"),
        ),
        CanonicalTable(
            "surveys",
            {
                "customer_id": TEXT,
                "answered_on": DAY,
                "kind": TEXT,
                "score": NUMBER,
                "comment": TEXT,
            },
            required=("customer_id", "answered_on"),
        ),
        CanonicalTable(
            "cost_events",
            {"customer_id": TEXT, "occurred_on": DAY, "driver": TEXT, "quantity": NUMBER},
            required=("customer_id", "occurred_on", "driver"),
        ),
    )
}
