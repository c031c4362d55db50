-- Copilot's pull requests and suggestions are among all of them, as far as GitHub counts them alike.
-- severity: warn
select scope, day
from marts.pull_requests_daily
where
    created_by_copilot > created
    or reviewed_by_copilot > reviewed
    or merged_created_by_copilot > merged
    or merged_reviewed_by_copilot > merged
    or copilot_suggestions > suggestions
