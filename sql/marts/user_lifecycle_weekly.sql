-- one row per scope, ISO week and lifecycle state
with
weeks as (
    select scope, week_start_monday, is_complete from marts.adoption_weekly
),

seen as (
    select scope, week_start_monday, user_id from core.fct_user_week
),

steps as (
    select
        scope,
        user_id,
        week_start_monday,
        lag(week_start_monday) over (partition by scope, user_id order by week_start_monday) as previous_week,
        lead(week_start_monday) over (partition by scope, user_id order by week_start_monday) as next_week,
    from seen
),

arrivals as (
    select
        scope,
        week_start_monday,
        case
            when previous_week is null then 'new'
            when previous_week = week_start_monday - 7 then 'retained'
            else 'resurrected'
        end as lifecycle_state,
        count(*) as users,
    from steps
    group by all
),

departures as (
    select scope, week_start_monday + 7 as week_start_monday, 'churned' as lifecycle_state, count(*) as users
    from steps
    where next_week is null or next_week > week_start_monday + 7
    group by all
),

changes as (
    select scope, week_start_monday, lifecycle_state, users from arrivals
    union all
    select scope, week_start_monday, lifecycle_state, users from departures
)

select
    weeks.scope,
    weeks.week_start_monday,
    states.lifecycle_state,

    coalesce(changes.users, 0) as users,

    weeks.is_complete,
from weeks
cross join (values ('new'), ('retained'), ('resurrected'), ('churned')) as states (lifecycle_state)
left join changes
    on
        weeks.scope = changes.scope
        and weeks.week_start_monday = changes.week_start_monday
        and states.lifecycle_state = changes.lifecycle_state
order by weeks.scope, weeks.week_start_monday, states.lifecycle_state
