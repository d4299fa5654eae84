-- One row per invoice that is not void and not a credit note, as it stood on as_of: named.sql, and what loose
-- money settles. Loose money is what names no known invoice, what was paid beyond an amount, and credit
-- notes; what went back without a name, or for a credit note that was paid out, is no longer there. It
-- settles what is still open, oldest due date first. Money goes to invoices marked as paid before it goes to
-- others, credit to those marked as credited. An invoice marked so is settled even when nothing is known of
-- it; but not yet when a payment that names it comes after as_of. What was settled once in time and opened
-- again is owed, and not late. All is worked out in the invoice's own currency; rates enter in this answer.
-- customer_id   text   the customer
-- invoice_id    text   the invoice
-- issued_on     date   when it was issued
-- due_on        date   when it was due, where known
-- amount        money  invoiced
-- direct_cost   money  its direct cost, where known
-- disputed      flag   in dispute
-- was_disputed  flag   in dispute now or before
-- disputed_on   date   when it was disputed, where known
-- apart         flag   neither late nor overdue: in dispute, of unknown status, written off, or credited
-- open_amount   money  not settled by as_of, and still owed
-- lost_amount   money  not settled, and written off
-- settled_on    date   when nothing was open for the first time
-- overdue_from  date   its due date, or the day on which it was opened again
-- money_days    number  amount times days outstanding since year_ago or its issue
WITH named AS (
    SELECT
        *,
        status IN ('disputed', 'unknown', 'written_off', 'credited') AS apart,
        CASE
            WHEN status IN ('paid', 'credited') AND NOT paid_later THEN status
            WHEN status IN ('disputed', 'unknown', 'written_off') THEN 'apart'
            ELSE 'open'
        END AS pot
    FROM f_named
),
moves AS (
    SELECT customer_id, paid_on AS moved_on, amount AS cash, 0 AS credit
    FROM payments
    WHERE paid_on <= $as_of AND NOT coalesce(failed, false)
        AND (invoice_key IS NULL OR invoice_key NOT IN (SELECT key FROM f_named))
    UNION ALL
    SELECT customer_id, last_paid_on, 0, surplus FROM named WHERE surplus > 0
    UNION ALL
    SELECT customer_id, issued_on, 0, -coalesce(own_amount, amount)
    FROM f_dated_invoices
    WHERE amount < 0 AND issued_on <= $as_of
        AND coalesce(status, '') NOT IN ('void', 'disputed')
),
queued AS (
    SELECT
        *,
        sum(still_open) OVER (
            PARTITION BY customer_id, pot
            ORDER BY coalesce(due_on, issued_on), invoice_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS upper_end
    FROM named
    WHERE still_open > 0 AND pot <> 'apart' AND customer_id IN (SELECT customer_id FROM moves)
),
owed AS (
    SELECT
        customer_id,
        coalesce(sum(still_open) FILTER (WHERE pot = 'paid'), 0) AS marked_paid,
        coalesce(sum(still_open) FILTER (WHERE pot = 'credited'), 0) AS marked_credited
    FROM queued
    GROUP BY customer_id
),
days AS (
    SELECT customer_id, moved_on, sum(cash) AS cash, sum(credit) AS credit
    FROM moves
    GROUP BY ALL
),
sums AS (
    SELECT
        d.customer_id,
        d.moved_on,
        o.marked_paid,
        o.marked_credited,
        sum(d.cash) OVER by_day AS cash,
        sum(d.credit) OVER by_day AS credit
    FROM days AS d
    INNER JOIN owed AS o USING (customer_id)
    WINDOW by_day AS (PARTITION BY d.customer_id ORDER BY d.moved_on)
),
pools AS (
    SELECT customer_id, moved_on, 'paid' AS pot, cash AS pool FROM sums WHERE marked_paid > 0
    UNION ALL
    SELECT customer_id, moved_on, 'credited', credit FROM sums WHERE marked_credited > 0
    UNION ALL
    SELECT
        customer_id,
        moved_on,
        'open',
        greatest(cash - marked_paid, 0) + greatest(credit - marked_credited, 0) + least(cash, 0)
    FROM sums
),
stayed AS (
    SELECT
        customer_id,
        pot,
        moved_on,
        greatest(min(pool) OVER (
            PARTITION BY customer_id, pot ORDER BY moved_on
            ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
        ), 0) AS stays,
        max(pool) OVER (PARTITION BY customer_id, pot ORDER BY moved_on) AS most,
        pool < lag(pool) OVER (PARTITION BY customer_id, pot ORDER BY moved_on) AS went_back
    FROM pools
),
ends AS (
    SELECT customer_id, pot, stays AS upper_end, min(moved_on) AS moved_on, NULL AS key, false AS owed
    FROM stayed
    WHERE stays > 0
    GROUP BY ALL
    UNION ALL
    SELECT customer_id, pot, upper_end, NULL, key, true FROM queued
),
parts AS (
    SELECT
        upper_end - coalesce(lag(upper_end) OVER along, 0) AS amount,
        first_value(moved_on IGNORE NULLS) OVER ahead AS moved_on,
        first_value(key IGNORE NULLS) OVER ahead AS key
    FROM ends
    WINDOW
        along AS (PARTITION BY customer_id, pot ORDER BY upper_end, owed, key),
        ahead AS (
            PARTITION BY customer_id, pot ORDER BY upper_end, owed, key
            ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
        )
),
covered AS (
    SELECT
        p.key,
        sum(p.amount) AS amount,
        max(p.moved_on) AS last_on,
        sum(p.amount * ($as_of - greatest(p.moved_on, q.issued_on, $year_ago))) AS days
    FROM parts AS p
    INNER JOIN queued AS q USING (key)
    WHERE p.moved_on IS NOT NULL AND p.amount > 0
    GROUP BY p.key
),
once AS (
    SELECT q.key, s.moved_on AS settled_on, b.went_back_on
    FROM queued AS q
    INNER JOIN (
        SELECT customer_id, pot, max(moved_on) AS went_back_on
        FROM stayed WHERE went_back GROUP BY ALL
    ) AS b
        ON b.customer_id = q.customer_id AND b.pot = q.pot AND b.went_back_on > q.issued_on
    ASOF INNER JOIN (
        SELECT customer_id, pot, most, min(moved_on) AS moved_on
        FROM stayed GROUP BY ALL
    ) AS s
        ON s.customer_id = q.customer_id AND s.pot = q.pot AND s.most >= q.upper_end - q.slack
),
settled AS (
    SELECT
        n.*,
        coalesce(c.amount, 0) AS covered,
        coalesce(c.days, 0) AS covered_days,
        n.still_open - coalesce(c.amount, 0) <= n.slack AS is_settled,
        c.last_on,
        o.settled_on AS once_settled_on,
        o.went_back_on,
        n.pot IN ('paid', 'credited') AS marked,
        least(greatest(coalesce(n.last_paid_on, n.due_on, n.issued_on), n.issued_on), $as_of)
            AS marked_on
    FROM named AS n
    LEFT JOIN covered AS c USING (key)
    LEFT JOIN once AS o USING (key)
),
waited AS (
    SELECT
        *,
        CASE WHEN status IN ('disputed', 'unknown') THEN 0 ELSE greatest(
            amount * ($as_of - greatest(issued_on, $year_ago))
            - paid_days
            - covered_days
            - CASE WHEN marked
                THEN (still_open - covered) * ($as_of - greatest(marked_on, $year_ago))
                ELSE 0 END,
            0
        ) END AS days
    FROM settled
)
-- Most invoices are in the company's own currency: to multiply all by 1 would be half of the work.
SELECT
    customer_id,
    invoice_id,
    issued_on,
    due_on,
    CASE WHEN rate = 1 THEN amount ELSE CAST(round(amount * rate, 4) AS DECIMAL(18, 4)) END AS amount,
    direct_cost,
    status = 'disputed' AS disputed,
    status = 'disputed' OR disputed_on IS NOT NULL AS was_disputed,
    disputed_on,
    apart,
    CASE WHEN marked OR is_settled OR status = 'written_off' THEN 0
        ELSE CAST(round((still_open - covered) * rate, 4) AS DECIMAL(18, 4)) END AS open_amount,
    CASE WHEN status = 'written_off' THEN CAST(round(still_open * rate, 4) AS DECIMAL(18, 4)) ELSE 0
    END AS lost_amount,
    least(
        coalesce(settled_on, once_settled_on, CASE WHEN is_settled THEN last_on END,
            CASE WHEN marked OR is_settled THEN marked_on END),
        coalesce(once_settled_on, settled_on)
    ) AS settled_on,
    CASE WHEN due_on IS NOT NULL THEN greatest(due_on, reopened_on, CASE
        WHEN once_settled_on IS NOT NULL AND NOT is_settled THEN went_back_on END)
    END AS overdue_from,
    CASE WHEN rate = 1 THEN days ELSE CAST(days * rate AS DECIMAL(38, 4)) END AS money_days
FROM waited
