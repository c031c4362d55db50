update marts.idle_users set first_active_day = last_active_day + 1
