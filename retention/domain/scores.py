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
_STRATEGIC = "strategic_index"

ATTRIBUTES = (
    _c("customer_id", Kind.TEXT, "", "the customer"),
    _c("kind", Kind.TEXT, "b2b or b2c", "business or consumer"),
    _c("country", Kind.TEXT, "ISO 3166", "where the customer is"),
    _c("region", Kind.TEXT, "ISO 3166-2", "the part of the country where the customer is"),
    _c("language", Kind.TEXT, "ISO 639", "the customer's language"),
    _c("status", Kind.TEXT, "", "active, paused, prospect, gone, or a word of the company's own"),
    _c("strategic", Kind.FLAG, "", "marked as strategic"),
    _c("vulnerable", Kind.FLAG, "", "marked as vulnerable: nothing adverse may happen"),
    _c("tenure_days", Kind.COUNT, "days", "days since the customer was created or first invoiced"),
    _c("days_since_anniversary", Kind.COUNT, "days", "days since a year as a customer was full"),
    _c("has_email", Kind.FLAG, "", "an e-mail address is known"),
    _c("reachable", Kind.FLAG, "", "an e-mail address or a phone number is known"),
    _c("acquired_through", Kind.TEXT, "", "the channel that brought the customer"),
    _c("peer_group", Kind.TEXT, "", "kind and size of the customers compared with"),
    _c("peers", Kind.COUNT, "customers", "customers compared with"),
)

CONTRACT = (
    _c("active_contracts", Kind.COUNT, "contracts", "running contracts"),
    _c("monthly_fee", Kind.MONEY, "per month", "fee of the running contracts"),
    _c("plan", Kind.TEXT, "", "plan of the running contract with the highest fee"),
    _c("notice_days", Kind.COUNT, "days", "longest notice in the running contracts"),
    _c("notice_terms", Kind.TEXT, "", "what the running contracts say about their end"),
    _c("prepaid", Kind.FLAG, "", "every running contract is prepaid"),
    _c("days_since_downgrade", Kind.COUNT, "days", "days since a cheaper contract came instead"),
    _c("contracts_ended_12m", Kind.COUNT, "contracts", "contracts that ended"),
    _c("contracts_switched_12m", Kind.COUNT, "contracts", "ended, and followed by another"),
    _c("contract_ended_on", Kind.DATE, "", "last contract's end, when none is running"),
)

ECONOMICS = (
    _c("invoices_to_date", Kind.COUNT, "invoices", "all invoices that are not void"),
    _c("revenue_to_date", Kind.MONEY, "", "sum of all invoices that are not void"),
    _c("invoices_12m", Kind.COUNT, "invoices", "invoices of the last 12 months"),
    _c("last_invoice_on", Kind.DATE, "", "the last invoice"),
    _c("revenue_12m", Kind.MONEY, "12 months", "invoiced in the last 12 months", _PROFIT),
    _c("revenue_prior_12m", Kind.MONEY, "12 months", "invoiced in the 12 months before"),
    _c("revenue_change", Kind.RATIO, "share", "invoiced in three months against the three before"),
    _c("direct_cost_12m", Kind.MONEY, "12 months", "direct cost of the invoices of 12 months"),
    _c("profit_direct_cost", Kind.MONEY, "12 months", "direct cost, as a loss", _PROFIT),
    _c("profit_service", Kind.MONEY, "12 months", "cost of tickets, as a loss", _PROFIT),
    _c("profit_events", Kind.MONEY, "12 months", "orders, returns, visits, as a loss", _PROFIT),
    _c("profit_collection", Kind.MONEY, "12 months", "dunning and capital, as a loss", _PROFIT),
    _c("profit_credit_loss", Kind.MONEY, "12 months", "expected loss on old debt", _PROFIT),
    _c("net_profit_12m", Kind.MONEY, "12 months", "what the customer brought, likely"),
    _c("net_profit_12m_low", Kind.MONEY, "12 months", "net profit with high unit costs"),
    _c("net_profit_12m_high", Kind.MONEY, "12 months", "net profit with low unit costs"),
    _c("run_rate", Kind.MONEY, "a year", "profit of the last 90 days, as of a year of such days"),
    _c("run_rate_low", Kind.MONEY, "a year", "90 days' profit as of a year, high costs"),
    _c("run_rate_high", Kind.MONEY, "a year", "90 days' profit as of a year, low costs"),
    _c("run_rate_prior", Kind.MONEY, "a year", "profit of the 90 days before, as of a year"),
    _c("recovering", Kind.FLAG, "", "the last 90 days earn, or lose less than half as much"),
    _c("cost_to_serve_12m", Kind.MONEY, "12 months", "service, events, collection, credit loss"),
    _c("own_fault_cost_12m", Kind.MONEY, "12 months", "our own faults; not in the profit"),
    _c("winsorised_12m", Kind.MONEY, "12 months", "cost of extremes; not in the profit"),
    _c("economics_confidence", Kind.TEXT, "full, partial, no_data", "what the profit rests on"),
    _c("projected_value", Kind.MONEY, "horizon", "profit to come, as long as the customer stays"),
    _c("tier", Kind.TEXT, "platinum, gold, iron, lead", "rank by net profit"),
    _c("profit_share", Kind.RATIO, "share", "part of the whole company's net profit"),
    _c("margin_peer_z", Kind.RATIO, "deviations", "margin against the peers' median"),
)

