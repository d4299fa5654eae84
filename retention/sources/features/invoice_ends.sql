-- How each invoice with a due date has ended (but for those whose status says nothing of it), and from when on that was known: it was settled, or so late
-- that it is known to be. How late it was in the end is not known by then, and is cut off there. Of an
-- invoice that was ever in dispute the time says nothing about paying late.
-- customer_id  text  the customer
-- issued_on    date  when it was issued
-- due_on       date  when it was due
-- disputed     flag  it is or was in dispute
-- late         flag  more than $late_days days late; NULL when disputed
-- days_late    days  as known on that day; NULL when disputed
-- known_on     date  from when on the end is known
SELECT
    customer_id,
    issued_on,
    due_on,
    was_disputed AS disputed,
    CASE WHEN NOT was_disputed
        THEN coalesce(settled_on, $as_of) - due_on > $late_days END AS late,
    CASE WHEN NOT was_disputed
        THEN least(greatest(coalesce(settled_on, $as_of) - due_on, 0), $late_days + 1)
    END AS days_late,
    greatest(issued_on, CASE WHEN was_disputed THEN coalesce(disputed_on, due_on)
        ELSE least(coalesce(settled_on, due_on + $late_days + 1), due_on + $late_days + 1)
    END) AS known_on
FROM f_ledger
WHERE due_on IS NOT NULL AND (was_disputed OR NOT apart)
