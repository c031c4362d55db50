-- one row per scope, ISO week and person seen in it
select
    scope,
    date_trunc('week', day)::date as week_start_monday,
    user_id,

    count(*) as active_days,
    count(*) filter (where is_engaged) as engaged_days,

    bool_or(is_engaged) as is_engaged,
from core.fct_user_day_scoped
group by scope, week_start_monday, user_id
