-- Lines of code added and deleted between two days, both included, by who wrote them; lines of agents are added without
-- being suggested, so there is no rate of acceptance.
create or replace macro lines_changed(from_day, to_day, scope := '(all organizations)') as table
select
    facts.code_origin,
    count(distinct facts.user_id) as users,
    sum(facts.loc_suggested_to_add_sum)::bigint as loc_suggested_to_add,
    sum(facts.loc_added_sum)::bigint as loc_added,
    sum(facts.loc_deleted_sum)::bigint as loc_deleted
from core.fct_user_day_feature as facts (in_scope)
where
    facts.day between from_day and to_day
    and (facts.in_scope = scope or (scope = '(all organizations)' and facts.counts_in_all_organizations))
group by facts.code_origin
order by loc_added desc, facts.code_origin asc
