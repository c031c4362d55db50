-- one row per scope, day, breakdown, key and measure that both our sums of users-1-day and GitHub's own totals may have
with
loaded as (
    select
        scope,
        day,
        bool_or(report = 'users-1-day') as has_users,
        bool_or(report <> 'users-1-day') as has_totals,
    from ops.report_days
    where report in ('users-1-day', 'organization-1-day', 'enterprise-1-day') and loaded_at is not null
    group by scope, day
),

covered as (
    select
        scope,
        day,
        has_users,
        has_totals,
        day > (now() at time zone 'UTC')::date - 3 as is_provisional,
        date_trunc('week', day + 1)::date - 1 as week_start_sunday,
        date_trunc('month', day)::date as month_start,
        count(*) filter (where has_users) over week_so_far as days_covered_wtd,
        count(*) filter (where has_users) over month_so_far as days_covered_mtd,
        min(day) filter (where has_totals) over (partition by scope) as first_totals_day,
    from loaded
    window
        week_so_far as (partition by scope, date_trunc('week', day + 1) order by day),
        month_so_far as (partition by scope, date_trunc('month', day) order by day)
),

-- where GitHub's totals were never loaded, there is nothing to hold against
days as (select * from covered where day >= first_totals_day),

comparable as (select scope, day from days where has_users and has_totals),

measures as (select * from seeds.reconciliation_measure),

-- ---------------------------------------------------------------------------------- the top level

people as (
    select
        days.scope,
        days.day,
        case when count(users.user_id) = 0 then 0 end as nobody,
        sum(users.user_initiated_interaction_count) as user_initiated_interaction_count,
        sum(users.code_generation_activity_count) as code_generation_activity_count,
        sum(users.code_acceptance_activity_count) as code_acceptance_activity_count,
        sum(users.loc_suggested_to_add_sum) as loc_suggested_to_add_sum,
        sum(users.loc_suggested_to_delete_sum) as loc_suggested_to_delete_sum,
        sum(users.loc_added_sum) as loc_added_sum,
        sum(users.loc_deleted_sum) as loc_deleted_sum,
        sum(users.used_copilot_cloud_agent::bigint) as cloud_agent_users,
        sum(users.used_copilot_code_review_active::bigint) as active_review_users,
        sum(users.used_copilot_code_review_passive::bigint) as passive_review_users,
        sum(users.used_cli::bigint) as cli_users,
        sum(users.used_copilot_app::bigint) as app_users,
        sum(users.used_vscode_agent::bigint) as vscode_agent_users,
    from days
    left join core.fct_user_day as users on days.scope = users.scope and days.day = users.day
    where days.has_users
    group by days.scope, days.day
),

-- nobody in a loaded report is zero; people whose records lack a field are not
ours_wide as (
    select
        people.scope,
        people.day,
        coalesce(people.user_initiated_interaction_count, people.nobody)::bigint as user_initiated_interaction_count,
        coalesce(people.code_generation_activity_count, people.nobody)::bigint as code_generation_activity_count,
        coalesce(people.code_acceptance_activity_count, people.nobody)::bigint as code_acceptance_activity_count,
        coalesce(people.loc_suggested_to_add_sum, people.nobody)::bigint as loc_suggested_to_add_sum,
        coalesce(people.loc_suggested_to_delete_sum, people.nobody)::bigint as loc_suggested_to_delete_sum,
        coalesce(people.loc_added_sum, people.nobody)::bigint as loc_added_sum,
        coalesce(people.loc_deleted_sum, people.nobody)::bigint as loc_deleted_sum,
        adoption.daily_active_users,
        adoption.weekly_active_users_wtd as weekly_active_users,
        adoption.monthly_active_users_mtd as monthly_active_users,
        adoption.monthly_active_chat_users_mtd as monthly_active_chat_users,
        adoption.monthly_active_agent_users_mtd as monthly_active_agent_users,
        coalesce(people.cloud_agent_users, people.nobody)::bigint as daily_active_copilot_cloud_agent_users,
        adoption.monthly_active_cloud_agent_users_mtd as monthly_active_copilot_cloud_agent_users,
        coalesce(people.active_review_users, people.nobody)::bigint as daily_active_copilot_code_review_users,
        coalesce(people.passive_review_users, people.nobody)::bigint as daily_passive_copilot_code_review_users,
        coalesce(people.cli_users, people.nobody)::bigint as daily_active_cli_users,
        coalesce(people.app_users, people.nobody)::bigint as daily_active_copilot_app_users,
        coalesce(people.vscode_agent_users, people.nobody)::bigint as daily_active_vscode_agent_users,
    from people
    inner join marts.adoption_daily as adoption on people.scope = adoption.scope and people.day = adoption.day
),

