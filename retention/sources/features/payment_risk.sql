-- What is known tonight about the payment of the customer's next invoice: as invoice_risk.sql has it for
-- an invoice that is issued on as_of.
-- risk_known_before      invoices  earlier invoices whose end is known
-- risk_late_before       invoices  of those: very late
-- risk_disputed_before   invoices  of those: disputed
-- risk_days_late_before  days      mean days late of those that were not disputed
-- risk_terms             days      days until an invoice is due
-- risk_tenure            days      since the first invoice
-- risk_open_before       invoices  issued and not known to be settled
SELECT
    customer_id,
    count(*) FILTER (WHERE known_on < $as_of) AS risk_known_before,
    count(*) FILTER (WHERE known_on < $as_of AND late) AS risk_late_before,
    count(*) FILTER (WHERE known_on < $as_of AND disputed) AS risk_disputed_before,
    CAST(sum(days_late) FILTER (WHERE known_on < $as_of) AS DOUBLE)
        / nullif(count(days_late) FILTER (WHERE known_on < $as_of), 0) AS risk_days_late_before,
    max_by(due_on - issued_on, (issued_on, due_on)) AS risk_terms,
    $as_of - min(issued_on) AS risk_tenure,
    greatest(
        count(*) FILTER (WHERE issued_on < $as_of) - count(*) FILTER (WHERE known_on < $as_of), 0
    ) AS risk_open_before
FROM f_invoice_ends
GROUP BY customer_id
