-- What is known tonight about the payment of the customer's next invoice.
-- risk_known_before      invoices  earlier invoices whose end is known
-- risk_late_before       invoices  of those: very late, or disputed
-- risk_days_late_before  days      mean days late of those
-- risk_amount_ratio      share     the mean amount against the mean before
-- risk_terms             days      days until an invoice is due
-- risk_tenure            days      since the first invoice
-- risk_open_before       invoices  issued and not known to be settled
SELECT
    customer_id,
    known_before AS risk_known_before,
    late_before AS risk_late_before,
    days_late_before AS risk_days_late_before,
    amount_ratio AS risk_amount_ratio,
    terms AS risk_terms,
    tenure AS risk_tenure,
    open_before AS risk_open_before
FROM f_invoice_risk
WHERE is_next
