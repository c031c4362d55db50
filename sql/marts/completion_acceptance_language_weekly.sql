-- one row per scope, ISO week and language in which completions were suggested
with
completions as (
    select
        scope,
        day,
        user_id,
        coalesce(language_canonical, 'unknown') as language_canonical,
        code_generation_activity_count,
        code_acceptance_activity_count,
    from core.fct_user_day_language_feature
    where feature = 'code_completion'
    union all
    select
        '(all organizations)' as scope,
        day,
        user_id,
        coalesce(language_canonical, 'unknown') as language_canonical,
        code_generation_activity_count,
        code_acceptance_activity_count,
    from core.fct_user_day_language_feature
    where counts_in_all_organizations and feature = 'code_completion'
)

select
    scope,
    date_trunc('week', day)::date as week_start_monday,
    language_canonical,

    count(distinct user_id) as completion_users,
    sum(code_generation_activity_count)::bigint as suggested,
    sum(code_acceptance_activity_count)::bigint as accepted,
    sum(code_acceptance_activity_count)::bigint / nullif(sum(code_generation_activity_count)::bigint, 0)
        as acceptance_rate,
from completions
group by scope, week_start_monday, language_canonical
order by scope, week_start_monday, language_canonical