ours as (
    select
        scope,
        day,
        measure,
        amount,
    from ours_wide
    unpivot include nulls (
        amount for measure in (
            user_initiated_interaction_count,
            code_generation_activity_count,
            code_acceptance_activity_count,
            loc_suggested_to_add_sum,
            loc_suggested_to_delete_sum,
            loc_added_sum,
            loc_deleted_sum,
            daily_active_users,
            weekly_active_users,
            monthly_active_users,
            monthly_active_chat_users,
            monthly_active_agent_users,
            daily_active_copilot_cloud_agent_users,
            monthly_active_copilot_cloud_agent_users,
            daily_active_copilot_code_review_users,
            daily_passive_copilot_code_review_users,
            daily_active_cli_users,
            daily_active_copilot_app_users,
            daily_active_vscode_agent_users
        )
    )
),

theirs as (
    select
        scope,
        day,
        measure,
        amount,
    from core.fct_totals_day
    unpivot include nulls (
        amount for measure in (
            user_initiated_interaction_count,
            code_generation_activity_count,
            code_acceptance_activity_count,
            loc_suggested_to_add_sum,
            loc_suggested_to_delete_sum,
            loc_added_sum,
            loc_deleted_sum,
            daily_active_users,
            weekly_active_users,
            monthly_active_users,
            monthly_active_chat_users,
            monthly_active_agent_users,
            daily_active_copilot_cloud_agent_users,
            monthly_active_copilot_cloud_agent_users,
            daily_active_copilot_code_review_users,
            daily_passive_copilot_code_review_users,
            daily_active_cli_users,
            daily_active_copilot_app_users,
            daily_active_vscode_agent_users
        )
    )
),

top_level as (
    select
        days.scope,
        days.day,
        '(top level)' as breakdown,
        '' as first_key,
        '' as second_key,
        measures.measure,
        ours.amount as our_value,
        theirs.amount as github_value,
        0 as our_others,
        0 as github_others,
        false as is_remainder,
    from days
    cross join measures
    left join ours on days.scope = ours.scope and days.day = ours.day and measures.measure = ours.measure
    left join theirs on days.scope = theirs.scope and days.day = theirs.day and measures.measure = theirs.measure
),

-- --------------------------------------------------------------------------------- the breakdowns

our_elements as (
    select
        scope,
        day,
        'ide' as breakdown,
        ide as first_key,
        '' as second_key,
        user_initiated_interaction_count,
        code_generation_activity_count,
        code_acceptance_activity_count,
        loc_suggested_to_add_sum,
        loc_suggested_to_delete_sum,
        loc_added_sum,
        loc_deleted_sum,
    from core.fct_user_day_ide
    union all
    select
        scope,
        day,
        'feature' as breakdown,
        feature as first_key,
        '' as second_key,
        user_initiated_interaction_count,
        code_generation_activity_count,
        code_acceptance_activity_count,
        loc_suggested_to_add_sum,
        loc_suggested_to_delete_sum,
        loc_added_sum,
        loc_deleted_sum,
    from core.fct_user_day_feature
    union all
    select
        scope,
        day,
        'language_feature' as breakdown,
        language as first_key,
        feature as second_key,
        null as user_initiated_interaction_count,
        code_generation_activity_count,
        code_acceptance_activity_count,
        loc_suggested_to_add_sum,
        loc_suggested_to_delete_sum,
        loc_added_sum,
        loc_deleted_sum,
    from core.fct_user_day_language_feature
    union all
    select
        scope,
        day,
        'language_model' as breakdown,
        language as first_key,
        model as second_key,
        null as user_initiated_interaction_count,
        code_generation_activity_count,
        code_acceptance_activity_count,
        loc_suggested_to_add_sum,
        loc_suggested_to_delete_sum,
        loc_added_sum,
        loc_deleted_sum,
    from core.fct_user_day_language_model
    union all
    select
        scope,
        day,
        'model_feature' as breakdown,
        model as first_key,
        feature as second_key,
        user_initiated_interaction_count,
        code_generation_activity_count,
        code_acceptance_activity_count,
        loc_suggested_to_add_sum,
        loc_suggested_to_delete_sum,
        loc_added_sum,
        loc_deleted_sum,
    from core.fct_user_day_model_feature
),

