-- AI credits between two days, both included, at list price (no invoice); null where none were reported.
create or replace macro ai_credits(from_day, to_day, scope := '(all organizations)') as table
select
    sum(people.ai_credits_used)::decimal(18, 6) as ai_credits_used,
    (sum(people.ai_credits_used)::decimal(18, 6) * 0.01)::decimal(18, 8) as list_value_usd,
    count(distinct people.user_id) filter (where people.ai_credits_used > 0) as users_with_credits
from core.fct_user_day as people (in_scope)
where
    people.day between from_day and to_day
    and (people.in_scope = scope or (scope = '(all organizations)' and people.counts_in_all_organizations))
