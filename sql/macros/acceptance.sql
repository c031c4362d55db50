-- Code completions suggested and accepted between two days, both included, and their ratio.
create or replace macro acceptance(from_day, to_day, scope := '(all organizations)') as table
select
    sum(facts.code_generation_activity_count)::bigint as suggested,
    sum(facts.code_acceptance_activity_count)::bigint as accepted,
    sum(facts.code_acceptance_activity_count) / nullif(sum(facts.code_generation_activity_count), 0) as acceptance_rate
from core.fct_user_day_feature as facts (in_scope)
where
    facts.day between from_day and to_day
    and (facts.in_scope = scope or (scope = '(all organizations)' and facts.counts_in_all_organizations))
    and facts.feature = 'code_completion'
