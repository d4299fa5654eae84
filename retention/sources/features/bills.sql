-- What was invoiced and outstanding in each of the 12 months up to as_of. Month 1 is the last one up to
-- as_of. Void invoices are left out, credit notes count as they are. Older invoices that are still
-- outstanding count in month 12.
-- place        number  the customer's place among all, by customer_id, from 0
-- month        months  1 to 12, counted back from as_of
-- revenue      number  in cents
-- direct_cost  number  in cents
-- capital      number  cents times days outstanding
WITH billed AS (
    SELECT customer_id, issued_on, amount, direct_cost, money_days
    FROM f_ledger
    WHERE issued_on > $year_ago OR money_days > 0
    UNION ALL
    SELECT customer_id, issued_on, amount, direct_cost, 0
    FROM invoices
    WHERE amount <= 0 AND issued_on > $year_ago AND issued_on <= $as_of
        AND coalesce(lower(trim(status)), '') <> 'void'
)
SELECT
    p.place,
    $month(b.issued_on) AS month,
    CAST(coalesce(sum(b.amount) FILTER (WHERE b.issued_on > $year_ago), 0) AS DOUBLE) * 100
        AS revenue,
    CAST(coalesce(sum(b.direct_cost) FILTER (WHERE b.issued_on > $year_ago), 0) AS DOUBLE) * 100
        AS direct_cost,
    CAST(sum(b.money_days) AS DOUBLE) * 100 AS capital
FROM billed AS b
INNER JOIN places AS p USING (customer_id)
GROUP BY ALL
