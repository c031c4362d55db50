update marts.adoption_daily set weekly_active_users_wtd = 9
