-- What the customer says, after tickets and in surveys of the 12 months up to as_of.
-- csat_answers_12m  answers  satisfaction answers
-- csat_mean_12m     1-5      their mean
-- csat_90d          1-5      the mean of the last 90 days
-- csat_prior_90d    1-5      the mean of the 90 days before
-- nps_last          0-10     the last answer to 'would you recommend us' (two in a day: the best)
WITH answers AS (
    SELECT customer_id, CAST(opened_at AS DATE) AS answered_on, 'csat' AS kind, csat AS score
    FROM tickets
    WHERE csat IS NOT NULL
    UNION ALL
    SELECT customer_id, answered_on, lower(kind) AS kind, score
    FROM surveys
    WHERE score IS NOT NULL
)
SELECT
    customer_id,
    count(*) FILTER (WHERE kind = 'csat') AS csat_answers_12m,
    CAST(sum(score) FILTER (WHERE kind = 'csat') AS DOUBLE)
        / nullif(count(*) FILTER (WHERE kind = 'csat'), 0) AS csat_mean_12m,
    CAST(sum(score) FILTER (WHERE kind = 'csat' AND answered_on > $as_of - 90) AS DOUBLE)
        / nullif(count(*) FILTER (WHERE kind = 'csat' AND answered_on > $as_of - 90), 0) AS csat_90d,
    CAST(sum(score) FILTER (WHERE kind = 'csat' AND answered_on <= $as_of - 90
        AND answered_on > $as_of - 180) AS DOUBLE)
        / nullif(count(*) FILTER (WHERE kind = 'csat' AND answered_on <= $as_of - 90
            AND answered_on > $as_of - 180), 0) AS csat_prior_90d,
    CAST(max_by(score, (answered_on, score)) FILTER (WHERE kind = 'nps') AS DOUBLE) AS nps_last
FROM answers
WHERE answered_on <= $as_of AND answered_on > $year_ago
GROUP BY customer_id
