-- What messages and those who write them need to know: personal data, kept apart from the scores.
-- customer_id      text   the customer
-- name             text   as messages address them
-- language         text   as they say it, or else the first official one of their country
-- email            text   their address, and so on as the company says it
-- contacts         list   who is known there: name, role, email, phone; twenty at most
-- contract_numbers list   the contracts that run on as_of; ten at most
-- leaving_on       date   from when none of those runs any more, when each is cancelled for a day to come
--                         and no other begins later
-- overdue_bills    list   what is past its due date: number, due_on, amount; the oldest ten
-- overdue_count    bills  how many those are in all
WITH known AS (
    SELECT
        customer_id,
        list(
            {'name': name, 'role': role, 'email': email, 'phone': phone}
            ORDER BY role, name, email, phone
        )[:20] AS contacts
    FROM contacts
    GROUP BY customer_id
),
running AS (
    SELECT
        c.customer_id,
        list(c.contract_id ORDER BY c.contract_id)[:10] AS contract_numbers,
        CASE WHEN count(c.cancelled_on) = count(*) THEN max(c.cancelled_on) END AS leaving_on
    FROM contracts AS c
    INNER JOIN f_contract_ends AS e USING (contract_id)
    WHERE e.over_on IS NULL
    GROUP BY c.customer_id
),
to_begin AS (SELECT DISTINCT customer_id FROM contracts WHERE started_on > $as_of),
overdue AS (
    SELECT
        customer_id,
        list(
            {
                'number': invoice_id,
                'due_on': coalesce(due_on, issued_on),
                'amount': CAST(round(open_amount, 2) AS DECIMAL(18, 2))
            }
            ORDER BY coalesce(due_on, issued_on), invoice_id
        )[:10] AS overdue_bills,
        count(*) AS overdue_count
    FROM f_ledger
    WHERE overdue_from < $as_of AND NOT apart AND open_amount > 0
    GROUP BY customer_id
)
SELECT
    customer_id,
    c.name,
    c.email,
    c.phone,
    coalesce(lower(left(trim(c.language), 2)), s.language) AS language,
    c.country,
    c.timezone,
    c.kind,
    c.account_manager,
    c.currency,
    c.address,
    c.marketing_consent,
    k.contacts,
    r.contract_numbers,
    CASE WHEN b.customer_id IS NULL THEN r.leaving_on END AS leaving_on,
    o.overdue_bills,
    o.overdue_count
FROM customers AS c
LEFT JOIN known AS k USING (customer_id)
LEFT JOIN spoken AS s ON s.country = upper(c.country)
LEFT JOIN running AS r USING (customer_id)
LEFT JOIN to_begin AS b USING (customer_id)
LEFT JOIN overdue AS o USING (customer_id)
WHERE c.created_on IS NULL OR c.created_on <= $as_of
ORDER BY customer_id
