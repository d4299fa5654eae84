-- What was invoiced. Void invoices are left out; credit notes are negative amounts.
-- invoices_to_date      invoices  since the first one
-- revenue_to_date       money     since the first one
-- invoices_12m          invoices  in the 12 months up to as_of
-- revenue_12m           money     in the 12 months up to as_of
-- revenue_prior_12m     money     in the 12 months before those
-- revenue_90d           money     in the last three months, which hold three monthly invoices
-- revenue_prior_90d     money     in the three months before
-- direct_cost_12m       money     direct cost of the invoices of 12 months; NULL when never given
-- disputed_amount       money     invoices and credit notes in dispute, added up
-- disputed_invoices_12m  invoices  in dispute, of the last 12 months
-- first_invoice_on      date      first invoice
-- last_invoice_on       date      last invoice
SELECT
    customer_id,
    count(*) AS invoices_to_date,
    sum(amount) AS revenue_to_date,
    count(*) FILTER (WHERE issued_on > $year_ago) AS invoices_12m,
    coalesce(sum(amount) FILTER (WHERE issued_on > $year_ago), 0) AS revenue_12m,
    coalesce(
        sum(amount) FILTER (WHERE issued_on > $two_years_ago AND issued_on <= $year_ago), 0
    ) AS revenue_prior_12m,
    coalesce(sum(amount) FILTER (WHERE issued_on > $quarter_ago), 0) AS revenue_90d,
    coalesce(
        sum(amount) FILTER (WHERE issued_on > $half_year_ago AND issued_on <= $quarter_ago), 0
    ) AS revenue_prior_90d,
    CASE WHEN count(direct_cost) > 0
        THEN coalesce(sum(direct_cost) FILTER (WHERE issued_on > $year_ago), 0)
    END AS direct_cost_12m,
    coalesce(sum(abs(amount)) FILTER (WHERE lower(trim(status)) = 'disputed'), 0) AS disputed_amount,
    count(*) FILTER (WHERE lower(trim(status)) = 'disputed' AND issued_on > $year_ago)
        AS disputed_invoices_12m,
    min(issued_on) AS first_invoice_on,
    max(issued_on) AS last_invoice_on
FROM f_dated_invoices
WHERE issued_on <= $as_of AND coalesce(lower(trim(status)), '') <> 'void'
GROUP BY customer_id
