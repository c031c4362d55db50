-- one row per scope, day and user, with GitHub's adoption phase and the one that the loaded days add up to
with
people as (
    select
        scope,
        day,
        user_id,
        adoption_phase_number,
        used_copilot_cloud_agent,
        used_copilot_code_review_active,
        used_copilot_code_review_passive,
        counts_in_all_organizations,
    from core.fct_user_day
),

features as (
    select
        day,
        user_id,
        bool_or(feature in ('code_completion', 'agent_edit')) as is_code,
        bool_or(feature in ('copilot_cli', 'cli_agent')) as is_cli,
        bool_or(feature = 'copilot_app') as is_app,
    from core.fct_user_day_feature
    group by day, user_id
),

-- a person's signals of a day from whichever scope reported them, since GitHub looks at the whole enterprise
signals as (
    select
        people.day,
        people.user_id,
        coalesce(bool_or(features.is_code), false) as is_code,
        coalesce(bool_or(features.is_cli), false) as is_cli,
        coalesce(bool_or(features.is_app), false) as is_app,
        coalesce(bool_or(people.used_copilot_cloud_agent), false) as is_cloud_agent,
        coalesce(bool_or(people.used_copilot_code_review_active), false)
        or coalesce(bool_or(people.used_copilot_code_review_passive), false) as is_code_review,
    from people
    left join features on people.day = features.day and people.user_id = features.user_id
    group by people.day, people.user_id
),

counted as (
    select
        day,
        user_id,
        count(*) filter (where is_code) over last_28 as code_days_28d,
        count(*) filter (where is_cli) over last_28 as cli_days_28d,
        count(*) filter (where is_app) over last_28 as app_days_28d,
        count(*) filter (where is_cloud_agent) over last_28 as cloud_agent_days_28d,
        count(*) filter (where is_code_review) over last_28 as code_review_days_28d,
    from signals
    window last_28 as (
        partition by user_id order by day range between interval '27' day preceding and current row
    )
),

-- the comparison says something only when all 28 days of the scope are loaded
covered as (
    select
        scope,
        day,
        count(*) over (
            partition by scope order by day range between interval '27' day preceding and current row
        ) as days_covered_28d,
    from ops.report_days
    where report = 'users-1-day' and loaded_at is not null
)

select
    people.scope,
    people.day,
    people.user_id,

    people.adoption_phase_number,
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

    coalesce(covered.days_covered_28d = 28, false) as is_comparable,
    people.counts_in_all_organizations,
from people
inner join counted on people.day = counted.day and people.user_id = counted.user_id
left join covered on people.scope = covered.scope and people.day = covered.day
