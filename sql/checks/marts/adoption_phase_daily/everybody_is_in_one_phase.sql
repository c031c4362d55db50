-- A day's people with a phase are among its active people, and the recomputed phases hold as many as GitHub's.
select scope, day
from marts.adoption_phase_daily
group by scope, day
having
    sum(users) <> max(users_with_phase)
    or max(users_with_phase) > max(active_users)
    or sum(users_recomputed) <> sum(users)
    or max(users_agreeing - least(users, users_recomputed)) > 0
