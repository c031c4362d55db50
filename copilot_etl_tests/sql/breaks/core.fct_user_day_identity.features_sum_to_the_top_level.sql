update core.fct_user_day_identity set features_match = false
