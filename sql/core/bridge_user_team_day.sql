-- one row per scope, day, team and member that GitHub reported
select
    scope,
    day,
    team_id,
    user_id,

    slug,
from raw.user_team_day
