-- Our own computation of the phases agrees with GitHub's for nine people in ten.
-- severity: warn
select scope, day
from marts.adoption_phase_daily
where users_agreeing is not null
group by scope, day
having sum(users_agreeing) < 0.9 * sum(users)
