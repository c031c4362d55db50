-- No day has fewer than no credits.
-- severity: warn
select scope, day
from marts.ai_credits_daily
where ai_credits_used < 0
