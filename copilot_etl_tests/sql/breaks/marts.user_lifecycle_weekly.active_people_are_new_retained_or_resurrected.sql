update marts.user_lifecycle_weekly set users = users + 1
