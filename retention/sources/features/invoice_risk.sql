-- What was known of the customer's paying when an invoice was issued, and how that invoice ended. An
-- earlier invoice counts only once its end was known before: settled, or so late that it is known to be.
-- customer_id    text      the customer
-- issued_on      date      when the invoice was issued
-- known_before   invoices  earlier invoices whose end was known
-- late_before    invoices  of those: more than $late_days days late
-- disputed_before  invoices  of those: disputed
-- days_late_before  days   mean days late of those that were not disputed
-- terms          days      days until it is due
-- tenure         days      since the first invoice
-- open_before    invoices  issued before and not known to be settled
-- late           flag      it was more than $late_days days late; NULL when not known yet, or disputed
-- disputed       flag      it was disputed; NULL when not known yet
WITH asked AS (
    SELECT
        customer_id,
        issued_on,
        due_on - issued_on AS terms,
        CASE WHEN due_on + $late_days < $as_of THEN late END AS late,
        CASE WHEN due_on + $late_days < $as_of THEN disputed END AS disputed
    FROM f_invoice_ends
),
known AS (
    SELECT
        customer_id,
        known_on,
        sum(n) OVER w AS n,
        sum(late) OVER w AS late,
        sum(disputed) OVER w AS disputed,
        sum(days_late) OVER w AS days_late
    FROM (
        SELECT customer_id, known_on, count(*) AS n,
            count(*) FILTER (WHERE late) AS late, count(*) FILTER (WHERE disputed) AS disputed,
            coalesce(sum(days_late), 0) AS days_late
        FROM f_invoice_ends WHERE known_on <= $as_of GROUP BY ALL
    )
    WINDOW w AS (PARTITION BY customer_id ORDER BY known_on)
),
billed AS (
    SELECT
        customer_id,
        issued_on,
        sum(n) OVER w AS n,
        min(issued_on) OVER (PARTITION BY customer_id) AS first_on
    FROM (
        SELECT customer_id, issued_on, count(*) AS n
        FROM f_invoice_ends GROUP BY ALL
    )
    WINDOW w AS (PARTITION BY customer_id ORDER BY issued_on)
)
SELECT
    a.customer_id,
    a.issued_on,
    CAST(coalesce(k.n, 0) AS BIGINT) AS known_before,
    CAST(coalesce(k.late, 0) AS BIGINT) AS late_before,
    CAST(coalesce(k.disputed, 0) AS BIGINT) AS disputed_before,
    CAST(k.days_late AS DOUBLE) / nullif(k.n - k.disputed, 0) AS days_late_before,
    a.terms,
    a.issued_on - coalesce(b.first_on, a.issued_on) AS tenure,
    CAST(greatest(coalesce(b.n, 0) - coalesce(k.n, 0), 0) AS BIGINT) AS open_before,
    a.late,
    a.disputed
FROM asked AS a
ASOF LEFT JOIN known AS k ON k.customer_id = a.customer_id AND k.known_on < a.issued_on
ASOF LEFT JOIN billed AS b ON b.customer_id = a.customer_id AND b.issued_on < a.issued_on
