-- one row per scope, day, model and feature
with
models as (
    select
        scope,
        day,
        user_id,
        model_canonical,
        coalesce(feature, 'unknown') as feature,
        is_chat,
        user_initiated_interaction_count,
        code_generation_activity_count,
        code_acceptance_activity_count,
        loc_added_sum,
        loc_deleted_sum,
    from core.fct_user_day_model_feature
    union all
    select
        '(all organizations)' as scope,
        day,
        user_id,
        model_canonical,
        coalesce(feature, 'unknown') as feature,
        is_chat,
        user_initiated_interaction_count,
        code_generation_activity_count,
        code_acceptance_activity_count,
        loc_added_sum,
        loc_deleted_sum,
    from core.fct_user_day_model_feature
    where counts_in_all_organizations
)

select
    scope,
    day,
    coalesce(model_canonical, 'unknown') as model_canonical,
    feature,

    is_chat,

    count(distinct user_id) as users,
    sum(user_initiated_interaction_count)::bigint as interactions,
    sum(code_generation_activity_count)::bigint as generations,
    sum(loc_added_sum)::bigint as loc_added,
    sum(loc_deleted_sum)::bigint as loc_deleted,
from models
group by scope, day, coalesce(model_canonical, 'unknown'), feature, is_chat
order by scope, day, model_canonical, feature
