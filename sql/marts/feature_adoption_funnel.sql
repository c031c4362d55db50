-- one row per scope, calendar day and stage, from the scope's first to its last loaded day
with
people as (
    select
        scope,
        day,
        user_id,
        is_engaged,
        used_chat,
        used_agent,
        coalesce(used_cli, false) as used_cli,
        coalesce(used_copilot_app, false) as used_app,
        coalesce(used_copilot_cloud_agent, false) as used_cloud_agent,
        coalesce(used_copilot_code_review_active, false) as used_code_review,
    from core.fct_user_day_scoped
),

completions as (
    select scope, day, user_id from core.fct_user_day_feature where feature = 'code_completion'
    union all
    select '(all organizations)' as scope, day, user_id
    from core.fct_user_day_feature
    where feature = 'code_completion' and counts_in_all_organizations
),

completing as (
    select distinct scope, day, user_id from completions
),

surfaces as (
    select
        people.scope,
        people.day,
        people.user_id,
        (
            (
                completing.user_id is not null
                or coalesce(people.used_chat, false)
                or coalesce(people.used_agent, false)
            )::int
            + people.used_cli::int
            + people.used_app::int
            + people.used_cloud_agent::int
            + people.used_code_review::int
        ) as surface_count,
    from people
    left join completing
        on people.scope = completing.scope and people.day = completing.day and people.user_id = completing.user_id
),

reached as (
    select scope, day, user_id, 1 as stage_number from people
    union all
    select scope, day, user_id, 2 as stage_number from people where is_engaged
    union all
    select scope, day, user_id, 3 as stage_number from completing
    union all
    select scope, day, user_id, 4 as stage_number from people where used_chat
    union all
    select scope, day, user_id, 5 as stage_number from people where used_agent
    union all
    select scope, day, user_id, 6 as stage_number
    from people
    where used_cli or used_app or used_cloud_agent or used_code_review
    union all
    select scope, day, user_id, 7 as stage_number from surfaces where surface_count >= 2
),

-- the first two stages count from one day on, the others from the second of two days within 28
days as (
    select
        scope,
        stage_number,
        user_id,
        day,
        if(
            stage_number <= 2,
            day,
            lag(day) over (partition by scope, stage_number, user_id order by day)
        ) as oldest_day,
        lead(day) over (partition by scope, stage_number, user_id order by day) as next_day,
    from reached
),

-- from its last day on, a person counts until the older of the two days leaves the window or a newer day takes over
intervals as (
    select scope, stage_number, day as opens, least(oldest_day + 28, coalesce(next_day, oldest_day + 28)) as closes
    from days
    where oldest_day is not null and oldest_day + 28 > day
),

changes as (
    select scope, stage_number, date_day, sum(change) as change
    from (
        select scope, stage_number, opens as date_day, 1 as change from intervals
        union all
        select scope, stage_number, closes as date_day, -1 as change from intervals
    ) as events
    group by all
),

spine as (
    select scope, day, is_provisional from marts.adoption_daily
),

windows as (
    select
        spine.scope,
        spine.day,
        stages.stage_number,
        stages.stage,
        spine.is_provisional,
        (sum(coalesce(changes.change, 0)) over (
            partition by spine.scope, stages.stage_number order by spine.day
        ))::bigint as users,
    from spine
    cross join (
        values
        (1, 'active'),
        (2, 'engaged'),
        (3, 'code_completion'),
        (4, 'chat'),
        (5, 'agent'),
        (6, 'github_agent_surface'),
        (7, 'two_or_more_surfaces')
    ) as stages (stage_number, stage)
    left join changes
        on
            spine.scope = changes.scope
            and spine.day = changes.date_day
            and stages.stage_number = changes.stage_number
)

select
    scope,
    day,
    stage_number,

    stage,

    users,
    max(users) filter (where stage_number = 1) over (partition by scope, day) as active_users_28d,
    users / nullif(max(users) filter (where stage_number = 1) over (partition by scope, day), 0)
        as share_of_active_users,

    is_provisional,
from windows
order by scope, day, stage_number
