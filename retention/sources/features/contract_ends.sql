-- When each contract that started by as_of was over. A contract whose clause speaks of its renewal runs on
-- from year to year, as its notice is reckoned; one that is still billed by name runs on as well, until it
-- has not been billed for half as long again as usual. Only a cancellation ends those.
-- contract_id   text  the contract
-- over_on       date  since when it has been over, if it is
-- runs_until    date  the end that it runs to by now: of a contract that has renewed, the next one
WITH bills AS (
    SELECT
        contract_id,
        max(issued_on) AS last_on,
        CASE WHEN count(DISTINCT issued_on) > 1
            THEN (max(issued_on) - min(issued_on)) / (count(DISTINCT issued_on) - 1.0)
        END AS usual_days
    FROM invoices
    WHERE contract_id IS NOT NULL AND issued_on <= $as_of AND coalesce(status, '') <> 'void'
        AND amount > 0
    GROUP BY contract_id
),
known AS (
    SELECT
        c.contract_id,
        c.ends_on,
        CASE WHEN c.cancelled_on <= $as_of THEN c.cancelled_on END AS cancelled,
        coalesce(lower(c.notice_terms) LIKE '%renewal%', false)
            OR coalesce(
                b.last_on > c.ends_on
                AND $as_of - b.last_on <= coalesce(greatest(1.5 * b.usual_days, 45), 92), false
            ) AS renews
    FROM contracts AS c
    LEFT JOIN bills AS b USING (contract_id)
    WHERE c.started_on IS NULL OR c.started_on <= $as_of
)
SELECT
    contract_id,
    least(cancelled, CASE WHEN ends_on <= $as_of AND NOT renews THEN ends_on END) AS over_on,
    CASE WHEN renews AND ends_on <= $as_of
        THEN CAST(ends_on + to_years(CAST(date_sub('year', ends_on, $as_of) + 1 AS INTEGER)) AS DATE)
        ELSE ends_on
    END AS runs_until
FROM known
