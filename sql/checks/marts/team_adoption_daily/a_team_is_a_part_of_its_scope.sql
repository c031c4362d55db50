-- No team has more active people than members or than the scope, and who is in no team makes up the rest.
select scope, day, team_id
from marts.team_adoption_daily
where
    daily_active_users > reported_members
    or daily_active_users > active_users_of_scope
    or daily_active_users > weekly_active_users_7d
    or weekly_active_users_7d > monthly_active_users_28d
    or daily_engaged_users > daily_active_users
    or weekly_engaged_users_7d > weekly_active_users_7d
    or monthly_engaged_users_28d > monthly_active_users_28d
    or (team_id is null and daily_active_users <> active_users_of_scope - active_users_in_a_team)
