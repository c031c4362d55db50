-- one row per person
with
fct_user_day as (select * from core.fct_user_day)

select
    user_id,

    first(user_login order by day desc, scope asc) filter (where user_login is not null) as user_login,

    min(day) as first_active_day,
    max(day) as last_active_day,
    max(day) filter (where is_engaged) as last_engaged_day,
    count(distinct day) as active_days,
from fct_user_day
group by user_id
order by user_id
