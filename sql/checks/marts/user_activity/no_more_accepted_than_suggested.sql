-- No more completions are accepted than were suggested.
-- severity: warn
select scope, user_id
from marts.user_activity
where completions_accepted_28d > completions_suggested_28d