PAYMENT = (
    _c("due_invoices_12m", Kind.COUNT, "invoices", "invoices that fell due in 12 months"),
    _c("late_invoices_12m", Kind.COUNT, "invoices", "invoices paid late or still open"),
    _c("late_share_12m", Kind.RATIO, "share", "late invoices, of those that fell due"),
    _c("late_share_change", Kind.RATIO, "difference", "late invoices, 90 days less those before"),
    _c("days_beyond_terms", Kind.RATIO, "days", "days late, weighted by amount"),
    _c("days_beyond_terms_peer_z", Kind.RATIO, "deviations", "days late against the peers' median"),
    _c("open_amount", Kind.MONEY, "", "invoiced and not paid"),
    _c("overdue_amount", Kind.MONEY, "", "open and past its due date"),
    _c("overdue_1_30", Kind.MONEY, "", "overdue for 1 to 30 days"),
    _c("overdue_31_60", Kind.MONEY, "", "overdue for 31 to 60 days"),
    _c("overdue_61_90", Kind.MONEY, "", "overdue for 61 to 90 days"),
    _c("overdue_over_90", Kind.MONEY, "", "overdue for more than 90 days"),
    _c("bad_debt_12m", Kind.MONEY, "12 months", "fell due this year, 60 days late"),
    _c("overdue_days_max", Kind.COUNT, "days", "age of the oldest overdue invoice"),
    _c("disputed_amount", Kind.MONEY, "", "invoices in dispute"),
    _c("disputed_invoices_12m", Kind.COUNT, "invoices", "invoices of 12 months in dispute"),
    _c("failed_payments_12m", Kind.COUNT, "payments", "payments that failed"),
    _c("late_payment_probability", Kind.RATIO, "probability", "next invoice paid very late"),
    _c("dispute_probability", Kind.RATIO, "probability", "next invoice disputed"),
    _c("payment_points_late", Kind.POINTS, "0-40", "from the share paid late", _PAY),
    _c("payment_points_overdue", Kind.POINTS, "0-40", "from overdue against a month", _PAY),
    _c("payment_points_failed", Kind.POINTS, "0-20", "from failed payments", _PAY),
    _c("payment_index", Kind.POINTS, "0-100", "0 pays well, 100 does not pay"),
)

