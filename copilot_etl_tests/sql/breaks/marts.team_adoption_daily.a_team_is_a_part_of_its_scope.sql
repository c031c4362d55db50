update marts.team_adoption_daily set daily_active_users = daily_active_users + 1 where team_id is null
