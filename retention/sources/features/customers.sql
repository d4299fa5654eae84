-- Who the customer is. One row per customer known on as_of.
-- customer_id    text      the customer
-- kind           text      b2b or b2c; anything else is unknown
-- country        text      ISO 3166 code
-- region         text      part of the country, as in ISO 3166-2 without the country
-- language       text      ISO 639 code; where none is given, the first official one of the country
-- status         text      active, paused, prospect, gone, or a word of the company's own
-- strategic      flag      marked as strategic
-- vulnerable     flag      marked as vulnerable
-- created_on     date      first day as a customer, where the company says so
-- has_email      flag      an e-mail address is known and has the form of one
-- reachable      flag      an e-mail address or a phone number is known
-- acquired_through  text   the channel that brought the customer
SELECT
    c.customer_id,
    CASE WHEN lower(trim(kind)) IN ('b2b', 'b2c') THEN lower(trim(kind)) END AS kind,
    upper(c.country) AS country,
    upper(trim(region)) AS region,
    coalesce(lower(left(trim(c.language), 2)), s.language) AS language,
    lower(status) AS status,
    coalesce(strategic, false) AS strategic,
    coalesce(vulnerable, false) AS vulnerable,
    created_on,
    coalesce(regexp_full_match(email, '[^@\s,;]+@[^@\s,;]+\.[^@\s,;.]+'), false) AS has_email,
    email IS NOT NULL OR phone IS NOT NULL AS reachable,
    lower(trim(acquired_through)) AS acquired_through
FROM customers AS c
LEFT JOIN spoken AS s ON s.country = upper(c.country)
WHERE created_on IS NULL OR created_on <= $as_of
