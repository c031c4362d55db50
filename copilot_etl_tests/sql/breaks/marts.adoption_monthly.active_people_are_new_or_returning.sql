update marts.adoption_monthly set new_users = new_users + 1
