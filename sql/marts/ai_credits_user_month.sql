-- one row per scope, month and person with AI credits
with
user_month as (
    select scope, month_start, user_id, active_days, ai_credits_used
    from core.fct_user_month
    where ai_credits_used is not null
)

select
    user_month.scope,
    user_month.month_start,
    user_month.user_id,

    dim_user.user_login,

    user_month.ai_credits_used,
    round(user_month.ai_credits_used * 0.01, 6)::decimal(18, 6) as list_value_usd,
    user_month.active_days,
from user_month
left join core.dim_user as dim_user on user_month.user_id = dim_user.user_id
order by user_month.scope, user_month.month_start, user_month.user_id
