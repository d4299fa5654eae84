-- The invoices, each with its status as it was on as_of, as far as the dates of a dispute tell. One that
-- began later is not there yet; one that has ended is history, unless the status still says otherwise. One
-- without an end goes on while the invoice is open, or nobody knows.
SELECT * REPLACE (
    CASE
        WHEN status = 'disputed' AND disputed_on > $as_of THEN 'open'
        WHEN disputed_on <= $as_of AND (
            dispute_ended_on > $as_of
            OR (dispute_ended_on IS NULL AND coalesce(status, 'open') IN ('open', 'unknown'))
        ) THEN 'disputed'
        ELSE status
    END AS status
)
FROM invoices
