-- one row per scope, day and person for whom GitHub reports an adoption phase
with
people as (
    select
        scope,
        day,
        user_id,
        adoption_phase_number,
        coalesce(used_copilot_cloud_agent, false) as on_cloud_agent,
        coalesce(used_copilot_code_review_active, false) or coalesce(used_copilot_code_review_passive, false)
            as on_code_review,
        counts_in_all_organizations,
    from core.fct_user_day
),

features as (
    select
        scope,
        day,
        user_id,
        bool_or(feature in ('code_completion', 'agent_edit')) as on_code,
        bool_or(feature = 'copilot_cli') as on_cli,
        bool_or(feature = 'copilot_app') as on_app,
    from core.fct_user_day_feature
    group by scope, day, user_id
),

signals as (
    select
        people.scope,
        people.day,
        people.user_id,
        people.adoption_phase_number,
        coalesce(features.on_code, false)::int as on_code,
        coalesce(features.on_cli, false)::int as on_cli,
        coalesce(features.on_app, false)::int as on_app,
        people.on_cloud_agent::int as on_cloud_agent,
        people.on_code_review::int as on_code_review,
        people.counts_in_all_organizations,
    from people
    left join features
        on people.scope = features.scope and people.day = features.day and people.user_id = features.user_id
),

counted as (
    select
        scope,
        day,
        user_id,
        adoption_phase_number,
        counts_in_all_organizations,
        (sum(on_code) over last_28)::bigint as code_days_28d,
        (sum(on_cli) over last_28)::bigint as cli_days_28d,
        (sum(on_app) over last_28)::bigint as app_days_28d,
        (sum(on_cloud_agent) over last_28)::bigint as cloud_agent_days_28d,
        (sum(on_code_review) over last_28)::bigint as code_review_days_28d,
    from signals
    window
        last_28 as (
            partition by scope, user_id
            order by day
            range between interval '27' day preceding and current row
        )
),

-- the comparison says something only when all 28 days of the scope are loaded
covered as (
    select
        scope,
        day,
        count(*) over (
            partition by scope
            order by day
            range between interval '27' day preceding and current row
        ) as days_covered_28d,
    from ops.report_days
    where report = 'users-1-day' and loaded_at is not null
)

select
    counted.scope,
    counted.day,
    counted.user_id,

    counted.adoption_phase_number,
    case
        when
            counted.app_days_28d >= 2
            or (counted.cli_days_28d >= 2)::int
            + (counted.cloud_agent_days_28d >= 2)::int
            + (counted.code_review_days_28d >= 2)::int >= 2
            then 3
        when counted.cli_days_28d >= 2 or counted.cloud_agent_days_28d >= 2 or counted.code_review_days_28d >= 2
            then 2
        when counted.code_days_28d >= 2 then 1
        else 0
    end::bigint as recomputed_phase_number,

    counted.code_days_28d,
    counted.cli_days_28d,
    counted.app_days_28d,
    counted.cloud_agent_days_28d,
    counted.code_review_days_28d,

    coalesce(covered.days_covered_28d, 0) = 28 as is_comparable,
    counted.counts_in_all_organizations,
from counted
left join covered on counted.scope = covered.scope and counted.day = covered.day
where counted.adoption_phase_number is not null
