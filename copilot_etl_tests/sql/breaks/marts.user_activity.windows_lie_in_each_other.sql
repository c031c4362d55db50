update marts.user_activity set active_days_7d = 8
