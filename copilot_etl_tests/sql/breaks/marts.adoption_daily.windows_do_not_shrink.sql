update marts.adoption_daily set weekly_active_users_7d = 9
