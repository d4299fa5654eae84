-- How much attention the customer takes. Tickets opened by as_of; our own faults do not count
-- against the customer. A ticket closed after as_of is still open. Minutes above the channel's cap are
-- cut off, negative ones count as none.
-- tickets_12m               tickets    in the 12 months up to as_of
-- ticket_minutes_12m        minutes    handling time of those
-- own_fault_tickets_12m     tickets    our own fault, in the same time
-- minutes_90d               minutes    handling time of the last 90 days
-- minutes_prior_90d         minutes    handling time of the 90 days before
-- contacts_per_month        per month  over the last 90 days
-- contacts_per_month_prior  per month  over the 90 days before
-- escalations_12m           tickets    escalated
-- complaints_12m            tickets    complaints
-- change_requests_12m       tickets    about changes of what was agreed
-- open_complaint            flag       a complaint is open
-- top_topic                 text       most frequent topic in 12 months
-- top_topic_share           share      its share
WITH known AS (
    SELECT
        t.* REPLACE (
            greatest(least(handling_minutes, coalesce(c.cap, handling_minutes)), 0)
                AS handling_minutes
        ),
        CAST(opened_at AS DATE) AS opened_on,
        closed_at IS NULL OR CAST(closed_at AS DATE) > $as_of AS is_open,
        coalesce(own_fault, false) AS ours
    FROM tickets AS t
    LEFT JOIN caps AS c
        ON c.activity = 'ticket_minute.' || coalesce(lower(trim(t.channel)), 'other')
    WHERE CAST(opened_at AS DATE) <= $as_of
),
topics AS (
    SELECT customer_id, topic, count(*) AS times
    FROM known
    WHERE opened_on > $year_ago AND NOT ours AND topic IS NOT NULL
    GROUP BY customer_id, topic
),
favourites AS (
    SELECT
        customer_id,
        min_by(topic, (-times, topic)) AS top_topic,
        max(times) / sum(times) AS top_topic_share
    FROM topics
    GROUP BY customer_id
),
counted AS (
    SELECT
        customer_id,
        count(*) FILTER (WHERE opened_on > $year_ago AND NOT ours) AS tickets_12m,
        CAST(coalesce(
            sum(handling_minutes) FILTER (WHERE opened_on > $year_ago AND NOT ours), 0
        ) AS DOUBLE) AS ticket_minutes_12m,
        count(*) FILTER (WHERE opened_on > $year_ago AND ours) AS own_fault_tickets_12m,
        CAST(coalesce(
            sum(handling_minutes) FILTER (WHERE opened_on > $as_of - 90 AND NOT ours), 0
        ) AS DOUBLE) AS minutes_90d,
        CAST(coalesce(sum(handling_minutes) FILTER (
            WHERE opened_on > $as_of - 180 AND opened_on <= $as_of - 90 AND NOT ours
        ), 0) AS DOUBLE) AS minutes_prior_90d,
        count(*) FILTER (WHERE opened_on > $as_of - 90 AND NOT ours) / 3.0 AS contacts_per_month,
        count(*) FILTER (WHERE opened_on > $as_of - 180 AND opened_on <= $as_of - 90 AND NOT ours)
            / 3.0 AS contacts_per_month_prior,
        count(*) FILTER (WHERE opened_on > $year_ago AND escalated AND NOT ours) AS escalations_12m,
        count(*) FILTER (WHERE opened_on > $year_ago AND complaint) AS complaints_12m,
        count(*) FILTER (WHERE opened_on > $year_ago AND lower(trim(topic)) = 'change_request' AND NOT ours)
            AS change_requests_12m,
        bool_or(complaint AND is_open) AS open_complaint
    FROM known
    GROUP BY customer_id
)
SELECT c.*, f.top_topic, f.top_topic_share
FROM counted AS c
LEFT JOIN favourites AS f USING (customer_id)
