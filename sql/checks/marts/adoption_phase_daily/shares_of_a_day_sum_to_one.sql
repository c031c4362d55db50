-- The shares of a day's phases sum to one.
select scope, day
from marts.adoption_phase_daily
group by scope, day
having abs(sum(share_of_users) - 1) > 1e-9
