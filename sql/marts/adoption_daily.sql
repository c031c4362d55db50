-- one row per scope and calendar day, from the scope's first to its last loaded day
with
people as (
    select scope, day, user_id, is_engaged from core.fct_user_day
    union all
    select '(all organizations)', day, user_id, is_engaged from core.fct_user_day_deduped
),

-- the same people twice: as active and, where they were, as engaged
seen as (
    select scope, day, user_id, 'active' as population from people
    union all
    select scope, day, user_id, 'engaged' from people where is_engaged
),

loaded as (
    select scope, day from ops.report_days
    where report = 'users-1-day' and loaded_at is not null
),

organizations as (
    select distinct scope from loaded where not starts_with(scope, 'enterprise.')
),

covered as (
    select scope, day from loaded
    union all
    select '(all organizations)', loaded.day
    from loaded
    inner join organizations on loaded.scope = organizations.scope
    group by loaded.day
    having count(*) = (select count(*) from organizations)
),

bounds as (
    select scope, min(day) as first_day, max(day) as last_day from loaded group by scope
    union all
    select '(all organizations)', min(loaded.day), max(loaded.day)
    from loaded
    inner join organizations on loaded.scope = organizations.scope
    having count(*) > 0
),

spine as (
    select bounds.scope, dates.date_day, dates.week_start_sunday, dates.month_start
    from bounds
    inner join core.dim_date as dates on dates.date_day between bounds.first_day and bounds.last_day
),

-- a user-day opens an interval of 7 (28) days, cut short by the same user's next day
intervals as (
    select
        scope,
        population,
        day,
        lead(day) over (partition by scope, population, user_id order by day) as next_day,
    from seen
),

deltas as (
    select scope, population, day as date_day, 1 as d1, 1 as d7, 1 as d28 from intervals
    union all
    select scope, population, least(day + 7, coalesce(next_day, day + 7)), 0, -1, 0 from intervals
    union all
    select scope, population, least(day + 28, coalesce(next_day, day + 28)), 0, 0, -1 from intervals
),

changes as (
    select scope, population, date_day, sum(d1) as d1, sum(d7) as d7, sum(d28) as d28 from deltas group by all
),

rolling as (
    select
        spine.scope,
        spine.date_day,
        populations.population,
        coalesce(changes.d1, 0) as users,
        sum(coalesce(changes.d7, 0)) over days_so_far as users_7d,
        sum(coalesce(changes.d28, 0)) over days_so_far as users_28d,
    from spine
    cross join (values ('active'), ('engaged')) as populations (population)
    left join changes
        on
            spine.scope = changes.scope
            and spine.date_day = changes.date_day
            and populations.population = changes.population
    window days_so_far as (partition by spine.scope, populations.population order by spine.date_day)
),

-- to date: who is seen for the first time in the week (month) on a day, then summed up
week_firsts as (
    select scope, population, period, first_day, count(*) as users
    from (
        select scope, population, date_trunc('week', day + 1)::date - 1 as period, min(day) as first_day
        from seen
        group by scope, population, period, user_id
    ) as firsts
    group by all
),

month_firsts as (
    select scope, population, period, first_day, count(*) as users
    from (
        select scope, population, date_trunc('month', day)::date as period, min(day) as first_day
        from seen
        group by scope, population, period, user_id
    ) as firsts
    group by all
),

to_date as (
    select
        spine.scope,
        spine.date_day,
        populations.population,
        sum(coalesce(week_firsts.users, 0)) over week_so_far as users_wtd,
        sum(coalesce(month_firsts.users, 0)) over month_so_far as users_mtd,
    from spine
    cross join (values ('active'), ('engaged')) as populations (population)
    left join week_firsts
        on
            spine.scope = week_firsts.scope
            and spine.date_day = week_firsts.first_day
            and populations.population = week_firsts.population
    left join month_firsts
        on
            spine.scope = month_firsts.scope
            and spine.date_day = month_firsts.first_day
            and populations.population = month_firsts.population
    window
        week_so_far as (
            partition by spine.scope, populations.population, spine.week_start_sunday order by spine.date_day
        ),
        month_so_far as (
            partition by spine.scope, populations.population, spine.month_start order by spine.date_day
        )
),

coverage as (
    select
        spine.scope,
        spine.date_day,
        covered.day is not null as is_covered,
        count(covered.day) over last_7 as days_covered_7d,
        count(covered.day) over last_28 as days_covered_28d,
    from spine
    left join covered on spine.scope = covered.scope and spine.date_day = covered.day
    window
        last_7 as (partition by spine.scope order by spine.date_day rows between 6 preceding and current row),
        last_28 as (partition by spine.scope order by spine.date_day rows between 27 preceding and current row)
)

select
    coverage.scope,
    coverage.date_day as day,

    active.users::bigint as daily_active_users,
    active.users_7d::bigint as weekly_active_users_7d,
    active.users_28d::bigint as monthly_active_users_28d,
    active_to_date.users_wtd::bigint as weekly_active_users_wtd,
    active_to_date.users_mtd::bigint as monthly_active_users_mtd,

    engaged.users::bigint as daily_engaged_users,
    engaged.users_7d::bigint as weekly_engaged_users_7d,
    engaged.users_28d::bigint as monthly_engaged_users_28d,
    engaged_to_date.users_wtd::bigint as weekly_engaged_users_wtd,
    engaged_to_date.users_mtd::bigint as monthly_engaged_users_mtd,

    coverage.days_covered_7d,
    coverage.days_covered_28d,
    coverage.is_covered,
    coverage.date_day > (now() at time zone 'UTC')::date - 3 as is_provisional,
from coverage
inner join rolling as active
    on coverage.scope = active.scope and coverage.date_day = active.date_day and active.population = 'active'
inner join rolling as engaged
    on coverage.scope = engaged.scope and coverage.date_day = engaged.date_day and engaged.population = 'engaged'
inner join to_date as active_to_date
    on
        coverage.scope = active_to_date.scope
        and coverage.date_day = active_to_date.date_day
        and active_to_date.population = 'active'
inner join to_date as engaged_to_date
    on
        coverage.scope = engaged_to_date.scope
        and coverage.date_day = engaged_to_date.date_day
        and engaged_to_date.population = 'engaged'
order by coverage.scope, coverage.date_day
