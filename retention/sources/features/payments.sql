-- How invoices with a due date were paid. An invoice is settled on the day on which the payments that
-- name it reach its amount. Payments that name no known invoice, what was paid beyond an invoice's
-- amount, and credit notes are loose money: they reduce what is open, and while they cover everything
-- overdue no unsettled invoice counts as late. Disputed invoices are neither late nor overdue.
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
WITH known_payments AS (
    SELECT * FROM payments WHERE paid_on <= $as_of
),
good AS (
    SELECT customer_id, invoice_id, paid_on, amount
    FROM known_payments
    WHERE NOT coalesce(failed, false)
),
failures AS (
    SELECT customer_id, count(*) AS failed
    FROM known_payments
    WHERE failed AND paid_on > $year_ago
    GROUP BY customer_id
),
known_invoices AS (
    SELECT
        customer_id,
        invoice_id,
        due_on,
        amount,
        coalesce(lower(trim(status)), '') AS status
    FROM invoices
    WHERE issued_on <= $as_of AND coalesce(lower(trim(status)), '') <> 'void'
),
running AS (
    SELECT
        g.invoice_id,
        g.paid_on,
        i.amount,
        sum(g.amount) OVER (
            PARTITION BY g.invoice_id ORDER BY g.paid_on
            RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS so_far
    FROM good AS g
    INNER JOIN known_invoices AS i ON i.invoice_id = g.invoice_id AND i.amount > 0
),
paid AS (
    SELECT
        invoice_id,
        max(so_far) AS amount,
        min(paid_on) FILTER (WHERE so_far >= amount) AS settled_on,
        max(paid_on) AS last_paid_on
    FROM running
    GROUP BY invoice_id
),
open_invoices AS (
    SELECT
        i.customer_id,
        i.due_on,
        i.amount,
        i.status = 'disputed' AS disputed,
        CASE WHEN i.status = 'paid' THEN 0
            ELSE greatest(i.amount - coalesce(p.amount, 0), 0) END AS open_amount,
        CASE WHEN i.status = 'paid' THEN coalesce(p.settled_on, p.last_paid_on, i.due_on)
            ELSE p.settled_on END AS settled_on,
        greatest(coalesce(p.amount, 0) - i.amount, 0) AS surplus
    FROM known_invoices AS i
    LEFT JOIN paid AS p ON p.invoice_id = i.invoice_id
    WHERE i.amount > 0
),
loose_parts AS (
    SELECT customer_id, amount FROM good
    WHERE invoice_id IS NULL
        OR invoice_id NOT IN (SELECT invoice_id FROM known_invoices WHERE amount > 0)
    UNION ALL
    SELECT customer_id, surplus AS amount FROM open_invoices WHERE surplus > 0
    UNION ALL
    SELECT customer_id, -amount AS amount FROM known_invoices
    WHERE amount < 0 AND status <> 'disputed'
),
loose AS (
    SELECT customer_id, sum(amount) AS amount FROM loose_parts GROUP BY customer_id
),
overdue_invoices AS (
    SELECT
        *,
        CASE WHEN due_on < $as_of AND NOT disputed THEN open_amount ELSE 0 END AS overdue
    FROM open_invoices
),
totals AS (
    SELECT o.customer_id, sum(o.overdue) <= coalesce(any_value(l.amount), 0) AS covered
    FROM overdue_invoices AS o
    LEFT JOIN loose AS l USING (customer_id)
    GROUP BY o.customer_id
),
aged AS (
    SELECT
        o.*,
        o.due_on > $year_ago AND o.due_on <= $as_of AND NOT o.disputed AS fell_due,
        CASE WHEN o.settled_on IS NULL AND t.covered THEN 0
            ELSE greatest(coalesce(o.settled_on, $as_of) - o.due_on, 0) END AS days_late
    FROM overdue_invoices AS o
    INNER JOIN totals AS t USING (customer_id)
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
