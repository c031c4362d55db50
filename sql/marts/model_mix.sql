-- one row per scope, ISO week and model
with
models as (
    select
        scope,
        day,
        user_id,
        model_canonical,
        is_chat,
        user_initiated_interaction_count,
        code_generation_activity_count,
        loc_added_sum,
    from core.fct_user_day_model_feature
    union all
    select
        '(all organizations)' as scope,
        day,
        user_id,
        model_canonical,
        is_chat,
        user_initiated_interaction_count,
        code_generation_activity_count,
        loc_added_sum,
    from core.fct_user_day_model_feature
    where counts_in_all_organizations
),

sums as (
    select
        scope,
        date_trunc('week', day)::date as week_start_monday,
        coalesce(model_canonical, 'unknown') as model_canonical,
        count(distinct user_id) as users,
        coalesce(sum(user_initiated_interaction_count) filter (where is_chat), 0)::bigint as chat_interactions,
        coalesce(sum(user_initiated_interaction_count), 0)::bigint as interactions,
        coalesce(sum(code_generation_activity_count), 0)::bigint as generations,
        coalesce(sum(loc_added_sum), 0)::bigint as loc_added,
    from models
    group by scope, week_start_monday, coalesce(model_canonical, 'unknown')
),

totals as (
    select
        scope,
        week_start_monday,
        sum(chat_interactions)::bigint as chat_interactions_of_week,
        sum(generations)::bigint as generations_of_week,
        (sum(generations) filter (where model_canonical in ('unknown', 'others')))::bigint
            as unknown_generations_of_week,
    from sums
    group by scope, week_start_monday
)

select
    sums.scope,
    sums.week_start_monday,
    sums.model_canonical,

    sums.users,
    sums.chat_interactions,
    sums.interactions,
    sums.generations,
    sums.loc_added,

    totals.chat_interactions_of_week,
    sums.chat_interactions / nullif(totals.chat_interactions_of_week, 0) as share_of_chat_interactions,
    totals.generations_of_week,
    sums.generations / nullif(totals.generations_of_week, 0) as share_of_non_completion_generations,
    coalesce(totals.unknown_generations_of_week, 0) as unknown_generations_of_week,
    coalesce(totals.unknown_generations_of_week, 0) / nullif(totals.generations_of_week, 0) as unknown_share,
from sums
inner join totals on sums.scope = totals.scope and sums.week_start_monday = totals.week_start_monday
order by sums.scope, sums.week_start_monday, sums.model_canonical
