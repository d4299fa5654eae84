-- What is agreed. Contracts that started by as_of; an end after as_of is not known to happen yet, and
-- one before it may have been followed by a renewal (contract_ends.sql).
-- active_contracts   contracts  running on as_of
-- monthly_fee        money      sum over the running contracts
-- plan               text       plan of the running contract with the highest fee
-- notice_days        days       longest notice in the running contracts
-- notice_terms       text       clause|notice days|start|end of each running contract, ';' between
-- downgraded_on      date       a running contract began in place of a dearer one
-- prepaid            flag       every running contract is prepaid
-- contracts_ended_12m     contracts  ended in the 12 months up to as_of
-- contracts_switched_12m  contracts  of those: another one began or went on within a month
-- contract_ended_on  date       last end, when no contract is running
WITH dated AS (
    SELECT c.* REPLACE (e.runs_until AS ends_on), e.over_on
    FROM contracts AS c
    INNER JOIN f_contract_ends AS e USING (contract_id)
)
SELECT
    customer_id,
    count(*) FILTER (WHERE over_on IS NULL) AS active_contracts,
    sum(monthly_fee) FILTER (WHERE over_on IS NULL) AS monthly_fee,
    max_by(plan, (coalesce(monthly_fee, 0), contract_id)) FILTER (WHERE over_on IS NULL) AS plan,
    max(notice_days) FILTER (WHERE over_on IS NULL) AS notice_days,
    string_agg(concat_ws(
        '|',
        replace(replace(coalesce(trim(notice_terms), ''), ';', ','), '|', '/'),
        coalesce(CAST(notice_days AS VARCHAR), ''),
        coalesce(CAST(started_on AS VARCHAR), ''),
        coalesce(CAST(ends_on AS VARCHAR), '')
    ), ';' ORDER BY contract_id) FILTER (WHERE over_on IS NULL) AS notice_terms,
    max(started_on) FILTER (WHERE over_on IS NULL AND EXISTS (
        SELECT 1 FROM dated AS o
        WHERE o.customer_id = dated.customer_id AND o.contract_id <> dated.contract_id
            AND o.over_on BETWEEN dated.started_on - 31 AND dated.started_on + 31
            AND o.monthly_fee > dated.monthly_fee
    )) AS downgraded_on,
    bool_and(billing = 'prepaid') FILTER (WHERE over_on IS NULL) AS prepaid,
    count(*) FILTER (WHERE over_on > $year_ago) AS contracts_ended_12m,
    count(*) FILTER (WHERE over_on > $year_ago AND EXISTS (
        SELECT 1 FROM dated AS o
        WHERE o.customer_id = dated.customer_id AND o.contract_id <> dated.contract_id
            AND coalesce(o.started_on, dated.over_on) <= dated.over_on + 31
            AND coalesce(o.over_on, $as_of + 1) > dated.over_on
    )) AS contracts_switched_12m,
    CASE WHEN count(*) FILTER (WHERE over_on IS NULL) = 0 THEN max(over_on) END
        AS contract_ended_on
FROM dated
GROUP BY customer_id
