-- No more completions are accepted than were suggested.
-- severity: warn
select scope, week_start_monday, language_canonical
from marts.completion_acceptance_language_weekly
where accepted > suggested
