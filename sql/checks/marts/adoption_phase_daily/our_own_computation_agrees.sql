-- Our own computation of the phases agrees for nine people in ten.
-- severity: warn
select scope, day
from marts.adoption_phase_daily
group by scope, day
having sum(agreeing_users) < 0.9 * sum(comparable_users)
