-- The active users of a month are the month to date of its last day.
select days.scope, days.day
from marts.adoption_daily as days
inner join marts.adoption_monthly as months
    on days.scope = months.scope and date_trunc('month', days.day)::date = months.month_start
where days.day = last_day(days.day) and days.monthly_active_users_mtd <> months.active_users
