-- one row per scope and day on which GitHub reported AI credits
with
people as (
    select scope, day, user_id, ai_credits_used, is_provisional
    from core.fct_user_day_scoped
),

ranked as (
    select
        scope,
        day,
        ai_credits_used,
        row_number() over (partition by scope, day order by ai_credits_used desc) as place,
        count(*) over (partition by scope, day) as spenders,
    from people
    where ai_credits_used > 0
),

top_decile as (
    select scope, day, sum(ai_credits_used)::decimal(18, 6) as ai_credits_used
    from ranked
    where place <= ceil(spenders / 10)
    group by scope, day
),

daily as (
    select
        scope,
        day,
        count(*) as active_users,
        count(*) filter (where ai_credits_used > 0) as users_with_credits,
        sum(ai_credits_used)::decimal(18, 6) as ai_credits_used,
        bool_or(is_provisional) as is_provisional,
    from people
    group by scope, day
),

to_date as (
    select
        scope,
        day,
        (sum(ai_credits_used) over (partition by scope, date_trunc('month', day) order by day))::decimal(18, 6)
            as ai_credits_used_mtd,
    from daily
)

select
    daily.scope,
    daily.day,

    daily.ai_credits_used,
    round(daily.ai_credits_used * 0.01, 6)::decimal(18, 6) as list_value_usd,
    to_date.ai_credits_used_mtd,

    daily.active_users,
    daily.users_with_credits,
    (daily.ai_credits_used / daily.active_users)::double as ai_credits_per_active_user,

    coalesce(top_decile.ai_credits_used, 0)::decimal(18, 6) as ai_credits_of_top_decile,
    (top_decile.ai_credits_used / nullif(daily.ai_credits_used, 0))::double as share_of_top_decile,

    daily.is_provisional,
from daily
inner join to_date on daily.scope = to_date.scope and daily.day = to_date.day
left join top_decile on daily.scope = top_decile.scope and daily.day = top_decile.day
where daily.ai_credits_used is not null
order by daily.scope, daily.day
