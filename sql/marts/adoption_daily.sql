-- one row per scope and calendar day, from the scope's first to its last loaded day
with
-- the same people several times: as active and, where they were, as engaged, as users of agents, and so on
seen as (
    select scope, day, user_id, 'active' as population from core.fct_user_day_scoped
    union all
    select scope, day, user_id, 'engaged' as population from core.fct_user_day_scoped where is_engaged
    union all
    select scope, day, user_id, 'agent' as population from core.fct_user_day_scoped where used_agent
    union all
    select scope, day, user_id, 'chat' as population from core.fct_user_day_scoped where used_chat
    union all
    select scope, day, user_id, 'cli' as population from core.fct_user_day_scoped where used_cli
    union all
    select scope, day, user_id, 'app' as population from core.fct_user_day_scoped where used_copilot_app
    union all
    select scope, day, user_id, 'cloud_agent' as population from core.fct_user_day_scoped where used_copilot_cloud_agent
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
    select '(all organizations)' as scope, loaded.day
    from loaded
    inner join organizations on loaded.scope = organizations.scope
    group by loaded.day
    having count(*) = (select count(*) from organizations)
),

bounds as (
    select scope, min(day) as first_day, max(day) as last_day from loaded group by scope
    union all
    select '(all organizations)' as scope, min(loaded.day) as first_day, max(loaded.day) as last_day
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

-- to date: who is seen for the first time in the week (month) on a day, then summed up
week_firsts as (
    select scope, population, first_day as date_day, count(*) as users
    from (
        select scope, population, date_trunc('week', day + 1)::date - 1 as period, min(day) as first_day
        from seen
        group by scope, population, period, user_id
    ) as firsts
    group by all
),

month_firsts as (
    select scope, population, first_day as date_day, count(*) as users
    from (
        select scope, population, date_trunc('month', day)::date as period, min(day) as first_day
        from seen
        group by scope, population, period, user_id
    ) as firsts
    group by all
),

windows as (
    select
        spine.scope,
        spine.date_day,
        populations.population,
        coalesce(changes.d1, 0) as users,
        sum(coalesce(changes.d7, 0)) over days_so_far as users_7d,
        sum(coalesce(changes.d28, 0)) over days_so_far as users_28d,
        sum(coalesce(week_firsts.users, 0)) over week_so_far as users_wtd,
        sum(coalesce(month_firsts.users, 0)) over month_so_far as users_mtd,
    from spine
    cross join (
        values ('active'), ('engaged'), ('agent'), ('chat'), ('cli'), ('app'), ('cloud_agent')
    ) as populations (population)
    left join changes
        on
            spine.scope = changes.scope
            and spine.date_day = changes.date_day
            and populations.population = changes.population
    left join week_firsts
        on
            spine.scope = week_firsts.scope
            and spine.date_day = week_firsts.date_day
            and populations.population = week_firsts.population
    left join month_firsts
        on
            spine.scope = month_firsts.scope
            and spine.date_day = month_firsts.date_day
            and populations.population = month_firsts.population
    window
        days_so_far as (partition by spine.scope, populations.population order by spine.date_day),
        week_so_far as (
            partition by spine.scope, populations.population, spine.week_start_sunday order by spine.date_day
        ),
        month_so_far as (
            partition by spine.scope, populations.population, spine.month_start order by spine.date_day
        )
),

pivoted as (
    select
        scope,
        date_day,
        (max(users) filter (where population = 'active'))::bigint as daily_active_users,
        (max(users_7d) filter (where population = 'active'))::bigint as weekly_active_users_7d,
        (max(users_28d) filter (where population = 'active'))::bigint as monthly_active_users_28d,
        (max(users_wtd) filter (where population = 'active'))::bigint as weekly_active_users_wtd,
        (max(users_mtd) filter (where population = 'active'))::bigint as monthly_active_users_mtd,
        (max(users) filter (where population = 'engaged'))::bigint as daily_engaged_users,
        (max(users_7d) filter (where population = 'engaged'))::bigint as weekly_engaged_users_7d,
        (max(users_28d) filter (where population = 'engaged'))::bigint as monthly_engaged_users_28d,
        (max(users_wtd) filter (where population = 'engaged'))::bigint as weekly_engaged_users_wtd,
        (max(users_mtd) filter (where population = 'engaged'))::bigint as monthly_engaged_users_mtd,
        (max(users_28d) filter (where population = 'agent'))::bigint as monthly_active_agent_users_28d,
        (max(users_mtd) filter (where population = 'agent'))::bigint as monthly_active_agent_users_mtd,
        (max(users_28d) filter (where population = 'chat'))::bigint as monthly_active_chat_users_28d,
        (max(users_mtd) filter (where population = 'chat'))::bigint as monthly_active_chat_users_mtd,
        (max(users_28d) filter (where population = 'cli'))::bigint as monthly_active_cli_users_28d,
        (max(users_mtd) filter (where population = 'cli'))::bigint as monthly_active_cli_users_mtd,
        (max(users_28d) filter (where population = 'app'))::bigint as monthly_active_app_users_28d,
        (max(users_mtd) filter (where population = 'app'))::bigint as monthly_active_app_users_mtd,
        (max(users_28d) filter (where population = 'cloud_agent'))::bigint as monthly_active_cloud_agent_users_28d,
        (max(users_mtd) filter (where population = 'cloud_agent'))::bigint as monthly_active_cloud_agent_users_mtd,
    from windows
    group by scope, date_day
),

-- a flag that no record had yet is unknown, not nobody
flags as (
    select
        scope,
        day,
        count(used_agent) > 0 as knows_agent,
        count(used_chat) > 0 as knows_chat,
        count(used_cli) > 0 as knows_cli,
        count(used_copilot_app) > 0 as knows_app,
        count(used_copilot_cloud_agent) > 0 as knows_cloud_agent,
    from core.fct_user_day_scoped
    group by scope, day
),

known as (
    select
        spine.scope,
        spine.date_day,
        covered.day is not null as is_covered,
        count(covered.day) over last_7 as days_covered_7d,
        count(covered.day) over last_28 as days_covered_28d,
        coalesce(bool_or(flags.knows_agent) over last_28, false) as knows_agent_28d,
        coalesce(bool_or(flags.knows_agent) over month_so_far, false) as knows_agent_mtd,
        coalesce(bool_or(flags.knows_chat) over last_28, false) as knows_chat_28d,
        coalesce(bool_or(flags.knows_chat) over month_so_far, false) as knows_chat_mtd,
        coalesce(bool_or(flags.knows_cli) over last_28, false) as knows_cli_28d,
        coalesce(bool_or(flags.knows_cli) over month_so_far, false) as knows_cli_mtd,
        coalesce(bool_or(flags.knows_app) over last_28, false) as knows_app_28d,
        coalesce(bool_or(flags.knows_app) over month_so_far, false) as knows_app_mtd,
        coalesce(bool_or(flags.knows_cloud_agent) over last_28, false) as knows_cloud_agent_28d,
        coalesce(bool_or(flags.knows_cloud_agent) over month_so_far, false) as knows_cloud_agent_mtd,
    from spine
    left join covered on spine.scope = covered.scope and spine.date_day = covered.day
    left join flags on spine.scope = flags.scope and spine.date_day = flags.day
    window
        last_7 as (partition by spine.scope order by spine.date_day rows between 6 preceding and current row),
        last_28 as (partition by spine.scope order by spine.date_day rows between 27 preceding and current row),
        month_so_far as (partition by spine.scope, spine.month_start order by spine.date_day)
)

select
    pivoted.scope,
    pivoted.date_day as day,

    case when known.is_covered or pivoted.daily_active_users > 0 then pivoted.daily_active_users end
        as daily_active_users,
    pivoted.weekly_active_users_7d,
    pivoted.monthly_active_users_28d,
    pivoted.weekly_active_users_wtd,
    pivoted.monthly_active_users_mtd,

    case when known.is_covered or pivoted.daily_active_users > 0 then pivoted.daily_engaged_users end
        as daily_engaged_users,
    pivoted.weekly_engaged_users_7d,
    pivoted.monthly_engaged_users_28d,
    pivoted.weekly_engaged_users_wtd,
    pivoted.monthly_engaged_users_mtd,

    case when known.knows_agent_28d then pivoted.monthly_active_agent_users_28d end
        as monthly_active_agent_users_28d,
    case when known.knows_agent_mtd then pivoted.monthly_active_agent_users_mtd end
        as monthly_active_agent_users_mtd,
    case when known.knows_chat_28d then pivoted.monthly_active_chat_users_28d end
        as monthly_active_chat_users_28d,
    case when known.knows_chat_mtd then pivoted.monthly_active_chat_users_mtd end
        as monthly_active_chat_users_mtd,
    case when known.knows_cli_28d then pivoted.monthly_active_cli_users_28d end
        as monthly_active_cli_users_28d,
    case when known.knows_cli_mtd then pivoted.monthly_active_cli_users_mtd end
        as monthly_active_cli_users_mtd,
    case when known.knows_app_28d then pivoted.monthly_active_app_users_28d end
        as monthly_active_app_users_28d,
    case when known.knows_app_mtd then pivoted.monthly_active_app_users_mtd end
        as monthly_active_app_users_mtd,
    case when known.knows_cloud_agent_28d then pivoted.monthly_active_cloud_agent_users_28d end
        as monthly_active_cloud_agent_users_28d,
    case when known.knows_cloud_agent_mtd then pivoted.monthly_active_cloud_agent_users_mtd end
        as monthly_active_cloud_agent_users_mtd,

    case when known.knows_agent_mtd then pivoted.monthly_active_agent_users_mtd end
    / nullif(pivoted.monthly_active_users_mtd, 0) as agent_adoption_rate_mtd,
    case when known.is_covered or pivoted.daily_active_users > 0 then pivoted.daily_active_users end
    / nullif(pivoted.monthly_active_users_28d, 0) as stickiness_28d,

    known.days_covered_7d,
    known.days_covered_28d,
    known.is_covered,
    pivoted.date_day > (now() at time zone 'UTC')::date - 3 as is_provisional,
from pivoted
inner join known on pivoted.scope = known.scope and pivoted.date_day = known.date_day
order by pivoted.scope, pivoted.date_day
