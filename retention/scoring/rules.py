"""The rules behind verdict, archetype, signs, reasons and hints: SQL over score columns.

They are the one place where a verdict is decided: scoring evaluates them for all customers at once,
explanations evaluate them again for one customer to find what would alter the verdict. What is not
known makes a rule false. Money is compared with zero or with other money only, so that rules hold
in cents and in currency.
"""

OBSERVATION_DAYS = 180

VERDICTS: dict[str, str] = {
    "no_data": f"net_profit_12m IS NULL OR tenure_days IS NULL OR tenure_days < {OBSERVATION_DAYS}",
    "poor": "net_profit_12m_high < 0",
    "fixable": "net_profit_12m_low < 0 OR payment_index >= 60",
    "good": "true",
}
"""The first that holds is the fit."""

ARCHETYPES: dict[str, str] = {
    "non_payer": "payment_index >= 60",
    "chronically_dissatisfied": "dissatisfaction_index >= 45",
    "unaware": "top_topic = 'how_to' AND top_topic_share >= 0.5 AND service_index >= 22",
    "time_drain": "service_index >= 45",
    "drifted": "usage_breadth < 0.5 AND revenue_12m + profit_direct_cost < 0",
    "underpriced": "revenue_12m + profit_direct_cost < 0",
}
"""The first that holds claims the customer."""

SIGNS: dict[str, str] = {
    "sign_pays_late": "(due_invoices_12m >= 3 AND late_share_12m >= 0.5) OR overdue_days_max > 60",
    "sign_pays_little": "revenue_12m + profit_direct_cost < 0 "
    "OR (margin_peer_z <= -3.5 AND net_profit_12m < 0)",
    "sign_shifting_demands": "shifting_tickets >= 2 OR "
    "(tickets_12m >= 10 AND change_requests_12m >= 0.4 * tickets_12m)",
    "sign_wants_attention": "attention_tickets >= 3 "
    "OR (minutes_peer_z >= 3.5 AND tickets_12m >= 24)",
    "sign_unreachable": "unreachable_tickets >= 2 OR NOT reachable",
    "sign_dishonest": "dishonest_tickets >= 1",
    "sign_abusive": "abusive_tickets >= 1",
    "sign_unreasonable": "unreasonable_tickets >= 2",
    "sign_complains_to_all": "public_tickets >= 1 "
    "OR (complaints_12m >= 4 AND escalations_12m >= 3)",
    "sign_does_not_listen": "deaf_tickets >= 2",
}
"""The ten signs; counts are of 12 months."""

REASONS: dict[str, str] = {
    "profit_unknown": "net_profit_12m IS NULL",
    "observation_window": f"tenure_days < {OBSERVATION_DAYS}",
    "unprofitable": "net_profit_12m_high < 0",
    "profit_uncertain": "net_profit_12m_low < 0 AND net_profit_12m_high >= 0",
    **ARCHETYPES,
    "use_is_falling": "usage_change <= -0.6",
    "about_to_leave": "worth_retaining",
    "extremes_left_out": "winsorised_12m > 0 AND winsorised_12m > 0.1 * abs(net_profit_12m)",
    "cost_partly_unknown": "economics_confidence = 'partial'",
}

HINTS: dict[str, str] = {
    "data_error": "(revenue_12m = 0 AND active_contracts > 0 AND usage_90d > 0) "
    "OR winsorised_12m > abs(net_profit_12m)",
    "own_fault": "own_fault_tickets_12m >= 3 "
    "AND own_fault_tickets_12m >= 0.25 * (tickets_12m + own_fault_tickets_12m)",
    "unaware": "top_topic = 'how_to' AND top_topic_share >= 0.4 AND usage_breadth <= 0.5",
    "need_changed": "usage_change <= -0.4 OR (usage_breadth <= 0.25 AND top_topic <> 'how_to')",
    "company_drifted": "csat_change <= -0.8 AND csat_answers_12m >= 4",
    "unable": "overdue_amount > 0 AND failed_payments_12m >= 2 AND revenue_change <= -0.25",
    "unwilling": "overdue_amount > 0 AND late_share_12m >= 0.5 AND due_invoices_12m >= 3 "
    "AND (usage_change IS NULL OR usage_change > -0.4)",
}
"""Where a person should look first; the review decides."""
