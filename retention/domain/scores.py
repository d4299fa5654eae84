"""The catalogue of score columns: one row per customer and business date.

Everything that names a column looks it up here: conditions in playbooks, snapshots, explanations.
Money is kept in cents (64-bit integers) inside frames, so that contributions sum exactly, and as
DECIMAL(18, 2) in snapshots and conditions. A value that is not known is NULL, never zero.
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The type of a column."""

    TEXT = "text"
    FLAG = "flag"
    COUNT = "count"
    MONEY = "money"
    RATIO = "ratio"
    POINTS = "points"
    DATE = "date"


@dataclass(frozen=True, slots=True)
class ScoreColumn:
    """One column: name, type, unit and meaning. `part_of` names the sum it contributes to."""

    name: str
    kind: Kind
    unit: str
    meaning: str
    part_of: str | None = None


def _c(name: str, kind: Kind, unit: str, meaning: str, part_of: str | None = None) -> ScoreColumn:
    return ScoreColumn(name, kind, unit, meaning, part_of)


_PROFIT = "net_profit_12m"
_PAY, _SERVE, _FEEL = "payment_index", "service_index", "dissatisfaction_index"

ATTRIBUTES = (
    _c("customer_id", Kind.TEXT, "", "the customer"),
    _c("kind", Kind.TEXT, "b2b or b2c", "business or consumer"),
    _c("country", Kind.TEXT, "ISO 3166", "where the customer is"),
    _c("language", Kind.TEXT, "ISO 639", "the customer's language"),
    _c("status", Kind.TEXT, "", "status in the company's own words"),
    _c("strategic", Kind.FLAG, "", "marked as strategic"),
    _c("vulnerable", Kind.FLAG, "", "marked as vulnerable: nothing adverse may happen"),
    _c("tenure_days", Kind.COUNT, "days", "since the customer was created or first invoiced"),
    _c("has_email", Kind.FLAG, "", "an e-mail address is known"),
)

CONTRACT = (
    _c("active_contracts", Kind.COUNT, "contracts", "running contracts"),
    _c("monthly_fee", Kind.MONEY, "per month", "fee of the running contracts"),
    _c("notice_days", Kind.COUNT, "days", "longest notice in the running contracts"),
    _c("prepaid", Kind.FLAG, "", "every running contract is prepaid"),
    _c("contract_ended_on", Kind.DATE, "", "last contract's end, when none is running"),
)

ECONOMICS = (
    _c("invoices_to_date", Kind.COUNT, "invoices", "all invoices that are not void"),
    _c("revenue_to_date", Kind.MONEY, "", "sum of all invoices that are not void"),
    _c("invoices_12m", Kind.COUNT, "invoices", "invoices of the last 12 months"),
    _c("revenue_12m", Kind.MONEY, "12 months", "invoiced in the last 12 months", _PROFIT),
    _c("revenue_prior_12m", Kind.MONEY, "12 months", "invoiced in the 12 months before"),
    _c("direct_cost_12m", Kind.MONEY, "12 months", "direct cost of those invoices"),
    _c("profit_direct_cost", Kind.MONEY, "12 months", "direct cost, as a loss", _PROFIT),
    _c("profit_service", Kind.MONEY, "12 months", "cost of tickets, as a loss", _PROFIT),
    _c("profit_events", Kind.MONEY, "12 months", "orders, returns, visits, as a loss", _PROFIT),
    _c("profit_collection", Kind.MONEY, "12 months", "reminders and capital, as a loss", _PROFIT),
    _c("profit_credit_loss", Kind.MONEY, "12 months", "expected loss on old debt", _PROFIT),
    _c("net_profit_12m", Kind.MONEY, "12 months", "what the customer brought, likely"),
    _c("net_profit_12m_low", Kind.MONEY, "12 months", "the same with high unit costs"),
    _c("net_profit_12m_high", Kind.MONEY, "12 months", "the same with low unit costs"),
    _c("economics_confidence", Kind.TEXT, "full, partial, no_data", "what the profit rests on"),
)

