-- one row per scope and person ever seen in it or with a seat, as of the scope's latest loaded day
with
loaded as (
    select scope, day from ops.report_days
    where report = 'users-1-day' and loaded_at is not null
),

latest as (
    select scope, max(day) as as_of_day from loaded group by scope
    union all
    select '(all organizations)' as scope, max(day) as as_of_day
    from loaded
    where not starts_with(scope, 'enterprise.')
    having count(*) > 0
),

seen as (
    select
        scope,
        user_id,
        min(day) as first_active_day,
        max(day) as last_active_day,
        max(day) filter (where is_engaged) as last_engaged_day,
        max(day) filter (where is_engaged and counts_in_all_organizations) as last_engaged_counted_day,
    from core.fct_user_day
    group by scope, user_id
),

people as (
    select scope, user_id, first_active_day, last_active_day, last_engaged_day from seen
    union all
    select
        '(all organizations)' as scope,
        user_id,
        min(first_active_day) as first_active_day,
        max(last_active_day) as last_active_day,
        max(last_engaged_counted_day) as last_engaged_day,
    from seen
    where not starts_with(scope, 'enterprise.')
    group by user_id
),

listings as (
    select scope, max(day) as listed_day
    from ops.report_days
    where report = 'seats' and loaded_at is not null
    group by scope
    union all
    select '(all organizations)' as scope, max(day) as listed_day
    from ops.report_days
    where report = 'seats' and loaded_at is not null
    having count(*) > 0
),

seats as (
    select activity.*
    from core.fct_seat_activity as activity
    inner join listings on activity.scope = listings.scope and activity.day = listings.listed_day
),

idle as (
    select
        coalesce(people.scope, seats.scope) as scope,
        coalesce(people.user_id, seats.user_id) as user_id,
        coalesce(latest.as_of_day, listings.listed_day) as as_of_day,
        coalesce(dim_user.user_login, seats.user_login) as user_login,
        if(listings.scope is null, null, seats.user_id is not null) as has_seat,
        seats.assigned_at,
        seats.pending_cancellation_date,
        people.first_active_day,
        people.last_active_day,
        people.last_engaged_day,
        -- of who has a seat and no row, GitHub may still know
        as_of_day - coalesce(
            people.last_active_day, if(seats.last_activity_day > as_of_day, as_of_day, seats.last_activity_day)
        ) as days_idle,
        as_of_day - people.last_engaged_day as days_since_last_engaged,
    from people
    full join seats on people.scope = seats.scope and people.user_id = seats.user_id
    left join latest on coalesce(people.scope, seats.scope) = latest.scope
    left join listings on coalesce(people.scope, seats.scope) = listings.scope
    left join core.dim_user as dim_user on coalesce(people.user_id, seats.user_id) = dim_user.user_id
)

select
    scope,
    user_id,

    as_of_day,
    user_login,
    case
        when days_idle is null then 'never'
        when days_idle <= 7 then '0-7'
        when days_idle <= 30 then '8-30'
        when days_idle <= 90 then '31-90'
        else '90+'
    end as idle_bucket,

    first_active_day,
    last_active_day,
    last_engaged_day,
    days_idle,
    days_since_last_engaged,

    has_seat,
    assigned_at,
    pending_cancellation_date,
from idle
order by scope, user_id
