update marts.team_activity_28d set monthly_active_users_28d = monthly_active_users_28d + 1
