-- Distinct people by editor between two days, both included, with what they did.
create or replace macro ide_users(from_day, to_day, scope := '(all organizations)') as table
select
    facts.ide,
    count(distinct facts.user_id) as users,
    sum(facts.user_initiated_interaction_count)::bigint as interactions,
    sum(facts.code_generation_activity_count)::bigint as generations
from core.fct_user_day_ide as facts (in_scope)
where
    facts.day between from_day and to_day
    and (facts.in_scope = scope or (scope = '(all organizations)' and facts.counts_in_all_organizations))
group by facts.ide
order by users desc, facts.ide asc
