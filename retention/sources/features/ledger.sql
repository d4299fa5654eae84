-- One row per invoice that is not void and not a credit note, as it stood on as_of. Payments settle the
-- invoice that they name, on the day from which on they reach its amount; what is charged back opens it
-- again. Loose money (payments that name no known invoice, what was paid beyond an amount, credit notes)
-- settles what is still open, oldest due date first, from the day on which it covers an invoice whole;
-- payments without a name go to invoices marked as paid before they go to others. An invoice whose status is 'paid' is settled even when no
-- payment is known, on its due date; but not yet when a payment that names it comes after as_of.
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
paid_later AS (
    SELECT DISTINCT invoice_id
    FROM payments
    WHERE paid_on > $as_of AND NOT coalesce(failed, false) AND invoice_id IS NOT NULL
),
daily AS (
    SELECT invoice_id, paid_on, sum(amount) AS amount
    FROM known_payments
    WHERE invoice_id IS NOT NULL
    GROUP BY ALL
),
running AS (
    SELECT
        d.invoice_id,
        d.paid_on,
        i.amount,
        i.issued_on,
        sum(d.amount) OVER by_day AS so_far,
        least(greatest(sum(d.amount) OVER by_day, 0), i.amount) AS covered_so_far
    FROM daily AS d
    INNER JOIN known_invoices AS i ON i.invoice_id = d.invoice_id AND i.amount > 0
    WINDOW by_day AS (PARTITION BY d.invoice_id ORDER BY d.paid_on)
),
stepped AS (
    SELECT
        *,
        covered_so_far - coalesce(lag(covered_so_far) OVER by_day, 0) AS step,
        max(CASE WHEN so_far < amount THEN paid_on END) OVER (PARTITION BY invoice_id) AS last_short
    FROM running
    WINDOW by_day AS (PARTITION BY invoice_id ORDER BY paid_on)
),
paid AS (
    SELECT
        invoice_id,
        max_by(so_far, paid_on) AS amount,
        min(paid_on) FILTER (
            WHERE so_far >= amount AND (last_short IS NULL OR paid_on > last_short)
        ) AS settled_on,
        max(paid_on) AS last_paid_on,
        sum(step * ($as_of - greatest(paid_on, issued_on, $year_ago))) AS paid_days
    FROM stepped
    GROUP BY invoice_id
),
named AS (
    SELECT
        i.*,
        i.status = 'disputed' AS disputed,
        i.status = 'paid' AND l.invoice_id IS NULL AS marked_paid,
        greatest(i.amount - greatest(coalesce(p.amount, 0), 0), 0) AS still_open,
        p.settled_on AS named_settled_on,
        least(greatest(coalesce(p.last_paid_on, i.due_on, i.issued_on), i.issued_on), $as_of)
            AS marked_on,
        greatest(coalesce(p.amount, 0) - i.amount, 0) AS surplus,
        p.last_paid_on,
        coalesce(p.paid_days, 0) AS paid_days
    FROM known_invoices AS i
    LEFT JOIN paid AS p ON p.invoice_id = i.invoice_id
    LEFT JOIN paid_later AS l ON l.invoice_id = i.invoice_id
    WHERE i.amount > 0
),
loose_parts AS (
    SELECT p.customer_id, p.paid_on AS loose_on, p.amount AS paid, 0 AS credited
    FROM known_payments AS p
    WHERE p.invoice_id IS NULL
        OR p.invoice_id NOT IN (SELECT invoice_id FROM known_invoices WHERE amount > 0)
    UNION ALL
    SELECT customer_id, last_paid_on, 0, surplus FROM named WHERE surplus > 0
    UNION ALL
    SELECT customer_id, issued_on, 0, -amount FROM known_invoices
    WHERE amount < 0 AND status <> 'disputed'
),
marked AS (
    SELECT customer_id, sum(still_open) AS owed FROM named WHERE marked_paid GROUP BY customer_id
),
loose_days AS (
    SELECT customer_id, loose_on, sum(paid) AS paid, sum(credited) AS credited
    FROM loose_parts
    GROUP BY ALL
),
loose AS (
    SELECT
        d.customer_id,
        d.loose_on,
        sum(d.paid) OVER by_day AS for_marked,
        greatest(sum(d.paid) OVER by_day - coalesce(m.owed, 0), 0)
            + sum(d.credited) OVER by_day AS for_open
    FROM loose_days AS d
    LEFT JOIN marked AS m USING (customer_id)
    WINDOW by_day AS (PARTITION BY d.customer_id ORDER BY d.loose_on)
),
pools AS (
    SELECT customer_id, true AS marked_paid, for_marked AS so_far, min(loose_on) AS loose_on
    FROM loose
    GROUP BY ALL
    UNION ALL
    SELECT customer_id, false, for_open, min(loose_on) FROM loose GROUP BY ALL
),
pool_total AS (
    SELECT
        customer_id,
        max_by(for_marked, loose_on) AS for_marked,
        max_by(for_open, loose_on) AS for_open
    FROM loose
    GROUP BY customer_id
),
queued AS (
    SELECT
        *,
        sum(CASE WHEN disputed THEN 0 ELSE still_open END) OVER (
            PARTITION BY customer_id, marked_paid
            ORDER BY coalesce(due_on, issued_on), invoice_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS owed_so_far
    FROM named
    WHERE still_open > 0
),
funded AS (
    SELECT q.*, CASE WHEN q.marked_paid THEN t.for_marked ELSE t.for_open END AS fund
    FROM queued AS q
    INNER JOIN pool_total AS t USING (customer_id)
),
covered AS (
    SELECT
        f.invoice_id,
        CASE WHEN f.disputed THEN 0 ELSE least(
            greatest(f.fund - (f.owed_so_far - f.still_open), 0), f.still_open
        ) END AS amount,
        CASE WHEN NOT f.disputed AND f.fund >= f.owed_so_far THEN l.loose_on END AS settled_on
    FROM funded AS f
    ASOF LEFT JOIN pools AS l
        ON l.customer_id = f.customer_id AND l.marked_paid = f.marked_paid
        AND l.so_far >= f.owed_so_far
),
settled AS (
    SELECT
        n.*,
        coalesce(c.amount, 0) AS covered,
        coalesce(c.settled_on, $as_of) AS covered_on,
        coalesce(
            n.named_settled_on, c.settled_on, CASE WHEN n.marked_paid THEN n.marked_on END
        ) AS settled_on
    FROM named AS n
    LEFT JOIN covered AS c USING (invoice_id)
)
SELECT
    customer_id,
    invoice_id,
    issued_on,
    due_on,
    amount,
    direct_cost,
    disputed,
    CASE WHEN marked_paid THEN 0 ELSE still_open - covered END AS open_amount,
    settled_on,
    CASE WHEN disputed THEN 0 ELSE CAST(greatest(
        amount * ($as_of - greatest(issued_on, $year_ago))
        - paid_days
        - covered * ($as_of - greatest(covered_on, issued_on, $year_ago))
        - CASE WHEN marked_paid
            THEN (still_open - covered) * ($as_of - greatest(marked_on, $year_ago)) ELSE 0 END,
        0
    ) AS DECIMAL(38, 4)) END AS money_days
FROM settled
