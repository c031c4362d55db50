delete from marts.user_activity where user_id = (select min(user_id) from core.dim_user)