PAYMENT = (
    _c("due_invoices_12m", Kind.COUNT, "invoices", "invoices that fell due in 12 months"),
    _c("late_invoices_12m", Kind.COUNT, "invoices", "of those: paid late or still open"),
    _c("late_share_12m", Kind.RATIO, "share", "late of due"),
    _c("days_beyond_terms", Kind.RATIO, "days", "days late, weighted by amount"),
    _c("open_amount", Kind.MONEY, "", "invoiced and not paid"),
    _c("overdue_amount", Kind.MONEY, "", "open and past its due date"),
    _c("bad_debt_12m", Kind.MONEY, "12 months", "of that: fell due this year, 60 days late"),
    _c("overdue_days_max", Kind.COUNT, "days", "age of the oldest overdue invoice"),
    _c("disputed_amount", Kind.MONEY, "", "invoices in dispute"),
    _c("failed_payments_12m", Kind.COUNT, "payments", "payments that failed"),
    _c("payment_points_late", Kind.POINTS, "0-40", "from the share paid late", _PAY),
    _c("payment_points_overdue", Kind.POINTS, "0-40", "from overdue against a month", _PAY),
    _c("payment_points_failed", Kind.POINTS, "0-20", "from failed payments", _PAY),
    _c("payment_index", Kind.POINTS, "0-100", "0 pays well, 100 does not pay"),
)

SERVICE = (
    _c("tickets_12m", Kind.COUNT, "tickets", "tickets of 12 months, our own faults left out"),
    _c("ticket_minutes_12m", Kind.RATIO, "minutes", "minutes on those tickets"),
    _c("own_fault_tickets_12m", Kind.COUNT, "tickets", "tickets that were our own fault"),
    _c("contacts_per_month", Kind.RATIO, "per month", "tickets in the last 90 days"),
    _c("contacts_per_month_prior", Kind.RATIO, "per month", "tickets in the 90 days before"),
    _c("contacts_per_month_change", Kind.RATIO, "share", "change between the two"),
    _c("escalations_12m", Kind.COUNT, "tickets", "tickets that were escalated"),
    _c("complaints_12m", Kind.COUNT, "tickets", "complaints"),
    _c("open_complaint", Kind.FLAG, "", "a complaint is open: nothing adverse may happen"),
    _c("top_topic", Kind.TEXT, "", "the most frequent ticket topic"),
    _c("top_topic_share", Kind.RATIO, "share", "its share of the tickets"),
    _c("service_points_minutes", Kind.POINTS, "0-60", "from minutes against the median", _SERVE),
    _c("service_points_contacts", Kind.POINTS, "0-20", "from contacts per month", _SERVE),
    _c("service_points_escalations", Kind.POINTS, "0-20", "from escalations", _SERVE),
    _c("service_index", Kind.POINTS, "0-100", "0 needs nobody, 100 takes all our time"),
)

SATISFACTION = (
    _c("csat_answers_12m", Kind.COUNT, "answers", "satisfaction answers of 12 months"),
    _c("csat_mean_12m", Kind.RATIO, "1-5", "their mean"),
    _c("nps_last", Kind.RATIO, "0-10", "the last answer to 'would you recommend us'"),
    _c("feeling_points_csat", Kind.POINTS, "0-50", "from the mean satisfaction", _FEEL),
    _c("feeling_points_nps", Kind.POINTS, "0-20", "from the last recommendation", _FEEL),
    _c("feeling_points_complaints", Kind.POINTS, "0-30", "from complaints", _FEEL),
    _c("dissatisfaction_index", Kind.POINTS, "0-100", "0 content, 100 never satisfied"),
)

USAGE = (
    _c("usage_90d", Kind.RATIO, "quantity", "use in the last 90 days, all metrics"),
    _c("usage_prior_90d", Kind.RATIO, "quantity", "use in the 90 days before"),
    _c("usage_change", Kind.RATIO, "share", "change between the two"),
    _c("usage_breadth", Kind.RATIO, "share", "metrics used in 90 days, of all metrics"),
    _c("usage_last_on", Kind.DATE, "", "last day of use"),
)

VERDICT = (
    _c("churn_probability", Kind.RATIO, "probability", "no_data until a model has proved skill"),
    _c("fit", Kind.TEXT, "good, fixable, poor, no_data", "grow, fix, let go"),
    _c("archetype", Kind.TEXT, "", "the strongest pattern behind the fit"),
    _c("reason_codes", Kind.TEXT, "codes, ';' between", "why, strongest first"),
)

SCORE_COLUMNS: tuple[ScoreColumn, ...] = (
    *ATTRIBUTES,
    *CONTRACT,
    *ECONOMICS,
    *PAYMENT,
    *SERVICE,
    *SATISFACTION,
    *USAGE,
    *VERDICT,
)

BY_NAME: dict[str, ScoreColumn] = {column.name: column for column in SCORE_COLUMNS}


def parts_of(total: str) -> tuple[str, ...]:
    """Return the columns whose sum is exactly `total`."""
    return tuple(c.name for c in SCORE_COLUMNS if c.part_of == total)


TOTALS: tuple[str, ...] = (_PROFIT, _PAY, _SERVE, _FEEL)
