-- What is agreed. Contracts that started by as_of; an end after as_of is not known to happen yet.
-- active_contracts   contracts  running on as_of
-- monthly_fee        money      sum over the running contracts
-- plan               text       plan of the running contract with the highest fee
-- notice_days        days       longest notice in the running contracts
-- prepaid            flag       every running contract is prepaid
-- contract_ended_on  date       last end, when no contract is running
WITH known AS (
    SELECT
        *,
        CASE WHEN cancelled_on <= $as_of THEN cancelled_on END AS cancelled,
        CASE WHEN ends_on <= $as_of THEN ends_on END AS ended
    FROM contracts
    WHERE started_on IS NULL OR started_on <= $as_of
),
dated AS (
    SELECT *, least(cancelled, ended) AS over_on FROM known
)
SELECT
    customer_id,
    count(*) FILTER (WHERE over_on IS NULL) AS active_contracts,
    sum(monthly_fee) FILTER (WHERE over_on IS NULL) AS monthly_fee,
    max_by(plan, (coalesce(monthly_fee, 0), contract_id)) FILTER (WHERE over_on IS NULL) AS plan,
    max(notice_days) FILTER (WHERE over_on IS NULL) AS notice_days,
    bool_and(billing = 'prepaid') FILTER (WHERE over_on IS NULL) AS prepaid,
    CASE WHEN count(*) FILTER (WHERE over_on IS NULL) = 0 THEN max(over_on) END
        AS contract_ended_on
FROM dated
GROUP BY customer_id
