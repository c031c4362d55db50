-- one row per scope, day and feature that somebody used
with
features as (
    select
        scope,
        day,
        user_id,
        coalesce(feature, 'unknown') as feature,
        user_initiated_interaction_count,
        code_generation_activity_count,
        code_acceptance_activity_count,
        loc_added_sum,
        loc_deleted_sum,
    from core.fct_user_day_feature
    union all
    select
        '(all organizations)' as scope,
        day,
        user_id,
        coalesce(feature, 'unknown') as feature,
        user_initiated_interaction_count,
        code_generation_activity_count,
        code_acceptance_activity_count,
        loc_added_sum,
        loc_deleted_sum,
    from core.fct_user_day_feature
    where counts_in_all_organizations
),

sums as (
    select
        scope,
        day,
        feature,
        count(distinct user_id) as users,
        sum(user_initiated_interaction_count)::bigint as interactions,
        sum(code_generation_activity_count)::bigint as generations,
        sum(code_acceptance_activity_count)::bigint as acceptances,
        sum(loc_added_sum)::bigint as loc_added,
        sum(loc_deleted_sum)::bigint as loc_deleted,
    from features
    group by scope, day, feature
),

totals as (
    select
        scope,
        day,
        sum(interactions)::bigint as interactions_of_day,
        sum(generations)::bigint as generations_of_day,
    from sums
    group by scope, day
)

select
    sums.scope,
    sums.day,
    sums.feature,

    coalesce(dim_feature.feature_label, sums.feature) as feature_label,
    coalesce(dim_feature.surface, 'unknown') as surface,
    coalesce(dim_feature.is_chat, false) as is_chat,

    sums.users,
    sums.interactions,
    sums.generations,
    sums.acceptances,
    sums.loc_added,
    sums.loc_deleted,

    totals.interactions_of_day,
    sums.interactions / nullif(totals.interactions_of_day, 0) as share_of_interactions,
    totals.generations_of_day,
    sums.generations / nullif(totals.generations_of_day, 0) as share_of_generations,
from sums
inner join totals on sums.scope = totals.scope and sums.day = totals.day
left join core.dim_feature as dim_feature on sums.feature = dim_feature.feature
order by sums.scope, sums.day, sums.feature
