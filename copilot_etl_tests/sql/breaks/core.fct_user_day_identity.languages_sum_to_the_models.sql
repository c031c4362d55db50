update core.fct_user_day_identity set language_models_match = false
