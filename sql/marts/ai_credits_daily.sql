-- one row per scope and calendar day, from the scope's first to its last loaded day
with
adoption_daily as (select scope, day, daily_active_users, is_provisional from marts.adoption_daily),

people as (
    select scope, day, ai_credits_used
    from core.fct_user_day_scoped
    where ai_credits_used is not null
),

spenders as (
    select
        scope,
        day,
        ai_credits_used,
        row_number() over (partition by scope, day order by ai_credits_used desc) as place,
        ceil(count(*) over (partition by scope, day) / 10) as places,
    from people
    where ai_credits_used > 0
),

top_deciles as (
    select scope, day, count(*) as users, sum(ai_credits_used)::decimal(18, 6) as ai_credits_used
    from spenders
    where place <= places
    group by scope, day
),

daily as (
    select
        scope,
        day,
        sum(ai_credits_used)::decimal(18, 6) as ai_credits_used,
        count(*) filter (where ai_credits_used > 0) as users_with_credits,
    from people
    group by scope, day
)

select
    adoption_daily.scope,
    adoption_daily.day,

    daily.ai_credits_used,
    (daily.ai_credits_used * 0.01)::decimal(18, 8) as list_value_usd,
    (sum(daily.ai_credits_used) over month_so_far)::decimal(18, 6) as ai_credits_used_mtd,

    adoption_daily.daily_active_users as active_users,
    daily.users_with_credits,
    daily.ai_credits_used::double / nullif(adoption_daily.daily_active_users, 0) as ai_credits_per_active_user,

    top_deciles.users as users_of_top_decile,
    top_deciles.ai_credits_used as ai_credits_of_top_decile,
    top_deciles.ai_credits_used::double / daily.ai_credits_used::double as share_of_top_decile,

    adoption_daily.is_provisional,
from adoption_daily
left join daily on adoption_daily.scope = daily.scope and adoption_daily.day = daily.day
left join top_deciles on adoption_daily.scope = top_deciles.scope and adoption_daily.day = top_deciles.day
window
    month_so_far as (
        partition by adoption_daily.scope, date_trunc('month', adoption_daily.day) order by adoption_daily.day
    )
order by adoption_daily.scope, adoption_daily.day
