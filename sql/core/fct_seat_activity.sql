-- one row per scope, day and person with a seat, and when they were last seen until then
with
seats as (
    select
        scope,
        day,
        user_id,
        user_login,
        assigned_at,
        pending_cancellation_date,
        last_activity_at,
    from core.fct_seat_day
    union all
    -- who has seats in two organizations has one here, which ends when the last of them does
    select
        '(all organizations)' as scope,
        day,
        user_id,
        max(user_login) as user_login,
        min(assigned_at) as assigned_at,
        if(count(*) = count(pending_cancellation_date), max(pending_cancellation_date), null)
            as pending_cancellation_date,
        max(last_activity_at) as last_activity_at,
    from core.fct_seat_day
    group by day, user_id
),

active as (
    select scope, user_id, day from core.fct_user_day
    union all
    select '(all organizations)' as scope, user_id, day from core.fct_user_day where counts_in_all_organizations
),

seen as (
    select
        seats.scope,
        seats.day,
        seats.user_id,
        seats.user_login,
        seats.assigned_at,
        seats.pending_cancellation_date,
        active.day as last_active_day,
        -- listed on the morning after the day; least() passes over a null
        if(seats.last_activity_at is null, null, least(seats.last_activity_at::date, seats.day)) as last_activity_day,
    from seats
    asof left join active
        on seats.scope = active.scope and seats.user_id = active.user_id and seats.day >= active.day
),

idle as (
    select *, day - greatest(last_active_day, last_activity_day) as days_idle from seen
)

select
    scope,
    day,
    user_id,

    user_login,
    assigned_at,
    pending_cancellation_date,
    last_active_day,
    last_activity_day,
    days_idle,
    case
        when days_idle is null then 'never'
        when days_idle <= 7 then '0-7'
        when days_idle <= 30 then '8-30'
        when days_idle <= 90 then '31-90'
        else '90+'
    end as idle_bucket,
from idle
