-- A person's first day is not after the last, and nobody is engaged after it or seen after the day it is as of.
select scope, user_id
from marts.idle_users
where
    first_active_day > last_active_day
    or last_engaged_day > last_active_day
    or days_idle < 0
    or days_since_last_engaged < days_idle
