-- Active people are either new or returning.
select scope, active_users
from marts.adoption_weekly
where active_users <> new_users + returning_users
