-- What was invoiced. Void invoices are left out; credit notes are negative amounts.
-- invoices_to_date    invoices  since the first one
-- revenue_to_date     money     since the first one
-- invoices_12m        invoices  in the 12 months up to as_of
-- revenue_12m         money     in the 12 months up to as_of
-- revenue_prior_12m   money     in the 12 months before those
-- direct_cost_12m     money     direct cost of the invoices of 12 months; NULL when never given
-- disputed_amount     money     invoices and credit notes in dispute, added up
-- first_invoice_on    date      first invoice
SELECT
    customer_id,
    count(*) AS invoices_to_date,
    sum(amount) AS revenue_to_date,
    count(*) FILTER (WHERE issued_on > $year_ago) AS invoices_12m,
    coalesce(sum(amount) FILTER (WHERE issued_on > $year_ago), 0) AS revenue_12m,
    coalesce(
        sum(amount) FILTER (WHERE issued_on > $two_years_ago AND issued_on <= $year_ago), 0
    ) AS revenue_prior_12m,
    CASE WHEN count(direct_cost) > 0
        THEN coalesce(sum(direct_cost) FILTER (WHERE issued_on > $year_ago), 0)
    END AS direct_cost_12m,
    coalesce(sum(abs(amount)) FILTER (WHERE lower(trim(status)) = 'disputed'), 0) AS disputed_amount,
    min(issued_on) AS first_invoice_on
FROM invoices
WHERE issued_on <= $as_of AND coalesce(lower(trim(status)), '') <> 'void'
GROUP BY customer_id