SERVICE = (
    _c("tickets_12m", Kind.COUNT, "tickets", "tickets of 12 months, our own faults left out"),
    _c("ticket_minutes_12m", Kind.RATIO, "minutes", "minutes on tickets of 12 months"),
    _c("minutes_per_100", Kind.RATIO, "minutes", "minutes for every 100 of revenue"),
    _c("minutes_change", Kind.RATIO, "share", "minutes on tickets, 90 days against the 90 before"),
    _c("minutes_peer_z", Kind.RATIO, "deviations", "minutes against the peers' median"),
    _c("own_fault_tickets_12m", Kind.COUNT, "tickets", "tickets that were our own fault"),
    _c("contacts_per_month", Kind.RATIO, "per month", "tickets in the last 90 days"),
    _c("contacts_per_month_prior", Kind.RATIO, "per month", "tickets in the 90 days before"),
    _c("contacts_per_month_change", Kind.RATIO, "share", "contacts, 90 days against the 90 before"),
    _c("escalations_12m", Kind.COUNT, "tickets", "tickets that were escalated"),
    _c("complaints_12m", Kind.COUNT, "tickets", "complaints"),
    _c("change_requests_12m", Kind.COUNT, "tickets", "tickets about changes of what was agreed"),
    _c("open_complaint", Kind.FLAG, "", "a complaint is open: nothing adverse may happen"),
    _c("top_topic", Kind.TEXT, "", "the most frequent ticket topic"),
    _c("top_topic_share", Kind.RATIO, "share", "tickets about the most frequent topic, of all"),
    _c("service_points_minutes", Kind.POINTS, "0-60", "from minutes against the peers", _SERVE),
    _c("service_points_contacts", Kind.POINTS, "0-20", "from contacts per month", _SERVE),
    _c("service_points_escalations", Kind.POINTS, "0-20", "from escalations", _SERVE),
    _c("service_index", Kind.POINTS, "0-100", "0 needs nobody, 100 takes all our time"),
)

CONDUCT = (
    _c("shifting_tickets", Kind.COUNT, "tickets", "tagged: demands that change"),
    _c("attention_tickets", Kind.COUNT, "tickets", "tagged: wants all the attention"),
    _c("unreachable_tickets", Kind.COUNT, "tickets", "tagged: could not be reached"),
    _c("dishonest_tickets", Kind.COUNT, "tickets", "tagged: was not honest"),
    _c("abusive_tickets", Kind.COUNT, "tickets", "tagged: abusive or threatening to staff"),
    _c("unreasonable_tickets", Kind.COUNT, "tickets", "tagged: demands that nobody can meet"),
    _c("public_tickets", Kind.COUNT, "tickets", "tagged: complained to others"),
    _c("deaf_tickets", Kind.COUNT, "tickets", "tagged: was told before"),
)

SATISFACTION = (
    _c("csat_answers_12m", Kind.COUNT, "answers", "satisfaction answers of 12 months"),
    _c("csat_mean_12m", Kind.RATIO, "1-5", "mean satisfaction of 12 months"),
    _c("csat_change", Kind.RATIO, "points", "mean satisfaction, 90 days less the 90 before"),
    _c("csat_peer_z", Kind.RATIO, "deviations", "satisfaction against the peers' median"),
    _c("prior_satisfaction", Kind.TEXT, "satisfied, mixed, dissatisfied", "steers route and text"),
    _c("nps_last", Kind.RATIO, "0-10", "the last answer to 'would you recommend us'"),
    _c("feeling_points_csat", Kind.POINTS, "0-50", "from the mean satisfaction", _FEEL),
    _c("feeling_points_nps", Kind.POINTS, "0-20", "from the last recommendation", _FEEL),
    _c("feeling_points_complaints", Kind.POINTS, "0-30", "from complaints", _FEEL),
    _c("dissatisfaction_index", Kind.POINTS, "0-100", "0 content, 100 never satisfied"),
)

USAGE = (
    _c("usage_90d", Kind.RATIO, "quantity", "use in the last 90 days, all metrics"),
    _c("usage_prior_90d", Kind.RATIO, "quantity", "use in the 90 days before"),
    _c("usage_change", Kind.RATIO, "share", "use, 90 days against the 90 before"),
    _c("usage_breadth", Kind.RATIO, "share", "metrics used in 90 days, of all metrics"),
    _c("usage_last_on", Kind.DATE, "", "last day of use"),
    _c("days_since_use", Kind.COUNT, "days", "days since the last day of use"),
)

