-- one row per scope, ISO week and editor
with
editors as (
    select
        scope,
        day,
        user_id,
        ide,
        user_initiated_interaction_count,
        code_generation_activity_count,
        loc_added_sum,
    from core.fct_user_day_ide
    union all
    select
        '(all organizations)' as scope,
        day,
        user_id,
        ide,
        user_initiated_interaction_count,
        code_generation_activity_count,
        loc_added_sum,
    from core.fct_user_day_ide
    where counts_in_all_organizations
),

sums as (
    select
        scope,
        date_trunc('week', day)::date as week_start_monday,
        coalesce(ide, 'unknown') as ide,
        count(distinct user_id) as users,
        coalesce(sum(user_initiated_interaction_count), 0)::bigint as interactions,
        coalesce(sum(code_generation_activity_count), 0)::bigint as generations,
        coalesce(sum(loc_added_sum), 0)::bigint as loc_added,
    from editors
    group by scope, week_start_monday, coalesce(ide, 'unknown')
),

totals as (
    select
        scope,
        week_start_monday,
        sum(generations)::bigint as generations_of_week,
        (sum(generations) filter (where ide in ('unknown', 'others')))::bigint as unknown_generations_of_week,
    from sums
    group by scope, week_start_monday
)

select
    sums.scope,
    sums.week_start_monday,
    sums.ide,

    sums.users,
    sums.interactions,
    sums.generations,
    sums.loc_added,

    totals.generations_of_week,
    sums.generations / nullif(totals.generations_of_week, 0) as share_of_generations,
    coalesce(totals.unknown_generations_of_week, 0) as unknown_generations_of_week,
    coalesce(totals.unknown_generations_of_week, 0) / nullif(totals.generations_of_week, 0) as unknown_share,
from sums
inner join totals on sums.scope = totals.scope and sums.week_start_monday = totals.week_start_monday
order by sums.scope, sums.week_start_monday, sums.ide