elements as (
    select
        false as is_githubs,
        our_elements.scope,
        our_elements.day,
        our_elements.breakdown,
        coalesce(our_elements.first_key, '') as first_key,
        coalesce(our_elements.second_key, '') as second_key,
        our_elements.user_initiated_interaction_count,
        our_elements.code_generation_activity_count,
        our_elements.code_acceptance_activity_count,
        our_elements.loc_suggested_to_add_sum,
        our_elements.loc_suggested_to_delete_sum,
        our_elements.loc_added_sum,
        our_elements.loc_deleted_sum,
    from our_elements
    inner join comparable on our_elements.scope = comparable.scope and our_elements.day = comparable.day
    union all
    select
        true as is_githubs,
        totals.scope,
        totals.day,
        totals.breakdown,
        totals.first_key,
        totals.second_key,
        totals.user_initiated_interaction_count,
        totals.code_generation_activity_count,
        totals.code_acceptance_activity_count,
        totals.loc_suggested_to_add_sum,
        totals.loc_suggested_to_delete_sum,
        totals.loc_added_sum,
        totals.loc_deleted_sum,
    from core.fct_totals_day_breakdown as totals
    inner join comparable on totals.scope = comparable.scope and totals.day = comparable.day
),

amounts as (
    select
        scope,
        day,
        breakdown,
        first_key,
        second_key,
        measure,
        is_githubs,
        amount,
    from elements
    unpivot (
        amount for measure in (
            user_initiated_interaction_count,
            code_generation_activity_count,
            code_acceptance_activity_count,
            loc_suggested_to_add_sum,
            loc_suggested_to_delete_sum,
            loc_added_sum,
            loc_deleted_sum
        )
    )
),

keyed as (
    select
        scope,
        day,
        breakdown,
        first_key,
        second_key,
        measure,
        sum(amount) filter (where not is_githubs) as our_value,
        sum(amount) filter (where is_githubs) as github_value,
        count(*) filter (where is_githubs) = 0
        or count(*) filter (where not is_githubs) = 0
        or first_key = 'others'
        or second_key = 'others' as is_in_remainder,
        first_key = 'others' or second_key = 'others' as is_others,
    from amounts
    group by scope, day, breakdown, first_key, second_key, measure
),

remainders as (
    select
        scope,
        day,
        breakdown,
        measure,
        coalesce(sum(our_value), 0) as our_total,
        coalesce(sum(github_value), 0) as github_total,
        coalesce(sum(our_value) filter (where is_in_remainder), 0) as our_remainder,
        coalesce(sum(github_value) filter (where is_in_remainder), 0) as github_remainder,
        coalesce(sum(our_value) filter (where is_others), 0) as our_others,
        coalesce(sum(github_value) filter (where is_others), 0) as github_others,
    from keyed
    group by scope, day, breakdown, measure
),

-- an empty array is nothing, an absent one is unknown
arrays as (
    select
        scope,
        day,
        replace(replace(member, 'totals_by_', ''), '_count', '') as breakdown,
        array_size,
    from core.fct_totals_day
    unpivot include nulls (
        array_size for member in (
            totals_by_ide_count,
            totals_by_feature_count,
            totals_by_language_feature_count,
            totals_by_language_model_count,
            totals_by_model_feature_count
        )
    )
),

