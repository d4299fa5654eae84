-- What the customer made us do in the 12 months up to as_of: one row per customer and activity.
-- customer_id  text      the customer
-- activity     text      ticket_minute.<channel>, reminder, or a driver of cost_events
-- quantity     quantity  minutes, reminders, or the driver's own unit
SELECT
    customer_id,
    'ticket_minute.' || coalesce(lower(channel), 'other') AS activity,
    CAST(sum(handling_minutes) AS DOUBLE) AS quantity
FROM tickets
WHERE CAST(opened_at AS DATE) <= $as_of AND CAST(opened_at AS DATE) > $year_ago
    AND NOT coalesce(own_fault, false) AND handling_minutes > 0
GROUP BY ALL
UNION ALL
SELECT customer_id, lower(driver) AS activity, CAST(sum(coalesce(quantity, 1)) AS DOUBLE) AS quantity
FROM cost_events
WHERE occurred_on <= $as_of AND occurred_on > $year_ago
GROUP BY ALL
