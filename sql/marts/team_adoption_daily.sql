-- one row per scope, day and team that GitHub reported on it, and one for the active people of no reported team
with
days as (
    select
        scope,
        day,
        bool_or(report = 'users-1-day') as has_users,
    from ops.report_days
    where report in ('users-1-day', 'user-teams-1-day') and loaded_at is not null
    group by scope, day
    having bool_or(report = 'user-teams-1-day')
),

coverage as (
    select
        scope,
        day,
        has_users,
        count(*) filter (where has_users) over last_7 as days_covered_7d,
        count(*) filter (where has_users) over last_28 as days_covered_28d,
    from days
    window
        last_7 as (partition by scope order by day range between interval '6' day preceding and current row),
        last_28 as (partition by scope order by day range between interval '27' day preceding and current row)
),

-- a person's day once in each team of that day; once without a team where it was in none
people as (
    select
        users.scope,
        users.day,
        teams.team_id,
        users.user_id,
        users.is_engaged,
        users.user_initiated_interaction_count,
        users.code_generation_activity_count,
        users.code_acceptance_activity_count,
        users.loc_suggested_to_add_sum,
        users.loc_added_sum,
        users.loc_deleted_sum,
        users.ai_credits_used,
    from core.fct_user_day as users
    inner join days on users.scope = days.scope and users.day = days.day
    left join core.bridge_user_team_day as teams
        on users.scope = teams.scope and users.day = teams.day and users.user_id = teams.user_id
),

completions as (
    select
        features.scope,
        features.day,
        teams.team_id,
        sum(features.code_generation_activity_count)::bigint as suggested,
        sum(features.code_acceptance_activity_count)::bigint as accepted,
    from core.fct_user_day_feature as features
    inner join days on features.scope = days.scope and features.day = days.day
    left join core.bridge_user_team_day as teams
        on features.scope = teams.scope and features.day = teams.day and features.user_id = teams.user_id
    where features.feature = 'code_completion'
    group by features.scope, features.day, teams.team_id
),

sums as (
    select
        scope,
        day,
        team_id,
        count(*) as daily_active_users,
        count(*) filter (where is_engaged) as daily_engaged_users,
        sum(user_initiated_interaction_count)::bigint as user_initiated_interaction_count,
        sum(code_generation_activity_count)::bigint as code_generation_activity_count,
        sum(code_acceptance_activity_count)::bigint as code_acceptance_activity_count,
        sum(loc_suggested_to_add_sum)::bigint as loc_suggested_to_add_sum,
        sum(loc_added_sum)::bigint as loc_added_sum,
        sum(loc_deleted_sum)::bigint as loc_deleted_sum,
        sum(ai_credits_used)::decimal(18, 6) as ai_credits_used,
    from people
    group by scope, day, team_id
),

shares as (
    select
        scope,
        day,
        count(distinct user_id) as active_users_of_scope,
        count(distinct user_id) filter (where team_id is not null) as active_users_in_a_team,
    from people
    group by scope, day
),

reported as (
    select
        scope,
        day,
        team_id,
        max(slug) as team_slug,
        count(*) as reported_members,
    from core.bridge_user_team_day
    group by scope, day, team_id
    union all
    select scope, day, null as team_id, '(no reported team)' as team_slug, null as reported_members
    from days
    where has_users
),

-- a day in a team opens an interval of 7 (28) days, cut short by the same person's next day in it
seen as (
    select scope, team_id, user_id, day, 'active' as population from people
    union all
    select scope, team_id, user_id, day, 'engaged' as population from people where is_engaged
),

intervals as (
    select
        scope,
        team_id,
        population,
        day,
        lead(day) over (partition by scope, team_id, population, user_id order by day) as next_day,
    from seen
),

