-- Distinct people by model (spellings of one model are one) between two days, both included, with what they did; code
-- completions name no model.
create or replace macro model_users(from_day, to_day, scope := '(all organizations)') as table
select
    facts.model_canonical,
    count(distinct facts.user_id) as users,
    sum(facts.user_initiated_interaction_count)::bigint as interactions,
    sum(facts.code_generation_activity_count)::bigint as generations
from core.fct_user_day_model_feature as facts (in_scope)
where
    facts.day between from_day and to_day
    and (facts.in_scope = scope or (scope = '(all organizations)' and facts.counts_in_all_organizations))
group by facts.model_canonical
order by users desc, facts.model_canonical asc
