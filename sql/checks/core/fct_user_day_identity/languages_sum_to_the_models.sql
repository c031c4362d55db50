-- Languages and models of a user's day add up to its models and features.
-- severity: warn
-- days: all
select scope, day, user_id from core.fct_user_day_identity where not language_models_match
