-- one row per scope, month and person seen in it
select
    scope,
    date_trunc('month', day)::date as month_start,
    user_id,

    count(*) as active_days,
    count(*) filter (where is_engaged) as engaged_days,
    sum(ai_credits_used)::decimal(18, 6) as ai_credits_used,

    bool_or(is_engaged) as is_engaged,
from core.fct_user_day_scoped
group by scope, month_start, user_id
