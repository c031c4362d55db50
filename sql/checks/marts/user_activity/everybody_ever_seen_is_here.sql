-- Everybody ever seen is here for '(all organizations)' or an enterprise, and nobody after the day it is as of.
-- days: all
select people.user_id
from core.dim_user as people
left join marts.user_activity as activity on people.user_id = activity.user_id
where activity.user_id is null or activity.days_since_last_active < 0
