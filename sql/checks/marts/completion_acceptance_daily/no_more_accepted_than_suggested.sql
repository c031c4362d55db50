-- No more completions are accepted than were suggested; GitHub's own rounding of a day may break it.
-- severity: warn
select scope, day, suggested, accepted
from marts.completion_acceptance_daily
where accepted > suggested
