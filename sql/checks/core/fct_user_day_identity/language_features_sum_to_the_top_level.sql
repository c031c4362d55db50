-- Languages and features of a user's day add up to its top-level counters.
-- severity: warn
-- days: all
select scope, day, user_id from core.fct_user_day_identity where not language_features_match
