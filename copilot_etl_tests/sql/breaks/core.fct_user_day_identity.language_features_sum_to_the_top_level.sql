update core.fct_user_day_identity set language_features_match = false
