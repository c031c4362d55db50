-- On a Sunday the week to date is the day itself; on the first of a month, so is the month to date.
select scope, day
from marts.adoption_daily
where
    (isodow(day) = 7 and weekly_active_users_wtd <> daily_active_users)
    or (dayofmonth(day) = 1 and monthly_active_users_mtd <> daily_active_users)
