-- The people of a team's 28 days are the trailing 28-day users of the window's last day.
select windows.scope, windows.team_id
from marts.team_activity_28d as windows
inner join marts.team_adoption_daily as days
    on
        windows.scope = days.scope
        and windows.as_of_day = days.day
        and windows.team_id is not distinct from days.team_id
where
    windows.monthly_active_users_28d <> days.monthly_active_users_28d
    or windows.monthly_engaged_users_28d <> days.monthly_engaged_users_28d
