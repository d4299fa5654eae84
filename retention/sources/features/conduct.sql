-- How the customer behaves towards us, from ticket tags that conduct.yaml maps, 12 months up to as_of.
-- shifting_tickets      tickets  demands that change
-- attention_tickets     tickets  wants all the attention
-- unreachable_tickets   tickets  could not be reached
-- dishonest_tickets     tickets  was not honest
-- abusive_tickets       tickets  abusive or threatening to staff
-- unreasonable_tickets  tickets  demands that nobody can meet
-- public_tickets        tickets  complained to others
-- deaf_tickets          tickets  was told before
WITH tagged AS (
    SELECT DISTINCT t.customer_id, t.ticket_id, c.sign
    FROM (
        SELECT customer_id, ticket_id, unnest(string_split_regex(lower(tags), '[;,|]')) AS tag
        FROM tickets
        WHERE tags IS NOT NULL AND CAST(opened_at AS DATE) <= $as_of
            AND CAST(opened_at AS DATE) > $year_ago AND NOT coalesce(own_fault, false)
    ) AS t
    INNER JOIN conduct AS c ON c.tag = trim(t.tag)
)
SELECT
    customer_id,
    count(*) FILTER (WHERE sign = 'shifting_demands') AS shifting_tickets,
    count(*) FILTER (WHERE sign = 'wants_attention') AS attention_tickets,
    count(*) FILTER (WHERE sign = 'unreachable') AS unreachable_tickets,
    count(*) FILTER (WHERE sign = 'dishonest') AS dishonest_tickets,
    count(*) FILTER (WHERE sign = 'abusive') AS abusive_tickets,
    count(*) FILTER (WHERE sign = 'unreasonable') AS unreasonable_tickets,
    count(*) FILTER (WHERE sign = 'complains_to_all') AS public_tickets,
    count(*) FILTER (WHERE sign = 'does_not_listen') AS deaf_tickets
FROM tagged
GROUP BY customer_id
