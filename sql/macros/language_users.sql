-- Distinct people by language (spellings of one language are one) between two days, both included, with what they did.
create or replace macro language_users(from_day, to_day, scope := '(all organizations)') as table
select
    facts.language_canonical,
    count(distinct facts.user_id) as users,
    sum(facts.code_generation_activity_count)::bigint as generations,
    sum(facts.loc_added_sum)::bigint as loc_added
from core.fct_user_day_language_feature as facts (in_scope)
where
    facts.day between from_day and to_day
    and (facts.in_scope = scope or (scope = '(all organizations)' and facts.counts_in_all_organizations))
group by facts.language_canonical
order by users desc, facts.language_canonical asc
