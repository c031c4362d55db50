-- one row per scope, month and person of whom GitHub reported AI credits
select
    scope,
    month_start,
    user_id,

    ai_credits_used,
    (ai_credits_used * 0.01)::decimal(18, 8) as list_value_usd,
    active_days,
from core.fct_user_month
where ai_credits_used is not null
