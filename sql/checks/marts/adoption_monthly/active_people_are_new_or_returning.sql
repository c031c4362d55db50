-- Active people are either new or returning.
select scope, active_users
from marts.adoption_monthly
where active_users <> new_users + returning_users
