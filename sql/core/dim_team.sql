-- one row per scope and team that was ever reported
select
    scope,
    team_id,

    first(slug order by day desc) filter (where slug is not null) as slug,

    min(day) as first_reported_day,
    max(day) as last_reported_day,
    count(distinct day) as days_reported,
from core.bridge_user_team_day
group by scope, team_id
order by scope, team_id
