-- How invoices with a due date were paid, from the ledger. What is in dispute, of unknown status, credited
-- or written off is neither late nor overdue. An invoice is late when it was settled after its due date, or is still open after it.
-- due_invoices_12m     invoices  fell due in the 12 months up to as_of
-- late_invoices_12m    invoices  of those: settled after the due date, or still open
-- late_share_12m       share     late of due
-- late_share_90d       share     the same over the last 90 days
-- late_share_prior_90d  share    the same over the 90 days before
-- days_beyond_terms    days      days late of those of 12 months, weighted by amount
-- open_amount          money     invoiced and not settled
-- overdue_amount       money     open and past the due date
-- overdue_1_30         money     of that: 1 to 30 days
-- overdue_31_60        money     of that: 31 to 60 days
-- overdue_61_90        money     of that: 61 to 90 days
-- overdue_over_90      money     of that: more than 90 days
-- bad_debt_12m         money     fell due in 12 months, open and more than 60 days past due
-- overdue_days_max     days      age of the oldest overdue invoice
-- failed_payments_12m  payments  payments that failed in 12 months
WITH failures AS (
    SELECT customer_id, count(*) AS failed
    FROM payments
    WHERE failed AND paid_on <= $as_of AND paid_on > $year_ago
    GROUP BY customer_id
),
aged AS (
    SELECT
        customer_id,
        due_on,
        amount,
        open_amount,
        CASE WHEN overdue_from < $as_of AND NOT apart THEN open_amount ELSE 0 END AS overdue,
        $as_of - overdue_from AS age,
        $as_of - due_on AS due_age,
        due_on > $year_ago AND due_on <= $as_of AND NOT apart AS fell_due,
        greatest(coalesce(settled_on, $as_of) - due_on, 0) AS days_late
    FROM f_ledger
),
summed AS (
    SELECT
        customer_id,
        count(*) FILTER (WHERE fell_due) AS due_12m,
        count(*) FILTER (WHERE fell_due AND days_late > 0) AS late_12m,
        count(*) FILTER (WHERE fell_due AND due_age < 90) AS due_90d,
        count(*) FILTER (WHERE fell_due AND due_age < 90 AND days_late > 0) AS late_90d,
        count(*) FILTER (WHERE fell_due AND due_age >= 90 AND due_age < 180) AS due_prior,
        count(*) FILTER (WHERE fell_due AND due_age >= 90 AND due_age < 180 AND days_late > 0) AS late_prior,
        CAST(sum(days_late * amount) FILTER (WHERE fell_due) AS DOUBLE) AS late_weight,
        CAST(sum(amount) FILTER (WHERE fell_due) AS DOUBLE) AS due_weight,
        sum(open_amount) AS open_amount,
        sum(overdue) AS overdue_amount,
        coalesce(sum(overdue) FILTER (WHERE age <= 30), 0) AS overdue_1_30,
        coalesce(sum(overdue) FILTER (WHERE age BETWEEN 31 AND 60), 0) AS overdue_31_60,
        coalesce(sum(overdue) FILTER (WHERE age BETWEEN 61 AND 90), 0) AS overdue_61_90,
        coalesce(sum(overdue) FILTER (WHERE age > 90), 0) AS overdue_over_90,
        coalesce(sum(overdue) FILTER (WHERE fell_due AND age > 60), 0) AS bad_debt_12m,
        max(CASE WHEN overdue > 0 THEN age ELSE 0 END) AS overdue_days_max
    FROM aged
    GROUP BY customer_id
    HAVING count(due_on) > 0
)
SELECT
    s.customer_id,
    s.due_12m AS due_invoices_12m,
    s.late_12m AS late_invoices_12m,
    s.late_12m / nullif(s.due_12m, 0) AS late_share_12m,
    s.late_90d / nullif(s.due_90d, 0) AS late_share_90d,
    s.late_prior / nullif(s.due_prior, 0) AS late_share_prior_90d,
    s.late_weight / nullif(s.due_weight, 0) AS days_beyond_terms,
    s.open_amount,
    s.overdue_amount,
    s.overdue_1_30,
    s.overdue_31_60,
    s.overdue_61_90,
    s.overdue_over_90,
    s.bad_debt_12m,
    s.overdue_days_max,
    coalesce(f.failed, 0) AS failed_payments_12m
FROM summed AS s
LEFT JOIN failures AS f USING (customer_id)
