-- How much of what was bought is used. Quantities are compared with the same customer's own past.
-- usage_90d        quantity  last 90 days, all metrics
-- usage_prior_90d  quantity  the 90 days before
-- usage_breadth    share     metrics used in 90 days, of all metrics the company records
-- usage_last_on    date      last day of use
WITH known AS (
    SELECT * REPLACE (coalesce(quantity, 1) AS quantity)
    FROM usage
    WHERE used_on <= $as_of AND coalesce(quantity, 1) > 0
),
all_metrics AS (
    SELECT coalesce((SELECT n FROM metrics), (SELECT count(DISTINCT metric) FROM known)) AS n
)
SELECT
    k.customer_id,
    CAST(coalesce(sum(k.quantity) FILTER (WHERE k.used_on > $as_of - 90), 0) AS DOUBLE)
        AS usage_90d,
    CAST(coalesce(
        sum(k.quantity) FILTER (WHERE k.used_on > $as_of - 180 AND k.used_on <= $as_of - 90), 0
    ) AS DOUBLE) AS usage_prior_90d,
    count(DISTINCT k.metric) FILTER (WHERE k.used_on > $as_of - 90) / nullif(any_value(m.n), 0)
        AS usage_breadth,
    max(k.used_on) AS usage_last_on
FROM known AS k
CROSS JOIN all_metrics AS m
GROUP BY k.customer_id