deltas as (
    select scope, team_id, population, day as date_day, 1 as d7, 1 as d28, false as is_reported from intervals
    union all
    select scope, team_id, population, least(day + 7, coalesce(next_day, day + 7)), -1, 0, false from intervals
    union all
    select scope, team_id, population, least(day + 28, coalesce(next_day, day + 28)), 0, -1, false from intervals
    union all
    select reported.scope, reported.team_id, populations.population, reported.day, 0, 0, true
    from reported
    cross join (values ('active'), ('engaged')) as populations (population)
),

running as (
    select
        scope,
        team_id,
        population,
        date_day,
        bool_or(is_reported) as is_reported,
        sum(sum(d7)) over days_so_far as users_7d,
        sum(sum(d28)) over days_so_far as users_28d,
    from deltas
    group by scope, team_id, population, date_day
    window days_so_far as (partition by scope, team_id, population order by date_day)
),

windows as (
    select
        scope,
        team_id,
        date_day as day,
        (max(users_7d) filter (where population = 'active'))::bigint as weekly_active_users_7d,
        (max(users_28d) filter (where population = 'active'))::bigint as monthly_active_users_28d,
        (max(users_7d) filter (where population = 'engaged'))::bigint as weekly_engaged_users_7d,
        (max(users_28d) filter (where population = 'engaged'))::bigint as monthly_engaged_users_28d,
    from running
    where is_reported
    group by scope, team_id, date_day
)

select
    reported.scope,
    reported.day,
    reported.team_id,

    reported.team_slug,

    reported.reported_members,
    case when coverage.has_users then coalesce(sums.daily_active_users, 0) end as daily_active_users,
    windows.weekly_active_users_7d,
    windows.monthly_active_users_28d,
    case when coverage.has_users then coalesce(sums.daily_engaged_users, 0) end as daily_engaged_users,
    windows.weekly_engaged_users_7d,
    windows.monthly_engaged_users_28d,

    case when coverage.has_users and sums.day is null then 0 else sums.user_initiated_interaction_count end
        as user_initiated_interaction_count,
    case when coverage.has_users and sums.day is null then 0 else sums.code_generation_activity_count end
        as code_generation_activity_count,
    case when coverage.has_users and sums.day is null then 0 else sums.code_acceptance_activity_count end
        as code_acceptance_activity_count,
    case when coverage.has_users and sums.day is null then 0 else sums.loc_suggested_to_add_sum end
        as loc_suggested_to_add_sum,
    case when coverage.has_users and sums.day is null then 0 else sums.loc_added_sum end as loc_added_sum,
    case when coverage.has_users and sums.day is null then 0 else sums.loc_deleted_sum end as loc_deleted_sum,
    sums.ai_credits_used,
    case when coverage.has_users then coalesce(completions.suggested, 0) end as completions_suggested,
    case when coverage.has_users then coalesce(completions.accepted, 0) end as completions_accepted,
    completions.accepted / nullif(completions.suggested, 0) as completion_acceptance_rate,

    case when coverage.has_users then coalesce(shares.active_users_in_a_team, 0) end as active_users_in_a_team,
    case when coverage.has_users then coalesce(shares.active_users_of_scope, 0) end as active_users_of_scope,
    shares.active_users_in_a_team / nullif(shares.active_users_of_scope, 0) as share_of_active_users_in_a_team,

    coverage.days_covered_7d,
    coverage.days_covered_28d,
    reported.day > (now() at time zone 'UTC')::date - 3 as is_provisional,
from reported
inner join coverage on reported.scope = coverage.scope and reported.day = coverage.day
inner join windows
    on
        reported.scope = windows.scope
        and reported.day = windows.day
        and reported.team_id is not distinct from windows.team_id
left join sums
    on
        reported.scope = sums.scope
        and reported.day = sums.day
        and reported.team_id is not distinct from sums.team_id
left join completions
    on
        reported.scope = completions.scope
        and reported.day = completions.day
        and reported.team_id is not distinct from completions.team_id
left join shares on reported.scope = shares.scope and reported.day = shares.day
order by reported.scope, reported.day, reported.team_id
