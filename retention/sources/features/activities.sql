-- What the customer made us do in the 12 months up to as_of: one row per customer, month and
-- activity. Month 1 is the last one up to as_of, month 12 the first. A single ticket or event
-- above its activity's cap counts as the cap; what was cut off is in `removed`.
-- place        number    the customer's place among all, by customer_id, from 0
-- month        months    1 to 12, counted back from as_of
-- activity     text      bad_debt, dunning.<step>, a driver of cost_events, ticket_minute.<channel> or
--                        own_fault_minute.<channel>, with ':<severity>' where that is known
-- quantity     quantity  cents, steps, the driver's own unit, or minutes
-- removed      quantity  what a cap took away
WITH worked AS (
    SELECT
        customer_id,
        CAST(opened_at AS DATE) AS happened_on,
        'ticket_minute.' || coalesce(lower(trim(channel)), 'other') AS activity,
        coalesce(':' || lower(trim(severity)), '') AS severity,
        coalesce(own_fault, false) AS ours,
        handling_minutes AS quantity
    FROM tickets
    WHERE CAST(opened_at AS DATE) <= $as_of AND CAST(opened_at AS DATE) > $year_ago
        AND handling_minutes > 0
    UNION ALL
    SELECT customer_id, occurred_on, lower(trim(driver)), '', false, coalesce(quantity, 1)
    FROM cost_events
    WHERE occurred_on <= $as_of AND occurred_on > $year_ago AND coalesce(quantity, 1) > 0
),
capped AS (
    SELECT
        w.customer_id,
        w.happened_on,
        CASE WHEN w.ours THEN replace(w.activity, 'ticket_minute.', 'own_fault_minute.')
            ELSE w.activity END || w.severity AS activity,
        least(w.quantity, coalesce(c.cap, w.quantity)) AS quantity,
        greatest(w.quantity - coalesce(c.cap, w.quantity), 0) AS removed
    FROM worked AS w
    LEFT JOIN caps AS c USING (activity)
),
dated AS (
    SELECT customer_id, happened_on, activity, quantity, removed FROM capped
    UNION ALL
    SELECT l.customer_id, l.due_on + d.after_days, 'dunning.' || d.step, 1, 0
    FROM f_ledger AS l
    INNER JOIN dunning AS d
        ON l.due_on + d.after_days > $year_ago AND l.due_on + d.after_days <= $as_of
        AND coalesce(l.settled_on, $as_of) >= l.due_on + d.after_days
    WHERE NOT l.apart
    UNION ALL
    SELECT customer_id, due_on, 'bad_debt', open_amount * 100, 0
    FROM f_ledger
    WHERE due_on > $year_ago AND overdue_from < $as_of - 60 AND NOT apart AND open_amount > 0
    UNION ALL
    SELECT customer_id, coalesce(due_on, issued_on), 'bad_debt', lost_amount * 100, 0
    FROM f_ledger
    WHERE lost_amount > 0 AND coalesce(due_on, issued_on) > $year_ago
        AND coalesce(due_on, issued_on) <= $as_of
)
SELECT
    p.place,
    $month(d.happened_on) AS month,
    d.activity,
    CAST(sum(d.quantity) AS DOUBLE) AS quantity,
    CAST(sum(d.removed) AS DOUBLE) AS removed
FROM dated AS d
INNER JOIN places AS p USING (customer_id)
GROUP BY ALL
