update core.fct_user_day_identity set model_features_match = false
