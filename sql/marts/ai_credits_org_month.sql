-- one row per scope and month in which GitHub reported AI credits
with
spent as (
    select
        scope,
        month_start,
        sum(ai_credits_used)::decimal(18, 6) as ai_credits_used,
        count(*) filter (where ai_credits_used > 0) as users_with_credits,
    from core.fct_user_month
    where ai_credits_used is not null
    group by scope, month_start
),

months as (
    select scope, month_start, active_users, days_covered from marts.adoption_monthly
),

pools as (
    select
        spent.scope,
        spent.month_start,
        max_by(pool.seats * pool.included_credits_per_seat, pool.month_start)::decimal(18, 6) as included_credits,
    from spent
    inner join seeds.credit_pool as pool on spent.scope = pool.scope and spent.month_start >= pool.month_start
    group by spent.scope, spent.month_start
)

select
    spent.scope,
    spent.month_start,

    spent.ai_credits_used,
    round(spent.ai_credits_used * 0.01, 6)::decimal(18, 6) as list_value_usd,

    months.active_users,
    spent.users_with_credits,
    (spent.ai_credits_used / nullif(months.active_users, 0))::double as ai_credits_per_active_user,

    pools.included_credits,
    (spent.ai_credits_used / nullif(pools.included_credits, 0))::double as share_of_included_credits,

    months.days_covered,
    dayofmonth(last_day(spent.month_start)) as days_of_month,
from spent
inner join months on spent.scope = months.scope and spent.month_start = months.month_start
left join pools on spent.scope = pools.scope and spent.month_start = pools.month_start
order by spent.scope, spent.month_start