breakdown_rows as (
    select
        scope,
        day,
        breakdown,
        first_key,
        second_key,
        measure,
        our_value,
        github_value,
        false as is_remainder,
    from keyed
    where not is_in_remainder and (our_value <> 0 or github_value <> 0)
    union all
    select
        remainders.scope,
        remainders.day,
        remainders.breakdown,
        '(all keys)' as first_key,
        '' as second_key,
        remainders.measure,
        remainders.our_total as our_value,
        case when remainders.github_total > 0 or arrays.array_size is not null then remainders.github_total end
            as github_value,
        false as is_remainder,
    from remainders
    inner join arrays
        on
            remainders.scope = arrays.scope
            and remainders.day = arrays.day
            and remainders.breakdown = arrays.breakdown
    union all
    select
        scope,
        day,
        breakdown,
        '(others and keys of one side)' as first_key,
        '' as second_key,
        measure,
        our_remainder as our_value,
        github_remainder as github_value,
        true as is_remainder,
    from remainders
    where our_remainder <> 0 or github_remainder <> 0
),

compared as (
    select * from top_level
    union all
    select
        breakdown_rows.scope,
        breakdown_rows.day,
        breakdown_rows.breakdown,
        breakdown_rows.first_key,
        breakdown_rows.second_key,
        breakdown_rows.measure,
        breakdown_rows.our_value::bigint as our_value,
        breakdown_rows.github_value::bigint as github_value,
        -- the whole does not depend on what is capped
        case when breakdown_rows.first_key = '(all keys)' then 0 else remainders.our_others end as our_others,
        case when breakdown_rows.first_key = '(all keys)' then 0 else remainders.github_others end as github_others,
        breakdown_rows.is_remainder,
    from breakdown_rows
    inner join remainders
        on
            breakdown_rows.scope = remainders.scope
            and breakdown_rows.day = remainders.day
            and breakdown_rows.breakdown = remainders.breakdown
            and breakdown_rows.measure = remainders.measure
),

judged as (
    select
        compared.scope,
        compared.day,
        compared.breakdown,
        compared.first_key,
        compared.second_key,
        compared.measure,
        measures.measure_window,
        compared.our_value,
        compared.github_value,
        measures.tolerance,
        coalesce(compared.our_value, case when measures.null_is_none_here then 0 end)
        - coalesce(compared.github_value, case when measures.null_is_none_there then 0 end) as difference,
        case
            when not days.has_totals then 'GitHub''s own totals of the day are not loaded'
            when not days.has_users then 'the users'' report of the day is not loaded'
            when compared.day < measures.first_day and (compared.our_value is null or compared.github_value is null)
                then 'the measure did not exist yet'
            when compared.github_value is null and not measures.null_is_none_there
                then 'GitHub''s totals have no value'
            when compared.our_value is null and not measures.null_is_none_here then 'the users'' records have no value'
            when measures.measure_window = 'week_to_date' and days.days_covered_wtd <= days.day - days.week_start_sunday
                then 'days of the week are not loaded'
            when measures.measure_window = 'month_to_date' and days.days_covered_mtd <= days.day - days.month_start
                then 'days of the month are not loaded'
        end as obstacle,
        case
            when compared.is_remainder then compared.our_others > 0 or compared.github_others > 0
            when compared.our_value > compared.github_value
                then compared.our_value - compared.github_value <= compared.github_others
            else compared.github_value - compared.our_value <= compared.our_others
        end as may_be_capped,
        case
            when days.is_provisional then 'provisional: the two reports were made at different times'
            when
                measures.measure in ('daily_active_users', 'weekly_active_users', 'monthly_active_users')
                and compared.our_value > compared.github_value
                and date '2026-04-09' > case measures.measure_window
                    when 'week_to_date' then days.week_start_sunday
                    when 'month_to_date' then days.month_start
                    else days.day
                end
                then 'before 2026-04-09 GitHub''s totals left out people who used Copilot CLI alone'
        end as known_reason,
        days.is_provisional,
    from compared
    inner join days on compared.scope = days.scope and compared.day = days.day
    inner join measures on compared.measure = measures.measure
)

select
    scope,
    day,
    breakdown,
    first_key,
    second_key,
    measure,

    measure_window,
    our_value,
    github_value,
    case when obstacle is null then difference end as difference,
    tolerance,
    case
        when obstacle is not null then 'cannot compare'
        when abs(difference) <= tolerance then 'equal'
        when may_be_capped then 'cannot compare'
        else 'differs'
    end as status,
    case
        when obstacle is not null then obstacle
        when abs(difference) <= tolerance then null
        when may_be_capped then 'capped: a part may stand in the key `others`'
        else known_reason
    end as reason,

    is_provisional,
from judged
order by scope, day, breakdown, first_key, second_key, measure
