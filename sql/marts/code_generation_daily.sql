-- one row per scope, calendar day and code origin, from the scope's first to its last loaded day
with
features as (
    select
        scope,
        day,
        user_id,
        code_origin,
        code_generation_activity_count,
        loc_suggested_to_add_sum,
        loc_added_sum,
        loc_deleted_sum,
    from core.fct_user_day_feature
    union all
    select
        '(all organizations)' as scope,
        day,
        user_id,
        code_origin,
        code_generation_activity_count,
        loc_suggested_to_add_sum,
        loc_added_sum,
        loc_deleted_sum,
    from core.fct_user_day_feature
    where counts_in_all_organizations
),

sums as (
    select
        scope,
        day,
        code_origin,
        count(distinct user_id) as users,
        sum(code_generation_activity_count)::bigint as generations,
        sum(loc_suggested_to_add_sum)::bigint as loc_suggested_to_add,
        sum(loc_added_sum)::bigint as loc_added,
        sum(loc_deleted_sum)::bigint as loc_deleted,
        sum(coalesce(loc_added_sum, 0) + coalesce(loc_deleted_sum, 0))::bigint as loc_changed,
    from features
    group by scope, day, code_origin
),

adoption as (
    select scope, day, daily_active_users, monthly_active_users_mtd, is_provisional from marts.adoption_daily
),

spine as (
    select
        adoption.scope,
        adoption.day,
        origins.code_origin,
        adoption.daily_active_users is not null as is_known,
        adoption.monthly_active_users_mtd,
        adoption.is_provisional,
    from adoption
    cross join (
        values ('user_initiated'), ('agent_initiated'), ('cli'), ('app'), ('unknown')
    ) as origins (code_origin)
),

daily as (
    select
        spine.scope,
        spine.day,
        spine.code_origin,
        coalesce(sums.users, 0) as users,
        coalesce(sums.generations, 0) as generations,
        coalesce(sums.loc_suggested_to_add, 0) as loc_suggested_to_add,
        coalesce(sums.loc_added, 0) as loc_added,
        coalesce(sums.loc_deleted, 0) as loc_deleted,
        coalesce(sums.loc_changed, 0) as loc_changed,
        if(spine.code_origin not in ('cli', 'app'), coalesce(sums.loc_changed, 0), 0) as ide_loc_changed,
        if(spine.code_origin = 'agent_initiated', coalesce(sums.loc_deleted, 0), 0) as agent_loc_deleted,
        if(spine.code_origin = 'agent_initiated', coalesce(sums.loc_changed, 0), 0) as agent_loc_changed,
        spine.is_known,
        spine.monthly_active_users_mtd,
        spine.is_provisional,
    from spine
    left join sums
        on spine.scope = sums.scope and spine.day = sums.day and spine.code_origin = sums.code_origin
),

by_day as (
    select
        scope,
        day,
        sum(ide_loc_changed) as ide_loc_changed,
        sum(agent_loc_changed) as agent_loc_changed,
        sum(agent_loc_deleted) as agent_loc_deleted,
    from daily
    group by scope, day
),

windows as (
    select
        scope,
        day,
        (sum(ide_loc_changed) over last_28)::bigint as ide_loc_changed_28d,
        (sum(agent_loc_changed) over last_28)::bigint as agent_loc_changed_28d,
        (sum(agent_loc_deleted) over month_so_far)::bigint as agent_loc_deleted_mtd,
    from by_day
    window
        last_28 as (partition by scope order by day rows between 27 preceding and current row),
        month_so_far as (partition by scope, date_trunc('month', day) order by day)
)

select
    daily.scope,
    daily.day,
    daily.code_origin,

    case when daily.is_known then daily.users end as users,
    case when daily.is_known then daily.generations end as generations,
    case when daily.is_known then daily.loc_suggested_to_add end as loc_suggested_to_add,
    case when daily.is_known then daily.loc_added end as loc_added,
    case when daily.is_known then daily.loc_deleted end as loc_deleted,
    case when daily.is_known then daily.loc_changed end as loc_changed,

    windows.agent_loc_changed_28d,
    windows.ide_loc_changed_28d,
    windows.agent_loc_changed_28d / nullif(windows.ide_loc_changed_28d, 0) as agent_contribution_28d,
    windows.agent_loc_deleted_mtd,
    daily.monthly_active_users_mtd,
    windows.agent_loc_deleted_mtd / nullif(daily.monthly_active_users_mtd, 0) as agent_loc_deleted_per_active_user_mtd,

    daily.is_provisional,
from daily
inner join windows on daily.scope = windows.scope and daily.day = windows.day
order by daily.scope, daily.day, daily.code_origin
