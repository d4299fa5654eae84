-- What each contract was invoiced in the 12 months up to as_of. Invoices that name no contract are
-- shared among the customer's contracts by fee.
-- customer_id  text    the customer
-- contract_id  text    the contract
-- plan         text    its plan
-- revenue      number  in cents
-- direct_cost  number  in cents
-- weight       share   its part of what names no contract
WITH known AS (
    SELECT customer_id, contract_id, plan, coalesce(monthly_fee, 0) AS fee
    FROM contracts
    INNER JOIN f_contract_ends USING (contract_id)
    WHERE coalesce(over_on, $as_of) > $year_ago
),
weighed AS (
    SELECT
        *,
        CASE WHEN sum(fee) OVER (PARTITION BY customer_id) > 0
            THEN CAST(fee AS DOUBLE) / CAST(sum(fee) OVER (PARTITION BY customer_id) AS DOUBLE)
            ELSE 1.0 / count(*) OVER (PARTITION BY customer_id)
        END AS weight
    FROM known
),
billed AS (
    SELECT
        i.customer_id,
        k.contract_id,
        sum(i.amount) AS revenue,
        sum(coalesce(i.direct_cost, 0)) AS direct_cost
    FROM invoices AS i
    LEFT JOIN known AS k ON k.contract_id = i.contract_id AND k.customer_id = i.customer_id
    WHERE i.issued_on <= $as_of AND i.issued_on > $year_ago
        AND coalesce(lower(trim(i.status)), '') <> 'void'
    GROUP BY ALL
)
SELECT
    w.customer_id,
    w.contract_id,
    w.plan,
    CAST(coalesce(b.revenue, 0) AS DOUBLE) * 100
        + w.weight * CAST(coalesce(u.revenue, 0) AS DOUBLE) * 100 AS revenue,
    CAST(coalesce(b.direct_cost, 0) AS DOUBLE) * 100
        + w.weight * CAST(coalesce(u.direct_cost, 0) AS DOUBLE) * 100 AS direct_cost,
    w.weight
FROM weighed AS w
LEFT JOIN billed AS b USING (customer_id, contract_id)
LEFT JOIN billed AS u ON u.customer_id = w.customer_id AND u.contract_id IS NULL
