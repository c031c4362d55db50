update marts.adoption_weekly set new_users = new_users + 1
