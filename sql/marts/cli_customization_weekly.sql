-- one row per scope, ISO week, customization type and name
with
customizations as (
    select
        scope,
        day,
        user_id,
        customization_type,
        name,
        interaction_count,
    from core.fct_user_day_cli_customization
    union all
    select
        '(all organizations)' as scope,
        day,
        user_id,
        customization_type,
        name,
        interaction_count,
    from core.fct_user_day_cli_customization
    where counts_in_all_organizations
)

select
    scope,
    date_trunc('week', day)::date as week_start_monday,
    customization_type,
    coalesce(name, 'unknown') as name,

    count(distinct user_id) as users,
    sum(interaction_count)::bigint as interactions,
from customizations
group by scope, week_start_monday, customization_type, coalesce(name, 'unknown')
order by scope, week_start_monday, customization_type, name
