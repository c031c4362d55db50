-- GitHub reports AI credits since 2026-06-19.
-- severity: warn
select scope, day
from marts.ai_credits_daily
where ai_credits_used is not null and day < date '2026-06-19'
