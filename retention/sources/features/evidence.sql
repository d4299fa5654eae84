-- The rows behind flags and hints that a person can look up in the company's own systems: the newest
-- five of each kind per customer, 12 months up to as_of.
-- customer_id  text      the customer
-- kind         text      what it is evidence of
-- source       text      the canonical table
-- row_id       text      key of the row there
-- happened_on  date      when
-- quantity     number    minutes, cents or days
WITH rows_of AS (
    SELECT customer_id, 'late_invoice' AS kind, 'invoices' AS source, invoice_id AS row_id,
        due_on AS happened_on,
        CAST(coalesce(settled_on, $as_of) - due_on AS DOUBLE) AS quantity
    FROM f_ledger
    WHERE due_on > $year_ago AND due_on < $as_of AND NOT apart
        AND coalesce(settled_on, $as_of) > due_on
    UNION ALL
    SELECT customer_id, 'disputed_invoice', 'invoices', invoice_id, issued_on,
        CAST(amount * 100 AS DOUBLE)
    FROM f_ledger
    WHERE disputed
    UNION ALL
    SELECT
        customer_id,
        CASE WHEN own_fault THEN 'own_fault' WHEN complaint THEN 'complaint'
            ELSE lower(trim(topic)) END,
        'tickets',
        ticket_id,
        CAST(opened_at AS DATE),
        CAST(handling_minutes AS DOUBLE)
    FROM tickets
    WHERE (own_fault OR complaint OR lower(trim(topic)) IN ('how_to', 'change_request')) AND CAST(opened_at AS DATE) <= $as_of
        AND CAST(opened_at AS DATE) > $year_ago
    UNION ALL
    SELECT t.customer_id, c.sign, 'tickets', t.ticket_id, t.opened_on, t.quantity
    FROM (
        SELECT customer_id, ticket_id, CAST(opened_at AS DATE) AS opened_on,
            CAST(handling_minutes AS DOUBLE) AS quantity,
            unnest(string_split_regex(lower(tags), '[;,|]')) AS tag
        FROM tickets
        WHERE tags IS NOT NULL AND CAST(opened_at AS DATE) <= $as_of
            AND CAST(opened_at AS DATE) > $year_ago AND NOT coalesce(own_fault, false)
    ) AS t
    INNER JOIN conduct AS c ON c.tag = trim(t.tag)
)
SELECT DISTINCT customer_id, kind, source, row_id, happened_on, quantity
FROM rows_of
QUALIFY row_number() OVER (
    PARTITION BY customer_id, kind ORDER BY happened_on DESC, row_id
) <= 5
