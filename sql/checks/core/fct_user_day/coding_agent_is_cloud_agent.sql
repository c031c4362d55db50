-- GitHub's old and new flag of the cloud agent say the same.
-- severity: warn
select scope, day, user_id
from raw.user_day
where used_copilot_coding_agent <> used_copilot_cloud_agent
