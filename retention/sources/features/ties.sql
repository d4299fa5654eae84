-- Who is tied to whom, in both directions: what leaves with a customer who leaves.
-- customer_id  text  the customer
-- other_id     text  the customer tied to it
-- tie          text  parent, referrer, contact (same address) or payer (one pays the other's invoice)
WITH addresses AS (
    SELECT DISTINCT customer_id, lower(trim(email)) AS email
    FROM contacts
    WHERE email IS NOT NULL
),
shared AS (
    SELECT email FROM addresses GROUP BY email HAVING count(*) BETWEEN 2 AND 10
),
one_way AS (
    SELECT customer_id, parent_id AS other_id, 'parent' AS tie FROM customers
    UNION ALL
    SELECT customer_id, referred_by, 'referrer' FROM customers
    UNION ALL
    SELECT payer_id, customer_id, 'payer' FROM payers WHERE since <= $as_of
    UNION ALL
    SELECT a.customer_id, b.customer_id, 'contact'
    FROM addresses AS a
    INNER JOIN shared USING (email)
    INNER JOIN addresses AS b USING (email)
),
both_ways AS (
    SELECT customer_id, other_id, tie FROM one_way
    UNION ALL
    SELECT other_id, customer_id, tie FROM one_way
)
SELECT DISTINCT b.customer_id, b.other_id, b.tie
FROM both_ways AS b
INNER JOIN customers AS c USING (customer_id)
INNER JOIN customers AS o ON o.customer_id = b.other_id
WHERE b.customer_id <> b.other_id
    AND coalesce(c.created_on, $as_of) <= $as_of AND coalesce(o.created_on, $as_of) <= $as_of
