-- The features of a user's day add up to its top-level counters, as far as GitHub sent any feature.
-- severity: warn
select facts.scope, facts.day, facts.user_id
from core.fct_user_day as facts
inner join core.fct_user_day_feature as features
    on facts.scope = features.scope and facts.day = features.day and facts.user_id = features.user_id
group by all
having
    sum(features.code_generation_activity_count) <> any_value(facts.code_generation_activity_count)
    or sum(features.code_acceptance_activity_count) <> any_value(facts.code_acceptance_activity_count)
    or sum(features.user_initiated_interaction_count) <> any_value(facts.user_initiated_interaction_count)
    or sum(features.loc_added_sum) <> any_value(facts.loc_added_sum)
    or sum(features.loc_deleted_sum) <> any_value(facts.loc_deleted_sum)
    or sum(features.loc_suggested_to_add_sum) <> any_value(facts.loc_suggested_to_add_sum)
