-- The shares of a week sum to one.
select scope, week_start_monday
from marts.ide_mix
group by scope, week_start_monday
having abs(sum(share_of_generations) - 1) > 1e-9
