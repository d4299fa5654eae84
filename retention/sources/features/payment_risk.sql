-- What is known tonight about the payment of the customer's next invoice: as invoice_risk.sql has it for
-- an invoice that is issued on as_of.
-- risk_known_before      invoices  earlier invoices whose end is known
-- risk_late_before       invoices  of those: very late, or disputed
-- risk_days_late_before  days      mean days late of those
-- risk_terms             days      days until an invoice is due
-- risk_tenure            days      since the first invoice
-- risk_open_before       invoices  issued and not known to be settled
WITH ends AS (
    SELECT
        customer_id,
        issued_on,
        due_on,
        disputed OR coalesce(settled_on, $as_of) - due_on > $late_days AS late,
        least(greatest(coalesce(settled_on, $as_of) - due_on, 0), $late_days + 1) AS days_late,
        greatest(issued_on, CASE WHEN disputed THEN due_on
            ELSE least(coalesce(settled_on, due_on + $late_days + 1), due_on + $late_days + 1)
        END) < $as_of AS known
    FROM f_ledger
    WHERE due_on IS NOT NULL
)
SELECT
    customer_id,
    count(*) FILTER (WHERE known) AS risk_known_before,
    count(*) FILTER (WHERE known AND late) AS risk_late_before,
    CAST(sum(days_late) FILTER (WHERE known) AS DOUBLE)
        / nullif(count(*) FILTER (WHERE known), 0) AS risk_days_late_before,
    max_by(due_on - issued_on, (issued_on, due_on)) AS risk_terms,
    $as_of - min(issued_on) AS risk_tenure,
    greatest(
        count(*) FILTER (WHERE issued_on < $as_of) - count(*) FILTER (WHERE known), 0
    ) AS risk_open_before
FROM ends
GROUP BY customer_id
