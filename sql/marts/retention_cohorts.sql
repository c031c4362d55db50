-- one row per scope, cohort week and weeks since
with
weeks as (
    select
        scope,
        min(week_start_monday) as first_week,
        max(week_start_monday) filter (where is_complete) as last_complete_week,
    from marts.adoption_weekly
    group by scope
),

seen as (
    select scope, week_start_monday, user_id from core.fct_user_week
),

cohorts as (
    select scope, user_id, min(week_start_monday) as cohort_week from seen group by scope, user_id
),

sizes as (
    select scope, cohort_week, count(*) as cohort_size from cohorts group by scope, cohort_week
),

cells as (
    select
        sizes.scope,
        sizes.cohort_week,
        sizes.cohort_size,
        unnest(generate_series(0, date_diff('day', sizes.cohort_week, weeks.last_complete_week) // 7)) as weeks_since,
        sizes.cohort_week = weeks.first_week as is_first_week_of_history,
    from sizes
    inner join weeks on sizes.scope = weeks.scope
),

retained as (
    select
        seen.scope,
        cohorts.cohort_week,
        date_diff('day', cohorts.cohort_week, seen.week_start_monday) // 7 as weeks_since,
        count(*) as retained_users,
    from seen
    inner join cohorts on seen.scope = cohorts.scope and seen.user_id = cohorts.user_id
    group by all
)

select
    cells.scope,
    cells.cohort_week,
    cells.weeks_since,

    cells.cohort_size,
    coalesce(retained.retained_users, 0) as retained_users,
    coalesce(retained.retained_users, 0) / cells.cohort_size as retention_rate,

    cells.is_first_week_of_history,
from cells
left join retained
    on
        cells.scope = retained.scope
        and cells.cohort_week = retained.cohort_week
        and cells.weeks_since = retained.weeks_since
order by cells.scope, cells.cohort_week, cells.weeks_since
