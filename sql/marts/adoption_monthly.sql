-- one row per scope and month in which it has a loaded day
with
seen as (
    select scope, month_start, user_id, is_engaged
    from core.fct_user_month
),

firsts as (
    select scope, user_id, min(month_start) as first_period from seen group by scope, user_id
),

people as (
    select
        seen.scope,
        seen.month_start,
        count(*) as active_users,
        count(*) filter (where seen.is_engaged) as engaged_users,
        count(*) filter (where firsts.first_period = seen.month_start) as new_users,
        count(*) filter (where firsts.first_period < seen.month_start) as returning_users,
    from seen
    inner join firsts on seen.scope = firsts.scope and seen.user_id = firsts.user_id
    group by seen.scope, seen.month_start
),

days as (
    select
        scope,
        date_trunc('month', day)::date as month_start,
        sum(daily_active_users)::bigint as user_days,
        count(*) filter (where is_covered) as days_covered,
    from marts.adoption_daily
    group by scope, month_start
)

select
    days.scope,
    days.month_start,

    coalesce(people.active_users, 0) as active_users,
    coalesce(people.engaged_users, 0) as engaged_users,
    coalesce(people.new_users, 0) as new_users,
    coalesce(people.returning_users, 0) as returning_users,

    days.user_days,
    days.days_covered,
    days.user_days / nullif(days.days_covered, 0) as average_daily_active_users,

    days.days_covered = dayofmonth(last_day(days.month_start)) as is_complete,
from days
left join people on days.scope = people.scope and days.month_start = people.month_start
order by days.scope, days.month_start
