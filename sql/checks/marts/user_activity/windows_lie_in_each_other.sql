-- A person's shorter windows lie in the longer ones, and engaged days in active ones.
select scope, user_id
from marts.user_activity
where
    active_days_7d > active_days_28d
    or active_days_28d > active_days_90d
    or engaged_days_28d > active_days_28d
    or active_days_7d > 7
    or active_days_28d > 28
