-- one row per scope and team of the 28 days to the scope's latest day with both reports, and one for no reported team
with
covered as (
    select scope, day
    from ops.report_days
    where report in ('users-1-day', 'user-teams-1-day') and loaded_at is not null
    group by scope, day
    having count(*) = 2
),

windows as (
    select scope, max(day) as as_of_day from covered group by scope
),

-- joined by equality, so the days before them are not even read
days as (
    select covered.scope, covered.day, windows.as_of_day
    from covered
    inner join windows on covered.scope = windows.scope
    where covered.day > windows.as_of_day - 28
),

coverage as (
    select scope, as_of_day, count(*) as days_covered_28d from days group by scope, as_of_day
),

teams as (
    select bridge.scope, bridge.day, bridge.team_id, bridge.user_id, days.as_of_day
    from core.bridge_user_team_day as bridge
    inner join days on bridge.scope = days.scope and bridge.day = days.day
),

-- a person's day once in each team of that day; once without a team where it was in none
people as (
    select
        users.scope,
        users.day,
        teams.team_id,
        users.user_id,
        users.is_engaged,
        users.used_chat,
        users.used_agent,
        users.used_cli,
        users.user_initiated_interaction_count,
        users.code_generation_activity_count,
        users.code_acceptance_activity_count,
        users.loc_suggested_to_add_sum,
        users.loc_added_sum,
        users.loc_deleted_sum,
        users.ai_credits_used,
    from core.fct_user_day as users
    inner join days on users.scope = days.scope and users.day = days.day
    left join teams on users.scope = teams.scope and users.day = teams.day and users.user_id = teams.user_id
),

completions as (
    select
        features.scope,
        teams.team_id,
        sum(features.code_generation_activity_count)::bigint as suggested,
        sum(features.code_acceptance_activity_count)::bigint as accepted,
    from core.fct_user_day_feature as features
    inner join days on features.scope = days.scope and features.day = days.day
    left join teams
        on features.scope = teams.scope and features.day = teams.day and features.user_id = teams.user_id
    where features.feature = 'code_completion'
    group by features.scope, teams.team_id
),

sums as (
    select
        scope,
        team_id,
        count(distinct user_id) as monthly_active_users_28d,
        count(distinct user_id) filter (where is_engaged) as monthly_engaged_users_28d,
        case when count(used_chat) > 0 then count(distinct user_id) filter (where used_chat) end
            as monthly_active_chat_users_28d,
        case when count(used_agent) > 0 then count(distinct user_id) filter (where used_agent) end
            as monthly_active_agent_users_28d,
        case when count(used_cli) > 0 then count(distinct user_id) filter (where used_cli) end
            as monthly_active_cli_users_28d,
        count(*) as active_user_days_28d,
        sum(user_initiated_interaction_count)::bigint as user_initiated_interaction_count_28d,
        sum(code_generation_activity_count)::bigint as code_generation_activity_count_28d,
        sum(code_acceptance_activity_count)::bigint as code_acceptance_activity_count_28d,
        sum(loc_suggested_to_add_sum)::bigint as loc_suggested_to_add_sum_28d,
        sum(loc_added_sum)::bigint as loc_added_sum_28d,
        sum(loc_deleted_sum)::bigint as loc_deleted_sum_28d,
        sum(ai_credits_used)::decimal(18, 6) as ai_credits_used_28d,
    from people
    group by scope, team_id
),

shares as (
    select
        scope,
        count(distinct user_id) as active_users_of_scope_28d,
        count(distinct user_id) filter (where team_id is not null) as active_users_in_a_team_28d,
    from people
    group by scope
),

reported as (
    select
        teams.scope,
        teams.team_id,
        any_value(dim_team.slug) as team_slug,
        max(teams.day) as last_reported_day,
        nullif(count(*) filter (where teams.day = teams.as_of_day), 0) as reported_members,
    from teams
    inner join core.dim_team as dim_team on teams.scope = dim_team.scope and teams.team_id = dim_team.team_id
    group by teams.scope, teams.team_id
    union all
    select
        scope,
        null as team_id,
        '(no reported team)' as team_slug,
        null as last_reported_day,
        null as reported_members,
    from coverage
)

select
    reported.scope,
    reported.team_id,

    reported.team_slug,
    coverage.as_of_day - 27 as first_day,
    coverage.as_of_day,
    coverage.days_covered_28d,
    reported.last_reported_day,

    reported.reported_members,
    coalesce(sums.monthly_active_users_28d, 0) as monthly_active_users_28d,
    coalesce(sums.monthly_engaged_users_28d, 0) as monthly_engaged_users_28d,
    case when sums.scope is null then 0 else sums.monthly_active_chat_users_28d end as monthly_active_chat_users_28d,
    case when sums.scope is null then 0 else sums.monthly_active_agent_users_28d end as monthly_active_agent_users_28d,
    case when sums.scope is null then 0 else sums.monthly_active_cli_users_28d end as monthly_active_cli_users_28d,
    coalesce(sums.active_user_days_28d, 0) as active_user_days_28d,

    case when sums.scope is null then 0 else sums.user_initiated_interaction_count_28d end
        as user_initiated_interaction_count_28d,
    case when sums.scope is null then 0 else sums.code_generation_activity_count_28d end
        as code_generation_activity_count_28d,
    case when sums.scope is null then 0 else sums.code_acceptance_activity_count_28d end
        as code_acceptance_activity_count_28d,
    case when sums.scope is null then 0 else sums.loc_suggested_to_add_sum_28d end as loc_suggested_to_add_sum_28d,
    case when sums.scope is null then 0 else sums.loc_added_sum_28d end as loc_added_sum_28d,
    case when sums.scope is null then 0 else sums.loc_deleted_sum_28d end as loc_deleted_sum_28d,
    sums.ai_credits_used_28d,
    coalesce(completions.suggested, 0) as completions_suggested_28d,
    coalesce(completions.accepted, 0) as completions_accepted_28d,
    completions.accepted / nullif(completions.suggested, 0) as completion_acceptance_rate_28d,

    coalesce(shares.active_users_in_a_team_28d, 0) as active_users_in_a_team_28d,
    coalesce(shares.active_users_of_scope_28d, 0) as active_users_of_scope_28d,
    shares.active_users_in_a_team_28d / nullif(shares.active_users_of_scope_28d, 0)
        as share_of_active_users_in_a_team_28d,

    coverage.as_of_day > (now() at time zone 'UTC')::date - 3 as is_provisional,
from reported
inner join coverage on reported.scope = coverage.scope
left join sums on reported.scope = sums.scope and reported.team_id is not distinct from sums.team_id
left join completions
    on reported.scope = completions.scope and reported.team_id is not distinct from completions.team_id
left join shares on reported.scope = shares.scope
order by reported.scope, reported.team_id
