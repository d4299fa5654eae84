-- One row per invoice that is not void and not a credit note, as it stood on as_of. Payments settle the
-- invoice that they name, on the day on which they reach its amount. Loose money (payments that name no
-- known invoice, what was paid beyond an amount, credit notes) settles what is still open, oldest due
-- date first; it counts from the day on which it covers an invoice whole. An invoice whose status is 'paid' is settled even when no payment is known.
-- customer_id   text   the customer
-- invoice_id    text   the invoice
-- issued_on     date   when it was issued
-- due_on        date   when it was due, where known
-- amount        money  invoiced
-- direct_cost   money  its direct cost, where known
-- disputed      flag   in dispute: neither late nor overdue
-- open_amount   money  not settled by as_of
-- settled_on    date   when nothing was open any more
-- money_days    number  amount times days outstanding since year_ago or its issue
WITH known_payments AS (
    SELECT customer_id, invoice_id, paid_on, amount
    FROM payments
    WHERE paid_on <= $as_of AND NOT coalesce(failed, false)
),
known_invoices AS (
    SELECT
        customer_id,
        invoice_id,
        issued_on,
        due_on,
        amount,
        direct_cost,
        coalesce(lower(trim(status)), '') AS status
    FROM invoices
    WHERE issued_on <= $as_of AND coalesce(lower(trim(status)), '') <> 'void'
),
running AS (
    SELECT
        p.invoice_id,
        p.paid_on,
        i.amount,
        p.amount AS paid,
        sum(p.amount) OVER (
            PARTITION BY p.invoice_id ORDER BY p.paid_on
            RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS so_far
    FROM known_payments AS p
    INNER JOIN known_invoices AS i ON i.invoice_id = p.invoice_id AND i.amount > 0
),
paid AS (
    SELECT
        invoice_id,
        max(so_far) AS amount,
        min(paid_on) FILTER (WHERE so_far >= amount) AS settled_on,
        max(paid_on) AS last_paid_on,
        sum(paid * ($as_of - greatest(paid_on, $year_ago))) AS paid_days
    FROM running
    GROUP BY invoice_id
),
named AS (
    SELECT
        i.*,
        i.status = 'disputed' AS disputed,
        CASE WHEN i.status = 'paid' THEN 0
            ELSE greatest(i.amount - coalesce(p.amount, 0), 0) END AS still_open,
        CASE WHEN i.status = 'paid' THEN coalesce(p.settled_on, p.last_paid_on, i.due_on, i.issued_on)
            ELSE p.settled_on END AS named_settled_on,
        greatest(coalesce(p.amount, 0) - i.amount, 0) AS surplus,
        p.last_paid_on,
        coalesce(p.paid_days, 0) AS paid_days,
        coalesce(p.amount, 0) AS paid
    FROM known_invoices AS i
    LEFT JOIN paid AS p ON p.invoice_id = i.invoice_id
    WHERE i.amount > 0
),
loose_parts AS (
    SELECT p.customer_id, p.paid_on AS loose_on, p.amount
    FROM known_payments AS p
    WHERE p.invoice_id IS NULL
        OR p.invoice_id NOT IN (SELECT invoice_id FROM known_invoices WHERE amount > 0)
    UNION ALL
    SELECT customer_id, last_paid_on, surplus FROM named WHERE surplus > 0
    UNION ALL
    SELECT customer_id, issued_on, -amount FROM known_invoices
    WHERE amount < 0 AND status <> 'disputed'
),
loose_days AS (
    SELECT customer_id, loose_on, sum(amount) AS amount FROM loose_parts GROUP BY ALL
),
loose AS (
    SELECT customer_id, so_far, min(loose_on) AS loose_on
    FROM (
        SELECT
            customer_id,
            loose_on,
            sum(amount) OVER (PARTITION BY customer_id ORDER BY loose_on) AS so_far
        FROM loose_days
    )
    GROUP BY ALL
),
loose_total AS (
    SELECT customer_id, sum(amount) AS amount FROM loose_days GROUP BY customer_id
),
queued AS (
    SELECT
        *,
        sum(CASE WHEN disputed THEN 0 ELSE still_open END) OVER (
            PARTITION BY customer_id ORDER BY coalesce(due_on, issued_on), invoice_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS owed_so_far
    FROM named
    WHERE still_open > 0
),
covered AS (
    SELECT
        q.invoice_id,
        CASE WHEN q.disputed THEN 0 ELSE least(
            greatest(t.amount - (q.owed_so_far - q.still_open), 0), q.still_open
        ) END AS amount,
        CASE WHEN NOT q.disputed AND t.amount >= q.owed_so_far THEN l.loose_on END AS settled_on
    FROM queued AS q
    INNER JOIN loose_total AS t USING (customer_id)
    ASOF LEFT JOIN loose AS l ON l.customer_id = q.customer_id AND l.so_far >= q.owed_so_far
)
SELECT
    n.customer_id,
    n.invoice_id,
    n.issued_on,
    n.due_on,
    n.amount,
    n.direct_cost,
    n.disputed,
    n.still_open - coalesce(c.amount, 0) AS open_amount,
    coalesce(n.named_settled_on, c.settled_on) AS settled_on,
    CAST(greatest(
        n.amount * ($as_of - greatest(n.issued_on, $year_ago))
        - CASE WHEN n.status = 'paid' AND n.paid < n.amount
            THEN (n.amount - n.paid) * ($as_of - greatest(n.named_settled_on, $year_ago)) ELSE 0 END
        - n.paid_days
        - coalesce(c.amount, 0) * ($as_of - greatest(coalesce(c.settled_on, $as_of), $year_ago)),
        0
    ) AS DECIMAL(38, 4)) AS money_days
FROM named AS n
LEFT JOIN covered AS c USING (invoice_id)
