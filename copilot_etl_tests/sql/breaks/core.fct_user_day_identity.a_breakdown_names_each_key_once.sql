update core.fct_user_day_identity set repeated_keys = 1
