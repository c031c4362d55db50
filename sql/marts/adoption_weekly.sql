-- one row per scope and ISO week in which it has a loaded day
with
seen as (
    select scope, week_start_monday, user_id, is_engaged
    from core.fct_user_week
),

firsts as (
    select scope, user_id, min(week_start_monday) as first_period from seen group by scope, user_id
),

people as (
    select
        seen.scope,
        seen.week_start_monday,
        count(*) as active_users,
        count(*) filter (where seen.is_engaged) as engaged_users,
        count(*) filter (where firsts.first_period = seen.week_start_monday) as new_users,
        count(*) filter (where firsts.first_period < seen.week_start_monday) as returning_users,
    from seen
    inner join firsts on seen.scope = firsts.scope and seen.user_id = firsts.user_id
    group by seen.scope, seen.week_start_monday
),

days as (
    select
        scope,
        date_trunc('week', day)::date as week_start_monday,
        sum(daily_active_users)::bigint as user_days,
        count(*) filter (where is_covered) as days_covered,
    from marts.adoption_daily
    group by scope, week_start_monday
)

select
    days.scope,
    days.week_start_monday,

    coalesce(people.active_users, 0) as active_users,
    coalesce(people.engaged_users, 0) as engaged_users,
    coalesce(people.new_users, 0) as new_users,
    coalesce(people.returning_users, 0) as returning_users,

    days.user_days,
    days.days_covered,
    days.user_days / nullif(days.days_covered, 0) as average_daily_active_users,

    days.days_covered = 7 as is_complete,
from days
left join people on days.scope = people.scope and days.week_start_monday = people.week_start_monday
order by days.scope, days.week_start_monday
