-- one row per scope, ISO week and language
with
languages as (
    select
        scope,
        day,
        user_id,
        feature,
        language_canonical,
        code_generation_activity_count,
        loc_added_sum,
    from core.fct_user_day_language_feature
    union all
    select
        '(all organizations)' as scope,
        day,
        user_id,
        feature,
        language_canonical,
        code_generation_activity_count,
        loc_added_sum,
    from core.fct_user_day_language_feature
    where counts_in_all_organizations
),

sums as (
    select
        scope,
        date_trunc('week', day)::date as week_start_monday,
        coalesce(language_canonical, 'unknown') as language_canonical,
        count(distinct user_id) as users,
        coalesce(sum(code_generation_activity_count), 0)::bigint as generations,
        coalesce(
            sum(code_generation_activity_count) filter (where feature not in ('copilot_cli', 'copilot_app')), 0
        )::bigint as ide_generations,
        coalesce(sum(loc_added_sum), 0)::bigint as loc_added,
    from languages
    group by scope, week_start_monday, coalesce(language_canonical, 'unknown')
),

totals as (
    select
        scope,
        week_start_monday,
        sum(generations)::bigint as generations_of_week,
        (sum(generations) filter (where language_canonical in ('unknown', 'others')))::bigint
            as unknown_generations_of_week,
        (sum(ide_generations) filter (where language_canonical <> 'unknown'))::bigint as known_ide_generations_of_week,
    from sums
    group by scope, week_start_monday
)

select
    sums.scope,
    sums.week_start_monday,
    sums.language_canonical,

    sums.users,
    sums.generations,
    sums.ide_generations,
    sums.loc_added,

    totals.generations_of_week,
    sums.generations / nullif(totals.generations_of_week, 0) as share_of_generations,
    coalesce(totals.known_ide_generations_of_week, 0) as known_ide_generations_of_week,
    case
        when sums.language_canonical <> 'unknown'
            then sums.ide_generations / nullif(totals.known_ide_generations_of_week, 0)
    end as share_of_known_ide_generations,
    coalesce(totals.unknown_generations_of_week, 0) as unknown_generations_of_week,
    coalesce(totals.unknown_generations_of_week, 0) / nullif(totals.generations_of_week, 0) as unknown_share,
from sums
inner join totals on sums.scope = totals.scope and sums.week_start_monday = totals.week_start_monday
order by sums.scope, sums.week_start_monday, sums.language_canonical
