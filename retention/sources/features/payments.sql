-- How invoices with a due date were paid. An invoice is settled on the day its payments reach its
-- amount; payments without an invoice reduce what is open. Disputed invoices are not overdue.
-- due_invoices_12m     invoices  fell due in the 12 months up to as_of
-- late_invoices_12m    invoices  of those: settled after the due date, or still open
-- late_share_12m       share     late of due
-- days_beyond_terms    days      days late of those invoices, weighted by amount
-- open_amount          money     invoiced and not paid
-- overdue_amount       money     open and past the due date
-- bad_debt_12m         money     fell due in 12 months, open and more than 60 days past due
-- overdue_days_max     days      age of the oldest overdue invoice
-- overdue_capital      money*day  overdue amounts times days overdue, for the cost of capital
-- failed_payments_12m  payments  payments that failed in 12 months
WITH paid AS (
    SELECT
        invoice_id,
        sum(amount) AS amount,
        max(paid_on) AS last_paid_on
    FROM payments
    WHERE paid_on <= $as_of AND NOT coalesce(failed, false) AND invoice_id IS NOT NULL
    GROUP BY invoice_id
),
loose AS (
    SELECT customer_id, sum(amount) AS amount
    FROM payments
    WHERE paid_on <= $as_of AND NOT coalesce(failed, false) AND invoice_id IS NULL
    GROUP BY customer_id
),
failures AS (
    SELECT customer_id, count(*) AS failed
    FROM payments
    WHERE failed AND paid_on <= $as_of AND paid_on > $year_ago
    GROUP BY customer_id
),
open_invoices AS (
    SELECT
        i.customer_id,
        i.due_on,
        i.amount,
        CASE WHEN i.status = 'paid' THEN 0
            ELSE greatest(i.amount - coalesce(p.amount, 0), 0) END AS open_amount,
        CASE WHEN i.status = 'paid' AND p.amount IS NULL THEN i.due_on
            WHEN p.amount >= i.amount THEN p.last_paid_on END AS settled_on,
        coalesce(i.status, '') = 'disputed' AS disputed
    FROM invoices AS i
    LEFT JOIN paid AS p ON p.invoice_id = i.invoice_id
    WHERE i.issued_on <= $as_of AND coalesce(i.status, '') <> 'void'
),
aged AS (
    SELECT
        *,
        due_on > $year_ago AND due_on <= $as_of AND amount > 0 AS fell_due,
        greatest(coalesce(settled_on, $as_of) - due_on, 0) AS days_late,
        CASE WHEN due_on < $as_of AND NOT disputed THEN open_amount ELSE 0 END AS overdue
    FROM open_invoices
),
summed AS (
    SELECT
        customer_id,
        count(*) FILTER (WHERE fell_due) AS due_invoices_12m,
        count(*) FILTER (WHERE fell_due AND days_late > 0) AS late_invoices_12m,
        sum(days_late * amount) FILTER (WHERE fell_due) AS late_weight,
        sum(amount) FILTER (WHERE fell_due) AS due_weight,
        sum(open_amount) AS open_amount,
        sum(overdue) AS overdue,
        sum(CASE WHEN fell_due AND due_on < $as_of - 60 THEN overdue ELSE 0 END) AS bad_debt,
        max(CASE WHEN overdue > 0 THEN $as_of - due_on ELSE 0 END) AS overdue_days_max,
        sum(overdue * ($as_of - due_on)) AS overdue_capital
    FROM aged
    GROUP BY customer_id
    HAVING count(due_on) > 0
)
SELECT
    s.customer_id,
    s.due_invoices_12m,
    s.late_invoices_12m,
    s.late_invoices_12m / nullif(s.due_invoices_12m, 0) AS late_share_12m,
    CAST(s.late_weight AS DOUBLE) / nullif(CAST(s.due_weight AS DOUBLE), 0) AS days_beyond_terms,
    greatest(s.open_amount - coalesce(l.amount, 0), 0) AS open_amount,
    greatest(s.overdue - coalesce(l.amount, 0), 0) AS overdue_amount,
    greatest(s.bad_debt - greatest(coalesce(l.amount, 0) - (s.overdue - s.bad_debt), 0), 0)
        AS bad_debt_12m,
    CASE WHEN s.overdue > coalesce(l.amount, 0) THEN s.overdue_days_max ELSE 0 END
        AS overdue_days_max,
    CASE WHEN s.overdue > coalesce(l.amount, 0) THEN coalesce(s.overdue_capital, 0) ELSE 0 END
        AS overdue_capital,
    coalesce(f.failed, 0) AS failed_payments_12m
FROM summed AS s
LEFT JOIN loose AS l USING (customer_id)
LEFT JOIN failures AS f USING (customer_id)