STRATEGIC = (
    _c("ties", Kind.COUNT, "customers", "tied to it: parent, referrer, contact, payer"),
    _c("tied_profit_12m", Kind.MONEY, "12 months", "net profit of the customers tied to it"),
    _c("strategic_points_flag", Kind.POINTS, "0-40", "marked as strategic", _STRATEGIC),
    _c("strategic_points_size", Kind.POINTS, "0-30", "from revenue among all", _STRATEGIC),
    _c("strategic_points_ties", Kind.POINTS, "0-30", "from ties to profitable ones", _STRATEGIC),
    _c("strategic_index", Kind.POINTS, "0-100", "0 stands alone, 100 others depend on it"),
)

CHURN = (
    _c("churn_probability", Kind.RATIO, "probability", "chance to leave within 90 days"),
    _c("churn_threshold", Kind.RATIO, "probability", "chance to leave from which keeping it pays"),
    _c("worth_retaining", Kind.FLAG, "", "leaving is likely enough to act"),
)

SIGNS = (
    _c("sign_pays_late", Kind.FLAG, "", "pays late or never"),
    _c("sign_pays_little", Kind.FLAG, "", "pays too little"),
    _c("sign_shifting_demands", Kind.FLAG, "", "unclear or shifting demands"),
    _c("sign_wants_attention", Kind.FLAG, "", "wants all the attention"),
    _c("sign_unreachable", Kind.FLAG, "", "cannot be reached"),
    _c("sign_dishonest", Kind.FLAG, "", "is not honest"),
    _c("sign_abusive", Kind.FLAG, "", "abusive or threatening to staff"),
    _c("sign_unreasonable", Kind.FLAG, "", "unreasonable demands"),
    _c("sign_complains_to_all", Kind.FLAG, "", "complains to everybody"),
    _c("sign_does_not_listen", Kind.FLAG, "", "does not listen"),
)

VERDICT = (
    _c("fit", Kind.TEXT, "good, fixable, poor, no_data", "the verdict: grow, fix, let go"),
    _c("archetype", Kind.TEXT, "", "the strongest pattern behind the fit"),
    _c("reason_codes", Kind.TEXT, "codes, ';' between", "why, strongest first"),
    _c("root_cause_hints", Kind.TEXT, "codes, ';' between", "where a person should look first"),
)

SCORE_COLUMNS: tuple[ScoreColumn, ...] = (
    *ATTRIBUTES,
    *CONTRACT,
    *ECONOMICS,
    *PAYMENT,
    *SERVICE,
    *CONDUCT,
    *SATISFACTION,
    *USAGE,
    *STRATEGIC,
    *CHURN,
    *SIGNS,
    *VERDICT,
)

BY_NAME: dict[str, ScoreColumn] = {column.name: column for column in SCORE_COLUMNS}


OWN_PREFIX = "x_"
"""Before the name of a number of the company's own, which is no score."""


def column_named(name: str) -> ScoreColumn | None:
    """Return the score of that name, or a number of the company's own; None when it is neither."""
    if name.startswith(OWN_PREFIX):
        return ScoreColumn(name, Kind.RATIO, "", name.removeprefix(OWN_PREFIX).replace("_", " "))
    return BY_NAME.get(name)


MONEY_FEATURES = frozenset({"revenue_90d", "revenue_prior_90d"})
"""Features that are money, in cents, and no score of their own."""


def parts_of(total: str) -> tuple[str, ...]:
    """Return the columns whose sum is exactly `total`."""
    return tuple(c.name for c in SCORE_COLUMNS if c.part_of == total)


TOTALS: tuple[str, ...] = (_PROFIT, _PAY, _SERVE, _FEEL, _STRATEGIC)
