-- One row per invoice that is not void and not a credit note, as the payments that name it left it on
-- as_of, in the invoice's own currency. It is settled within the company's tolerance. What was settled once
-- and charged back is open again, from that day on. Most invoices have one payment, which needs no window.
-- customer_id   text   the customer
-- invoice_id    text   the invoice
-- key           number  a hash of its id, checked to be unique
-- issued_on     date   when it was issued
-- due_on        date   when it was due, where known
-- amount        money  invoiced
-- rate          number  units of the company's currency for one of its own
-- direct_cost   money  its direct cost in the company's currency, where known
-- status        text   '' where none is given
-- disputed_on   date   when it was disputed, by as_of
-- slack         money  what may be open of a settled invoice
-- still_open    money  not paid by name
-- surplus       money  paid by name beyond the amount
-- settled_on    date   when the payments that name it covered it
-- reopened_on   date   when what had covered it went back
-- last_paid_on  date   the last payment that names it
-- paid_later    flag   a payment that names it comes after as_of
-- paid_days     number  what was paid by name, times the days since (or since year_ago, or its issue)
WITH bought AS (
    SELECT
        customer_id,
        invoice_id,
        hash(invoice_id) AS key,
        issued_on,
        due_on,
        coalesce(own_amount, amount) AS amount,
        coalesce(rate, 1) AS rate,
        direct_cost,
        coalesce(status, '') AS status,
        CASE WHEN disputed_on <= $as_of THEN disputed_on END AS disputed_on,
        open_amount,
        greatest(t.amount_slack, t.share_slack * coalesce(own_amount, amount)) AS slack
    FROM f_dated_invoices
    CROSS JOIN tolerance AS t
    WHERE issued_on <= $as_of AND coalesce(status, '') <> 'void' AND amount > 0
),
named AS (
    SELECT
        invoice_key AS key,
        count(*) AS times,
        sum(amount) AS paid,
        max(paid_on) AS last_paid_on
    FROM payments
    WHERE invoice_key IS NOT NULL AND paid_on <= $as_of AND NOT coalesce(failed, false)
    GROUP BY invoice_key
),
later AS (
    SELECT DISTINCT invoice_key AS key
    FROM payments
    WHERE invoice_key IS NOT NULL AND paid_on > $as_of AND NOT coalesce(failed, false)
),
daily AS (
    SELECT p.invoice_key AS key, p.paid_on, sum(p.amount) AS paid
    FROM payments AS p
    INNER JOIN named AS n ON n.key = p.invoice_key AND n.times > 1
    WHERE p.paid_on <= $as_of AND NOT coalesce(p.failed, false)
    GROUP BY ALL
),
running AS (
    SELECT
        d.key,
        d.paid_on,
        b.issued_on,
        sum(d.paid) OVER by_day >= b.amount - b.slack AS covers,
        least(greatest(sum(d.paid) OVER by_day, 0), b.amount) AS covered
    FROM daily AS d
    INNER JOIN bought AS b USING (key)
    WINDOW by_day AS (PARTITION BY d.key ORDER BY d.paid_on)
),
stepped AS (
    SELECT
        *,
        covered - coalesce(lag(covered) OVER by_day, 0) AS step,
        max(CASE WHEN covers THEN paid_on END) OVER (PARTITION BY key) AS last_covered_on,
        max(CASE WHEN NOT covers THEN paid_on END) OVER (PARTITION BY key) AS last_short_on
    FROM running
    WINDOW by_day AS (PARTITION BY key ORDER BY paid_on)
),
in_parts AS (
    SELECT
        key,
        -- Charged back and paid again is paid then; charged back for good, it was paid once.
        coalesce(
            min(paid_on) FILTER (WHERE covers AND (last_short_on IS NULL OR paid_on > last_short_on)),
            min(paid_on) FILTER (WHERE covers)
        ) AS settled_on,
        min(paid_on) FILTER (WHERE paid_on > last_covered_on) AS reopened_on,
        sum(step * ($as_of - greatest(paid_on, issued_on, $year_ago))) AS paid_days
    FROM stepped
    GROUP BY key
),
joined AS (
    SELECT
        b.*,
        coalesce(n.paid, 0) AS paid,
        n.times,
        n.last_paid_on,
        l.key IS NOT NULL AS paid_later,
        b.amount - least(greatest(coalesce(n.paid, 0), 0), b.amount) AS unpaid
    FROM bought AS b
    LEFT JOIN named AS n USING (key)
    LEFT JOIN later AS l USING (key)
)
SELECT
    j.customer_id,
    j.invoice_id,
    j.key,
    j.issued_on,
    j.due_on,
    j.amount,
    j.rate,
    j.direct_cost,
    j.status,
    j.disputed_on,
    j.slack,
    CASE
        WHEN j.open_amount IS NOT NULL
            THEN CASE WHEN j.open_amount <= j.slack THEN 0 ELSE least(j.open_amount, j.amount) END
        WHEN j.unpaid <= j.slack THEN 0
        ELSE j.unpaid
    END AS still_open,
    CASE WHEN j.open_amount IS NULL THEN greatest(j.paid - j.amount, 0) ELSE 0 END AS surplus,
    CASE
        WHEN j.times = 1 THEN CASE WHEN j.unpaid <= j.slack THEN j.last_paid_on END
        ELSE p.settled_on
    END AS settled_on,
    p.reopened_on,
    j.last_paid_on,
    j.paid_later,
    CASE
        WHEN j.times = 1 THEN
            (j.amount - j.unpaid) * ($as_of - greatest(j.last_paid_on, j.issued_on, $year_ago))
        ELSE coalesce(p.paid_days, 0)
    END AS paid_days
FROM joined AS j
LEFT JOIN in_parts AS p USING (key)
