-- A person's shorter windows lie in the longer ones, engaged days in active ones, and none is longer than its days.
select scope, user_id
from marts.user_activity
where
    active_days_7d > active_days_28d
    or active_days_28d > active_days_90d
    or engaged_days_7d > engaged_days_28d
    or engaged_days_28d > engaged_days_90d
    or engaged_days_7d > active_days_7d
    or engaged_days_28d > active_days_28d
    or engaged_days_90d > active_days_90d
    or active_days_7d > 7
    or active_days_28d > 28
    or active_days_90d > 90
