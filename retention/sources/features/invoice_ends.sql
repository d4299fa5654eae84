-- How each invoice with a due date has ended (but for those whose status says nothing of it), and from when on that was known: it was settled, or so late
-- that it is known to be. How late it was in the end is not known by then, and is cut off there.
-- customer_id  text  the customer
-- issued_on    date  when it was issued
-- due_on       date  when it was due
-- late         flag  more than $late_days days late, or disputed
-- days_late    days  as known on that day
-- known_on     date  from when on the end is known
SELECT
    customer_id,
    issued_on,
    due_on,
    disputed OR coalesce(settled_on, $as_of) - due_on > $late_days AS late,
    least(greatest(coalesce(settled_on, $as_of) - due_on, 0), $late_days + 1) AS days_late,
    greatest(issued_on, CASE WHEN disputed THEN due_on
        ELSE least(coalesce(settled_on, due_on + $late_days + 1), due_on + $late_days + 1)
    END) AS known_on
FROM f_ledger
WHERE due_on IS NOT NULL AND (disputed OR NOT apart)
