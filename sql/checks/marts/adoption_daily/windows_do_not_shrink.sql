-- A day's users are among the week's, and the week's among the month's.
select scope, day
from marts.adoption_daily
where
    daily_active_users > weekly_active_users_7d
    or weekly_active_users_7d > monthly_active_users_28d
    or daily_engaged_users > daily_active_users
    or weekly_engaged_users_7d > weekly_active_users_7d
    or monthly_engaged_users_28d > monthly_active_users_28d
