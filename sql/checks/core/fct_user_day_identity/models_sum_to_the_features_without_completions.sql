-- Models and features of a user's day add up to its features without completions.
-- severity: warn
-- days: all
select scope, day, user_id from core.fct_user_day_identity where not model_features_match
