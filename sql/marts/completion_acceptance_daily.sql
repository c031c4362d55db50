-- one row per scope and calendar day, from the scope's first to its last loaded day
with
scoped as (
    select scope, day, user_id, code_generation_activity_count, code_acceptance_activity_count
    from core.fct_user_day_feature
    where feature = 'code_completion'
    union all
    select
        '(all organizations)' as scope,
        day,
        user_id,
        code_generation_activity_count,
        code_acceptance_activity_count,
    from core.fct_user_day_feature
    where feature = 'code_completion' and counts_in_all_organizations
),

sums as (
    select
        scope,
        day,
        count(distinct user_id) as completion_users,
        sum(code_generation_activity_count)::bigint as suggested,
        sum(code_acceptance_activity_count)::bigint as accepted,
    from scoped
    group by scope, day
),

spine as (select scope, day, daily_active_users, is_provisional from marts.adoption_daily),

windows as (
    select
        spine.scope,
        spine.day,
        case when spine.daily_active_users is not null then coalesce(sums.completion_users, 0) end as completion_users,
        case when spine.daily_active_users is not null then coalesce(sums.suggested, 0) end as suggested,
        case when spine.daily_active_users is not null then coalesce(sums.accepted, 0) end as accepted,
        (sum(sums.suggested) over last_28)::bigint as suggested_28d,
        (sum(sums.accepted) over last_28)::bigint as accepted_28d,
        spine.is_provisional,
    from spine
    left join sums on spine.scope = sums.scope and spine.day = sums.day
    window last_28 as (partition by spine.scope order by spine.day rows between 27 preceding and current row)
)

select
    scope,
    day,

    completion_users,
    suggested,
    accepted,
    accepted / nullif(suggested, 0) as acceptance_rate,
    coalesce(suggested_28d, 0) as suggested_28d,
    coalesce(accepted_28d, 0) as accepted_28d,
    accepted_28d / nullif(suggested_28d, 0) as acceptance_rate_28d,

    is_provisional,
from windows
order by scope, day
