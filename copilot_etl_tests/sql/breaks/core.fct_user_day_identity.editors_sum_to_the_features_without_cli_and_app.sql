update core.fct_user_day_identity set ides_match = false
